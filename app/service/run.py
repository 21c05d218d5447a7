"""The process: an error at the start is one line on standard error; then it serves until a signal stops it."""

import asyncio
import os
import socket
import sys
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig
from pydantic import SecretStr

from app.access import Access, AccessRules, AccessScope, ForwardRules, SignedClaims, SignedTokens
from app.api import (
    REFUSED_STATUSES,
    ApiData,
    PastTurn,
    Stream,
    Timeline,
    create_app,
    path_prefix,
    seen_by_readers,
    show_problems_to_browsers,
)
from app.clock import SystemClock
from app.delivery import FailureReason
from app.documents import DocumentLoader, FilesState, LoadResult, load_documents
from app.evaluation import check_interval
from app.extras import is_installed
from app.http.client import CheckedClient, ClientOptions
from app.integrations import DeliveryConfig, load_config
from app.kubernetes import ApiServer
from app.metrics import BuildInfo, Exposition, Instruments, LabelValues
from app.past_metrics import StoredLedger
from app.prometheus import OUTCOMES, MisconfiguredError, Reason
from app.replay import BacktestJobs, Backtests, HistoryAccess
from app.service.adapters.adjusted_days import AdjustedDays
from app.service.adapters.api_adapters import (
    Documents,
    EngineBurnDowns,
    EngineHistory,
    EngineReadiness,
    StoredAlertLog,
    StoredDeliveries,
    StoredIncidents,
    paths_of_documents,
    state_of_config,
    state_of_documents,
)
from app.service.adapters.chart_adapters import EngineContributors, EnginePasts, surroundings_of
from app.service.adapters.impatient_reads import ImpatientReads
from app.service.adapters.page_reports import PageReports
from app.service.blocking_files import find_blocking_file
from app.service.components import Components
from app.service.engine import Engine
from app.service.http_server import BoundedConfig, BoundedServer, ClosedConnections, ClosingCause, ConnectionLimits
from app.service.kept_adjustments import AdjustedDaysKeeper
from app.service.kubernetes import KubernetesWatch, ObjectDocuments, api_server, document_loader, unwatched_namespaces
from app.service.logs import configure_logging
from app.service.memory import settle_memory
from app.service.open_files import allow_open_files
from app.service.otel import open_tracing
from app.service.scheduled_reports import ReportLinks, ReportSender
from app.service.signals import Signals, StopRequestedError
from app.service.source_clients import reachable_sources
from app.service.threads import shorten_turns
from app.service.watch import FilesWatch
from app.settings import Settings, environment
from app.status import Board, StoredAdjustments, StoredAudit, StoredChanges, StoredReports, StoredSessions, StoredTokens
from app.store import StoreCorruptError, StoreError, StoreNewerError, StoreUnreachableError, open_database
from app.ui import BacktestData, IncidentData, ObjectivesData, PolicyData, SloData, StatusData, TimelineData, pages
from app.yamldoc import ErrorFinding

