"""Which slots leave alerts as they are, told from whole columns: most of the past need not be stepped through.

Each condition is sufficient and exact: `tests/replay` steps every slot beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np

from app.alerting import ADEQUATE_COVERAGE, Alert, is_calm, lowest_factor, needed_windows, recovery_windows, trips
from app.replay.window_series import WindowSeries
from app.slo import AlertState, NoData, SeverityPolicy
from app.slo.arrays import Bools, Ints

# A tenth of the chance at which `evidence.is_over` is sure: a bound on a tail is no less than the tail itself, and the
# approximations of that are off by a few hundredths.
_SURE = 1e-3
# A look ahead of so many slots at once: an alert that fires, or is suppressed, seldom stays the same for longer.
_AHEAD = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _PolicyColumns:
    """One severity at every slot, shape (slots,).

    *calm* is whether an alert at rest stays so: no rule trips on adequate data, or one does by errors that are surely
    over; *tripped* the place of the first rule that does, -1 without one;
    *inadequate* tells which rule, and which window of it, is the first that is not measured well enough, -1 if none.
    *burns_on* is whether the newest events burn so fast that nothing shows the end.
    """

    calm: Bools
    tripped: Ints
    inadequate: Ints
    burns_on: Bools


class RestingSlots:
    """Of one SLO and its policies, where its alerts may change next."""

    def __init__(self, series: WindowSeries, policies: Sequence[SeverityPolicy], *, no_data: NoData) -> None:
        self._series = series
        self._policies = policies
        self._no_data = no_data
        self._longest = max((rule.long for policy in policies for rule in policy.rules), default=None)
        self._of = {policy.severity: _columns(series, policy) for policy in policies}
        calm = ~series.stale
        for columns in self._of.values():
            calm &= columns.calm
        self._restless = np.flatnonzero(~calm)

    def next_restless(self, place: int) -> int:
        """The first slot from a place on at which alerts that are at rest may change; the number of slots if none."""
        at = int(np.searchsorted(self._restless, place))
        return int(self._restless[at]) if at < len(self._restless) else len(self._series.history)

    def next_change(self, alerts: Sequence[Alert], place: int) -> int:
        """The first slot after *place* at which the *alerts*, which that slot has left as they are, may change."""
        size, place = len(self._series.history), place + 1
        while place < size:
            ahead = slice(place, min(place + _AHEAD, size))
            same = self._stay_so(alerts, ahead)
            if self._only_new_events_matter(alerts, self._series.history.at(place)):
                same |= self._unchanged[ahead]
            changes = np.flatnonzero(~same)
            if len(changes):
                return place + int(changes[0])
            place = ahead.stop
        return size

    def _stay_so(self, alerts: Sequence[Alert], ahead: slice) -> Bools:
        """Whether each slot by itself leaves every alert as it is."""
        stale = self._series.stale[ahead]
        if all(alert.frozen is not None for alert in alerts) and stale[:1].all() and self._no_data is NoData.FREEZE:
            return stale.copy()
        page_fires = any(alert.firing and alert.announced and not alert.muted for alert in alerts)
        same = ~stale
        for alert in alerts:
            same &= self._stays(alert, ahead, page_fires=page_fires)
        return same

    def _stays(self, alert: Alert, ahead: slice, *, page_fires: bool) -> Bools:
        columns, nothing = self._of[alert.severity], np.zeros(ahead.stop - ahead.start, dtype=bool)
        if alert.state is AlertState.INACTIVE and alert.suppressed is None:
            if alert.frozen is None:
                return columns.calm[ahead]
            inadequate = columns.inadequate[ahead]
            poor: Bools = (columns.tripped[ahead] < 0) & (inadequate >= 0)
            poor &= inadequate == columns.inadequate[ahead.start - 1]
            return poor
        timed = alert.quiet_since or alert.silent_since or alert.suppressed or alert.frozen or alert.waiting
        if not alert.firing or timed or not (alert.announced or (alert.muted and page_fires)):
            return nothing
        policy = next(policy for policy in self._policies if policy.severity is alert.severity)
        rule = next((place for place, rule in enumerate(policy.rules) if rule.name == alert.tier), None)
        if rule is None:
            return nothing
        burns: Bools = (columns.tripped[ahead] == rule) & columns.burns_on[ahead]
        return burns

    def _only_new_events_matter(self, alerts: Sequence[Alert], at: datetime) -> bool:
        """Whether the alerts change by no clock: a slot whose windows hold what they held leaves them as they are."""
        for alert in alerts:
            if alert.state is not AlertState.INACTIVE or alert.frozen is not None:
                return False
            if alert.resolved_at is not None and self._longest is not None and at - alert.resolved_at < self._longest:
                return False
        return True

    @cached_property
    def _unchanged(self) -> Bools:
        """Whether every window holds at a slot what it held at the one before."""
        lengths = {length for policy in self._policies for length in needed_windows(policy)}
        lengths |= {length for policy in self._policies for rule in policy.rules for length in (rule.long, rule.short)}
        same = ~self._series.stale
        same[1:] &= same[:-1]
        same[:1] = False
        for length in lengths:
            columns = self._series.columns(length)
            for column in (columns.total, columns.bad, columns.coverage):
                same[1:] &= column[1:] == column[:-1]
        return same


def _columns(series: WindowSeries, policy: SeverityPolicy) -> _PolicyColumns:
    size = len(series.history)
    calm, tripped, inadequate = np.ones(size, dtype=bool), np.full(size, -1), np.full(size, -1)
    # From the last rule to the first, so that the first one that trips, or cannot be judged, is what is left.
    for place, rule in reversed(list(enumerate(policy.rules))):
        long, short = series.columns(rule.long), series.columns(rule.short)
        coverages = (long.coverage, short.coverage)
        calm &= is_calm(rule, burn_rates=(long.burn_rate, short.burn_rate), coverages=coverages)
        short_is_poor = ~(short.coverage >= ADEQUATE_COVERAGE)
        poor = short_is_poor | ~(long.coverage >= ADEQUATE_COVERAGE)
        inadequate = np.where(poor, 2 * place + short_is_poor, inadequate)
        tripped = np.where(~poor & trips(rule, long.burn_rate, short.burn_rate), place, tripped)
    if policy.evidence is not None:
        calm |= (tripped >= 0) & _surely_over(series, policy)
    return _PolicyColumns(calm=calm, tripped=tripped, inadequate=inadequate, burns_on=_burns_on(series, policy))


def _burns_on(series: WindowSeries, policy: SeverityPolicy) -> Bools:
    """Whether `evidence.is_over` is False whatever else is known: its first window is not measured, or still burns."""
    parts = recovery_windows(policy)
    if policy.evidence is None or not parts:
        return np.ones(len(series.history), dtype=bool)
    newest = series.columns(parts[0])
    lowest = lowest_factor(policy) * series.error_budget
    burns: Bools = (newest.total <= 0) | (newest.bad >= lowest * newest.total) | ~(newest.coverage >= ADEQUATE_COVERAGE)
    return burns


def _surely_over(series: WindowSeries, policy: SeverityPolicy) -> Bools:
    """Whether `evidence.is_over` is True by its first window alone, by Chernoff's bound on a binomial tail.

    Source: https://en.wikipedia.org/wiki/Binomial_distribution#Tail_bounds
    """
    parts = recovery_windows(policy)
    if not parts:
        return np.zeros(len(series.history), dtype=bool)
    newest = series.columns(parts[0])
    chance = lowest_factor(policy) * series.error_budget
    ratio = np.divide(newest.bad, newest.total, out=np.ones(len(newest.bad)), where=newest.total > 0)
    below = (ratio < chance) & (newest.coverage >= ADEQUATE_COVERAGE)
    bad = np.where(below, ratio, 0.0)
    some = bad > 0
    distance = (1.0 - bad) * (np.log1p(-bad) - np.log1p(-chance)) if chance < 1.0 else np.zeros(len(bad))
    distance[some] += bad[some] * np.log(bad[some] / chance)
    sure: Bools = np.logical_and(below, newest.total * distance >= -np.log(_SURE))
    return sure
