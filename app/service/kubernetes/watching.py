"""Objects of Kubernetes are watched by the replica that does what is done once for all, which decides what is used.

What it decides goes into the store in one transaction that checks its lease; every replica loads that.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Protocol

import structlog

from app.clock import Clock
from app.documents import DocumentLoader, DocumentObject, SettledObject, namespace_of, settle_objects
from app.kubernetes import (
    DOCUMENT_KIND,
    WATCHED_KINDS,
    ApiServer,
    ApiServerError,
    KubernetesClient,
    ObjectFeed,
    WatchedObject,
    is_reported,
    is_same,
    status_of,
)
from app.schedule import ScheduleInstruments, guarded
from app.service.kubernetes.stored import is_watched
from app.settings import Settings
from app.store import Database, StoreError
from app.store.kubernetes import (
    StoredObject,
    WatchState,
    load_objects,
    load_watch_state,
    write_objects,
    write_watch_state,
)
from app.store.shards import ServiceLease

_log = structlog.get_logger(__name__)
# As often as leases of shards are looked at: which replica watches follows from them.
_LOOKED_EVERY_S = 1.0
# Objects that are applied together are decided together: once nothing has come for a look, or after so many.
_MOST_LOOKS = 5
# What is refused may be sound later: a file has changed, or a source was added.
_AGAIN_AFTER_S = 60.0
# Writes of statuses are a second's share of what an API server allows one client; a thousand objects take minutes.
_MOST_STATUSES = 5
_STATUS_PAUSE_S = 60.0
# A second Sloburn in the cluster may see an object otherwise: they do not write against each other without end.
_WRITTEN_AGAIN_AFTER_S = 600.0
# What an object can be: used as it is now, used as it was before its last change, not used; what was deleted is none.
_STATES = ("active", "last_good_version_active", "refused")
# Of an error in deciding, which is a bug: others of its objects are looked at again then.
_AFTER_CRASH_S = 30.0


class KubernetesInstruments(ScheduleInstruments, Protocol):
    """Counts objects, and what could not be done with them."""

    def kubernetes_objects(self, numbers: Mapping[tuple[str, str], int]) -> None:
        """So many objects are known here, by kind and state."""


class KubernetesWatch:
    """Keeps the objects in the store up to date, and says in those of our own kind what became of them."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        server: ApiServer,
        *,
        service_lease: ServiceLease,
        clock: Clock,
        loader: Callable[[], Awaitable[DocumentLoader]],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._database = database
        self._server = server
        self._lease = service_lease
        self._clock = clock
        self._loader = loader
        self._sleep = sleep
        self._client: KubernetesClient | None = None
        self._feeds: Sequence[ObjectFeed] = ()
        self._tasks: Sequence[asyncio.Task[None]] = ()
        self._waits = False
        self._forget()

    def _forget(self) -> None:
        self._seen = self._decided = self._looks = 0
        self._decide_at_s = self._report_at_s = self._not_before_s = 0.0
        self._settled: Mapping[str, SettledObject] = {}
        self._judged: Mapping[str, WatchedObject] = {}
        self._problems: Sequence[str] | None = None
        # By object, the version that a status was written to or refused for.
        self._reported: dict[str, str] = {}
        self._written: dict[str, tuple[Mapping[str, Any], float]] = {}
        self._status_problem: str | None = None
        self._unusable: str | None = None

    async def run(self, instruments: KubernetesInstruments) -> None:
        """Watch again and again, until cancelled."""
        try:
            while True:
                await guarded("watching objects of Kubernetes", self._look(), instruments=instruments)
                instruments.kubernetes_objects(self.numbers())
                await asyncio.sleep(_LOOKED_EVERY_S)
        finally:
            await self.close()

    async def _look(self) -> None:
        try:
            await self.step()
            self._waits = False
        except StoreError as error:
            if not self._waits:
                _log.warning("objects of Kubernetes wait for the database", error=str(error))
            self._waits = True

    async def step(self) -> None:
        """Decide what has changed, and report it, as far as it is due.

        Raises:
            StoreError: it cannot be written, or another replica does it; nothing has been changed.
        """
        if not self._lease.is_mine:
            await self.close()
            return
        try:
            self._start()
        except OSError as error:
            # As while the files of a pod are replaced; what stays so is a problem of health, and is logged once.
            self._note_unusable(error)
            await self._note_problems()
            return
        crashed = [task for task in self._tasks if task.done()]
        if crashed:
            # All start again at the next step; the caller logs the error.
            await self.close()
            crashed[0].result()
        if self._is_due():
            await self._decide()
        await self._note_problems()
        await self._report()

    def _start(self) -> None:
        if self._client is not None:
            return
        self._client = KubernetesClient(self._server)
        self._unusable = None
        kinds = [WATCHED_KINDS[name] for name in self._settings.kubernetes_kinds]
        namespaces = self._settings.kubernetes_namespaces or (None,)
        self._feeds = [
            ObjectFeed(
                self._client, kind, namespace=namespace, label=self._settings.kubernetes_label, sleep=self._sleep
            )
            for kind in kinds
            for namespace in namespaces
        ]
        self._tasks = [asyncio.create_task(feed.run()) for feed in self._feeds]

    def _note_unusable(self, error: OSError) -> None:
        if self._unusable is None:
            _log.warning("objects of Kubernetes are not watched; what was read stays active", error=str(error))
        self._unusable = f"{self._server.ca_file} cannot be used: {error.strerror or error}"

    def numbers(self) -> Mapping[tuple[str, str], int]:
        """How many objects there are here of each kind and state; none where another replica watches them."""
        kinds = [WATCHED_KINDS[name].kind for name in self._settings.kubernetes_kinds]
        found = Counter((one.name.partition(" ")[0], _state(one)) for one in self._settled.values())
        return {(kind, state): found[kind, state] for kind in kinds for state in _STATES}

    async def close(self) -> None:
        """Watch no more, and forget what was seen: what was decided is in the store."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
        self._client, self._feeds, self._tasks = None, (), ()
        self._forget()

    def _is_due(self) -> bool:
        if self._clock.monotonic() < self._not_before_s:
            return False
        changes = sum(feed.changes for feed in self._feeds)
        is_quiet, self._seen = changes == self._seen, changes
        if changes != self._decided:
            self._looks += 1
            return is_quiet or self._looks >= _MOST_LOOKS
        is_refused = any(one.findings for one in self._settled.values())
        return is_refused and self._clock.monotonic() >= self._decide_at_s

    async def _decide(self) -> None:
        changes = self._seen
        self._not_before_s = self._clock.monotonic() + _AFTER_CRASH_S
        judged = {name: one for feed in self._feeds for name, one in feed.objects.items()}
        load = await self._loader()
        try:
            self._settled = await asyncio.to_thread(self._settle, judged, load)
        except StoreError:
            self._not_before_s = 0.0
            raise
        self._judged, self._decided, self._looks, self._not_before_s = judged, changes, 0, 0.0
        self._decide_at_s = self._clock.monotonic() + _AGAIN_AFTER_S

    def _settle(self, judged: Mapping[str, WatchedObject], load: DocumentLoader) -> Mapping[str, SettledObject]:
        """Decide, and write what is different from before; in a thread of its own."""
        with self._database.read() as transaction:
            stored = {one.name: one for one in load_objects(transaction)}
        objects = [
            *(one for name, row in stored.items() if (one := self._object_of(row, judged.get(name))) is not None),
            *(_new_object(one) for name, one in judged.items() if name not in stored),
        ]
        settled = settle_objects(objects, load)
        created = {one.name: one.created_at for one in objects}
        rows = [self._row(one, stored.get(name), created[name]) for name, one in settled.items()]
        unused = [row.name for row in rows if row.active is None and row.name not in judged]
        gone = [name for name in unused if not self._is_unlisted(name)]
        changed = [row for row in rows if row.name not in gone and row != stored.get(row.name)]
        if changed or gone:
            with self._database.begin() as transaction:
                self._lease.check(transaction)
                write_objects(transaction, changed, gone=gone)
                state = load_watch_state(transaction)
                write_watch_state(transaction, WatchState(revision=state.revision + 1, problems=state.problems))
            _log_decision(changed, gone)
        return settled

    def _object_of(self, row: StoredObject, seen: WatchedObject | None) -> DocumentObject | None:
        """An object that is known already; None if there is nothing to decide about it."""
        offered = None if seen is None else seen.texts
        if seen is None and self._is_unlisted(row.name):
            # It is not known yet whether it is still there.
            offered = row.active
            if offered is None:
                return None
        created_at = row.created_at if seen is None else seen.created_at
        return DocumentObject(name=row.name, created_at=created_at, offered=offered, active=row.active)

    def _is_unlisted(self, name: str) -> bool:
        if not is_watched(self._settings, name):
            return False
        kind, namespace = name.partition(" ")[0], namespace_of(name)
        return any(feed.covers(kind, namespace) and not feed.is_listed for feed in self._feeds)

    def _row(self, one: SettledObject, before: StoredObject | None, created_at: Any) -> StoredObject:
        findings: Sequence[str] = tuple(map(str, one.findings))
        if not findings and before is not None and one.active == before.active and self._is_unlisted(one.name):
            findings = before.findings
        return StoredObject(name=one.name, created_at=created_at, active=one.active, findings=findings)

    async def _note_problems(self) -> None:
        problems = [one for one in (self._unusable, *(feed.problem for feed in self._feeds)) if one is not None]
        known = self._settled
        problems += [
            f"{feed.title}: the API server does not know this kind"
            for feed in self._feeds
            if feed.is_missing and any(name.partition(" ")[0] == feed.kind.kind for name in known)
        ]
        if self._status_problem is not None:
            problems.append(self._status_problem)
        if problems != self._problems:
            await asyncio.to_thread(self._write_problems, problems)
            self._problems = problems

    def _write_problems(self, problems: Sequence[str]) -> None:
        with self._database.read() as transaction:
            state = load_watch_state(transaction)
        if list(state.problems) == list(problems):
            return
        with self._database.begin() as transaction:
            self._lease.check(transaction)
            state = load_watch_state(transaction)
            write_watch_state(transaction, WatchState(revision=state.revision, problems=problems))

    async def _report(self) -> None:
        """Write the statuses of some objects of our own kind that do not have them yet."""
        if self._client is None or self._clock.monotonic() < self._report_at_s:
            return
        due = 0
        for one in [one for feed in self._feeds if feed.kind is DOCUMENT_KIND for one in feed.objects.values()]:
            status = self._status_due(one)
            if status is None:
                continue
            if due == _MOST_STATUSES:
                return
            due += 1
            if not await self._write_status(self._client, one, status):
                return

    def _status_due(self, one: WatchedObject) -> Mapping[str, Any] | None:
        settled, judged = self._settled.get(one.name), self._judged.get(one.name)
        if settled is None or judged is None or judged.texts != one.texts:
            return None
        if self._reported.get(one.name) == one.version:
            return None
        is_active = settled.active is not None
        status = status_of(one, settled.findings, slos=settled.slos, is_active=is_active, at=self._clock.now())
        written, at_s = self._written.get(one.name, ({}, 0.0))
        is_overwritten = is_same(status, written) and self._clock.monotonic() < at_s + _WRITTEN_AGAIN_AFTER_S
        return None if is_overwritten or is_reported(one, status) else status

    async def _write_status(self, client: KubernetesClient, one: WatchedObject, status: Mapping[str, Any]) -> bool:
        """Write a status; whether others may be written now."""
        path = DOCUMENT_KIND.path(one.namespace, one.own_name, status=True)
        # With its version, so that no status goes to an object that has changed meanwhile: that has an event to come.
        content = {"metadata": {"resourceVersion": one.version}, "status": status}
        try:
            await client.patch_status(path, content)
        except ApiServerError as error:
            if error.status not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                self._report_at_s = self._clock.monotonic() + _STATUS_PAUSE_S
                if error.status in {HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED}:
                    self._status_problem = f"{DOCUMENT_KIND.plural}/status: {error}"
                return False
        else:
            self._status_problem = None
            self._written[one.name] = status, self._clock.monotonic()
        self._reported[one.name] = one.version
        return True


def _new_object(one: WatchedObject) -> DocumentObject:
    return DocumentObject(name=one.name, created_at=one.created_at, offered=one.texts)


def _state(one: SettledObject) -> str:
    if not one.findings:
        return _STATES[0] if one.active is not None else ""
    return _STATES[1] if one.active is not None else _STATES[2]


def _log_decision(changed: Sequence[StoredObject], gone: Sequence[str]) -> None:
    for row in changed:
        if row.findings:
            _log.error(
                "an object of Kubernetes is refused",
                object=row.name,
                error=row.findings[0],
                last_good_version_is_active=row.active is not None,
            )
    _log.info("objects of Kubernetes have changed", changed=len(changed), gone=len(gone))
