"""The application: every route of the service, and what holds for all of them."""

from collections.abc import Iterator

from fastapi import APIRouter, Depends, FastAPI
from fastapi.telemetry import TelemetryConfig

from app.api.adjustments import adjustment_routes
from app.api.admission import Admission
from app.api.alerts import alert_routes
from app.api.audit_routes import audit_routes
from app.api.auditing import Auditing
from app.api.backtests import backtest_routes
from app.api.charts import chart_routes
from app.api.conditional import ConditionalGet
from app.api.data import ApiData
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
from app.api.prefix import PathPrefix, path_prefix
from app.api.problems import handle_problems
from app.api.slos import slo_routes
from app.api.stream import stream_routes
from app.api.tenants import seen_by_readers
from app.api.timeline import timeline_routes
from app.api.token_routes import token_routes
from app.metrics import BuildInfo


def create_app(data: ApiData, *, telemetry: TelemetryConfig | None = None) -> FastAPI:
    """The HTTP application; *telemetry* says how requests are traced."""
    data = seen_by_readers(data)
    app = _described(data.build, telemetry)
    for router in _routers(data):
        app.include_router(router)
    prefix = path_prefix(data.external_url)
    handle_problems(app)
    describe(app, prefix=prefix)
    return _with_layers(app, data, prefix)


def _routers(data: ApiData) -> Iterator[APIRouter]:
    board, turn, incidents, timeline, url = data.board, data.turn, data.incidents, data.timeline, data.external_url
    # Before `slo_routes`, of which one takes any path for an id.
    yield chart_routes(board, data.pasts, data.contributors, turn)
    yield slo_routes(board, data.history, turn)
    yield alert_routes(board, data.alerts, external_url=url)
    yield incident_routes(board, incidents, external_url=url, alertmanager_url=data.alertmanager_url)
    yield incident_change_routes(incidents, now=timeline.now)
    yield transition_routes(board, incidents)
    yield timeline_routes(board, timeline, data.pasts, turn, external_url=url)
    yield report_routes(data.reports, turn, link_secret=data.report_link_secret)
    yield from adjustment_routes(
        board, timeline.adjustments, contributors=data.contributors, now=timeline.now, external_url=url
    )
    yield from backtest_routes(data.backtests)
    yield token_routes(data.access.tokens, data.access.tenants)
    yield audit_routes(data.audit)
    yield all_gate_routes(data.gate, incidents, data.contributors, external_url=url)
    yield stream_routes(data.stream)
    yield notification_routes(data.deliveries)
    yield status_routes(data.config, data.build, data.readiness, data.remote_write, data.sources)
    yield metrics_route(data.metrics)
    yield health_routes(data.readiness)
    yield reload_route(data.reloader)
    yield docs_routes()


def _described(build: BuildInfo, telemetry: TelemetryConfig | None) -> FastAPI:
    return FastAPI(
        title="Sloburn",
        version=build.version,
        description="SLO error budgets over Prometheus.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(authorise), Depends(refuse_unknown_parameters)],
        telemetry=telemetry,
    )


def _with_layers(app: FastAPI, data: ApiData, prefix: str) -> FastAPI:
    access = app.state.access = data.access
    # The last one added is the outermost: it also completes what the others answer.
    app.add_middleware(ConditionalGet)
    app.add_middleware(Admission)
    app.add_middleware(Auditing, trail=data.audit, now=access.now, refused=data.refused)
    app.add_middleware(Identification, access=access)
    app.add_middleware(Guard)
    if prefix:
        app.add_middleware(PathPrefix, prefix=prefix, routes=app.routes)
    return app
