"""Adapters of the API's ports to the engine and the database."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from typing_extensions import override

from app.alerting import Transition
from app.api.coalescing import Coalesced
from app.api.ports import AlertLog, History
from app.clock import Clock
from app.documents import DocumentLoader, FilesState, LoadResult, files_state, keeping_unsound
from app.evaluation import Past, burn_down, points
from app.http import DetachedCalls, TooManyCallsError
from app.integrations import LoadedConfig, load_config
from app.metrics import Instruments, own_health
from app.policy import PastIncident, WrittenPostmortem
from app.service.adapters.engine_reads import past_of, recorded_of
from app.service.adapters.impatient_reads import ImpatientReads
from app.service.blocking_files import find_blocking_file
from app.service.components import Components
from app.service.emptied_files import emptied_config, emptied_documents
from app.service.engine import Engine
from app.service.kubernetes import ObjectDocuments, document_loader
from app.service.watch import ReloadedFiles
from app.settings import Settings, environment
from app.slo import SloId, Tenant, Tenants
from app.status import (
    ConfigSource,
    ConfigStatus,
    DeliveryLog,
    HistoryPoint,
    IncidentLog,
    IncidentMemory,
    KnownIncidents,
    Readiness,
    ReceiverStatus,
    Reloader,
    ReloadOutcome,
    Snapshot,
)
from app.store import Database, StoreError, StoreUnavailableError
from app.store.alerts import TransitionFilter, list_transitions, recent_transitions
from app.store.audit import record_change
from app.store.dead_letters import DeadLetter, dead_letters, requeue_dead_letter
from app.store.deliveries import Delivery, deliveries_of
from app.store.incident_notes import IncidentMark, IncidentNote, add_note, find_postmortem, set_mark, set_postmortem
from app.store.incidents import (
    Incident,
    IncidentFilter,
    IncidentRecord,
    find_incident,
    list_incidents,
    load_incident,
)
from app.store.postmortems import past_incidents
from app.store.receiver_records import receiver_records
from app.ui import BurnDowns
from app.yamldoc import ErrorFinding

_log = structlog.get_logger(__name__)
# For the metadata of thousands of files on a network disk.
_LOOK_WITHIN_S = 60.0
# Of a page of incidents, most of which have a handful.
_MOST_DELIVERIES = 5_000
# How old the line of a budget may be, and how many are kept: those of some pages.
_LINES_KEPT = timedelta(minutes=5)
_MOST_LINES = 2_000
_LINE_STEPS = 40
# Of the 300 ms that the first page of 10,000 SLOs may take.
_LINES_WITHIN_S = 0.1
# Errors of one reload that are logged, each on a line of its own: a template that is wrong may have thousands.
_MOST_LOGGED = 20


def state_of_config(settings: Settings, config_file: Path | None) -> FilesState:
    """The file of receivers and tenants as it is now; *config_file* is that of the start."""
    config = settings.config_file or config_file
    return files_state(*([] if config is None else [config]))


def state_of_documents(settings: Settings, tenants: Sequence[Tenant]) -> FilesState:
    """The files of documents as they are now."""
    return files_state(*paths_of_documents(settings, tenants))


def paths_of_documents(settings: Settings, tenants: Sequence[Tenant]) -> Sequence[Path]:
    """The files and folders that documents are read from."""
    return [settings.specs, *(path for tenant in tenants for path in tenant.paths)]


class EngineHistory(History):
    """The past, as the evaluator's ledger has it: copied in the engine's loop, computed in this thread."""

    def __init__(self, engine: Engine, reads: ImpatientReads) -> None:
        self._engine = engine
        self._reads = reads

    @override
    def history(
        self, slo_id: SloId, start: datetime, end: datetime, step: timedelta, *, adjusted: bool = True
    ) -> Sequence[HistoryPoint] | None:
        past = past_of(self._engine, self._reads, slo_id)
        if past is None:
            return None
        recorded = recorded_of(self._reads, slo_id, start=start, end=end)
        past = past.adjusted if adjusted else past
        return points(past, start=start, end=end, step=step, recorded=recorded)


class EngineBurnDowns(BurnDowns):
    """How budgets were spent, from the evaluator's ledger; kept for a while, since a line changes little."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: dict[SloId, tuple[Snapshot, Sequence[float]]] = {}

    @override
    def burn_downs(self, snapshots: Sequence[Snapshot]) -> Mapping[SloId, Sequence[float]]:
        due = {one.id: one for one in snapshots if one.as_of is not None and not self._is_current(one)}
        if due:
            wanted = self._engine.submit(self._pasts(list(due)))
            try:
                pasts = wanted.result(_LINES_WITHIN_S)
            except TimeoutError:
                # A page does not wait for the engine: it has the lines when it is refreshed.
                wanted.cancel()
                pasts = {}
            if len(self._kept) > _MOST_LINES:
                self._kept = {}
            self._kept |= {each: (due[each], _line(due[each], past)) for each, past in pasts.items()}
        kept = self._kept
        return {one.id: kept[one.id][1] for one in snapshots if one.id in kept and kept[one.id][0].slo is one.slo}

    def _is_current(self, snapshot: Snapshot) -> bool:
        kept = self._kept.get(snapshot.id)
        if kept is None or kept[0].slo is not snapshot.slo or kept[0].as_of is None or snapshot.as_of is None:
            return False
        return kept[0].data_since == snapshot.data_since and snapshot.as_of - kept[0].as_of < _LINES_KEPT

    async def _pasts(self, ids: Sequence[SloId]) -> Mapping[SloId, Past]:
        pasts: dict[SloId, Past] = {}
        for each in ids:
            past = self._engine.evaluator.past(each)
            if past is not None:
                pasts[each] = past.adjusted
            # A page of a hundred must not hold up the engine for as long as that takes.
            await asyncio.sleep(0)
        of_others = [each for each in ids if each not in pasts]
        if of_others:
            # A page is shown also while the database is away, without new lines of what others evaluate.
            with suppress(StoreUnavailableError):
                stored = await asyncio.to_thread(self._engine.stored_pasts, of_others)
                pasts |= {each: past.adjusted for each, past in stored.items()}
        return pasts


