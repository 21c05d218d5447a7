"""Routes of the service itself: health, metrics, build, configuration, reload."""

from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Literal

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from app.access import AccessScope
from app.api.coalescing import Coalesced
from app.api.models import (
    BuildInfoModel,
    ConfigurationModel,
    ReloadedModel,
    RemoteWriteListModel,
    RemoteWriteModel,
    SourceHealthListModel,
    SourceHealthModel,
    StateModel,
)
from app.api.needs import needs, open_route
from app.api.openapi import Responses, answers
from app.api.problems import ProblemError
from app.api.responses import JsonResponse, utc
from app.metrics import BuildInfo, Exposition, Page, PageForm
from app.remote_write import RemoteWriteStatus
from app.status import ConfigSource, ConfigStatus, Readiness, Reloader, SourceStatus

# Formats and encodings of /metrics that are kept apart; scrapers ask for two or three, and may ask for any version.
_MOST_FORMS = 16

_TEXT = {"schema": {"type": "string"}}
_METRICS: Responses = {
    200: {
        "description": "Every metric",
        "content": {
            "text/plain; version=0.0.4; charset=utf-8": _TEXT,
            "application/openmetrics-text; version=1.0.0; charset=utf-8": _TEXT,
        },
    }
}


def status_routes(
    config: ConfigSource,
    build: BuildInfo,
    readiness: Readiness,
    remote_write: Callable[[], Sequence[RemoteWriteStatus]],
    sources: Callable[[], Sequence[SourceStatus]],
) -> APIRouter:
    """The routes below ``/api/v1/status``."""
    router = APIRouter(prefix="/api/v1/status", tags=["service"], default_response_class=JsonResponse)

    @router.get("/buildinfo", operation_id="getBuildInfo", responses=answers(BuildInfoModel, "The build"))
    async def buildinfo() -> JsonResponse:
        """Which build is running."""
        return JsonResponse(BuildInfoModel(version=build.version, python=build.python))

    @router.get("/config", operation_id="getConfig", responses=answers(ConfigurationModel, "The configuration"))
    async def configuration() -> JsonResponse:
        """The active settings with secrets masked, and the digest of the active documents."""
        return JsonResponse(_configuration(config.status()))

    @router.get(
        "/remote_write", operation_id="getRemoteWrite", responses=answers(RemoteWriteListModel, "Every receiver")
    )
    async def remote_write_status() -> JsonResponse:
        """How far each receiver of remote write has got, and what keeps figures from it."""
        items = [
            RemoteWriteModel(
                receiver=one.receiver,
                live_until=utc(one.live_until),
                slos=one.slos,
                parts_pending=one.parts_pending,
                samples_sent=one.samples_sent,
                samples_dropped=one.samples_dropped,
                problem=one.problem,
            )
            for one in remote_write()
        ]
        return JsonResponse(RemoteWriteListModel(items=items))

    @router.get("/sources", operation_id="getSources", responses=answers(SourceHealthListModel, "Every source"))
    async def source_status() -> JsonResponse:
        """Which sources answer, up to which slot, and how many of their SLIs fail."""
        return JsonResponse(SourceHealthListModel(items=[_source(one) for one in sources()]))

    @router.get(
        "/health",
        operation_id="getHealth",
        responses=answers(
            StateModel, "Every slot is evaluated and stored", service_unavailable="Why evaluation is not healthy"
        ),
    )
    async def health() -> JsonResponse:
        """Whether evaluation is healthy: Prometheus answers, slots are on time and stored, clocks agree."""
        return _verdict("healthy", readiness.unhealthy_reasons())

    return router


def _source(one: SourceStatus) -> SourceHealthModel:
    return SourceHealthModel(
        name=one.name,
        answers=one.answers,
        answered_at=utc(one.answered_at),
        query_seconds=one.seconds,
        slis=one.slis,
        failing_slis=one.failing,
        problem=one.problem,
    )


