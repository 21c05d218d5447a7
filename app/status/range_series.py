"""The past of an SLO as series for charts, and as the days of a calendar; NaN is not known."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from app.slo import SloId

# Steps that people read off a time axis, from the default slot to a week.
_ROUND_STEPS = tuple(
    timedelta(minutes=minutes) for minutes in (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 10_080)
)


def round_step(span: timedelta, points: int) -> timedelta:
    """The shortest round step that cuts the span into so many points at most; above a week, whole weeks."""
    weeks = max(1, math.ceil(span / _ROUND_STEPS[-1] / points))
    return next((step for step in _ROUND_STEPS if span / step <= points), weeks * _ROUND_STEPS[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeSeries:
    """Steps of the past of an SLO or group, oldest first; step n ends at ``at[n]``, the first begins at *since*.

    *good*, *bad* and *total* are the events of each step, *sli* and *coverage* are of all of it. *budget_remaining* is
    the lowest that the budget of the SLO window was in the step, *burn_rates* are the highest of each window.
    """

    id: SloId
    since: datetime | None
    at: Sequence[datetime] = ()
    good: Sequence[float] = ()
    bad: Sequence[float] = ()
    total: Sequence[float] = ()
    sli: Sequence[float] = ()
    budget_remaining: Sequence[float] = ()
    coverage: Sequence[float] = ()
    burn_rates: Mapping[timedelta, Sequence[float]] = field(default_factory=dict)


class RangeMarkKind(StrEnum):
    """What a mark is of: an incident by its severity, a deploy, another change, a transition, or adjusted time."""

    PAGE = "page"
    TICKET = "ticket"
    DEPLOY = "deploy"
    CHANGE = "change"
    TRANSITION = "transition"
    ADJUSTMENT = "adjustment"


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeMark:
    """Something that happened in a range; *until* is None while it goes on, and *at* for a moment.

    *path* is its page, below the external URL.
    """

    at: datetime
    until: datetime | None
    kind: RangeMarkKind
    title: str
    path: str | None = None


class BudgetCost(NamedTuple):
    """What a stretch of time cost, as shares of the error budget of a whole SLO window; NaN is not known.

    *before* and *after* are what remained of the budget at its start and its end; *spent* is the share that its bad
    events are, *usual* the median of stretches of the same length in the week before.
    """

    before: float
    after: float
    spent: float
    usual: float


class DaySummary(NamedTuple):
    """One day of an SLO in its time zone, from *start* to *end*; a day that is not over has its events so far.

    *budget_spent* is the share of the error budget of a whole SLO window that its bad events are.
    """

    date: date
    start: datetime
    end: datetime
    over: bool
    good: float
    bad: float
    total: float
    sli: float
    burn_rate: float
    budget_spent: float
    coverage: float
