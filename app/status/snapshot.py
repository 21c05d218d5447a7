"""What is known of one SLO (or of one member of its group) at one slot.

Ratios and burn rates are NaN where nothing was asked of the service; those who print turn NaN into null.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from app.alerting import End
from app.budget.forecast import NoForecast, Outlook
from app.slo import AlertState, Cause, GroupKey, Severity, Slo, SloId
from app.status.problems import Problem, ProblemLevel


class DataState(StrEnum):
    """How far the numbers of a snapshot can be trusted."""

    FRESH = "fresh"
    STALE = "stale"
    NO_TRAFFIC = "no_traffic"
    BACKFILLING = "backfilling"
    ERROR = "error"


class HealthState(StrEnum):
    """The verdict on the error budget; *at risk* is below a tenth left, or a firing page."""

    MEETING = "meeting"
    AT_RISK = "at_risk"
    EXHAUSTED = "exhausted"
    UNKNOWN = "unknown"


WORST_FIRST = (HealthState.EXHAUSTED, HealthState.AT_RISK, HealthState.UNKNOWN, HealthState.MEETING)
"""The verdicts in the order in which somebody should look at them."""


class WindowView(NamedTuple):
    """Counts and burn rate of one look-back window that ends at the snapshot's `as_of`.

    A tuple, since an evaluation makes nine of them for each SLO.
    """

    window: timedelta
    burn_rate: float
    sli: float
    good: float
    bad: float
    total: float
    coverage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetView:
    """The error budget over the SLO window: signed, never clamped.

    *total_events* is how many bad events the window's traffic allows; *exhausted_at* is when none is left at the
    present burn rate; None if the burn has stopped, if the budget outlasts the window, or if none is left already.
    *estimated* says that the window has only begun, and its bad events are less than the budget of all of it.
    *month_remaining_ratio* is the unspent share of the budget of the calendar month; NaN where it is not known.
    """

    total_events: float
    consumed_ratio: float
    remaining_ratio: float
    remaining_events: float
    exhausted_at: datetime | None
    estimated: bool = False
    month_remaining_ratio: float = math.nan

    @property
    def lasts_until_s(self) -> float:
        """When none is left, in Unix seconds, to sort by: minus infinity if none is, infinity if it lasts."""
        if self.remaining_ratio <= 0:
            return -math.inf
        return math.inf if self.exhausted_at is None else self.exhausted_at.timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """One severity of an SLO, or a condition that opens a ticket of its own.

    *reason* says in words why it is frozen or suppressed. *muted* also holds while it is frozen. It fired last until
    *ended_at*, for the reason *ended*; both None if it has not ended yet.
    """

    severity: Severity
    state: AlertState
    since: datetime | None
    tier: str | None
    reason: str | None = None
    cause: Cause = Cause.BURN
    muted: bool = False
    ended_at: datetime | None = None
    ended: End | None = None

    @property
    def firing(self) -> bool:
        """Whether it fires and is not muted.

        Only an alert that fires has a tier while it is frozen: to drop to 0 for want of data would be an all-clear.
        """
        if self.state is AlertState.FROZEN:
            return self.tier is not None and not self.muted
        return self.state is AlertState.FIRING


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the backfill of an SLO has come: hours of history counted, of those asked for."""

    done_hours: float
    wanted_hours: float

    @property
    def ratio(self) -> float:
        """Share of the wanted history that is counted, 0 to 1."""
        return 1.0 if self.wanted_hours <= 0 else min(1.0, self.done_hours / self.wanted_hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that is shown of one SLO; grouped SLOs have one snapshot per member.

    *as_of* is the newest measured slot, None before the first; *data_since* is the SLI's first sample, from which on
    *coverage* counts; *problems* are what is wrong with the data, the most serious first; *good_ever* and *bad_ever*
    are counters that never reset. *refused_members* is how many living members of its group are not evaluated since
    there are too many, None without a group. *forecast* is that of the budget, or why there is none. *counted* is the
    same without adjustments, None where there are none.
    """

    id: SloId
    slo: Slo
    group: GroupKey
    as_of: datetime | None
    window_start: datetime | None
    window_end: datetime | None
    data: DataState
    problems: tuple[Problem, ...]
    data_since: datetime | None
    coverage: float
    health: HealthState
    sli: float
    good: float
    bad: float
    total: float
    budget: BudgetView
    windows: tuple[WindowView, ...]
    alerts: tuple[AlertView, ...]
    good_ever: float
    bad_ever: float
    backfill: Progress | None = None
    refused_members: int | None = None
    forecast: Outlook | NoForecast = NoForecast.PENDING
    counted: "Snapshot | None" = None

    @property
    def has_newer_forecast(self) -> bool:
        """Whether a forecast by what is counted now may say more than *forecast*, which is of the last round of all.

        A round that came before the first samples has found no data.
        """
        found = self.forecast
        arrived = found is NoForecast.NO_DATA and self.data is DataState.FRESH
        return isinstance(found, Outlook) or found is NoForecast.PENDING or arrived

    @property
    def problem(self) -> str | None:
        """The most serious problem in words; None if there is none, or nothing but hints."""
        return next((problem.detail for problem in self.problems if problem.level is not ProblemLevel.HINT), None)


def shown_as(snapshots: Sequence[Snapshot], *, adjusted: bool) -> Sequence[Snapshot]:
    """The snapshots, with adjustments or as they were counted."""
    return snapshots if adjusted else [snapshot.counted or snapshot for snapshot in snapshots]


class HistoryPoint(NamedTuple):
    """One step of an SLO's past: the counts of the step that ends at *at*, and the budget as it was then.

    A tuple, since one answer may have 11,000 of them.
    """

    at: datetime
    good: float
    bad: float
    total: float
    sli: float
    burn_rate: float
    budget_remaining_ratio: float
    coverage: float