def _configuration(status: ConfigStatus) -> ConfigurationModel:
    return ConfigurationModel(
        settings=dict(status.settings),
        spec_digest=status.spec_digest,
        slos=status.slos,
        last_reload_successful=status.last_reload_successful,
        last_reload_at=utc(status.last_reload_at),
        last_reload_errors=list(status.last_reload_errors),
        database=status.database,
        replicas=list(status.replicas),
    )


def health_routes(readiness: Readiness) -> APIRouter:
    """The routes that an orchestrator asks."""
    router = APIRouter(tags=["service"], default_response_class=JsonResponse)

    @router.get(
        "/-/healthy",
        operation_id="getHealthy",
        dependencies=[open_route()],
        responses=answers(StateModel, "The process answers"),
    )
    async def healthy() -> JsonResponse:
        """Whether the process answers at all; a restart would help if not."""
        return JsonResponse(StateModel(status="healthy"))

    @router.get(
        "/-/ready",
        operation_id="getReady",
        dependencies=[open_route()],
        responses=answers(StateModel, "It can serve", service_unavailable="Why not, in words"),
    )
    async def ready() -> JsonResponse:
        """Whether the service can serve; evaluation may be failing, see `/api/v1/status/health`."""
        return _verdict("ready", readiness.reasons())

    return router


def _verdict(status: Literal["healthy", "ready"], reasons: Sequence[str]) -> JsonResponse:
    if reasons:
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "; ".join(reasons), errors=reasons)
    return JsonResponse(StateModel(status=status))


def metrics_route(metrics: Exposition) -> APIRouter:
    """The route ``/metrics``."""
    router = APIRouter(tags=["service"])
    # A thread apart from those of the API: however busy these are, Prometheus is answered.
    thread = CapacityLimiter(1)

    runs: dict[PageForm, Coalesced[Page]] = {}

    def rendering(accept: str, accept_encoding: str) -> Coalesced[Page]:
        form = metrics.form(accept=accept, accept_encoding=accept_encoding)
        if form not in runs and len(runs) >= _MOST_FORMS:
            runs.clear()
        render = partial(metrics.render, accept=accept, accept_encoding=accept_encoding)
        return runs.setdefault(form, Coalesced(lambda: run_sync(render, limiter=thread)))

    @router.get(
        "/metrics",
        operation_id="getMetrics",
        dependencies=[needs(AccessScope.READ, AccessScope.METRICS)],
        response_class=PlainTextResponse,
        responses=_METRICS,
    )
    async def scrape(request: Request) -> Response:
        """The SLOs and the health of the service, as text or OpenMetrics, whichever `Accept` prefers."""
        # A header may come in several lines.
        accept, accept_encoding = (", ".join(request.headers.getlist(name)) for name in ("accept", "accept-encoding"))
        page = await rendering(accept, accept_encoding)()
        headers = {"Content-Type": page.content_type, "Vary": "Accept, Accept-Encoding"}
        if page.gzipped:
            headers["Content-Encoding"] = "gzip"
        return Response(page.body, headers=headers)

    return router


def reload_route(reloader: Reloader) -> APIRouter:
    """The route ``/-/reload``."""
    router = APIRouter(tags=["service"], default_response_class=JsonResponse)

    @router.post(
        "/-/reload",
        operation_id="reload",
        dependencies=[needs(AccessScope.RELOAD, otherwise="to reload without a token, send SIGHUP")],
        responses=answers(
            ReloadedModel,
            "The documents are active",
            unprocessable_entity="The documents have errors, and the old ones stay active; or an unknown parameter",
            service_unavailable="The database cannot be used, and the old documents stay active; or too many requests",
        ),
    )
    async def reload() -> JsonResponse:
        """Read documents, receivers and routes again, all or nothing."""
        outcome = await reloader.reload()
        if outcome.errors:
            detail = f"{len(outcome.errors)} error(s) in the documents; the old ones stay active"
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=outcome.errors)
        if outcome.unavailable is not None:
            detail = f"the documents have no errors, but {outcome.unavailable}; the old ones stay active"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail)
        return JsonResponse(ReloadedModel(slos=outcome.slos))

    return router
