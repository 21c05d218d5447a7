"""From the ledger to figures: every window of every member, computed as columns."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

import numpy as np

from app.alerting import ADEQUATE_COVERAGE
from app.budget import (
    STANDARD_WINDOWS,
    BudgetFigures,
    RecentEvents,
    budget,
    burn_rate,
    exhaustion_s,
    period_remaining,
    present_rates,
    sli,
)
from app.evaluation.figures.adjusted_sums import AdjustedSums
from app.evaluation.figures.members import Member
from app.ledger import Ledger
from app.slo import CalendarWindow, RollingWindow, month_of
from app.slo.arrays import Bools, Floats, Ints

HOUR = timedelta(hours=1)
# To sum many rows costs hardly more than to sum one: all windows of so few are summed at once.
_FEW = 250
# The windows whose events tell how long a budget lasts.
_RECENT = (HOUR, timedelta(minutes=30), timedelta(minutes=5))


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFigures:
    """One window of all members, shape (members,): events, SLI and coverage as ratios, burn rate.

    *excess* is as in `app.ledger.WindowSums`.
    """

    total: Floats
    bad: Floats
    excess: Floats
    sli: Floats
    burn_rate: Floats
    coverage: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything that is computed in an evaluation, shape (members,); unix seconds, NaN where a member has no data yet.

    *as_of_s* ends the newest measured slot, *data_since_s* is the first sample of the SLI; *start_s* and *period_s* are
    the SLO window's, *window_read* says whether its history has been read back to its start, as far as it is wanted;
    *leaves_in_s* is when the first events leave it, at the end of a calendar period all at once; *exhausted_in_s* is
    how long the budget lasts, 0 if none is left, NaN if it lasts the window or the window has not been read.
    *month_remaining* is the unspent share of the budget of the calendar month; NaN where too little of it is known.
    *dipped_s*, *copied_s* and *ended_s* are as in `app.ledger.Ledger`.
    """

    as_of_s: Floats
    data_since_s: Floats
    start_s: Floats
    period_s: Floats
    window_read: Bools
    slo_window: WindowFigures
    windows: dict[timedelta, WindowFigures]
    budget: BudgetFigures
    leaves_in_s: Floats
    exhausted_in_s: Floats
    month_remaining: Floats
    good_ever: Floats
    bad_ever: Floats
    dipped_s: Floats
    copied_s: Floats
    ended_s: Floats

    @property
    def elapsed(self) -> Floats:
        """Which share of the SLO window has passed since it began, or since the first sample."""
        share: Floats = (self.as_of_s - np.fmax(self.start_s, self.data_since_s)) / self.period_s
        return share


def compute(members: Sequence[Member], ledger: Ledger, adjusted: AdjustedSums | None = None) -> Figures:
    """The figures of all members as the ledger stands, or as *adjusted*.

    Members without a row, and of refused SLIs, get NaN. Counters of events that never reset are never adjusted.
    """
    rows = np.array([_row(member) for member in members], dtype=np.int64)
    there = rows >= 0
    as_of = np.full(len(members), np.nan)
    as_of[there] = ledger.watermark(rows[there])
    data_since = np.full(len(members), np.nan)
    data_since[there] = ledger.first_sample_s[rows[there]]
    error_budget = np.array([member.slo.error_budget for member in members])
    bounds = [_bounds(member, at) for member, at in zip(members, as_of.tolist(), strict=True)]
    start_s = np.array([bound[0] for bound in bounds])
    period_s = np.array([bound[1] for bound in bounds])
    lengths = sorted(
        {*STANDARD_WINDOWS, *(length for needed in {member.needed for member in members} for length in needed)}
    )
    # With the other windows, although few members have one: a window more of the same rows costs hardly anything.
    month_start_s, month_end_s = _months(members, as_of)
    starts_s = [start_s, month_start_s, *(as_of - length.total_seconds() for length in lengths)]
    slo_window, month, *others = _windows(adjusted or ledger, rows, starts_s, as_of, error_budget)
    windows = dict(zip(lengths, others, strict=True))
    figures = budget(slo_window.bad, slo_window.total, error_budget=error_budget)
    window_read = _window_read(members, ledger, rows, start_s)
    leaves_in_s, at_most_s = _horizons(members, as_of, data_since, start_s, period_s)
    hour, half_hour, five_minutes = (_recent(windows[length], length, as_of - data_since) for length in _RECENT)
    exhausted_in_s = exhaustion_s(
        figures.remaining_events,
        present_rates(hour, half_hour, five_minutes, error_budget=error_budget),
        error_budget=error_budget,
        leaves_in_s=leaves_in_s,
        at_most_s=at_most_s,
    )
    good_ever, bad_ever = np.zeros(len(members)), np.zeros(len(members))
    good_ever[there], bad_ever[there] = ledger.ever(rows[there])
    dipped_s, copied_s, ended_s = (np.full(len(members), np.nan) for _ in range(3))
    for column, of_row in ((dipped_s, ledger.dipped_s), (copied_s, ledger.copied_s), (ended_s, ledger.ended_s)):
        column[there] = of_row[rows[there]]
    return Figures(
        as_of_s=as_of,
        data_since_s=data_since,
        start_s=start_s,
        period_s=period_s,
        window_read=window_read,
        slo_window=slo_window,
        windows=windows,
        budget=figures,
        leaves_in_s=leaves_in_s,
        # How much of the budget is left is only known of a whole window.
        exhausted_in_s=np.where(window_read, exhausted_in_s, np.nan),
        month_remaining=_month_remaining(month, as_of, np.fmax(month_start_s, data_since), month_end_s),
        good_ever=good_ever,
        bad_ever=bad_ever,
        dipped_s=dipped_s,
        copied_s=copied_s,
        ended_s=ended_s,
    )


