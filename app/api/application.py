"""The application: every route of the service, and what holds for all of them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.types import Lifespan

from app.access import Access, AuditTrail
from app.api.adjustments import adjustment_routes
from app.api.admission import Admission
from app.api.alerts import alert_routes
from app.api.audit_routes import audit_routes
from app.api.auditing import Auditing
from app.api.backtests import backtest_routes
from app.api.charts import chart_routes
from app.api.conditional import ConditionalGet
from app.api.gate import all_gate_routes
from app.api.guard import Guard
from app.api.identification import Identification
from app.api.incidents import incident_change_routes, incident_routes, transition_routes
from app.api.needs import authorise
from app.api.notifications import notification_routes
from app.api.objectives import report_routes
from app.api.openapi import describe, docs_routes
from app.api.operations import health_routes, metrics_route, reload_route, status_routes
from app.api.parameters import refuse_unknown_parameters
from app.api.ports import AlertLog, History
from app.api.prefix import PathPrefix, path_prefix
from app.api.problems import handle_problems
from app.api.slos import slo_routes
from app.api.stream import Stream, stream_routes
from app.api.timeline import Timeline, timeline_routes
from app.api.token_routes import token_routes
from app.gate import Gate
from app.metrics import BuildInfo, Exposition
from app.remote_write import RemoteWriteStatus
from app.replay import Backtests
from app.status import (
    AuditLog,
    Board,
    ConfigSource,
    Contributors,
    DeliveryLog,
    IncidentLog,
    Pasts,
    Readiness,
    Reloader,
    Reports,
    SourceStatus,
)


def create_app(
    *,
    board: Board,
    history: History,
    pasts: Pasts,
    contributors: Contributors,
    reports: Reports,
    turn: asyncio.Semaphore,
    alerts: AlertLog,
    incidents: IncidentLog,
    deliveries: DeliveryLog,
    timeline: Timeline,
    backtests: Backtests,
    gate: Gate,
    readiness: Readiness,
    reloader: Reloader,
    config: ConfigSource,
    metrics: Exposition,
    build: BuildInfo,
    external_url: str,
    access: Access,
    audit: AuditLog,
    alertmanager_url: Callable[[], str | None] = lambda: None,
    remote_write: Callable[[], Sequence[RemoteWriteStatus]] = tuple,
    sources: Callable[[], Sequence[SourceStatus]] = tuple,
    report_link_secret: str | None = None,
    stream: Stream | None = None,
    lifespan: Lifespan[Any] | None = None,
    telemetry: TelemetryConfig | None = None,
) -> FastAPI:
    """The HTTP application over a board; *access* decides who may do what.

    *report_link_secret* is what links to reports are signed with. *external_url* is where people reach the service; a
    path in it is served too, whether a proxy strips it or not. *alertmanager_url* gives where people reach
    Alertmanager, if there is one. Pages share the *turn* to read the past. *telemetry* says how requests are traced.
    """
    app = _described(build, lifespan, telemetry)
    # Before `slo_routes`, of which one takes any path for an id.
    app.include_router(chart_routes(board, pasts, contributors, turn))
    app.include_router(slo_routes(board, history, turn))
    app.include_router(alert_routes(board, alerts, external_url=external_url))
    app.include_router(incident_routes(board, incidents, external_url=external_url, alertmanager_url=alertmanager_url))
    app.include_router(incident_change_routes(incidents, now=timeline.now))
    app.include_router(transition_routes(board, incidents))
    app.include_router(timeline_routes(board, timeline, pasts, turn, external_url=external_url))
    app.include_router(report_routes(reports, turn, link_secret=report_link_secret))
    adjustments = adjustment_routes(
        board, timeline.adjustments, contributors=contributors, now=timeline.now, external_url=external_url
    )
    for router in (*adjustments, *backtest_routes(backtests), token_routes(access.tokens), audit_routes(audit)):
        app.include_router(router)
    app.include_router(all_gate_routes(gate, incidents, contributors, external_url=external_url))
    app.include_router(stream_routes(stream or Stream(board)))
    app.include_router(notification_routes(deliveries))
    app.include_router(status_routes(config, build, readiness, remote_write, sources))
    for router in (metrics_route(metrics), health_routes(readiness), reload_route(reloader), docs_routes()):
        app.include_router(router)
    handle_problems(app)
    describe(app, prefix=path_prefix(external_url))
    return _with_layers(app, access, audit, path_prefix(external_url))


def _described(build: BuildInfo, lifespan: Lifespan[Any] | None, telemetry: TelemetryConfig | None) -> FastAPI:
    return FastAPI(
        title="Sloburn",
        version=build.version,
        description="SLO error budgets over Prometheus.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(authorise), Depends(refuse_unknown_parameters)],
        telemetry=telemetry,
    )


def _with_layers(app: FastAPI, access: Access, audit: AuditTrail, prefix: str) -> FastAPI:
    app.state.access = access
    # The last one added is the outermost: it also completes what the others answer.
    app.add_middleware(ConditionalGet)
    app.add_middleware(Admission)
    app.add_middleware(Auditing, trail=audit, now=access.now)
    app.add_middleware(Identification, access=access)
    app.add_middleware(Guard)
    if prefix:
        app.add_middleware(PathPrefix, prefix=prefix, routes=app.routes)
    return app
