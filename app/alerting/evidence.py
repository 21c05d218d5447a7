"""Whether the events of a window are evidence enough: to fire an alert, and to end it (ADR-0014).

With few events a burn rate says little: at one request a minute and an objective of 99.9% a single failure burns an
hour at 16.7. All functions are pure and know only counts of windows. `docs/low-traffic.md` has the measurements.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache

from app.alerting.binomial import chance_of_at_least, chance_of_at_most
from app.alerting.normal_rate import NormalRate, NormalTraffic
from app.slo import BurnRateRule, Evidence, SeverityPolicy, format_duration

# The burn rate that spends the budget in exactly one SLO window: what the objective allows, so no reason to wake
# anybody.
_HARMLESS = 1.0
# Share of the factor that the burn rate must exceed, with the lesser certainty. Against the whole factor, incidents of
# four or five failures would be missed. Eight bad events are evidence at 10% up to 0.58 of what they would be at the
# factor, so that at 0.55 no alert whose factor stands for eight or more is later for it (ADR-0014).
_SLOWER = 0.55
# Share of an SLO window in which its budget is mostly still to come: the first day of a month (ADR-0033), or of a new
# service in a rolling window.
_BEGUN = 1 / 30
# Share of an SLO window from which on its figures are facts rather than estimates; the same 90% as adequate coverage.
_WHOLE = 0.9
# Chance of a wrong end, by how many events there are to show it (ADR-0015): where the newest events burn below every
# factor, the same 1% as for firing; where there are only good ones, one bad event must have been likely at 80%, which a
# service with one request a minute can reach in 15 minutes.
_DOUBT_THAT_IT_IS_OVER = 0.01
_DOUBT_THAT_IT_PAUSES = 0.2
# The same where the newest events are only good ones, by the ratio of any longer window: at 95%, as the highest of
# several ratios is too high by chance more often than one (ADR-0082).
_DOUBT_THAT_IT_RECOVERS = 0.05
# A recovery is looked for in a sixth, a third and half of the longest short window (5, 10, 15 of 30 minutes), each of
# which must agree: the shortest ends a page five minutes after a busy service has recovered, the others give quiet
# services more events to be sure by.
_PARTS = (6, 3, 2)
# What fails in one slot often has one cause (a blip, a retry, one client) and counts as one failure (ADR-0018)...
_MOMENTS = 2.0
# ...unless so many fail that one moment is enough. Where traffic is plenty a rule never trips on fewer.
_MANY = 8.0
_HOUR = timedelta(hours=1)
# A shorter window may hold no scrape at all at the usual scrape intervals of up to two minutes, and so would look
# quiet.
_SHORTEST = timedelta(minutes=5)
# Where more events than this would be needed, "more" is said instead of the number: it is a text, not worth the CPU.
_MOST_TRIED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowCounts:
    """The events of one window that ends at the slot, and which share of it was measured.

    *bad_slots* is in how many slots they were bad; where that is not known, no two are taken for one.
    """

    window: timedelta
    total: float
    bad: float
    coverage: float = 1.0
    bad_slots: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class SignificanceTest:
    """What a rule of an SLO with this *error_budget* (a ratio) asks of counts before it believes that it burns."""

    rule: BurnRateRule
    error_budget: float
    evidence: Evidence
    normal: NormalTraffic | None = None

    def is_new(self, counts: WindowCounts) -> bool:
        """Whether the bad events since an alert has ended are no chance."""
        if self.normal is None or counts.bad >= _MANY:
            return self._is_unusual(counts)
        return self._is_unlike_normal(counts, self.normal)

    def passes(self, counts: WindowCounts) -> bool:
        """Whether so many bad events are no chance at all.

        Eight or more are judged by what the objective allows; fewer by what is normal, where that is known.
        """
        if self.normal is None:
            return self._passes_objective(counts)
        return (counts.bad >= _MANY and self._passes_objective(counts)) or self._is_unlike_normal(counts, self.normal)

    def _is_unlike_normal(self, counts: WindowCounts, normal: NormalTraffic) -> bool:
        level, hours = self.evidence.level, counts.window / _HOUR
        return (
            self._are_several(counts)
            and normal.is_unlike(counts.bad, counts.total, level=level)
            and normal.is_worth(counts.bad, counts.total, hours=hours, share=_SLOWER, doubt=math.sqrt(1.0 - level))
        )

    def _are_several(self, counts: WindowCounts) -> bool:
        least = self.evidence.min_bad_events
        return counts.bad >= least and not (counts.bad_slots < min(_MOMENTS, least) and may_be_one_failure(counts.bad))

    def _is_unusual(self, counts: WindowCounts) -> bool:
        """Whether so many bad events are unlikely at a burn rate of 1, or what is left of a low factor."""
        # Cheap tests first: the binomial tail below costs microseconds, for each tripped rule of each SLO in each slot.
        if not self._are_several(counts):
            return False
        # Rules of long windows have factors near 1, of which a burn rate of 1 itself is no less than the factor.
        burn_rate = min(_HARMLESS, _SLOWER * self.rule.factor)
        return chance_of_at_least(counts.bad, counts.total, burn_rate * self.error_budget) <= 1.0 - self.evidence.level

    def _passes_objective(self, counts: WindowCounts) -> bool:
        """Whether so many bad events are no chance at all for a service that burns as its objective allows.

        They must be unusual, and with the lesser certainty of the root of that chance the burn rate must be above 0.55
        of the factor. Where the factor stands for eight bad events or more that holds as soon as it is reached.

        >>> hour = timedelta(hours=1)
        >>> rule = BurnRateRule(long=hour, short=hour / 12, factor=14.4)
        >>> test = SignificanceTest(rule=rule, error_budget=0.001, evidence=Evidence())
        >>> [test.passes(WindowCounts(window=hour, bad=bad, total=60)) for bad in (1, 2)]
        [False, True]
        """
        if not self._is_unusual(counts):
            return False
        chance = chance_of_at_least(counts.bad, counts.total, _SLOWER * self.rule.factor * self.error_budget)
        return chance <= math.sqrt(1.0 - self.evidence.level)


def normal_traffic(
    rate: NormalRate | None,
    policy: SeverityPolicy,
    counts: WindowCounts,
    recent: Sequence[WindowCounts],
    error_budget: float,
) -> NormalTraffic | None:
    """What a rule with these *counts* takes for normal, by the longest window of its policy; None if not known."""
    longest = max(rule.long for rule in policy.rules)
    total = next((each.total for each in recent if each.window == longest), 0.0)
    if rate is None or total <= 0:
        return None
    per_hour = total / (longest / _HOUR)
    # Where traffic falls, as in the evening, fewer errors are worth as much.
    least_per_hour = min(per_hour, counts.total / (counts.window / _HOUR))
    factor_hours = min(rule.factor * (rule.long / _HOUR) for rule in policy.rules)
    # Of a rule with a factor near 1 what the objective allows is burning itself.
    highest = _SLOWER * lowest_factor(policy) * error_budget
    return NormalTraffic(
        ratio=min(rate.expected(error_budget), highest),
        per_hour=per_hour,
        worth=factor_hours * error_budget * least_per_hour,
    )


def parts_of(counts: WindowCounts, recent: Sequence[WindowCounts]) -> Iterator[WindowCounts]:
    """The errors of a rule's long window as the windows within it have them, the shortest first, and itself.

    A window with as many errors as a shorter one has nothing more to say. In how many slots they were is known of the
    whole only: of a part it is the fewest that there can be.
    """
    bad = 0.0
    for each in sorted(recent, key=lambda each: each.window):
        if each.window < counts.window and each.bad > bad:
            bad = each.bad
            yield replace(each, bad_slots=max(counts.bad_slots - (counts.bad - bad), 1.0))
    if counts.bad > bad:
        yield counts


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetCounts:
    """The events that a budget's tickets go by, of the SLO window so far and of the time whose burn rate is projected.

    *elapsed* is the share of the SLO window that has passed and was measured, *history_unread* says that the window has
    more events than were read so far.
    """

    bad: float
    total: float
    lately_bad: float
    lately_total: float
    error_budget: float
    elapsed: float = 1.0
    history_unread: bool = False

    def show_that_spent(self, share: float, evidence: Evidence) -> bool:
        """Whether so many bad events are evidence that the *share* of the budget is spent.

        In the first thirtieth of the window, and while the history is read, they must be that share of the budget of
        the whole window. What is known of a whole window is nearly a fact, what is known of its beginning an estimate.

        >>> first_minutes = BudgetCounts(bad=1, total=40, lately_bad=1, lately_total=40, error_budget=0.001)
        >>> first_minutes.show_that_spent(1.0, Evidence())
        False
        """
        spent = share * self.error_budget
        of_part = self.history_unread or has_only_begun(self.elapsed)
        if of_part and not spends_whole_window(self.bad, self.total, spent, elapsed=self.elapsed):
            return False
        # A share of a budget that is known nearly as a whole may go by the lesser certainty, as a rule does at its
        # factor.
        doubt = 1.0 - evidence.level
        whole = self.elapsed >= _WHOLE
        return _shows(self.bad, self.total, spent, evidence, math.sqrt(doubt) if whole else doubt)

    def show_that_burns(self, burn_rate: float, evidence: Evidence) -> bool:
        """Whether the events of late are evidence that the budget burns at *burn_rate* or faster."""
        ratio = burn_rate * self.error_budget
        return _shows(self.lately_bad, self.lately_total, ratio, evidence, 1.0 - evidence.level)


def has_only_begun(elapsed: float) -> bool:
    """Whether so small a share of an SLO window has passed, or was measured, that the traffic of the rest decides."""
    return elapsed < _BEGUN


def is_estimated(bad: float, total: float, error_budget: float, *, elapsed: float) -> bool:
    """Whether a window has only begun, and its bad events are less than the budget of all of it.

    >>> [is_estimated(bad, 40, 0.001, elapsed=1 / 720) for bad in (3, 40)]
    [True, False]
    """
    return has_only_begun(elapsed) and not spends_whole_window(bad, max(total, bad), error_budget, elapsed=elapsed)


def spends_whole_window(bad: float, total: float, ratio: float, *, elapsed: float) -> bool:
    """Whether the bad events are the *ratio* of all events of a whole SLO window, if traffic goes on as it was so far.

    >>> [spends_whole_window(bad, 40, 0.001, elapsed=1 / 720) for bad in (3, 40)]
    [False, True]
    """
    return bad * elapsed >= ratio * total


def _shows(bad: float, total: float, ratio: float, evidence: Evidence, doubt: float) -> bool:
    if bad < evidence.min_bad_events:
        return False
    return chance_of_at_least(bad, total, _SLOWER * ratio) <= doubt


def may_be_one_failure(bad: float) -> bool:
    """Whether it matters in how many slots so many events were bad."""
    return _MOMENTS <= bad < _MANY


def what_is_missing(
    counts: WindowCounts,
    dispelled: Callable[[WindowCounts], bool],
    within: str | None = None,
    *,
    normal: NormalRate | None = None,
) -> str:
    """Why the events of a window are no evidence, in words; *dispelled* says how many would be."""
    # The number of all events would change in every slot, and with it the alert.
    within = within or f"in the last {format_duration(counts.window)}"
    events = f"{counts.bad:.3g} error{'' if counts.bad == 1 else 's'} {within}"
    if dispelled(replace(counts, bad_slots=math.inf)):
        return f"{events}, all at one moment, which may be one failure"
    known = "" if normal is None else f"; {normal.explained}"
    return f"{events}; {_needed(counts, dispelled)} are needed to rule out noise{known}"


def recovery_windows(policy: SeverityPolicy) -> tuple[timedelta, ...]:
    """The windows that tell whether an alert is over, shortest first: parts of the longest short window.

    >>> from app.slo import Severity
    >>> hour = timedelta(hours=1)
    >>> fast = BurnRateRule(long=hour, short=hour / 12, factor=14.4)
    >>> slow = BurnRateRule(long=6 * hour, short=hour / 2, factor=6.0)
    >>> policy = SeverityPolicy(severity=Severity.PAGE, rules=(fast, slow))
    >>> [format_duration(window) for window in recovery_windows(policy)]
    ['5m', '10m', '15m']
    """
    return _parts(_longest_short(policy))


@lru_cache(maxsize=1024)
def needed_windows(policy: SeverityPolicy) -> tuple[timedelta, ...]:
    """All windows that the guard wants to know of, shortest first; none if it is off."""
    if policy.evidence is None:
        return ()
    rules = {window for rule in policy.rules for window in (rule.long, rule.short)}
    return tuple(sorted({*recovery_windows(policy), *rules}))


def hold_time(policy: SeverityPolicy) -> timedelta:
    """How long an alert fires on after its last rule has cleared while nothing shows that it is over."""
    return _longest_short(policy) / 2


def is_silent(recent: Sequence[WindowCounts], policy: SeverityPolicy) -> bool:
    """Whether the longest short window holds no bad event: then a cleared rule is no dip of chance."""
    # Without a bad event in it, there is no pause between errors that hold_time would have to bridge.
    longest = _longest_short(policy)
    return any(counts.window == longest and counts.bad <= 0 for counts in recent)


def relapse_window(policy: SeverityPolicy) -> timedelta:
    """How long after its end an alert that fires again counts as a relapse."""
    return 2 * _longest_short(policy)


def is_over(
    recent: Sequence[WindowCounts],
    policy: SeverityPolicy,
    *,
    error_budget: float,
    adequate: float,
    patient: bool = False,
) -> bool:
    """Whether the newest events show that no rule burns any more, long before the short windows forget the incident.

    Either a part of the longest short window burns below all factors, beyond doubt; or it holds good events and no bad
    ones although some were to be expected if it went on as before; or half of it does, for half as much certainty, if
    it went on as in the shortest long window. With *patient*, for an alert that comes and goes, only that half counts,
    and only where events are so few that nothing is beyond doubt: where they are many, it is a pause.
    """
    counts = {each.window: each for each in recent if each.coverage >= adequate}
    parts = recovery_windows(policy)
    lowest = lowest_factor(policy) * error_budget
    # From the shortest to the longest: as soon as one burns, so may the next incident have begun.
    for part in parts:
        window = counts.get(part)
        if window is None or window.total <= 0 or window.bad >= lowest * window.total:
            return False
        if patient and part != parts[-1]:
            continue
        if chance_of_at_most(window.bad, window.total, lowest) <= _DOUBT_THAT_IT_IS_OVER:
            return not patient
        if window.bad <= 0 and _ratio_before(window, counts.values()) > 1.0 - _DOUBT_THAT_IT_RECOVERS ** (
            1.0 / window.total
        ):
            return True
    before = counts.get(min(rule.long for rule in policy.rules))
    if not parts or before is None or before.total <= 0:
        return False
    last = counts[parts[-1]]
    ratio = before.bad / before.total
    return last.bad == 0 and chance_of_at_most(0, last.total, ratio) <= _DOUBT_THAT_IT_PAUSES


def lowest_factor(policy: SeverityPolicy) -> float:
    """The factor below which no rule of a policy trips."""
    return min(rule.factor for rule in policy.rules)


def _ratio_before(newest: WindowCounts, counts: Iterable[WindowCounts]) -> float:
    """The highest bad ratio that any longer window has before the *newest* one, which has no bad events.

    The hour that holds four minutes of outage has a low ratio; the ten minutes that hold them show how bad they were.
    One good event is added: that one request failed does not show that all do.
    """
    longer = (each for each in counts if each.window > newest.window)
    return max((each.bad / (each.total - newest.total + 1.0) for each in longer if each.bad > 0), default=0.0)


def _longest_short(policy: SeverityPolicy) -> timedelta:
    return max(rule.short for rule in policy.rules)


@lru_cache(maxsize=1024)
def _parts(short: timedelta) -> tuple[timedelta, ...]:
    return tuple(short / part for part in _PARTS if short / part >= _SHORTEST)


def _needed(counts: WindowCounts, dispelled: Callable[[WindowCounts], bool]) -> str:
    least = math.floor(counts.bad) + 1

    def is_enough(bad: int) -> bool:
        return dispelled(WindowCounts(window=counts.window, total=max(counts.total, bad), bad=bad))

    # More bad events are never less evidence, and each test costs microseconds, in every slot of every such alert.
    needed = least + bisect_left(range(least, least + _MOST_TRIED), 1, key=is_enough)
    return f"at least {needed}" if needed < least + _MOST_TRIED else "more"
