"""Windows for counters that are scraped seldom: with less than two scrapes they hold all events or none (ADR-0029)."""

from dataclasses import replace
from datetime import timedelta
from functools import lru_cache

import numpy as np

from app.slo import BurnRateRule, SeverityPolicy, Slo
from app.slo.arrays import Floats

# A burn rate needs an increase, which takes two samples.
_SCRAPES = 2
# Scrapes are this much earlier or later than their interval says; windows must not change with that.
_JITTER_S = 5
# A whole number of default slots, of which every window is a sum.
_STEP_S = 30


def shortest_windows_s(scrape_interval_s: Floats) -> Floats:
    """The shortest windows, in multiples of half a minute, that hold two scrapes each, in seconds; 0 for NaN.

    >>> shortest_windows_s(np.array([30.02, 299.7, np.nan])).tolist()
    [60.0, 600.0, 0.0]
    """
    nominal_s = np.maximum(np.round(scrape_interval_s / _JITTER_S) * _JITTER_S, 1.0)
    windows_s: Floats = np.nan_to_num(np.ceil(_SCRAPES * nominal_s / _STEP_S) * _STEP_S)
    return windows_s


@lru_cache(maxsize=4096)
def with_windows_of_at_least(slo: Slo, shortest: timedelta) -> Slo:
    """The SLO with every short window of its alerts at least *shortest*; an equal one where they all are."""
    policies = tuple(_widened(policy, shortest) for policy in slo.alerting.policies)
    if policies == slo.alerting.policies:
        return slo
    return replace(slo, alerting=replace(slo.alerting, policies=policies))


def _widened(policy: SeverityPolicy, shortest: timedelta) -> SeverityPolicy:
    return replace(policy, rules=tuple(_widened_rule(rule, shortest) for rule in policy.rules))


def _widened_rule(rule: BurnRateRule, shortest: timedelta) -> BurnRateRule:
    if rule.short >= shortest:
        return rule
    # The long window stays the longer one: a rule with one window fires on for as long as that remembers the errors.
    return replace(rule, short=shortest, long=max(rule.long, 2 * shortest))
