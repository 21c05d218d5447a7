"""Routes of SLOs: a page of them, one of them, and its past."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from app.api.documents import history_document, slo_document
from app.api.filters import selection
from app.api.lookup import SLOS, asks_for, find_snapshot, whole_id
from app.api.models import HistoryModel, SloListModel, SloModel
from app.api.openapi import answers
from app.api.paging import page
from app.api.parameters import (
    DEFAULT_LIMIT,
    Adjusted,
    AlertStates,
    Cursor,
    DataStates,
    Kinds,
    LabelPairs,
    Limit,
    Order,
    Search,
    Services,
    Sort,
    SortOrder,
    States,
    Step,
    Time,
)
from app.api.ports import History
from app.api.problems import not_found
from app.api.responses import JsonResponse
from app.api.timespans import DEFAULT_POINTS, check_span, parse_range, parse_step
from app.paths import SLO_ID
from app.slo import SloId
from app.status import Board, Snapshot, SortColumn, order_key, round_step, shown_as

Id = Annotated[str, Path(min_length=1, examples=["checkout-availability"], description="The id of the SLO.")]
From = Annotated[
    Time, Query(alias="from", description="RFC 3339 or Unix seconds; by default one SLO window before `to`.")
]
To = Annotated[Time, Query(alias="to", description="RFC 3339 or Unix seconds; by default the newest measured slot.")]
Every = Annotated[Step, Query(alias="step", description="Such as `5m`, or seconds; by default a few hundred points.")]
_HISTORY = "/history"


def slo_routes(board: Board, history: History, turn: asyncio.Semaphore) -> APIRouter:
    """The routes below ``/api/v1/slos``; readers of the past wait for their *turn*."""
    router = APIRouter(prefix=SLOS, tags=["slos"], default_response_class=JsonResponse)

    # Plain functions run in worker threads: writing a thousand SLOs never holds up the event loop.
    @router.get(
        "", operation_id="listSlos", responses=answers(SloListModel, "One page of SLOs", not_found="No such page")
    )
    def list_slos(
        *,
        service: Services,
        label: LabelPairs,
        status: States,
        alert: AlertStates,
        kind: Kinds,
        data: DataStates,
        q: Search = "",
        sort: Sort = SortColumn.ID,
        order: Order = SortOrder.ASCENDING,
        adjusted: Adjusted = True,
        limit: Limit = DEFAULT_LIMIT,
        next: Cursor = "",  # noqa: A002  the contract's name
    ) -> JsonResponse:
        """SLOs sorted by id or another column; every member of a group is one of its own."""
        wanted = selection(service=service, status=status, label=label, alert=alert, kind=kind, data=data, q=q)
        key, descending = order_key(sort, descending=order.is_descending), order.is_descending
        found = wanted.of(shown_as(board.current.snapshots, adjusted=adjusted))
        items, cursor = page(found, key=key, limit=limit, cursor=next, descending=descending)
        return JsonResponse(SloListModel(items=[slo_document(item) for item in items], next=cursor))

    @router.get(
        f"/{SLO_ID}{_HISTORY}",
        operation_id="getSloHistory",
        responses=answers(HistoryModel, "Its past", not_found="No such SLO"),
    )
    async def slo_history(
        request: Request,
        id: Id,  # noqa: A002  the contract's name
        start: From = None,
        end: To = None,
        every: Every = None,
        *,
        adjusted: Adjusted = True,
    ) -> JsonResponse:
        """Counts, SLI, burn rate and the budget as it stood, step by step."""
        if not asks_for(request, _HISTORY):
            return JsonResponse(slo_document(find_snapshot(board, whole_id(request))))
        snapshot = find_snapshot(board, SloId(id))
        # Thousands of points are seconds of work if many ask at once; one after another they leave the evaluations
        # their share of the interpreter (ADR-0006).
        async with turn:
            read = partial(_history, history, snapshot, start, end, every, adjusted=adjusted)
            return await asyncio.to_thread(read)

    _add_one(router, board)
    return router


def _add_one(router: APIRouter, board: Board) -> None:
    @router.get(f"/{SLO_ID}", operation_id="getSlo", responses=answers(SloModel, "The SLO", not_found="No such SLO"))
    def one_slo(id: Id, *, adjusted: Adjusted = True) -> JsonResponse:  # noqa: A002  the contract's name
        """One SLO, or one member of its group."""
        (shown,) = shown_as([find_snapshot(board, SloId(id))], adjusted=adjusted)
        return JsonResponse(slo_document(shown))


def _history(
    history: History, snapshot: Snapshot, start: str | None, end: str | None, step: str | None, *, adjusted: bool
) -> JsonResponse:
    since, until = parse_range(start, end)
    until = until or snapshot.as_of
    every = None if step is None else parse_step(step)
    if until is None:
        return JsonResponse(history_document(snapshot.id, None, None, timedelta(minutes=1), []))
    since = since or _window_start(snapshot, until)
    every = every or round_step(until - since, DEFAULT_POINTS)
    check_span(since, until, every)
    points = history.history(snapshot.id, since, until, every, adjusted=adjusted)
    if points is None:
        raise not_found(f"no history is kept for {snapshot.id!r}")
    return JsonResponse(history_document(snapshot.id, since, until, every, points))


def _window_start(snapshot: Snapshot, until: datetime) -> datetime:
    start, _ = snapshot.slo.window.bounds(until)
    return start
