"""Routes of SLOs: a page of them, one of them, and its past."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from app.api.documents import history_document, slo_document
from app.api.filters import Filter
from app.api.models import HistoryModel, SloListModel, SloModel
from app.api.openapi import answers
from app.api.paging import page
from app.api.ports import History
from app.api.problems import ProblemError, not_found
from app.api.responses import JsonResponse
from app.api.timespans import check_span, default_step, parse_step, parse_time
from app.slo import SloId
from app.status import Board, HealthState, Snapshot

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
_HISTORIES_AT_ONCE = 1

Id = Annotated[str, Path(examples=["checkout-availability"])]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT)]
Services = Annotated[list[str] | None, Query(description="Only these services.")]
LabelPairs = Annotated[
    list[str] | None, Query(description="Only with all these labels, written name=value.", examples=["team=payments"])
]
States = Annotated[list[HealthState] | None, Query(description="Only in these states.")]
Cursor = Annotated[str | None, Query(description="The cursor that the last page gave.")]
From = Annotated[
    str | None, Query(alias="from", description="RFC 3339 or Unix seconds; by default one SLO window before `to`.")
]
To = Annotated[
    str | None, Query(alias="to", description="RFC 3339 or Unix seconds; by default the newest measured slot.")
]
Step = Annotated[
    str | None, Query(description="Such as 5m, or seconds; by default a few hundred points.", examples=["1h"])
]


def slo_routes(board: Board, history: History) -> APIRouter:
    """The routes below ``/api/v1/slos``."""
    router = APIRouter(prefix="/api/v1/slos", tags=["slos"], default_response_class=JsonResponse)
    turn = asyncio.Semaphore(_HISTORIES_AT_ONCE)

    # Plain functions run in worker threads: writing a thousand SLOs never holds up the event loop.
    @router.get("", responses=answers(SloListModel, "One page of SLOs", unprocessable_entity="A bad parameter"))
    def list_slos(
        service: Services = None,
        label: LabelPairs = None,
        status: States = None,
        limit: Limit = DEFAULT_LIMIT,
        next: Cursor = None,  # noqa: A002  the contract's name
    ) -> JsonResponse:
        """SLOs sorted by id; every member of a group is one of its own."""
        chosen = Filter.parse(service=service or (), status=status or (), label=label or ()).of(board.snapshots)
        items, cursor = page(chosen, limit=limit, cursor=next)
        return JsonResponse({"items": [slo_document(item) for item in items], "next": cursor})

    @router.get(
        "/{id:path}/history",
        responses=answers(HistoryModel, "Its past", not_found="No such SLO", unprocessable_entity="A bad parameter"),
    )
    async def slo_history(
        request: Request,
        id: Id,  # noqa: A002  the contract's name
        start: From = None,
        end: To = None,
        step: Step = None,
    ) -> JsonResponse:
        """Counts, SLI, burn rate and the budget as it stood, step by step."""
        whole_id = SloId(f"{id}/history")
        if _slash_was_escaped(request) and board.find(whole_id):
            return JsonResponse(slo_document(_find(board, whole_id)))
        snapshot = _find(board, SloId(id))
        # Thousands of points are seconds of work if many ask at once; one after another they leave the evaluations
        # their share of the interpreter (ADR-0006).
        async with turn:
            return await asyncio.to_thread(_history, history, snapshot, start, end, step)

    @router.get("/{id:path}", responses=answers(SloModel, "The SLO", not_found="No such SLO"))
    def one_slo(id: Id) -> JsonResponse:  # noqa: A002  the contract's name
        """One SLO, or one member of its group."""
        return JsonResponse(slo_document(_find(board, SloId(id))))

    return router


def _history(
    history: History, snapshot: Snapshot, start: str | None, end: str | None, step: str | None
) -> JsonResponse:
    until = parse_time(end, name="to") if end else snapshot.as_of
    if until is None:
        return JsonResponse(history_document(snapshot.id, None, None, timedelta(minutes=1), []))
    since = parse_time(start, name="from") if start else _window_start(snapshot, until)
    every = parse_step(step) if step else default_step(until - since)
    check_span(since, until, every)
    points = history.history(snapshot.id, since, until, every)
    if points is None:
        raise not_found(f"no history is kept for {snapshot.id!r}")
    return JsonResponse(history_document(snapshot.id, since, until, every, points))


def _window_start(snapshot: Snapshot, until: datetime) -> datetime:
    start, _ = snapshot.slo.window.bounds(until)
    return start


def _find(board: Board, slo_id: SloId) -> Snapshot:
    snapshot = board.find(slo_id)
    if snapshot is None:
        raise _unknown(board, slo_id)
    return snapshot


def _unknown(board: Board, slo_id: SloId) -> ProblemError:
    members = [snapshot.id for snapshot in board.snapshots if snapshot.slo.id == slo_id]
    if members:
        return not_found(f"{slo_id!r} has groups: ask for one of its members, such as {members[0]!r}")
    return not_found(f"no SLO has the id {slo_id!r}")


def _slash_was_escaped(request: Request) -> bool:
    # The id of a group may end in "/history" itself; only the undecoded path tells it from the history of a shorter id.
    raw: bytes = request.scope.get("raw_path", b"")
    return not raw.endswith(b"/history")
