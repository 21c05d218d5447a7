"""What a forecast says of one SLO, for people and alerts; or why there is none."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.budget.forecast.incidents import PastIncidents
from app.budget.forecast.model import Forecasts

LEAST_HISTORY = timedelta(days=3)
"""So much of the last days must have been measured before anything is forecast."""
_MONTH_H = 720.0
# Those that were large enough to be missed, so that a reader finds them again.
_MOST_LEAVING = 3
_HOUR = timedelta(hours=1)


class NoForecast(StrEnum):
    """Why there is no forecast of an SLO; *as counted* is one without its adjustments, which forecasts have."""

    PENDING = "pending"
    NO_DATA = "no_data"
    NO_TRAFFIC = "no_traffic"
    HISTORY_UNREAD = "history_unread"
    NOT_ENOUGH_HISTORY = "not_enough_history"
    AS_COUNTED = "as_counted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """What is expected, and the bounds of what comes in 80 of 100 futures."""

    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeavingIncident:
    """A past incident that leaves the SLO window from *start* to *end*, and the share of the budget that it spent."""

    start: datetime
    end: datetime
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastStep:
    """The unspent share of the budget at one time ahead."""

    at: datetime
    remaining: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The forecast of one SLO as of *at*, until *until*; shares are of the error budget, ratios of events.

    *earliest*, *expected* and *latest* are when the budget is exhausted in the first 10, 50 and 90 of 100 futures, None
    where it is later than *until*; *chance* is in how many it is exhausted by then. *remaining* is what is left at
    *until*. *allowed_burn_rate* is the highest mean burn rate until then at which the objective is met, negative where
    it cannot be, NaN without events. What it goes by: *background_burn_rate* without incidents, *events_per_day*,
    *incidents_per_month* and the median share of the budget that each spent (NaN without any), *history* how much was
    measured, whether an incident goes on, and which incidents leave the window. *steps* are there only if asked for.
    """

    at: datetime
    until: datetime
    earliest: datetime | None
    expected: datetime | None
    latest: datetime | None
    chance: float
    remaining: Interval
    allowed_burn_rate: float
    allowed_bad_ratio: float
    background_burn_rate: float
    events_per_day: float
    incidents_per_month: float
    incident_share: float
    incident_goes_on: bool
    history: timedelta
    leaving: tuple[LeavingIncident, ...] = ()
    steps: tuple[ForecastStep, ...] = ()


def outlook(
    found: Forecasts,
    place: int,
    *,
    at: datetime,
    error_budget: float,
    window: timedelta,
    rolls: bool,
    with_steps: bool = False,
) -> Outlook:
    """What the forecast at one place says, as of *at*, of an SLO *window* that *rolls* or is a whole period."""
    known, incidents = found.known, found.known.incidents
    earliest, expected, latest = (
        None if math.isinf(seconds) else at + timedelta(seconds=seconds) for seconds in found.exhausted_in_s[place]
    )
    until = at + timedelta(seconds=float(found.ends_s[place, -1]))
    sizes = incidents.size[place, : incidents.count[place]]
    allowed = float(found.allowed_burn_rate[place])
    background = known.background.mean[place] * known.share[place]
    # A size is in hours of failing traffic, of which the budget allows this many in a window.
    allowed_hours = error_budget * (window / _HOUR)
    return Outlook(
        at=at,
        until=until,
        earliest=earliest,
        expected=expected,
        latest=latest,
        chance=float(found.chance[place]),
        remaining=_interval(found, place, -1),
        allowed_burn_rate=allowed,
        allowed_bad_ratio=allowed * error_budget,
        background_burn_rate=float(background) / error_budget,
        events_per_day=float(known.week[place].sum() / 7 * known.traffic.mean[place]),
        incidents_per_month=float(incidents.count[place] / max(known.known_hours[place], 1.0) * _MONTH_H),
        incident_share=float(sizes[len(sizes) // 2]) / allowed_hours if len(sizes) else math.nan,
        incident_goes_on=bool(incidents.ongoing_share[place] > 0),
        history=timedelta(hours=round(float(known.known_hours[place]))),
        leaving=_leaving(incidents, place, (at - window, until - window), allowed_hours, window) if rolls else (),
        steps=_steps(found, place, at) if with_steps else (),
    )


def _interval(found: Forecasts, place: int, step: int) -> Interval:
    low, median, high = (float(column[place, step]) for column in (found.low, found.median, found.high))
    return Interval(low=low, median=median, high=high)


def _leaving(
    incidents: PastIncidents, place: int, leaves: tuple[datetime, datetime], allowed_hours: float, window: timedelta
) -> tuple[LeavingIncident, ...]:
    """The largest incidents that began in the time that *leaves* a rolling window, in the order in which they do."""
    (since, until), leaving = leaves, []
    now = since + window
    for number in range(int(incidents.count[place])):
        began = now - _HOUR * float(incidents.begins[place, number])
        if since < began < until:
            end = began + _HOUR * float(incidents.hours[place, number])
            share = float(incidents.size[place, number]) / allowed_hours
            leaving.append(LeavingIncident(start=began + window, end=end + window, share=share))
    return tuple(sorted(leaving[:_MOST_LEAVING], key=lambda one: one.start))


def _steps(found: Forecasts, place: int, at: datetime) -> tuple[ForecastStep, ...]:
    """The steps until the horizon; those behind it are left out."""
    ends_s = found.ends_s[place].tolist()
    last = ends_s.index(ends_s[-1])
    return tuple(
        ForecastStep(at=at + timedelta(seconds=end_s), remaining=_interval(found, place, step))
        for step, end_s in enumerate(ends_s[: last + 1])
    )
