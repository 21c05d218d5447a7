"""Whether the events of a window are evidence enough: to fire an alert, and to end it (ADR-0014).

With few events a burn rate says little: at one request a minute and an objective of 99.9 % a single failure burns an
hour at 16.7. All functions are pure and know only counts of windows. `docs/low-traffic.md` has the measurements.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from app.alerting.binomial import chance_of_at_least, chance_of_at_most
from app.slo import Evidence, SeverityPolicy, Tier, format_duration

_HARMLESS = 1.0
"""The burn rate that spends the budget in exactly one SLO window."""
_SLOWER = 0.5
"""Share of the factor above which the burn rate must be, with the lesser certainty."""
_DOUBT_THAT_IT_IS_OVER = 0.01
_DOUBT_THAT_IT_PAUSES = 0.2
_PARTS = (6, 3, 2)
_SHORTEST = timedelta(minutes=5)
_MOST_TRIED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowCounts:
    """The events of one window that ends at the slot, and which share of it was measured."""

    window: timedelta
    total: float
    bad: float
    coverage: float = 1.0


def suffices(bad: float, total: float, *, factor: float, error_budget: float, evidence: Evidence) -> bool:
    """Whether so many bad events of *total* are hardly chance.

    They must be unlikely at a burn rate of 1 (at half the factor where that is less), and with the lesser certainty
    of the root of that chance also at half the factor. Where the factor stands for six bad events or more, the second
    holds as soon as the factor is reached.

    >>> guard = Evidence(level=0.99, min_bad_events=2)
    >>> [suffices(bad, 60, factor=14.4, error_budget=0.001, evidence=guard) for bad in (1, 2)]
    [False, True]
    """
    if bad < evidence.min_bad_events:
        return False
    doubt = 1.0 - evidence.level
    slower = _SLOWER * factor
    return chance_of_at_least(bad, total, min(_HARMLESS, slower) * error_budget) <= doubt and chance_of_at_least(
        bad, total, slower * error_budget
    ) <= math.sqrt(doubt)


def what_is_missing(counts: WindowCounts, tier: Tier, *, error_budget: float, evidence: Evidence) -> str | None:
    """Why the events of a window are no evidence that it burns at the tier's factor, in words; None if they are."""
    if suffices(counts.bad, counts.total, factor=tier.factor, error_budget=error_budget, evidence=evidence):
        return None
    # The number of all events would change in every slot, and with it the alert.
    needed = _needed(counts, tier.factor, error_budget, evidence)
    events = f"{counts.bad:.3g} bad event{'' if counts.bad == 1 else 's'} in the last {format_duration(counts.window)}"
    return f"held back for lack of evidence: {events}, {needed} are needed to tell a burn from chance"


def watched(policy: SeverityPolicy) -> tuple[timedelta, ...]:
    """The windows that tell whether an alert is over, shortest first: parts of the longest short window.

    >>> from app.slo import Severity
    >>> hour = timedelta(hours=1)
    >>> tiers = (Tier(long=hour, short=hour / 12, factor=14.4), Tier(long=6 * hour, short=hour / 2, factor=6.0))
    >>> [format_duration(window) for window in watched(SeverityPolicy(severity=Severity.PAGE, tiers=tiers))]
    ['5m', '10m', '15m']
    """
    return _parts(_longest_short(policy))


@lru_cache(maxsize=1024)
def needed_windows(policy: SeverityPolicy) -> tuple[timedelta, ...]:
    """All windows that the guard wants to know of, shortest first; none if it is off."""
    if policy.evidence is None:
        return ()
    tiers = {window for tier in policy.tiers for window in (tier.long, tier.short)}
    return tuple(sorted({*watched(policy), *tiers}))


def hold(policy: SeverityPolicy) -> timedelta:
    """How long an alert fires on after its last tier has cleared while nothing shows that it is over."""
    return timedelta(0) if policy.evidence is None else _longest_short(policy) / 2


def settles(policy: SeverityPolicy) -> timedelta:
    """How long after its end an alert that fires again counts as a relapse."""
    return 2 * _longest_short(policy)


def is_over(recent: Sequence[WindowCounts], policy: SeverityPolicy, *, error_budget: float, adequate: float) -> bool:
    """Whether the newest events show that no tier burns any more, long before the short windows forget the incident.

    Either a part of the longest short window burns below all factors, beyond doubt; or half of it holds good events
    and no bad ones although some were to be expected if it went on as in the shortest long window.
    """
    counts = {each.window: each for each in recent if each.coverage >= adequate}
    parts = watched(policy)
    lowest = min(tier.factor for tier in policy.tiers) * error_budget
    for part in parts:
        window = counts.get(part)
        if window is None or window.total <= 0 or window.bad >= lowest * window.total:
            return False
        if chance_of_at_most(window.bad, window.total, lowest) <= _DOUBT_THAT_IT_IS_OVER:
            return True
    before = counts.get(min(tier.long for tier in policy.tiers))
    if not parts or before is None or before.total <= 0:
        return False
    last = counts[parts[-1]]
    ratio = before.bad / before.total
    return last.bad == 0 and chance_of_at_most(0, last.total, ratio) <= _DOUBT_THAT_IT_PAUSES


def since_the_end(recent: Sequence[WindowCounts], tier: Tier, *, pause: timedelta) -> WindowCounts | None:
    """The longest window up to the tier's long one that fits into a *pause*, or the shortest if none does."""
    fitting = [counts for counts in recent if counts.window <= min(pause, tier.long)]
    return max(fitting, key=_length, default=min(recent, key=_length, default=None))


def _length(counts: WindowCounts) -> timedelta:
    return counts.window


def _longest_short(policy: SeverityPolicy) -> timedelta:
    return max(tier.short for tier in policy.tiers)


@lru_cache(maxsize=1024)
def _parts(short: timedelta) -> tuple[timedelta, ...]:
    return tuple(short / part for part in _PARTS if short / part >= _SHORTEST)


def _needed(counts: WindowCounts, factor: float, error_budget: float, evidence: Evidence) -> str:
    least = max(math.floor(counts.bad) + 1, math.ceil(evidence.min_bad_events))
    for bad in range(least, least + _MOST_TRIED):
        total = max(counts.total, bad)
        if suffices(bad, total, factor=factor, error_budget=error_budget, evidence=evidence):
            return str(bad)
    return "more"
