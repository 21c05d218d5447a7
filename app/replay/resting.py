"""Which slots leave alerts as they are, told from whole columns: most of the past need not be stepped through.

Each condition is sufficient and exact: `tests/replay` steps every slot beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np

from app.alerting import (
    ADEQUATE_COVERAGE,
    Alert,
    history_day,
    is_calm,
    lowest_factor,
    needed_windows,
    recovery_windows,
    trips_as_measured,
)
from app.replay.window_series import WindowSeries
from app.slo import AlertState, NoData, Severity, SeverityPolicy
from app.slo.arrays import Bools, Floats, Ints

# A little less, and a little more, than the chances at which `evidence.is_over` is sure: a bound on a tail is no less
# than the tail itself, and approximations of that are off by a few hundredths.
_SURE, _SURELY_NOT, _SURELY_NO_PAUSE, _SURELY_NO_RECOVERY = 0.009, 0.0101, 0.2001, 0.0501
# A look ahead of so many slots at once: an alert that fires, or is suppressed, seldom stays the same for longer.
_AHEAD = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _PolicyColumns:
    """One severity at every slot, shape (slots,).

    *calm* is whether an alert at rest stays so: no rule trips on adequate data, or one does by errors that are surely
    over; *tripped* the place of the first rule that does, -1 without one;
    *inadequate* tells which rule, and which window of it, is the first that is not measured well enough, -1 if none.
    *burns_on* is whether surely nothing shows the end; *doubted* whether every rule that trips lacks bad events.
    """

    calm: Bools
    tripped: Ints
    inadequate: Ints
    burns_on: Bools
    doubted: Bools


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
        mutes = self._mutes(alerts, ahead)
        same = ~stale
        for alert in alerts:
            same &= self._stays(alert, ahead, mutes=mutes)
        return same

    def _mutes(self, alerts: Sequence[Alert], ahead: slice) -> Bools:
        """Whether a page surely mutes a ticket in each slot, if both stay as they are: also soon after its end."""
        size = ahead.stop - ahead.start
        if any(alert.firing and alert.announced and not alert.muted for alert in alerts):
            return np.ones(size, dtype=bool)
        page = next((alert for alert in alerts if alert.severity is Severity.PAGE), None)
        if page is None or page.firing or page.resolved_at is None:
            return np.zeros(size, dtype=bool)
        tickets = (policy for policy in self._policies if policy.severity is not Severity.PAGE)
        shortest = min((rule.short for policy in tickets for rule in policy.rules), default=timedelta(0))
        # The slots that end before its short window is free of the page, whichever of its rules trips.
        until = self._series.history.first_from(page.resolved_at + shortest)
        soon: Bools = np.arange(ahead.start, ahead.stop) < until
        return soon

    def _stays(self, alert: Alert, ahead: slice, *, mutes: Bools) -> Bools:
        columns, nothing = self._of[alert.severity], np.zeros(ahead.stop - ahead.start, dtype=bool)
        if alert.state is AlertState.INACTIVE and alert.suppressed is None:
            if alert.frozen is None:
                return columns.calm[ahead]
            inadequate = columns.inadequate[ahead]
            poor: Bools = (columns.tripped[ahead] < 0) & (inadequate >= 0)
            poor &= inadequate == columns.inadequate[ahead.start - 1]
            return poor
        if alert.state is AlertState.INACTIVE and alert.frozen is None:
            # What is said of it may name another number, and is no transition.
            held: Bools = (columns.tripped[ahead] >= 0) & columns.doubted[ahead] & columns.burns_on[ahead]
            return held
        timed = alert.quiet_since or alert.silent_since or alert.suppressed or alert.frozen or alert.waiting
        if not alert.firing or timed or not (alert.announced or alert.muted):
            return nothing
        policy = next(policy for policy in self._policies if policy.severity is alert.severity)
        rule = next((place for place, rule in enumerate(policy.rules) if rule.name == alert.tier), None)
        if rule is None:
            return nothing
        burns: Bools = (columns.tripped[ahead] == rule) & columns.burns_on[ahead]
        return burns if alert.announced else burns & mutes

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
        # With each day of history what is normal may be another.
        same[1:] &= np.diff(history_day(self._series.ends_s)) == 0
        return same


def _columns(series: WindowSeries, policy: SeverityPolicy) -> _PolicyColumns:
    size = len(series.history)
    calm, tripped, inadequate = np.ones(size, dtype=bool), np.full(size, -1), np.full(size, -1)
    doubted = np.ones(size, dtype=bool)
    # From the last rule to the first, so that the first one that trips, or cannot be judged, is what is left.
    for place, rule in reversed(list(enumerate(policy.rules))):
        long, short = series.columns(rule.long), series.columns(rule.short)
        coverages = (long.coverage, short.coverage)
        burn_rates = (long.burn_rate, short.burn_rate)
        calm &= is_calm(rule, burn_rates=burn_rates, coverages=coverages)
        short_is_poor = ~(short.coverage >= ADEQUATE_COVERAGE)
        poor = short_is_poor | ~(long.coverage >= ADEQUATE_COVERAGE)
        inadequate = np.where(poor, 2 * place + short_is_poor, inadequate)
        trips_now = trips_as_measured(rule, burn_rates=burn_rates, coverages=coverages)
        tripped = np.where(trips_now, place, tripped)
        # With fewer bad events than are asked for, no test of significance is needed.
        doubted &= ~trips_now | (long.bad < (policy.evidence.min_bad_events if policy.evidence else 0.0))
    burns_on = np.ones(size, dtype=bool)
    if policy.evidence is not None:
        surely_over, burns_on = _over(series, policy)
        calm |= (tripped >= 0) & surely_over
    return _PolicyColumns(calm=calm, tripped=tripped, inadequate=inadequate, burns_on=burns_on, doubted=doubted)


def _over(series: WindowSeries, policy: SeverityPolicy) -> tuple[Bools, Bools]:
    """Where `evidence.is_over` is surely True, and where it is surely False, by bounds on its binomial tails.

    Source: https://en.wikipedia.org/wiki/Binomial_distribution#Tail_bounds (Chernoff's bound)
    """
    size = len(series.history)
    # Its windows are looked at one after another, while each is measured and burns below all factors.
    below, over, perhaps = np.ones(size, dtype=bool), np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    parts, chance = recovery_windows(policy), lowest_factor(policy) * series.error_budget
    for part in parts:
        newest = series.columns(part)
        below &= (newest.coverage >= ADEQUATE_COVERAGE) & (newest.total > 0) & (newest.bad < chance * newest.total)
        bound = _log_bound(newest.bad, newest.total, chance)
        over |= below & (bound <= np.log(_SURE))
        # Without bad events the bound is the chance itself, and there may have been a recovery.
        perhaps |= below & ~((newest.bad == 0) & (bound > np.log(_SURELY_NOT)))
        perhaps |= below & (newest.bad == 0) & _may_recover(series, policy, part)
    if not parts:
        return over, ~perhaps
    before, last = series.columns(min(rule.long for rule in policy.rules)), series.columns(parts[-1])
    ratio = np.divide(before.bad, before.total, out=np.zeros(size), where=before.total > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        goes_on = last.total * np.log1p(-ratio) > np.log(_SURELY_NO_PAUSE)
    perhaps |= below & (last.bad == 0) & ~goes_on
    return over, ~(over | perhaps)


def _may_recover(series: WindowSeries, policy: SeverityPolicy, part: timedelta) -> Bools:
    """Whether so many good events may be unlikely by the ratio that any longer window had before them."""
    good, highest = series.columns(part).total, np.zeros(len(series.history))
    for length in needed_windows(policy):
        if length > part:
            longer = series.columns(length)
            highest = np.maximum(highest, np.where(longer.bad > 0, longer.bad / (longer.total - good + 1.0), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        may: Bools = good * np.log1p(-np.minimum(highest, 1.0)) <= np.log(_SURELY_NO_RECOVERY)
    return may


def _log_bound(bad: Floats, total: Floats, chance: float) -> Floats:
    """The logarithm of a bound on the chance of so few bad events; what it is where they are more is of no use."""
    ratio = np.divide(bad, total, out=np.zeros(len(bad)), where=total > 0)
    ratio = np.clip(ratio, 0.0, chance)
    if chance >= 1.0:
        return np.zeros(len(bad))
    distance = (1.0 - ratio) * (np.log1p(-ratio) - np.log1p(-chance))
    some = ratio > 0
    distance[some] += ratio[some] * np.log(ratio[some] / chance)
    bound: Floats = -total * distance
    return bound
