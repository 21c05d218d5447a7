"""Objectives from history: what days were like, what was reached, and which budget each objective would have left.

Pure arithmetic over daily counts; days without events say nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from app.slo.arrays import Floats

STEPS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999, 0.9995, 0.9999)
"""The objectives that people write. There is no 1: at 100% there is no budget, the first failure exhausts it."""
CONVENTIONAL = 0.99
"""Where history is too short to say anything."""
SHOWN = (0.99, 0.995, 0.999, 0.9995, 0.9999)
"""For which the budget that would have been left is always shown."""
DAY = timedelta(days=1)
LEAST_EVENTS = 100
"""A percentage of fewer events would change with each of them."""
# As bad as one day in ten: the worst day may be an incident that says nothing of other months.
_PERCENTILE = 10.0
_LEAST_HOURS = 6.0
# With fewer, one event more or less decides about the budget.
_LEAST_BUDGET_EVENTS = 10.0
_FEW_BAD_EVENTS = 10.0
# Of a budget: what history would have spent nearly whole is not an objective to start with.
LEAST_LEFT = 0.1
_TENFOLD = -9.995
# No failure in n events: with 95% confidence, fewer than 3 in n fail. Source: https://en.wikipedia.org/wiki/Rule_of_three_(statistics)
_RULE_OF_THREE = 3.0


class Basis(StrEnum):
    """What an objective rests on."""

    HISTORY = "history"
    FEW_FAILURES = "few_failures"
    LITTLE_TRAFFIC = "little_traffic"
    SHORT_HISTORY = "short_history"
    NO_HISTORY = "no_history"
    MOSTLY_BAD = "mostly_bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyCounts:
    """All and bad events of days, and how many *hours* of each have data, shape (days,); *starts*: their beginnings."""

    starts: tuple[datetime, ...]
    total: Floats
    bad: Floats
    hours: Floats

    @property
    def ratios(self) -> Floats:
        """The share of good events of each day, shape (days,); NaN without events, and of days known in small part."""
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = 1.0 - self.bad / self.total
        # A few hours say nothing of a day, unless there is no other.
        least = min(_LEAST_HOURS, float(self.hours.max(initial=0)))
        return np.where((self.total > 0) & (self.hours >= least), shares, np.nan)

    @property
    def known(self) -> timedelta:
        """The time that there are data of."""
        return timedelta(hours=float(self.hours.sum()))

    @property
    def events(self) -> float:
        """All events."""
        return float(np.nansum(self.total))

    @property
    def bad_events(self) -> float:
        """All bad events; never less than none, as estimates may be."""
        return max(float(np.nansum(self.bad)), 0.0)

    @property
    def ratio(self) -> float:
        """The share of good events of all days; NaN without events."""
        return 1.0 - self.bad_events / self.events if self.events > 0 else float("nan")

    def budget_left(self, objective: float) -> float:
        """The share of the budget that would have been left at the end; negative if more was spent."""
        return 1.0 - (1.0 - self.ratio) / (1.0 - objective)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """What days were like: shares of good events; NaN without days. *days* is the number of those with events."""

    days: int
    worst: float
    worst_start: datetime | None
    percentile: float
    median: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedObjective:
    """A proposed objective, a ratio; what it rests on; and what history *reached*."""

    objective: float
    basis: Basis
    reached: float
    budgets: tuple[tuple[float, float], ...]
    """Objectives, and the share of budget that each would have left."""
    days_missed: int
    """Days whose own share of good events was below the objective."""


def budget_text(share: float) -> str:
    """A share of a budget for people; of one that was exceeded tenfold, only that it was.

    >>> budget_text(0.207), budget_text(-0.586), budget_text(-200.0)
    ('21%', '-59%', '< -999%')
    """
    return f"{share * 100:z,.0f}%" if share > _TENFOLD else "< -999%"


def day_figures(counts: DailyCounts) -> DayFigures:
    """Worst day, 10th percentile and median of the days with events."""
    ratios = counts.ratios
    known = np.flatnonzero(~np.isnan(ratios))
    if not len(known):
        return DayFigures(days=0, worst=np.nan, worst_start=None, percentile=np.nan, median=np.nan)
    worst = int(known[np.argmin(ratios[known])])
    return DayFigures(
        days=len(known),
        worst=float(ratios[worst]),
        worst_start=counts.starts[worst],
        percentile=float(np.percentile(ratios[known], _PERCENTILE, method="lower")),
        median=float(np.median(ratios[known])),
    )


def propose(counts: DailyCounts, *, window: timedelta) -> ProposedObjective:
    """The highest usual objective that history reached, and whose budget is more than a few events."""
    figures = day_figures(counts)
    if counts.events <= 0:
        return _objective(counts, CONVENTIONAL, Basis.NO_HISTORY, np.nan)
    reached = min(figures.percentile, counts.ratio)
    if counts.bad_events < 1:
        reached = min(reached, 1.0 - _RULE_OF_THREE / counts.events)
    kept = [step for step in STEPS if step <= reached and counts.budget_left(step) >= LEAST_LEFT]
    if not kept and counts.ratio < STEPS[0]:
        return _objective(counts, CONVENTIONAL, Basis.MOSTLY_BAD, reached)
    conventional = min(kept[-1], CONVENTIONAL) if kept else CONVENTIONAL
    if counts.known < DAY:
        return _objective(counts, conventional, Basis.SHORT_HISTORY, reached)
    in_window = counts.events * (window / counts.known)
    countable = [step for step in kept if (1.0 - step) * in_window >= _LEAST_BUDGET_EVENTS]
    if not countable or counts.events < LEAST_EVENTS:
        return _objective(counts, conventional, Basis.LITTLE_TRAFFIC, reached)
    few = counts.bad_events < _FEW_BAD_EVENTS
    return _objective(counts, countable[-1], Basis.FEW_FAILURES if few else Basis.HISTORY, reached)


def _objective(counts: DailyCounts, objective: float, basis: Basis, reached: float) -> ProposedObjective:
    shown = sorted({*SHOWN, objective})
    has_events = counts.events > 0
    return ProposedObjective(
        objective=objective,
        basis=basis,
        reached=reached,
        budgets=tuple((step, counts.budget_left(step)) for step in shown) if has_events else (),
        days_missed=int(np.count_nonzero(counts.ratios < objective)),
    )
