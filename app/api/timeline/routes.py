"""Routes that read changes, and what they cost."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.api.defaults import no_values
from app.api.openapi import answers
from app.api.paging import decode_time_and_id, encode_time_and_id
from app.api.parameters import DEFAULT_LIMIT, ID_PATTERN, Cursor, Limit, Time
from app.api.problems import not_found
from app.api.responses import JsonResponse
from app.api.timeline.documents import change_document, cost_document
from app.api.timeline.models import ChangeCostModel, ChangeDetailModel, ChangesModel
from app.api.timeline.reports import Timeline, add_report_route
from app.api.timespans import parse_range
from app.changes import ChangeKind
from app.status import Board, ChangeCost, Pasts, costs_of_change
from app.store.changes import ChangeFilter

_Services = Annotated[list[str], Query(default_factory=no_values, description="Only those of any of these services.")]
_Environments = Annotated[
    list[str], Query(default_factory=no_values, description="Only those in any of these environments.")
]
_Kinds = Annotated[list[ChangeKind], Query(default_factory=no_values, description="Only those of any of these kinds.")]
_Sources = Annotated[
    list[str], Query(default_factory=no_values, description="Only those that any of these tools reported.")
]
_From = Annotated[Time, Query(alias="from", description="RFC 3339 or Unix seconds; only what began since.")]
_To = Annotated[Time, Query(alias="to", description="RFC 3339 or Unix seconds; only what began until then.")]
_Id = Annotated[str, Path(pattern=ID_PATTERN, examples=["9b1c40d2a7e35f86"], description="The id of the change.")]


def timeline_routes(
    board: Board, timeline: Timeline, pasts: Pasts, turn: asyncio.Semaphore, *, external_url: str
) -> APIRouter:
    """The routes below ``/api/v1/events``; readers of the past wait for their *turn*."""
    log = timeline.log
    router = APIRouter(prefix="/api/v1", tags=["timeline"], default_response_class=JsonResponse)

    @router.get(
        "/events", operation_id="listEvents", responses=answers(ChangesModel, "One page", not_found="No such page")
    )
    def list_events(
        *,
        service: _Services,
        environment: _Environments,
        kind: _Kinds,
        source: _Sources,
        start: _From = None,
        end: _To = None,
        limit: Limit = DEFAULT_LIMIT,
        next: Cursor = "",  # noqa: A002  the contract's name
    ) -> JsonResponse:
        """Deploys and other changes, the newest first."""
        since, until = parse_range(start, end)
        wanted = ChangeFilter(
            services=frozenset(service),
            environments=frozenset(environment),
            kinds=frozenset(kind),
            sources=frozenset(source),
            since=since,
            until=until,
        )
        found = log.listed(wanted, limit=limit + 1, before=decode_time_and_id(next))
        items = found[:limit]
        cursor = encode_time_and_id(items[-1].started_at, items[-1].id) if len(found) > limit else None
        documents = [change_document(change, external_url=external_url) for change in items]
        return JsonResponse(ChangesModel(items=documents, next=cursor))

    @router.get(
        "/events/{id}",
        operation_id="getEvent",
        responses=answers(ChangeDetailModel, "The change", not_found="No such change"),
    )
    async def get_event(id: _Id) -> JsonResponse:  # noqa: A002  the contract's name
        """One change, and what it cost each SLO of its service."""
        change = await asyncio.to_thread(log.find, id)
        if change is None:
            raise not_found(f"no event has the id {id!r}, or it was too long ago")
        async with turn:
            costs = await asyncio.to_thread(costs_of_change, change, log, board.current.snapshots, pasts)
        return JsonResponse({**change_document(change, external_url=external_url), "cost": [*map(_cost, costs)]})

    add_report_route(router, timeline, external_url=external_url)
    return router


def _cost(cost: ChangeCost) -> ChangeCostModel:
    return cost_document(cost.slo, cost.start, cost.end, cost.cost, over=cost.over)