def _line(snapshot: Snapshot, past: Past) -> Sequence[float]:
    start, end = snapshot.window_start, snapshot.as_of
    if start is None or end is None:
        return ()
    return burn_down(past, start=start, end=end, budget_events=snapshot.budget.total_events, steps=_LINE_STEPS)


class EngineReadiness(Readiness):
    """Whether the engine has started, and whether its evaluation and its documents are as they should be."""

    def __init__(self, engine: Engine, documents: "Documents") -> None:
        self._engine = engine
        self._documents = documents

    @override
    def reasons(self) -> Sequence[str]:
        return self._engine.reasons_not_ready()

    @override
    def unhealthy_reasons(self) -> Sequence[str]:
        return [*self._engine.reasons_unhealthy(), *self._documents.reasons_not_reloaded()]


class StoredAlertLog(AlertLog):
    """The transitions in the database; the newest of the *memory* while it is away, since alerts are asked for then."""

    def __init__(self, reads: ImpatientReads, memory: IncidentMemory) -> None:
        self._reads = reads
        self._memory = memory

    @override
    async def recent(
        self, limit: int, slos: Collection[SloId] | None, *, tenants: Tenants | None = None
    ) -> Sequence[Transition]:
        return await asyncio.to_thread(self._read, limit, slos, tenants)

    def _read(self, limit: int, slos: Collection[SloId] | None, tenants: Tenants | None) -> Sequence[Transition]:
        try:
            return self._reads.read(partial(recent_transitions, slos=slos, tenants=tenants, limit=limit))
        except StoreUnavailableError:
            wanted = TransitionFilter(slos=slos, tenants=tenants)
            return [one for _, one in self._memory.known.transitions(wanted, limit=limit)]