def _row(member: Member) -> int:
    return -1 if member.row is None or member.tracked.refusal is not None else member.row


def _window_read(members: Sequence[Member], ledger: Ledger, rows: Ints, start_s: Floats) -> Bools:
    complete_from_s = np.full(len(members), np.inf)
    there = rows >= 0
    complete_from_s[there] = ledger.complete_from_s[rows[there]]
    read = complete_from_s <= start_s
    # Once all that windows need is counted, `LedgerWriter` notes 0: the few others are looked at one by one.
    for index in np.flatnonzero(complete_from_s > 0).tolist():
        tracked = members[index].tracked
        if tracked.partial_history is not None:
            read[index] = start_s[index] >= tracked.complete_from_s
        else:
            # Where less history than a window is wanted, all of it is all there will be.
            read[index] |= tracked.backfilled
    return read


def _recent(window: WindowFigures, length: timedelta, age_s: Floats) -> RecentEvents:
    """The events of a recent window of SLIs whose first samples are so many seconds old."""
    return RecentEvents(window.bad, window.total, np.minimum(age_s, length.total_seconds()) * window.coverage)


def _horizons(
    members: Sequence[Member], as_of_s: Floats, data_since_s: Floats, start_s: Floats, period_s: Floats
) -> tuple[Floats, Floats]:
    """In how many seconds the first events leave each SLO window, and how long its budget can last at most."""
    calendar = np.array([isinstance(member.slo.window, CalendarWindow) for member in members], dtype=bool)
    ends_in_s = start_s + period_s - as_of_s
    leaves_in_s = np.where(calendar, ends_in_s, np.maximum(data_since_s + period_s - as_of_s, 0.0))
    return leaves_in_s, np.where(calendar, ends_in_s, period_s)


def _bounds(member: Member, as_of_s: float) -> tuple[float, float]:
    """Start and length of a member's SLO window, in seconds."""
    window = member.slo.window
    if isinstance(window, RollingWindow):
        length_s = window.duration.total_seconds()
        return as_of_s - length_s, length_s
    if np.isnan(as_of_s):
        return np.nan, window.nominal.total_seconds()
    at = datetime.fromtimestamp(as_of_s, UTC)
    return window.bounds(at)[0].timestamp(), window.period(at).total_seconds()


def _months(members: Sequence[Member], as_of_s: Floats) -> tuple[Floats, Floats]:
    """Start and end of each member's calendar month, in seconds."""
    # Nearly all members have the same few times and zones.
    known: dict[tuple[str, float], tuple[float, float]] = {}
    bounds = []
    for member, at_s in zip(members, as_of_s.tolist(), strict=True):
        place = member.slo.window.timezone, at_s
        if place not in known:
            known[place] = _month_bounds(member, at_s)
        bounds.append(known[place])
    start_s, end_s = np.array(bounds).reshape(-1, 2).T
    return start_s, end_s


def _month_remaining(month: WindowFigures, as_of_s: Floats, begin_s: Floats, end_s: Floats) -> Floats:
    """Of the budget of each member's calendar month; what of it was not measured is taken to be as the rest."""
    remaining = period_remaining(month.burn_rate, (as_of_s - begin_s) / (end_s - begin_s))
    return np.where(month.coverage < ADEQUATE_COVERAGE, np.nan, remaining)


def _month_bounds(member: Member, as_of_s: float) -> tuple[float, float]:
    """Start and end of the calendar month in the zone of a member's SLO window, in seconds."""
    if np.isnan(as_of_s):
        return np.nan, np.nan
    at, month = datetime.fromtimestamp(as_of_s, UTC), month_of(member.slo.window)
    start, _ = month.bounds(at)
    return start.timestamp(), (start + month.period(at)).timestamp()


def _windows(
    ledger: Ledger | AdjustedSums, rows: Ints, starts_s: Sequence[Floats], end_s: Floats, error_budget: Floats
) -> list[WindowFigures]:
    """The figures of the windows that begin at *starts_s*, in their order."""
    if not 0 < len(rows) * len(starts_s) <= _FEW:
        return [_window(ledger, rows, start_s, end_s, error_budget) for start_s in starts_s]
    times = len(starts_s)
    all_rows, ends_s, budgets = np.tile(rows, times), np.tile(end_s, times), np.tile(error_budget, times)
    every = _window(ledger, all_rows, np.concatenate(starts_s), ends_s, budgets)
    return [
        WindowFigures(**{field.name: getattr(every, field.name)[first : first + len(rows)] for field in fields(every)})
        for first in range(0, times * len(rows), len(rows))
    ]


def _window(
    ledger: Ledger | AdjustedSums, rows: Ints, start_s: Floats, end_s: Floats, error_budget: Floats
) -> WindowFigures:
    known = (rows >= 0) & ~np.isnan(end_s)
    total, bad, coverage, excess = (np.zeros(len(rows)) for _ in range(4))
    if isinstance(ledger, AdjustedSums):
        # Several windows of all members follow each other.
        sums = ledger.sums(np.flatnonzero(known) % ledger.members, rows[known], start_s[known], end_s[known])
    else:
        sums = ledger.sums(rows[known], start_s[known], end_s[known])
    total[known], bad[known], coverage[known], excess[known] = sums.total, sums.bad, sums.coverage, sums.excess
    return WindowFigures(
        total=total,
        bad=bad,
        excess=excess,
        sli=sli(bad, total),
        burn_rate=burn_rate(bad, total, error_budget=error_budget),
        coverage=coverage,
    )
