"""The page of an SLO, of one member of a group, and of a whole group."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from app.budget.forecast import NoForecast
from app.paths import SLO_ID
from app.slo import Labels, SloId
from app.status import (
    MOST_LABELS,
    Board,
    BoardContent,
    Contributors,
    HealthState,
    IncidentLog,
    Pasts,
    RangeSeries,
    Snapshot,
    SortColumn,
    ordered,
    read_or_known,
    round_step,
    summed_group,
)
from app.store import StoreUnavailableError
from app.store.incidents import IncidentFilter
from app.ui import views
from app.ui.incident import IncidentData
from app.ui.incidents import incidents
from app.ui.policy.page import STATUS_OF_DECISION, PolicyData
from app.ui.rendering import Renderer
from app.ui.slo import charts
from app.ui.slo.calendar import calendar
from app.ui.slo.elsewhere import Surroundings, own_links
from app.ui.slo.headline import exhausted_step, headline_of
from app.ui.slo.ranges import CHOICES, ChartRange, chart_range
from app.wording.forecasts import forecast_words, inputs_words, no_forecast_words

# The worst ones: thousands of rows are slow in a browser, and the API lists all.
MAX_ROWS = 500
# A history of a year is cut from millions of cells: two at once would each take twice as long, and evaluation with
# them.
_PASTS_AT_ONCE = 1
_CALENDAR = timedelta(days=365)
_CONTRIBUTORS = "contributors"
# Who looks at the page the morning after still asks what happened.
_RECENT = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SloData:
    """Where the page gets what is not on the board; without it there are no charts, and no contributors.

    Readers of the past wait for their *turn*, which the API shares.
    """

    pasts: Pasts
    contributors: Contributors
    surroundings: Surroundings = field(default_factory=Surroundings)
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_PASTS_AT_ONCE))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the address of a page asks for."""

    id: SloId
    chosen: str | None
    start: str | None
    end: str | None
    by: tuple[str, ...]
    within: Labels
    part: str | None

    def range_of(self, snapshots: Sequence[Snapshot], now: datetime) -> ChartRange:
        """The range of the charts; by default the SLO window, 30 days at most."""
        default = min(snapshots[0].slo.window.nominal, timedelta(days=30))
        newest = _newest(snapshots) or now
        return chart_range(choice=self.chosen, start=self.start, end=self.end, newest=newest, default=default)


def _newest(snapshots: Sequence[Snapshot]) -> datetime | None:
    return max((one.as_of for one in snapshots if one.as_of is not None), default=None)


def slo_pages(
    board: Board,
    renderer: Renderer,
    data: SloData | None,
    policy: PolicyData | None = None,
    kept: IncidentData | None = None,
) -> APIRouter:
    """The route ``/slos/{id}``; without *kept* incidents none that is over is named."""
    router = APIRouter(include_in_schema=False)

    @router.get(f"/slos/{SLO_ID}")
    async def one_slo(
        request: Request,
        id: str,  # noqa: A002  as in the API
        *,
        range: Annotated[str | None, Query()] = None,  # noqa: A002  the name in the address
        start: Annotated[str | None, Query(alias="from")] = None,
        end: Annotated[str | None, Query(alias="to")] = None,
        part: Annotated[str | None, Query()] = None,
    ) -> Response:
        given = request.query_params
        asked = _Asked(
            id=SloId(id),
            chosen=range,
            start=start,
            end=end,
            by=tuple(name for name in given.getlist("by")[:MOST_LABELS] if name),
            within=tuple(
                sorted(_pair(text) for text in given.getlist("label")[:MOST_LABELS] if "=" in text.strip("="))
            ),
            part=part,
        )
        known = board.current
        members = known.members_of(asked.id)
        if not members:
            return await asyncio.to_thread(_missing, renderer, request, known, asked.id)
        context = await _common(members, asked, renderer, data)
        if part == _CONTRIBUTORS:
            return await asyncio.to_thread(renderer.page, request, "slo/contributors.html", **context)
        context["verdict"] = None if policy is None else await asyncio.to_thread(policy.verdict, asked.id)
        context["decision_states"] = STATUS_OF_DECISION
        is_one = known.find(asked.id) is not None
        context["last_incident"] = None
        if kept is not None:
            context |= await asyncio.to_thread(
                _last_incident, kept.log, members[0], renderer.clock.now(), is_one=is_one
            )
        return await asyncio.to_thread(_whole if is_one else _group, renderer, request, known, members, context)

    return router


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


async def _common(
    members: Sequence[Snapshot], asked: _Asked, renderer: Renderer, data: SloData | None
) -> dict[str, Any]:
    """What the pages of SLOs and groups show of a range."""
    chosen = asked.range_of(members, renderer.clock.now())
    context: dict[str, Any] = {
        "id": asked.id,
        "range": chosen,
        "choices": CHOICES,
        "by": asked.by,
        "within": asked.within,
        "contributors": None,
        "series": None,
        "exhausted": None,
        "charts": [],
        "ticks": (),
        "rows": [],
        "marks": (),
        "calendar": None,
        "forecast": None,
        "surroundings": Surroundings() if data is None else data.surroundings,
        "has_past": data is not None,
        "known": None,
        "link": lambda **more: _address(asked, chosen, **more),
    }
    if data is None:
        return context
    if asked.part == _CONTRIBUTORS:
        found = await data.contributors.contributors(
            asked.id, chosen.start, chosen.end, by=asked.by, within=asked.within
        )
        return context | {"contributors": found}
    async with data.turn:
        try:
            return context | await asyncio.to_thread(_past, data.pasts, asked.id, members, chosen)
        except StoreUnavailableError:
            # The figures of now are on the board, and who was paged needs them now.
            return context | {"series": RangeSeries(id=asked.id, since=None)}


