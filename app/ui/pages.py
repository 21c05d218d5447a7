"""Routes of the pages: everything is rendered here; scripts only refresh what is shown, and draw charts."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.clock import Clock
from app.status import Board
from app.ui.alerts import alerts_page
from app.ui.assets import asset_routes
from app.ui.backtests import BacktestData, backtest_pages
from app.ui.incident import IncidentData, incident_page_routes
from app.ui.objectives import ObjectivesData, objectives_page
from app.ui.overview import BurnDowns, overview_page
from app.ui.policy import PolicyData, policy_pages
from app.ui.rendering import Renderer
from app.ui.signing_in import sign_in_first, signing_in_pages
from app.ui.slo import SloData, slo_pages
from app.ui.status import StatusData, audit_page, status_page
from app.ui.timeline import TimelineData, timeline_pages


def pages(
    board: Board,
    *,
    clock: Clock,
    prefix: str = "",
    unhealthy: Callable[[], Sequence[str]] = tuple,
    burn_downs: BurnDowns | None = None,
    slo_data: SloData | None = None,
    incident_data: IncidentData | None = None,
    status_data: StatusData | None = None,
    objectives_data: ObjectivesData | None = None,
    timeline_data: TimelineData | None = None,
    policy_data: PolicyData | None = None,
    backtest_data: BacktestData | None = None,
    show_problems: Callable[[Callable[[Request, Mapping[str, Any]], Response]], None] | None = None,
) -> APIRouter:
    """The routes of all pages, and of what they load.

    *prefix* is the path of the external URL, without a slash at its end. What *unhealthy* gives, the reasons why
    evaluation is not healthy, is at the top of every page. Without *burn_downs* there are no sparklines, without
    *slo_data* no charts of SLOs, without *incident_data* no pages of alerts and incidents, without *status_data* none
    of the service itself, without *objectives_data* none of periods, without *timeline_data* none of changes,
    without *policy_data* none of error budget policies, without *backtest_data* no backtests.
    *show_problems* is given the page that shows problem details to browsers.
    """
    optional = {
        "/alerts": incident_data,
        "/objectives": objectives_data,
        "/events": timeline_data,
        "/policy": policy_data,
        "/status": status_data,
    }
    left_out = [path for path, data in optional.items() if data is None]
    url_of = (lambda: None) if incident_data is None else incident_data.alertmanager_url
    renderer = Renderer(clock=clock, prefix=prefix, unhealthy=unhealthy, left_out=left_out, alertmanager_url=url_of)
    router = APIRouter(include_in_schema=False)
    router.include_router(overview_page(board, renderer, burn_downs))
    router.include_router(slo_pages(board, renderer, slo_data, policy_data, incident_data))
    if incident_data is not None:
        router.include_router(alerts_page(board, renderer, incident_data))
        router.include_router(incident_page_routes(board, renderer, incident_data))
    if status_data is not None:
        router.include_router(status_page(board, renderer, status_data))
        router.include_router(audit_page(renderer, status_data.audit))
    if objectives_data is not None:
        router.include_router(objectives_page(renderer, objectives_data))
    if timeline_data is not None:
        router.include_router(timeline_pages(board, renderer, timeline_data))
    if policy_data is not None:
        router.include_router(policy_pages(renderer, policy_data))
    if backtest_data is not None:
        router.include_router(backtest_pages(renderer, backtest_data))
    router.include_router(signing_in_pages(renderer))
    router.include_router(asset_routes(renderer.assets, prefix=prefix))
    if show_problems is not None:
        show_problems(partial(_problem_page, renderer))
    return router


def _problem_page(renderer: Renderer, request: Request, problem: Mapping[str, Any]) -> Response:
    # A refresh by a script would show the form in the middle of the page.
    if problem["status"] == HTTPStatus.UNAUTHORIZED and "hx-request" not in request.headers:
        return sign_in_first(renderer, request)
    errors = problem.get("errors", ())
    return renderer.page(request, "problem.html", status=problem["status"], problem=problem, errors=errors)