_log = structlog.get_logger(__name__)
# One connection in so many may be a stream of evaluations: the others are for requests.
_STREAMS_SHARE = 8
# A request of somebody with a key that is not known yet waits for it.
_KEYS_WITHIN = timedelta(seconds=5)
# Requests that are computed at once in worker threads; more of them wait.
_READERS = 4
EXIT_GOOD, EXIT_FAILED, EXIT_USAGE, EXIT_CORRUPT, EXIT_NEWER = 0, 1, 2, 3, 4
# Signals to reload that follow each other within the first time are one, for as long as the second: tools that
# change many files at once may send many.
_GATHER_SIGNALS_S = 0.5
_GATHER_AT_MOST_S = 5.0
_FAILURES = (*Reason, "store", "store_locked", "store_corrupt", "internal")


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; the exit code.

    0 after an orderly stop, 1 where the server of the database cannot be reached, 2 where a setting or a file keeps it
    from starting, 3 for a damaged database, 4 for one that a newer version has written.
    """
    signals = Signals()
    signals.install()
    try:
        code = _run(settings, signals)
    except StopRequestedError:
        code = EXIT_GOOD
        _log.info("stopped during the start")
    except _RefusedFilesError as error:
        code = _refuse_files(error.errors)
    return code


def _run(settings: Settings, signals: Signals) -> int:
    configure_logging(settings.log_format, settings.log_level)
    settle_memory()
    shorten_turns()
    for warning in settings.warnings:
        _log.warning(warning, event_name="service.setting_without_effect")
    _refuse_blocking([] if settings.config_file is None else [settings.config_file])
    # Before they are read, so that what changes meanwhile is seen later.
    config_state = state_of_config(settings, None)
    delivery = load_config(
        settings.config_file,
        environment=environment(),
        alertmanager_urls=settings.alertmanager_urls,
        starting=True,
    )
    tenants = delivery.config.tenants
    unwatched = unwatched_namespaces(settings, tenants)
    if unwatched:
        _log.warning("namespaces of tenants are not watched: see SLOBURN_KUBERNETES_KINDS", namespaces=unwatched)
    _refuse_blocking(paths_of_documents(settings, tenants))
    files = (*config_state, *state_of_documents(settings, tenants))
    # Objects of Kubernetes are in the database, and files are read with them: each may refer to the others.
    load = document_loader(settings, delivery)
    documents = load_documents() if settings.kubernetes_kinds else load({})
    if not settings.specs.exists() and not tenants and not settings.kubernetes_kinds:
        return _refuse(
            f"SLOBURN_SPECS: there is no file or folder {settings.specs}; write the path of SLO documents, or create it"
        )
    errors = (*documents.errors, *delivery.errors)
    if errors:
        return _refuse_files(errors)
    try:
        listening = _listen(settings)
    except OSError as error:
        return _refuse(
            f"cannot listen on {settings.listen_address}: {error.strerror}; give another with SLOBURN_LISTEN_ADDRESS"
        )
    if settings.mcp and not is_installed("mcp"):
        return _refuse("SLOBURN_MCP: the library of the protocol is not installed; install sloburn[mcp]")
    if settings.jwt_jwks_url is not None and not is_installed("jwt", "cryptography"):
        return _refuse("SLOBURN_JWT_JWKS_URL: the library of JSON Web Tokens is not installed; install sloburn[jwt]")
    given = _Given(documents, delivery.config, files, load)
    with listening:
        return _work_until_stopped(settings, given, listening, signals)


def _work_until_stopped(settings: Settings, given: "_Given", listening: socket.socket, signals: Signals) -> int:
    """Work until a signal comes; the exit code."""
    try:
        try:
            _work(settings, given, listening, signals)
        except _PutAsideError:
            _work(settings, given, listening, signals)
    except (StoreError, MisconfiguredError, ValueError) as error:
        return _refuse(str(error), _exit_code(error))
    _log.info("stopped")
    return EXIT_GOOD


class _PutAsideError(Exception):
    """The database was damaged in a way that only shows when it is read, and was put aside."""


class _RefusedFilesError(Exception):
    """Files block, or have errors that were found beside what is in the database."""

    def __init__(self, errors: Sequence[ErrorFinding]) -> None:
        super().__init__()
        self.errors = errors


@dataclass(frozen=True, slots=True)
class _Given:
    """What the service starts with, and the files that it is from; no documents yet where the database has some."""

    documents: LoadResult
    delivery: DeliveryConfig
    files: FilesState
    load: DocumentLoader

    def with_objects(self, objects: ObjectDocuments | None) -> LoadResult:
        """The documents of files and of *objects* of Kubernetes.

        Raises:
            _RefusedFilesError: files have errors.
            StoreError: the objects cannot be read.
        """
        if objects is None:
            return self.documents
        found = objects.load_at_start(self.load)
        if found.errors:
            raise _RefusedFilesError(found.errors)
        return found


def _work(settings: Settings, given: _Given, listening: socket.socket, signals: Signals) -> None:
    """Open the database, start what works on it, and serve.

    Raises:
        _PutAsideError: it is worth another attempt.
    """
    build, known = BuildInfo.current(), _known(given.delivery)
    instruments = Instruments(build=build, known=known, external_url=settings.public_url)
    with open_tracing(os.environ, instruments) as telemetry:
        _work_on(settings, given, listening, signals, instruments=instruments, telemetry=telemetry)


def _work_on(
    settings: Settings,
    given: _Given,
    listening: socket.socket,
    signals: Signals,
    *,
    instruments: Instruments,
    telemetry: TelemetryConfig,
) -> None:
    api = api_server(settings, environment()) if settings.kubernetes_kinds else None
    database = open_database(settings.database_url, recover=settings.recover)
    components = Components(
        settings=settings,
        database=database,
        board=Board(),
        instruments=instruments,
        telemetry=telemetry,
        clock=SystemClock(),
        delivery=given.delivery,
    )
    objects = None if api is None else ObjectDocuments(settings, database)
    with ExitStack() as unless_made:
        unless_made.callback(database.close)
        documents = given.with_objects(objects)
        engine = Engine(components, documents)
        unless_made.pop_all()
    try:
        try:
            _check_stored(components)
            _publish_stored(components)
            engine.start()
        except StoreCorruptError as error:
            if not settings.recover:
                raise
            database.put_aside()
            raise _PutAsideError from error
        warnings = len(documents.warnings)
        _log.info(
            "serving",
            address=settings.listen_address,
            slos=len(documents.slos),
            # `sloburn check` prints them: an SLO that never burns may be a misspelt selector.
            **({"warnings": warnings} if warnings else {}),
            **_asked(settings, given.delivery),
            database=database.product,
        )
        if not given.delivery.names:
            _log.info("no Alertmanager and no receiver is set: alerts are shown, and no notification is sent")
        files = given.files if objects is None else (*given.files, *objects.loaded)
        kept = Documents(engine, components, files=files, objects=objects)
        watching = [] if api is None else [_watching(components, kept, api)]
        _serve(engine, components, kept, listening, signals, watching=watching)
    finally:
        ended = engine.stop()
        database.close()
        if not ended:
            # The interpreter would wait for its threads, and with them for a disk or a server that does not answer.
            _log.warning("stopped; work that was under way is done after the next start")
            sys.stderr.flush()
            os._exit(EXIT_GOOD)


def _watching(components: Components, documents: Documents, api: ApiServer) -> Coroutine[Any, Any, None]:
    """Watches objects of Kubernetes."""
    watch = KubernetesWatch(
        components.settings,
        components.database,
        api,
        service_lease=components.service_lease,
        clock=components.clock,
        loader=documents.loader,
    )
    return watch.run(components.instruments)


def _serve(
    engine: Engine,
    components: Components,
    documents: Documents,
    listening: socket.socket,
    signals: Signals,
    *,
    watching: Sequence[Coroutine[Any, Any, None]],
) -> None:
    """Serve the API in this thread until a signal comes."""
    settings = components.settings
    audit, reports = StoredAudit(components.database), _reports(engine, components)
    reads = ImpatientReads(components.database)
    page_reports = PageReports(reports, reads)
    limits = ConnectionLimits.within(allow_open_files())
    stream = Stream(components.board, most_clients=max(2, limits.connections // _STREAMS_SHARE))
    data = _api_data(engine, components, documents, audit=audit, reports=page_reports, reads=reads, stream=stream)
    # Pages and API, and what assistants ask, get at nothing but what their readers may see.
    data = seen_by_readers(data)
    app = create_app(data, telemetry=components.telemetry)
    app.include_router(_pages(app, engine, components, data))
    server = _server(_config(app, components, limits, stream), signals)
    beside = [*_beside(engine, components, documents, reports, audit), *_assistants(app, settings), *watching]
    if components.database.is_shared:
        # A file is not away while the process is there.
        beside.append(page_reports.run(components.instruments))
    with closing(data.backtests.jobs):
        asyncio.run(_until_stopped(server, listening, documents, signals, beside))


def _api_data(
    engine: Engine,
    components: Components,
    documents: Documents,
    *,
    audit: StoredAudit,
    reports: PageReports,
    reads: ImpatientReads,
    stream: Stream,
) -> ApiData:
    settings, database, clock = components.settings, components.database, components.clock
    incidents = StoredIncidents(database, clock, reads=reads, memory=components.incident_memory)
    return ApiData(
        board=components.board,
        history=EngineHistory(engine, reads),
        pasts=EnginePasts(engine, reads, components.board, components.incident_memory),
        contributors=EngineContributors(engine, clock),
        reports=reports,
        turn=PastTurn(),
        alerts=StoredAlertLog(reads, components.incident_memory),
        incidents=incidents,
        deliveries=StoredDeliveries(database, clock, components.instruments, engine),
        timeline=_timeline(components),
        backtests=_backtests(engine, components, incidents),
        gate=engine.gate,
        readiness=EngineReadiness(engine, documents),
        reloader=documents,
        config=documents,
        metrics=_exposition(components, settings),
        build=BuildInfo.current(),
        external_url=settings.public_url,
        access=_access(engine, components),
        audit=audit,
        stream=stream,
        alertmanager_url=partial(_alertmanager_url, settings, engine),
        remote_write=lambda: engine.remote_write,
        sources=lambda: engine.sources,
        report_link_secret=_text_of(settings.report_link_secret),
        refused=components.instruments.request_refused,
    )


def _pages(app: FastAPI, engine: Engine, components: Components, data: ApiData) -> APIRouter:
    """The pages over what the API has: both show the same."""
    settings = components.settings
    return pages(
        data.board,
        clock=components.clock,
        prefix=path_prefix(settings.external_url or ""),
        unhealthy=data.readiness.unhealthy_reasons,
        burn_downs=EngineBurnDowns(engine),
        slo_data=SloData(
            pasts=data.pasts,
            contributors=data.contributors,
            surroundings=surroundings_of(engine, settings, data.alertmanager_url),
            turn=data.turn,
        ),
        incident_data=IncidentData(
            log=data.incidents,
            history=data.history,
            external_url=data.external_url,
            alertmanager_url=data.alertmanager_url,
        ),
        status_data=_status_data(components, data),
        objectives_data=ObjectivesData(reports=data.reports, turn=data.turn),
        timeline_data=TimelineData(
            changes=data.timeline.log,
            adjustments=data.timeline.adjustments,
            contributors=data.contributors,
            pasts=data.pasts,
            turn=data.turn,
        ),
        policy_data=PolicyData(data.gate),
        backtest_data=BacktestData(backtests=data.backtests),
        show_problems=partial(show_problems_to_browsers, app),
    )


def _assistants(app: FastAPI, settings: Settings) -> list[Coroutine[Any, Any, None]]:
    """Add the route for assistants, if the settings want it; what goes on for it beside the server."""
    if not settings.mcp:
        return []
    # The library is an extra, and takes as long to import as all the rest.
    from app.mcp import AssistantEndpoint, allowed_hosts  # noqa: PLC0415

    hosts = allowed_hosts([settings.public_url, f"http://{settings.listen_address}"], settings.mcp_hosts)
    endpoint = AssistantEndpoint(app, version=BuildInfo.current().version, hosts=hosts)
    app.include_router(endpoint.routes())
    return [endpoint.run()]


def _server(config: BoundedConfig, signals: Signals) -> BoundedServer:
    server = BoundedServer(config)
    # uvicorn has handlers of its own while it serves. This one covers the time before, and takes the signal that it
    # raises once more when it has ended.
    signals.stop_by(server.stop)
    return server


def _config(app: FastAPI, components: Components, limits: ConnectionLimits, stream: Stream) -> BoundedConfig:
    closed = ClosedConnections(components.instruments.connection_closed)
    return BoundedConfig(app, connection_limits=limits, closed=closed, stopping=stream.close)


def _looking(documents: Documents, components: Components) -> Coroutine[Any, Any, None] | None:
    """Looks at the files of the documents again and again; None if the settings want none of it."""
    every = components.settings.watch_interval
    watch = FilesWatch(documents, every=every, clock=components.clock)
    return watch.run(components.instruments) if every else None


def _beside(
    engine: Engine, components: Components, documents: Documents, reports: StoredReports, audit: StoredAudit
) -> list[Coroutine[Any, Any, None]]:
    """What goes on beside the server."""
    keeper = AdjustedDaysKeeper(
        reports, components.adjustments, components.clock, service_lease=components.service_lease
    )
    looking = _looking(documents, components)
    others = [audit.run(), _sending(engine, components, reports), keeper.run(components.instruments)]
    return others if looking is None else [looking, *others]


def _sending(engine: Engine, components: Components, reports: StoredReports) -> Coroutine[Any, Any, None]:
    """Sends the reports of the configuration."""
    links = ReportLinks(components.settings.public_url, _text_of(components.settings.report_link_secret))
    sender = ReportSender(
        components.database,
        reports,
        engine,
        links,
        clock=components.clock,
        service_lease=components.service_lease,
    )
    return sender.run(components.instruments)


def _text_of(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


async def _until_stopped(
    server: BoundedServer,
    listening: socket.socket,
    documents: Documents,
    signals: Signals,
    beside: Sequence[Coroutine[Any, Any, None]] = (),
) -> None:
    loop = asyncio.get_running_loop()
    # Each thread that computes an answer takes the interpreter from the evaluations in turn; the usual 40 would leave
    # them a fortieth of it.
    current_default_thread_limiter().total_tokens = _READERS
    loop.set_default_executor(ThreadPoolExecutor(_READERS, thread_name_prefix="reader"))
    reloads: set[asyncio.Task[object]] = set()
    due: list[tuple[asyncio.TimerHandle, float]] = []

    def reload() -> None:
        due.clear()
        task = asyncio.create_task(documents.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    def reload_soon() -> None:
        since = loop.time()
        if due:
            timer, since = due.pop()
            timer.cancel()
        at = min(loop.time() + _GATHER_SIGNALS_S, since + _GATHER_AT_MOST_S)
        due.append((loop.call_at(at, reload), since))

    # A handler runs between any two lines, and does not wake the loop.
    signals.reload_by(partial(loop.call_soon_threadsafe, reload_soon))
    tasks = [asyncio.create_task(work) for work in beside]
    try:
        await server.serve(sockets=[listening])
    finally:
        # Before the loop is closed, after which a call would raise an error.
        signals.reload_by(lambda: None)
        for task in tasks:
            task.cancel()


def _listen(settings: Settings) -> socket.socket:
    host = settings.listen_host
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, settings.listen_port))
    except OSError:
        listening.close()
        raise
    return listening


def _reports(engine: Engine, components: Components) -> StoredReports:
    adjust = AdjustedDays(engine, components.database, components.adjustments, slos=lambda: engine.documents.slos)
    return StoredReports(components.database, components.clock, adjust=adjust, policies=lambda: engine.gate.policies)


def _exposition(components: Components, settings: Settings) -> Exposition:
    return Exposition(
        components.board,
        components.instruments,
        names=settings.metric_names,
        changes=lambda: components.recent_changes.newest(components.clock.now()),
    )


def _check_stored(components: Components) -> None:
    """Before a replica takes shards that it cannot load, and that no other would evaluate.

    Raises:
        StoreError: the slots of the ledger are of another length.
    """
    with components.database.read() as transaction:
        check_interval(transaction, round(components.settings.evaluation_interval.total_seconds()))


def _publish_stored(components: Components) -> None:
    """Let the first evaluation know the adjustments and the recent changes of before the start.

    Raises:
        StoreError: they cannot be read.
    """
    with components.database.unreadable_is_damaged():
        _adjustments(components).publish()
        _changes(components).note_recent()
        if components.database.is_shared:
            components.incident_memory.read(components.database, components.clock)


def _adjustments(components: Components) -> StoredAdjustments:
    return StoredAdjustments(components.database, components.adjustments, components.clock)


def _changes(components: Components) -> StoredChanges:
    return StoredChanges(components.database, components.recent_changes, components.clock)


def _backtests(engine: Engine, components: Components, incidents: StoredIncidents) -> Backtests:
    settings = components.settings
    access = HistoryAccess(
        sources=lambda: reachable_sources(settings, engine.delivery), ledger=StoredLedger(settings.database_url)
    )
    return Backtests(
        jobs=BacktestJobs(launch=access.launch, now=components.clock.now),
        board=components.board,
        incidents=incidents,
        interval_s=round(settings.evaluation_interval.total_seconds()),
        now=components.clock.now,
    )


def _access(engine: Engine, components: Components) -> Access:
    settings = components.settings
    tokens = StoredTokens(components.database, components.clock)
    with components.database.unreadable_is_damaged():
        tokens.load()
    reads, scrapes = settings.anonymous_read, settings.anonymous_metrics
    anonymous = {AccessScope.READ: reads, AccessScope.METRICS: reads if scrapes is None else scrapes}
    rules = AccessRules(
        api_token=_text_of(settings.api_token),
        events_token=_text_of(settings.events_token),
        anonymous=frozenset(scope for scope, is_open in anonymous.items() if is_open),
        # A reader without a proof of identity would read of all tenants.
        anonymous_beside_tenants=frozenset({AccessScope.METRICS} if scrapes else ()),
        url=settings.public_url,
        failures_per_minute=settings.token_failures_per_minute,
        changes_per_minute=settings.changes_per_minute,
        forward=ForwardRules(
            networks=settings.forward_auth_networks,
            user_header=settings.forward_auth_user_header,
            groups_header=settings.forward_auth_groups_header,
            roles=settings.forward_auth_roles,
        ),
        signed=SignedClaims(user=settings.jwt_user_claim, groups=settings.jwt_groups_claim),
    )
    return Access(
        rules,
        tokens,
        StoredSessions(components.database, components.clock),
        now=components.clock.now,
        tenants=lambda: engine.delivery.tenants,
        signed=_signed_tokens(components),
    )


def _signed_tokens(components: Components) -> SignedTokens | None:
    settings = components.settings
    if settings.jwt_jwks_url is None:
        return None
    from app.service.json_web_tokens import JwksTokens  # noqa: PLC0415  its library need not be installed

    return JwksTokens(
        settings.jwt_jwks_url,
        issuer=settings.jwt_issuer or "",
        audience=settings.jwt_audience or "",
        http=CheckedClient(ClientOptions(deadline=_KEYS_WITHIN)),
        monotonic=components.clock.monotonic,
    )


def _timeline(components: Components) -> Timeline:
    return Timeline(
        log=_changes(components),
        adjustments=_adjustments(components),
        now=components.clock.now,
    )


def _status_data(components: Components, data: ApiData) -> StatusData:
    return StatusData(
        config=data.config,
        readiness=data.readiness,
        reloader=data.reloader,
        deliveries=data.deliveries,
        remote_write=data.remote_write,
        sources=data.sources,
        instruments=components.instruments,
        build=data.build,
        audit=data.audit,
    )


def _alertmanager_url(settings: Settings, engine: Engine) -> str | None:
    """Where people reach Alertmanager; None if there is none."""
    return settings.alertmanager_external_url or engine.delivery.alertmanager_url


def _known(delivery: DeliveryConfig) -> LabelValues:
    return LabelValues(
        failure_reasons=_FAILURES,
        closing_causes=tuple(ClosingCause),
        refused_statuses=REFUSED_STATUSES,
        request_outcomes=OUTCOMES,
        receivers=delivery.names,
        remote_write_receivers=[options.name for options in delivery.remote_write],
        notification_failure_reasons=tuple(FailureReason),
    )


def _asked(settings: Settings, delivery: DeliveryConfig) -> Mapping[str, Any]:
    """Where counts are from, for the log."""
    listed = [one.name for one in delivery.sources]
    return {"sources": listed} if listed else {"prometheus": settings.prometheus_url}


def _exit_code(error: Exception) -> int:
    if isinstance(error, StoreCorruptError):
        return EXIT_CORRUPT
    if isinstance(error, StoreUnreachableError):
        return EXIT_FAILED
    return EXIT_NEWER if isinstance(error, StoreNewerError) else EXIT_USAGE


def _refuse_files(errors: Sequence[ErrorFinding]) -> int:
    # These begin with their place, as editors and `sloburn check` have it.
    print("\n".join(error.printed for error in errors), file=sys.stderr)  # noqa: T201  what a user is to see
    return EXIT_USAGE


def _refuse_blocking(paths: Sequence[Path]) -> None:
    errors = find_blocking_file(paths)
    if errors:
        raise _RefusedFilesError(errors)


def _refuse(why: str, code: int = EXIT_USAGE) -> int:
    print(f"sloburn: {why}", file=sys.stderr)  # noqa: T201  the one line that a user is to see
    return code