def _past(pasts: Pasts, slo_id: SloId, members: Sequence[Snapshot], chosen: ChartRange) -> dict[str, Any]:
    """What a range and the last year are drawn from, and the drawings."""
    newest, slo = _newest(members), members[0].slo
    if newest is None:
        return {"series": RangeSeries(id=slo_id, since=None)}
    ids = [one.id for one in members]
    series = pasts.series(slo_id, ids, chosen.start, chosen.end, round_step(chosen.end - chosen.start, charts.POINTS))
    return {
        "series": series,
        "exhausted": _exhausted(pasts, members, newest),
        "charts": charts.pictures(series, slo, chosen.start, chosen.end),
        "ticks": charts.ticks(chosen.start, chosen.end),
        "rows": charts.rows(series),
        # Data is missing of a group as a whole.
        "marks": pasts.marks(sorted({*ids, slo.id}), chosen.start, chosen.end),
        "forecast": _forecast(pasts, slo_id, members),
        "calendar": calendar(pasts.days(ids, newest - _CALENDAR, newest), slo),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _ForecastSection:
    """What is said of the days ahead; without a forecast, why there is none."""

    words: str
    inputs: str = ""
    until: datetime | None = None
    picture: charts.ForecastPicture | None = None


def _forecast(pasts: Pasts, slo_id: SloId, members: Sequence[Snapshot]) -> _ForecastSection | None:
    """The forecast of one SLO or member, by what is counted now; None of a whole group."""
    if [one.id for one in members] != [slo_id]:
        return None
    found = members[0].forecast
    if members[0].has_newer_forecast:
        found = pasts.forecast(slo_id)
    if isinstance(found, NoForecast):
        return _ForecastSection(words=no_forecast_words(found))
    return _ForecastSection(
        words=forecast_words(found),
        inputs=inputs_words(found),
        until=found.until,
        picture=charts.forecast_picture(found, members[0].budget.remaining_ratio),
    )


def _exhausted(pasts: Pasts, members: Sequence[Snapshot], newest: datetime) -> tuple[datetime, datetime] | None:
    """The step in which the budget of one SLO fell to zero, for any chosen range; None if it is not exhausted."""
    if len(members) != 1 or members[0].health is not HealthState.EXHAUSTED:
        return None
    (slo,) = members

    def step_within(start: datetime, end: datetime) -> tuple[datetime, datetime] | None:
        return exhausted_step(pasts.series(slo.id, [slo.id], start, end, round_step(end - start, charts.POINTS)))

    found = step_within(newest - slo.slo.window.nominal, newest)
    if found is None or found[0] == found[1]:
        return found
    # A step of the window is hours long; looked at from one before it, it begins above zero.
    start, end = found
    return step_within(start - (end - start), end) or found


def _address(asked: _Asked, chosen: ChartRange, **more: Any) -> str:
    """The query string of the page with another range, other labels, or a part of it."""
    query = more.pop("range_query", chosen.query)
    by = more.pop("by", asked.by)
    within: Labels = more.pop("within", asked.within)
    parts = [("by", name) for name in by] + [("label", f"{name}={value}") for name, value in within]
    parts += [(name, str(value)) for name, value in more.items()]
    return f"?{query}" + (f"&{urlencode(parts)}" if parts else "")


def _last_incident(log: IncidentLog, slo: Snapshot, now: datetime, *, is_one: bool) -> dict[str, Any]:
    """The newest incident of one SLO, or of the whole group of a member, that ended within a day.

    And what is *known* without the database, if that cannot be read.
    """
    wanted = IncidentFilter(slos=frozenset({slo.id, slo.slo.id}), active=False, since=now - _RECENT)
    found, known = read_or_known(log, lambda past: past.listed(wanted, limit=1))
    return {"last_incident": next(iter(found), None) if is_one else None, "known": known}


def _whole(
    renderer: Renderer, request: Request, known: BoardContent, members: Sequence[Snapshot], context: dict[str, Any]
) -> Response:
    (slo,) = members
    sent_for = [known.notification_of(slo, alert) for alert in slo.alerts]
    active = incidents((notification for notification in sent_for if notification is not None), known)
    return renderer.page(
        request,
        "slo/slo.html",
        slo=slo,
        headline=headline_of(slo, context["exhausted"]),
        incidents=active,
        links=own_links(slo.slo, active),
        alerts=views.alert_rows(slo, sent_for),
        **context,
    )


def _group(
    renderer: Renderer, request: Request, known: BoardContent, members: Sequence[Snapshot], context: dict[str, Any]
) -> Response:
    slo_id = context["id"]
    active = [one for one in known.notifications if one.slo == slo_id]
    return renderer.page(
        request,
        "slo/group.html",
        group=summed_group(members),
        incidents=incidents(active, known),
        members=ordered(members, SortColumn.STATUS)[:MAX_ROWS],
        more=max(0, len(members) - MAX_ROWS),
        **context,
    )


def _missing(renderer: Renderer, request: Request, known: BoardContent, slo_id: SloId) -> Response:
    active = [one for one in known.notifications if one.slo == slo_id]
    return renderer.page(
        request, "missing.html", status=HTTPStatus.NOT_FOUND, id=slo_id, incidents=incidents(active, known)
    )
