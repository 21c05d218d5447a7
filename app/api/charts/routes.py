"""Routes of the data of charts."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from app.api.charts.documents import (
    contributors_document,
    days_document,
    group_document,
    range_series_document,
    ranges_document,
)
from app.api.charts.models import ContributorsModel, DaysModel, GroupModel, RangesModel
from app.api.defaults import no_values
from app.api.documents import slo_document
from app.api.filters import parse_label
from app.api.forecasts.documents import forecast_steps_document
from app.api.forecasts.models import ForecastStepsModel
from app.api.lookup import SLOS, asks_for, find_members, find_snapshot, whole_id
from app.api.openapi import answers
from app.api.parameters import Adjusted, Time
from app.api.problems import invalid, not_found
from app.api.responses import JsonResponse
from app.api.timespans import DEFAULT_POINTS, parse_range
from app.paths import SLO_ID
from app.slo import SloId
from app.status import MOST_LABELS, Board, Contributors, Pasts, Snapshot, round_step

# As wide as a chart on the largest screen; a pixel shows no more than one.
_MOST_POINTS = 2_000
# Of all SLOs of one answer: about 2 MB, a second of work.
_MOST_POINTS_OF_ALL = 50_000
_MOST_SLOS = 100
_YEAR = timedelta(days=366)
_HOUR = timedelta(hours=1)
# Two whole groups: the past of each member is copied and summed, which takes milliseconds.
_MOST_MEMBERS = 1_000

Id = Annotated[str, Path(min_length=1, examples=["checkout-availability"], description="The SLO, or a whole group.")]
GroupId = Annotated[
    str, Path(min_length=1, examples=["shop-availability"], description="The id of an SLO that has groups.")
]
Ids = Annotated[
    list[str],
    Query(
        default_factory=no_values,
        max_length=_MOST_SLOS,
        description="The id of an SLO, of one member of a group, or of a group, whose members are summed.",
        examples=[["checkout-availability"]],
    ),
]
_AT = "RFC 3339 or Unix seconds"
From = Annotated[Time, Query(alias="from", description=f"{_AT}; by default one SLO window before `to`.")]
To = Annotated[Time, Query(alias="to", description=f"{_AT}; by default the newest measured slot.")]
FromDay = Annotated[Time, Query(alias="from", description=f"{_AT}; by default a year before `to`.")]
FromHour = Annotated[Time, Query(alias="from", description=f"{_AT}; by default an hour before `to`.")]
Points = Annotated[int, Query(ge=1, le=_MOST_POINTS, description="How many steps a series has at most.")]
By = Annotated[
    list[str],
    Query(
        default_factory=no_values,
        max_length=MOST_LABELS,
        description="Labels whose values are the contributors; without it any label may be one.",
        examples=[["route"]],
    ),
]
Within = Annotated[
    list[str],
    Query(
        default_factory=no_values,
        max_length=MOST_LABELS,
        description="Only events with all of these labels, written `name=value`.",
        examples=[["route=/pay"]],
    ),
]


def chart_routes(board: Board, pasts: Pasts, contributors: Contributors, turn: asyncio.Semaphore) -> APIRouter:
    """The routes of series, groups, days and contributors; readers of the past wait for their *turn*."""
    router = group_routes(board)
    _add_days(router, board, pasts, turn)
    _add_forecast(router, board, pasts, turn)

    @router.get(
        "/api/v1/history",
        operation_id="getRangeSeries",
        responses=answers(RangesModel, "Their past", not_found="No such SLO"),
    )
    async def history(
        slo: Ids, start: From = None, end: To = None, points: Points = DEFAULT_POINTS, *, adjusted: Adjusted = True
    ) -> JsonResponse:
        """Series for charts of many SLOs: the lowest budget and the highest burn rates of each step.

        Steps are round, and as long as *points* allows; none of what happened in them is left out.
        """
        if len(slo) * points > _MOST_POINTS_OF_ALL:
            raise invalid(f"more than {_MOST_POINTS_OF_ALL} points: ask for fewer SLOs or fewer points")
        members = _members_of_all(board, slo)
        async with turn:
            return await asyncio.to_thread(partial(_series, pasts, members, start, end, points, adjusted=adjusted))

    @router.get(
        f"{SLOS}/{SLO_ID}/contributors",
        operation_id="getSloContributors",
        responses=answers(ContributorsModel, "Its contributors", not_found="No such SLO"),
    )
    async def slo_contributors(
        request: Request,
        id: Id,  # noqa: A002  the contract's name
        by: By,
        label: Within,
        *,
        start: FromHour = None,
        end: To = None,
    ) -> JsonResponse:
        """What burned the budget in a range: the label values with most bad events, asked from Prometheus."""
        if not asks_for(request, "/contributors"):
            return JsonResponse(slo_document(find_snapshot(board, whole_id(request))))
        span = _range(find_members(board, SloId(id)), start, end, _HOUR)
        if "" in by:
            raise invalid("by='' is not a label")
        within = tuple(sorted(map(parse_label, label)))
        found = None if span is None else await contributors.contributors(SloId(id), *span, by=by, within=within)
        if found is None:
            raise not_found(f"nothing was measured of {id!r} so far")
        return JsonResponse(contributors_document(SloId(id), found))

    return router


def _add_forecast(router: APIRouter, board: Board, pasts: Pasts, turn: asyncio.Semaphore) -> None:
    @router.get(
        f"{SLOS}/{SLO_ID}/forecast",
        operation_id="getSloForecast",
        responses=answers(ForecastStepsModel, "Its forecast", not_found="No such SLO"),
    )
    async def forecast(request: Request, id: Id) -> JsonResponse:  # noqa: A002  the contract's name
        """What becomes of the error budget: the interval of what is left at times ahead, by what is counted now."""
        if not asks_for(request, "/forecast"):
            return JsonResponse(slo_document(find_snapshot(board, whole_id(request))))
        snapshot = find_snapshot(board, SloId(id))
        known = snapshot.forecast
        if snapshot.has_newer_forecast:
            async with turn:
                known = await asyncio.to_thread(pasts.forecast, SloId(id))
        return JsonResponse(forecast_steps_document(SloId(id), known))


def _add_days(router: APIRouter, board: Board, pasts: Pasts, turn: asyncio.Semaphore) -> None:
    @router.get(
        f"{SLOS}/{SLO_ID}/days",
        operation_id="getSloDays",
        responses=answers(DaysModel, "Its days", not_found="No such SLO"),
    )
    async def days(
        request: Request,
        id: Id,  # noqa: A002  the contract's name
        start: FromDay = None,
        end: To = None,
        *,
        adjusted: Adjusted = True,
    ) -> JsonResponse:
        """What was spent of the budget on each day, in the time zone of the SLO window."""
        if not asks_for(request, "/days"):
            return JsonResponse(slo_document(find_snapshot(board, whole_id(request))))
        members = find_members(board, SloId(id))
        async with turn:
            return await asyncio.to_thread(partial(_days, pasts, SloId(id), members, start, end, adjusted=adjusted))


def group_routes(board: Board) -> APIRouter:
    """The route of whole groups."""
    router = APIRouter(tags=["slos"], default_response_class=JsonResponse)

    @router.get(
        f"/api/v1/groups/{SLO_ID}",
        operation_id="getGroup",
        responses=answers(GroupModel, "The group", not_found="No such group"),
    )
    def group(id: GroupId) -> JsonResponse:  # noqa: A002  the contract's name
        """All members of a group added up, and each in short."""
        members = find_members(board, SloId(id))
        if not members[0].slo.sli.by or members[0].slo.id != id:
            raise not_found(f"{id!r} is not a group: /api/v1/slos has it")
        return JsonResponse(group_document(members))

    return router


def _members_of_all(board: Board, slos: Sequence[str]) -> dict[SloId, Sequence[Snapshot]]:
    found = {SloId(one): find_members(board, SloId(one)) for one in slos}
    if sum(map(len, found.values())) > _MOST_MEMBERS:
        raise invalid(f"more than {_MOST_MEMBERS} members of groups: ask for fewer groups")
    return found


def _series(
    pasts: Pasts,
    members: dict[SloId, Sequence[Snapshot]],
    start: str | None,
    end: str | None,
    points: int,
    *,
    adjusted: bool,
) -> JsonResponse:
    span = _range([snapshot for found in members.values() for snapshot in found], start, end, None)
    if span is None:
        return JsonResponse(ranges_document(None, None, None, []))
    step = round_step(span[1] - span[0], points)
    series = []
    for slo_id, found in members.items():
        ids = [one.id for one in found]
        # Data is missing of a group as a whole.
        marks = pasts.marks(sorted({*ids, found[0].slo.id}), *span)
        past = pasts.series(slo_id, ids, *span, step, adjusted=adjusted)
        series.append(range_series_document(found[0].slo, past, marks, members=len(found)))
    return JsonResponse(ranges_document(*span, step, series))


def _days(
    pasts: Pasts, slo_id: SloId, members: Sequence[Snapshot], start: str | None, end: str | None, *, adjusted: bool
) -> JsonResponse:
    span = _range(members, start, end, _YEAR)
    found = () if span is None else pasts.days([one.id for one in members], *span, adjusted=adjusted)
    return JsonResponse(days_document(slo_id, members[0].slo.window.timezone, found))


def _range(
    members: Sequence[Snapshot], start: str | None, end: str | None, length: timedelta | None
) -> tuple[datetime, datetime] | None:
    """The range of a query; by default the newest *length*, or the SLO window if that is None.

    None where it would end with what was measured last, and nothing was measured so far.
    """
    newest = max((one.as_of for one in members if one.as_of is not None), default=None)
    since, until = parse_range(start, end)
    until = until or newest
    if until is None or not members:
        return None
    if since is None:
        since = members[0].slo.window.bounds(until)[0] if length is None else until - length
    if since >= until:
        raise invalid(f"from={since.isoformat()} must be before to={until.isoformat()}")
    return since, until
