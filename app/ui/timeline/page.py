"""The pages ``/events`` and ``/events/{id}``: changes, and what each cost."""

import asyncio
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.changes import change_title
from app.status import Board, costs_of_change
from app.store.changes import ChangeFilter
from app.ui.rendering import Renderer
from app.ui.timeline.adjustments import add_adjustments_page
from app.ui.timeline.data import TimelineData

_PAGE = 100
_LONGEST_SERVICE = 200


def timeline_pages(board: Board, renderer: Renderer, data: TimelineData) -> APIRouter:
    """The routes ``/events``, ``/events/{id}`` and ``/adjustments``."""
    router = APIRouter(include_in_schema=False)

    # Plain functions run in worker threads: no reader of the database holds up the event loop.
    @router.get("/events")
    def events(request: Request) -> Response:
        service = request.query_params.get("service", "").strip()[:_LONGEST_SERVICE]
        wanted = ChangeFilter(services=frozenset({service} if service else ()))
        found = data.changes.listed(wanted, limit=_PAGE)
        changes = [(change, change_title(change)) for change in found]
        return renderer.page(request, "timeline/events.html", changes=changes, service=service, most=_PAGE)

    @router.get("/events/{id}")
    async def event(request: Request, id: str) -> Response:  # noqa: A002  as in the API
        change = await asyncio.to_thread(data.changes.find, id)
        if change is None:
            return renderer.page(request, "timeline/missing.html", status=HTTPStatus.NOT_FOUND, id=id)
        async with data.turn:
            costs = await asyncio.to_thread(costs_of_change, change, data.changes, board.current.snapshots, data.pasts)
        title = change_title(change)
        return renderer.page(request, "timeline/event.html", change=change, title=title, costs=costs)

    add_adjustments_page(router, renderer, data, board)
    return router
