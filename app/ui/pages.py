"""Routes of the pages: everything is rendered here; scripts only refresh what is shown, and draw charts."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.clock import Clock
from app.paths import SLO_ID
from app.slo import SloId
from app.status import Board
from app.ui import views
from app.ui.assets import asset_routes
from app.ui.incidents import incidents
from app.ui.overview import BurnDowns, overview_page
from app.ui.rendering import Renderer

# The worst ones: thousands of rows are slow in a browser, and the API lists all.
MAX_ROWS = 500


def pages(
    board: Board,
    *,
    clock: Clock,
    prefix: str = "",
    unhealthy: Callable[[], Sequence[str]] = tuple,
    burn_downs: BurnDowns | None = None,
) -> APIRouter:
    """The routes of all pages, and of what they load.

    *prefix* is the path of the external URL, without a slash at its end. What *unhealthy* gives, the reasons why
    evaluation is not healthy, is at the top of every page. Without *burn_downs* there are no sparklines.
    """
    renderer = Renderer(clock=clock, prefix=prefix, unhealthy=unhealthy)
    router = APIRouter(include_in_schema=False)
    router.include_router(overview_page(board, renderer, burn_downs))
    router.include_router(_slo(board, renderer))
    router.include_router(asset_routes(renderer.assets))
    return router


def _slo(board: Board, renderer: Renderer) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get(f"/slos/{SLO_ID}")
    def one_slo(request: Request, id: str) -> Response:  # noqa: A002  as in the API
        known = board.current
        snapshot = known.find(SloId(id))
        if snapshot is None:
            members = [found for found in known.snapshots if found.slo.id == id]
            active = [notification for notification in known.notifications if notification.slo == id]
            return renderer.page(
                request,
                "missing.html",
                status=200 if members else 404,
                id=id,
                incidents=incidents(active),
                members=views.worst_first(members)[:MAX_ROWS],
            )
        sent_for = [known.notification_of(snapshot, alert) for alert in snapshot.alerts]
        return renderer.page(
            request,
            "slo.html",
            slo=snapshot,
            incidents=incidents(notification for notification in sent_for if notification is not None),
            alerts=views.alert_rows(snapshot, sent_for),
        )

    return router
