"""The past of an SLO as series for charts, and as the days of a calendar; NaN is not known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

from app.slo import SloId


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
