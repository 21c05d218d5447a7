"""Which slots leave alerts as they are, told from whole columns: most of the past need not be stepped through.

Each condition is sufficient and exact: `tests/replay` steps every slot beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from statistics import NormalDist

import numpy as np

from app.alerting import (
    ADEQUATE_COVERAGE,
    Alert,
    has_relapsed,
    history_day,
    hold_time,
    is_calm,
    lowest_factor,
    needed_windows,
    recovery_windows,
    trips_as_measured,
)
from app.replay.history.window_series import WindowSeries
from app.slo import AlertState, NoData, Severity, SeverityPolicy
from app.slo.arrays import Bools, Floats, Ints

# A little less, and a little more, than the chances at which `evidence.is_over` is sure: the approximation that it uses
# for many events is off by 6% there.
_SURE, _SURELY_NOT, _SURELY_NO_PAUSE, _SURELY_NO_RECOVERY = 0.009, 0.0107, 0.2001, 0.0501
# Twice what the logarithm of the likelihood must lack for these chances, as squares of standard deviations.
_SURE_SQUARE, _SURELY_NOT_SQUARE = (NormalDist().inv_cdf(chance) ** 2 for chance in (_SURE, _SURELY_NOT))
# Differences of cumulated sums are tiny fractions of events where nothing happened; an event is far larger.
_ROUNDING_EVENTS = 1e-6
# A look ahead of so many slots at once: an alert that fires, or is suppressed, seldom stays the same for longer.
_AHEAD = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _PolicyColumns:
    """One severity at every slot, shape (slots,).

    *calm* is whether an alert at rest stays so: no rule trips on adequate data, or one does by errors that are surely
    over; *tripped* the place of the first rule that does, -1 without one;
    *inadequate* tells which rule, and which window of it, is the first that is not measured well enough, -1 if none.
    *over* is whether the newest events surely show the end; *burns_on* whether they surely do not, and *comes_and_goes*
    whether they do not for an alert that has relapsed. *silent* is whether nothing holds a rule that has cleared;
    *doubted* whether every rule that trips lacks bad events.
    """

    calm: Bools
    tripped: Ints
    inadequate: Ints
    over: Bools
    burns_on: Bools
    comes_and_goes: Bools
    silent: Bools
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
        has_ended = any(alert.severity is Severity.PAGE and alert.resolved_at is not None for alert in alerts)
        same = ~stale
        for alert in alerts:
            # Errors that are over are no evidence, so that a ticket has nothing to add to the page.
            quiet = mutes | self._of[alert.severity].over[ahead] if has_ended else mutes
            same &= self._stays(alert, ahead, mutes=quiet)
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
        if alert.state is AlertState.INACTIVE:
            return _rests(alert, columns, ahead)
        if not alert.firing or alert.silent_since or alert.suppressed or alert.frozen or alert.waiting:
            return nothing
        policy = next(policy for policy in self._policies if policy.severity is alert.severity)
        goes_on = (columns.comes_and_goes if has_relapsed(alert, policy) else columns.burns_on)[ahead]
        if alert.quiet_since is not None:
            return goes_on & self._holds(columns, policy, alert.quiet_since, ahead)
        rule = next((place for place, rule in enumerate(policy.rules) if rule.name == alert.tier), None)
        if rule is None or not (alert.announced or alert.muted):
            return nothing
        burns: Bools = (columns.tripped[ahead] == rule) & goes_on
        return burns if alert.announced else burns & mutes

    def _holds(self, columns: _PolicyColumns, policy: SeverityPolicy, quiet_since: datetime, ahead: slice) -> Bools:
        """Whether an alert whose rules have cleared waits on, unless its end is shown."""
        held = policy.keep_firing_for if policy.evidence is None else max(policy.keep_firing_for, hold_time(policy))
        until = self._series.history.first_from(quiet_since + held)
        holds: Bools = np.arange(ahead.start, ahead.stop) < until
        holds &= (columns.tripped[ahead] < 0) & (columns.inadequate[ahead] < 0) & ~columns.silent[ahead]
        return holds

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


def _rests(alert: Alert, columns: _PolicyColumns, ahead: slice) -> Bools:
    """Whether an inactive alert surely stays as it is."""
    tripped, inadequate = columns.tripped[ahead], columns.inadequate[ahead]
    if alert.suppressed is not None and alert.frozen is None:
        # What is said of it may name another number, and is no transition.
        return (tripped >= 0) & columns.doubted[ahead] & columns.burns_on[ahead]
    if alert.frozen is None:
        return columns.calm[ahead]
    if alert.suppressed is not None:
        return np.zeros(len(tripped), dtype=bool)
    poor: Bools = (tripped < 0) & (inadequate >= 0) & (inadequate == columns.inadequate[ahead.start - 1])
    return poor


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
    over, silent = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    burns_on = comes_and_goes = np.ones(size, dtype=bool)
    if policy.evidence is not None:
        over, burns_on, comes_and_goes = _over(series, policy)
        calm |= (tripped >= 0) & over
        silent = series.columns(max(rule.short for rule in policy.rules)).bad <= 0
    return _PolicyColumns(
        calm=calm,
        tripped=tripped,
        inadequate=inadequate,
        over=over,
        burns_on=burns_on,
        comes_and_goes=comes_and_goes,
        silent=silent,
        doubted=doubted,
    )


def _over(series: WindowSeries, policy: SeverityPolicy) -> tuple[Bools, Bools, Bools]:
    """Where `evidence.is_over` is surely True, where it is surely False, and where it is so if *patient*.

    Bounds on its binomial tails tell, from below by whole counts and from above by those after them.

    Source: Zubkov and Serov, A complete proof of universal inequalities for the distribution function of the binomial
    law (2013), https://arxiv.org/abs/1207.3838
    """
    size = len(series.history)
    # Its windows are looked at one after another, while each is measured and burns below all factors.
    below, over, perhaps = np.ones(size, dtype=bool), np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    proven, pauses = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
    parts, chance = recovery_windows(policy), lowest_factor(policy) * series.error_budget
    for part in parts:
        newest = series.columns(part)
        below &= (newest.coverage >= ADEQUATE_COVERAGE) & (newest.total > 0) & (newest.bad < chance * newest.total)
        proven = below & (_square(_up(newest.bad) + 1.0, -_up(-newest.total), chance) >= _SURE_SQUARE)
        over |= proven
        perhaps |= below & (_square(-_up(-newest.bad), _up(newest.total), chance) >= _SURELY_NOT_SQUARE)
        # Without bad events there may have been a recovery.
        pauses = below & (newest.bad == 0) & _may_recover(series, policy, part)
        perhaps |= pauses
    if not parts:
        return over, ~perhaps, ~perhaps
    before, last = series.columns(min(rule.long for rule in policy.rules)), series.columns(parts[-1])
    ratio = np.divide(before.bad, before.total, out=np.zeros(size), where=before.total > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        goes_on = last.total * np.log1p(-ratio) > np.log(_SURELY_NO_PAUSE)
    pauses |= below & (last.bad == 0) & ~goes_on
    # A pause is asked for where nothing is beyond doubt.
    return over, ~(over | perhaps | pauses), ~pauses | proven


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


def _up(events: Floats) -> Floats:
    """The next whole number of events, but for the error of sums."""
    whole: Floats = np.ceil(events - _ROUNDING_EVENTS)
    return whole


def _square(bad: Floats, total: Floats, chance: float) -> Floats:
    """How far so few bad events are below those expected, in squared standard deviations; 0 where they are not."""
    ratio = np.divide(bad, total, out=np.full(len(bad), chance), where=total > 0)
    ratio = np.clip(ratio, 0.0, chance)
    if chance >= 1.0:
        return np.zeros(len(bad))
    distance = (1.0 - ratio) * (np.log1p(-ratio) - np.log1p(-chance))
    some = ratio > 0
    distance[some] += ratio[some] * np.log(ratio[some] / chance)
    square: Floats = 2.0 * total * distance
    return square