class StoredIncidents(IncidentLog):
    """The incidents in the database; the newest are in *memory*, too."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        reads: ImpatientReads | None = None,
        memory: IncidentMemory | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._reads = reads or ImpatientReads(database)
        self._memory = memory or IncidentMemory()

    @property
    @override
    def known(self) -> KnownIncidents:
        return self._memory.known

    @override
    def listed(
        self, wanted: IncidentFilter, *, limit: int, before: tuple[float, str] | None = None
    ) -> Sequence[Incident]:
        return self._reads.read(partial(list_incidents, wanted=wanted, limit=limit, before=before))

    @override
    def find(self, incident: str) -> IncidentRecord | None:
        return self._reads.read(partial(load_incident, id_=incident))

    @override
    def deliveries(self, incidents: Sequence[Incident]) -> Mapping[str, Sequence[Delivery]]:
        return self._reads.read(partial(deliveries_of, incidents=[one.id for one in incidents], limit=_MOST_DELIVERIES))

    @override
    def transitions(
        self, wanted: TransitionFilter, *, limit: int, before_id: int | None = None
    ) -> Sequence[tuple[int, Transition]]:
        return self._reads.read(partial(list_transitions, wanted=wanted, limit=limit, before_id=before_id))

    @override
    def past(self, slos: Collection[str], *, since: datetime, label: str) -> Sequence[PastIncident]:
        with self._database.read() as transaction:
            return [*past_incidents(transaction, slos, since=since, label=label)]

    @override
    def set_postmortem(self, incident: str, written: WrittenPostmortem | None) -> bool:
        with self._database.begin() as transaction:
            if find_incident(transaction, incident) is None:
                return False
            known = find_postmortem(transaction, incident)
            set_postmortem(transaction, incident, written)
            record_change(
                transaction,
                action="forgetPostmortem" if written is None else "notePostmortem",
                target=incident,
                at=self._clock.now(),
                before=None if known is None else asdict(known),
                after=None if written is None else asdict(written),
            )
        return True

    @override
    def set_mark(self, incident: str, mark: IncidentMark | None) -> bool:
        with self._database.begin() as transaction:
            known = find_incident(transaction, incident)
            if known is None:
                return False
            now = self._clock.now()
            set_mark(transaction, incident, mark, at=now)
            before, after = {"mark": known.mark}, {"mark": mark}
            record_change(transaction, action="markIncident", target=incident, at=now, before=before, after=after)
        return True

    @override
    def add_note(self, incident: str, text: str, *, author: str | None) -> IncidentNote | None:
        with self._database.begin() as transaction:
            if find_incident(transaction, incident) is None:
                return None
            now = self._clock.now()
            note = add_note(transaction, incident, text, author=author, at=now)
            record_change(transaction, action="addNote", target=incident, at=now, after=asdict(note))
            return note


class StoredDeliveries(DeliveryLog):
    """Notifications in the database, and what was counted of them since the start."""

    def __init__(self, database: Database, clock: Clock, instruments: Instruments, engine: Engine) -> None:
        self._database = database
        self._clock = clock
        self._instruments = instruments
        self._engine = engine

    @override
    async def receivers(self) -> Sequence[ReceiverStatus]:
        return await asyncio.to_thread(self._receivers)

    @override
    async def dead_letters(
        self, limit: int, *, before: int | None = None, tenants: Tenants | None = None
    ) -> Sequence[DeadLetter]:
        return await asyncio.to_thread(self._dead_letters, limit, before, tenants)

    @override
    async def retry(self, letter: int) -> bool:
        return await asyncio.to_thread(self._retry, letter)

    def _receivers(self) -> Sequence[ReceiverStatus]:
        configured, counts = self._engine.delivery.names, own_health(self._instruments).receivers
        with self._database.read() as transaction:
            records = receiver_records(transaction, configured)
        return [
            ReceiverStatus(
                name=name,
                is_configured=name in configured,
                record=record,
                accepted=counts[name].accepted if name in counts else 0,
                failures=counts[name].failures if name in counts else {},
            )
            for name, record in records.items()
        ]

    def _dead_letters(self, limit: int, before: int | None, tenants: Tenants | None) -> Sequence[DeadLetter]:
        with self._database.read() as transaction:
            return dead_letters(transaction, limit=limit, before=before, tenants=tenants)

    def _retry(self, letter: int) -> bool:
        with self._database.begin() as transaction:
            now = self._clock.now()
            is_retried = requeue_dead_letter(transaction, letter, at=now)
            if is_retried:
                record_change(transaction, action="retryDeadLetter", target=str(letter), at=now)
            return is_retried


class Documents(Reloader, ConfigSource, ReloadedFiles):
    """The documents and receivers on disk, and the current ones: a reload is all or nothing.

    *files* are those that the current ones were read from, and *objects* those of Kubernetes, if there are any.
    """

    def __init__(
        self, engine: Engine, components: Components, *, files: FilesState, objects: ObjectDocuments | None = None
    ) -> None:
        self._engine = engine
        self._objects = objects
        self._database = components.database
        self._files = files
        self._calls = DetachedCalls()
        self._errors: tuple[str, ...] = ()
        self._quiet = False
        self._settings = components.settings
        self._instruments = components.instruments
        self._clock = components.clock
        self._at: datetime | None = self._clock.now()
        self._reload = Coalesced(self._reload_now)
        self._config_file = self._settings.config_file
        self._tenants: Sequence[Tenant] = components.delivery.tenants
        self._instruments.reloaded(ok=True, at=self._clock.now())

    @override
    async def reload(self) -> ReloadOutcome:
        return await self._reload()

    @property
    @override
    def loaded_files(self) -> FilesState:
        return self._files

    @property
    @override
    def reload_failed(self) -> bool:
        return bool(self._errors)

    @override
    async def current_files(self) -> FilesState | None:
        try:
            return await self._calls.call("files", self._files_now, within_s=_LOOK_WITHIN_S)
        except (TimeoutError, TooManyCallsError):
            return None

    @override
    async def reload_changed(self) -> None:
        self._quiet = True
        try:
            await self.reload()
        finally:
            self._quiet = False

    def reasons_not_reloaded(self) -> Sequence[str]:
        """Why other documents or receivers are active than those on disk, in words; empty if they are the same."""
        objects = () if self._objects is None else (*self._objects.refused, *self._objects.problems)
        if not self._errors:
            return objects
        more = f" ({len(self._errors) - 1} more errors)" if len(self._errors) > 1 else ""
        return [
            f"documents and receivers were not reloaded; the old ones stay active: {self._errors[0]}{more}",
            *objects,
        ]

    def _files_now(self) -> FilesState:
        return (
            *state_of_config(self._settings, self._config_file),
            *state_of_documents(self._settings, self._tenants),
            *(() if self._objects is None else self._objects.state()),
        )

    async def loader(self) -> DocumentLoader:
        """Loads the files and other objects, by the configuration as it is now."""
        delivery = await asyncio.to_thread(self._load_delivery)
        # While it has errors, that of before stays active.
        return self._loader(LoadedConfig(config=self._engine.delivery) if delivery.errors else delivery)

    def _loader(self, delivery: LoadedConfig) -> DocumentLoader:
        return document_loader(self._settings, delivery, active=self._engine.documents)

    def _load_documents(self, delivery: LoadedConfig) -> LoadResult:
        blocking = find_blocking_file(paths_of_documents(self._settings, delivery.config.tenants))
        if blocking:
            return replace(self._engine.documents, errors=tuple(blocking))
        load = self._loader(delivery)
        return load({}) if self._objects is None else self._objects.load(load)

    async def _reload_now(self) -> ReloadOutcome:
        # Before they are read, so that what changes meanwhile is seen at the next look.
        self._files = await self.current_files() or self._files
        delivery = await asyncio.to_thread(self._load_delivery)
        if delivery.config.tenants != self._tenants and not delivery.errors:
            self._tenants = delivery.config.tenants
            self._files = await self.current_files() or self._files
        found = await asyncio.to_thread(self._load_documents, delivery)
        found = replace(found, errors=(*found.errors, *emptied_documents(self._engine.documents, found)))
        documents, of_tenants = keeping_unsound(found, self._engine.documents, delivery.config.tenants)
        emptied = emptied_config(self._engine.delivery, delivery, self._config_file)
        findings = (*documents.errors, *delivery.errors, *emptied)
        if findings:
            findings = (*findings, *of_tenants)
            return self._note(tuple(map(str, findings)), findings)
        before = {"digest": self._engine.documents.digest, "slos": len(self._engine.documents.slos)}
        try:
            await asyncio.wrap_future(self._engine.submit(self._engine.switch_to(documents, delivery.config)))
        except StoreError as error:
            failed = self._note((str(error),))
            # Not an error of the documents: the client may ask for the same later.
            return replace(failed, errors=(), unavailable=str(error))
        except (ValueError, OSError) as error:
            return self._note((str(error),))
        await asyncio.to_thread(self._record, before)
        return self._note(tuple(map(str, of_tenants)), of_tenants, warnings=len(documents.warnings), others=True)

    def _record(self, before: Mapping[str, Any]) -> None:
        after = {"digest": self._engine.documents.digest, "slos": len(self._engine.documents.slos)}
        at = self._clock.now()
        try:
            with self._database.begin() as transaction:
                record_change(transaction, action="reload", target="documents", at=at, before=before, after=after)
        except StoreError as error:
            # They are active all the same.
            _log.warning("a reload is not in the audit", error=str(error))

    @override
    def status(self) -> ConfigStatus:
        documents = self._engine.documents
        errors = (*self._errors, *(() if self._objects is None else self._objects.refused))
        return ConfigStatus(
            settings=self._settings.masked(),
            spec_digest=documents.digest,
            slos=len(documents.slos),
            last_reload_successful=not errors,
            last_reload_at=self._at,
            last_reload_errors=errors,
            database=self._database.product,
            replicas=tuple(self._engine.replicas),
        )

    def _load_delivery(self) -> LoadedConfig:
        settings = self._settings
        # A file that was there and is gone is a mistake, and not the wish to have no receivers any more.
        self._config_file = settings.config_file or self._config_file
        blocking = find_blocking_file([] if self._config_file is None else [self._config_file])
        if blocking:
            return LoadedConfig(config=self._engine.delivery, errors=tuple(blocking))
        return load_config(self._config_file, environment=environment(), alertmanager_urls=settings.alertmanager_urls)

    def _note(
        self,
        errors: tuple[str, ...],
        findings: Sequence[ErrorFinding] = (),
        *,
        warnings: int = 0,
        others: bool = False,
    ) -> ReloadOutcome:
        """Note how a reload went; with errors *others* are active, of tenants whose documents have none."""
        now = self._clock.now()
        # Errors that are found again by trying again are said once.
        if errors and not (self._quiet and errors == self._errors):
            _log_failure(errors, findings, others=others)
        is_refused = self._objects is not None and self._objects.refused
        self._instruments.reloaded(ok=not errors and not is_refused, at=now)
        if not errors:
            self._at = now
            # `sloburn check` prints them: an SLO that never burns may be a misspelt selector.
            slos = len(self._engine.documents.slos)
            _log.info("documents and receivers reloaded", slos=slos, **({"warnings": warnings} if warnings else {}))
        self._errors = errors
        return ReloadOutcome(slos=len(self._engine.documents.slos), errors=errors)


def _log_failure(errors: Sequence[str], findings: Sequence[ErrorFinding], *, others: bool) -> None:
    """Log a reload that failed, before it one line for each finding with its place in fields of their own."""
    for finding in findings[:_MOST_LOGGED]:
        place = {"line": finding.line, "column": finding.column, "field": finding.field}
        _log.error(
            "error in documents or receivers",
            file=str(finding.file),
            **{name: value for name, value in place.items() if value},
            problem=finding.problem,
            remedy=finding.remedy,
        )
    why = {"errors": len(findings)} if findings else {"error": "; ".join(errors)}
    if others:
        _log.error("documents of a tenant were not reloaded; its old ones stay active", **why)
    else:
        _log.error("documents and receivers were not reloaded; the old ones stay active", **why)
