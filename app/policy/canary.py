"""Whether a new version fails more often than the old one: an exact test, and what it could have seen.

Fisher's exact test, one-sided: given the bad events of both versions together, how likely is it that as many or more of
them are of the canary, if both fail equally often? It needs no approximation, so it holds where there are few errors.

Source: https://en.wikipedia.org/wiki/Fisher%27s_exact_test
"""

import math
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

LEAST_EVENTS = 50
"""Events of each version below which nothing is said: one error more would turn the verdict."""
# At 95% one canary in twenty that is no worse would be rolled back.
CONFIDENCE = 0.99
FOUND_BURN_RATE = 14.4
"""A canary whose errors could burn as fast as what pages is not known to be good."""
# The usual power: an effect that is found in four of five comparisons.
_POWER = 0.8
# Above them sums are those of normal distributions, which by then differ by less than a thousandth.
_LARGE_VARIANCE = 100_000.0
_MANY_BAD = 1_000
# Standard deviations beyond which a tail is 0 or 1, and terms that change nothing.
_FAR, _NEGLIGIBLE = 12.0, 1e-12
# The detectable ratio, to nine digits.
_HALVINGS = 30
_STANDARD = NormalDist()


class CanaryVerdictKind(StrEnum):
    """What is said of a canary: *pass*, *fail*, or *inconclusive* with too few events to see what matters."""

    PASS = "pass"  # noqa: S105  a verdict
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionCounts:
    """What was counted of one version: events, and how many of them were bad."""

    version: str
    total: float
    bad: float

    @property
    def bad_ratio(self) -> float:
        """The share of bad events; NaN without events."""
        return self.bad / self.total if self.total > 0 else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryVerdict:
    """A verdict, with the *p_value* of the test and the *detectable_ratio*; both NaN where they cannot be computed.

    The latter is the bad ratio of the canary that would have been found with a probability of 80%.
    """

    kind: CanaryVerdictKind
    reason: str
    baseline: VersionCounts
    canary: VersionCounts
    p_value: float
    detectable_ratio: float


def compare_versions(
    baseline: VersionCounts,
    canary: VersionCounts,
    *,
    error_budget: float,
    confidence: float = CONFIDENCE,
    least_events: int = LEAST_EVENTS,
    tolerated_burn_rate: float = 1.0,
    found_burn_rate: float = FOUND_BURN_RATE,
) -> CanaryVerdict:
    """Compare the errors of two versions that ran at the same time.

    Args:
        baseline: what was counted of the old version.
        canary: what was counted of the new one.
        error_budget: 1 - objective, a ratio; a canary that is worse but within it does not fail.
        confidence: how sure a failure must be, 0.5 to 1.
        least_events: fewer events of either version are inconclusive.
        tolerated_burn_rate: the burn rate of the canary up to which it does not fail.
        found_burn_rate: the burn rate that the test must be able to find for the canary to pass, unless twice the bad
            ratio of the baseline is more.

    Raises:
        ValueError: more events are bad than there are, or the confidence is no probability.
    """
    for one in (baseline, canary):
        if not 0 <= one.bad <= one.total:
            raise ValueError(f"{one.bad} bad events of {one.total}")
    if not 0.5 <= confidence < 1:  # noqa: PLR2004  a coin
        raise ValueError(f"{confidence} is not a confidence level")
    p_value = _p_value(baseline, canary)
    detectable = _detectable(baseline, canary, confidence)
    limits = _Limits(
        confidence=confidence,
        least_events=least_events,
        tolerated=tolerated_burn_rate * error_budget,
        # Where the old version burns that fast itself, no number of events would be enough to pass.
        found=max(found_burn_rate * error_budget, 2 * baseline.bad_ratio) if baseline.total > 0 else 0.0,
    )
    kind, reason = _verdict(baseline, canary, p_value, detectable, limits)
    return CanaryVerdict(
        kind=kind, reason=reason, baseline=baseline, canary=canary, p_value=p_value, detectable_ratio=detectable
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """What a verdict depends on: *tolerated* and *found* are bad ratios of the canary."""

    confidence: float
    least_events: int
    tolerated: float
    found: float


def _verdict(
    baseline: VersionCounts,
    canary: VersionCounts,
    p_value: float,
    detectable: float,
    limits: "_Limits",
) -> tuple[CanaryVerdictKind, str]:
    few = next((one for one in (canary, baseline) if one.total < limits.least_events), None)
    if few is not None:
        reason = f"{few.version} has {few.total:,.0f} events, fewer than {limits.least_events:,}"
        return CanaryVerdictKind.INCONCLUSIVE, reason
    ratios = f"{canary.bad_ratio:.3%} of the events of {canary.version} are bad, {baseline.bad_ratio:.3%} before"
    worse = p_value <= 1 - limits.confidence and canary.bad_ratio > baseline.bad_ratio
    if worse and canary.bad_ratio > limits.tolerated:
        return CanaryVerdictKind.FAIL, f"{ratios} (p = {p_value:.2g})"
    if worse:
        return CanaryVerdictKind.PASS, f"{ratios}; more than before, but within the objective"
    # To see nothing with events that could show nothing is no pass.
    if detectable > limits.found:
        reason = f"{ratios}; with so few events only {detectable:.3%} or more would have been found"
        return CanaryVerdictKind.INCONCLUSIVE, reason
    return CanaryVerdictKind.PASS, f"{ratios}; {detectable:.3%} or more would have been found"


def _p_value(baseline: VersionCounts, canary: VersionCounts) -> float:
    """The probability that the canary has as many bad events or more, if both versions fail equally often."""
    # Events that are estimated between samples are fractions; rounding to the fewer is against a failure.
    total, before = math.ceil(canary.total), math.floor(baseline.total)
    if total == 0 or before <= 0:
        return math.nan
    return _tail(math.floor(canary.bad), of=total, before=before, before_bad=min(math.ceil(baseline.bad), before))


def _tail(canary_bad: int, *, of: int, before: int, before_bad: int) -> float:
    """As `_p_value`, of whole numbers: the upper tail of a hypergeometric distribution."""
    bad, total = canary_bad + before_bad, of + before
    mean = of * bad / total
    variance = mean * (1 - bad / total) * (total - of) / max(1, total - 1)
    if canary_bad <= 0 or canary_bad < mean - _FAR * math.sqrt(variance):
        return 1.0
    if variance > _LARGE_VARIANCE:
        return _STANDARD.cdf((mean - canary_bad + 0.5) / math.sqrt(variance))
    whole, tail = _log_choose(total, of), 0.0
    for found in range(canary_bad, min(bad, of) + 1):
        term = math.exp(_log_choose(bad, found) + _log_choose(total - bad, of - found) - whole)
        tail += term
        # Past the mode each term is smaller than the one before.
        if found > mean and term <= tail * _NEGLIGIBLE:
            break
    return min(1.0, tail)


def _log_choose(of: int, chosen: int) -> float:
    if chosen < 0 or chosen > of:
        return -math.inf
    return math.lgamma(of + 1) - math.lgamma(chosen + 1) - math.lgamma(of - chosen + 1)


def _detectable(baseline: VersionCounts, canary: VersionCounts, confidence: float) -> float:
    """The bad ratio of a canary that is found in four of five comparisons; 1 where none would be."""
    of, before = math.ceil(canary.total), math.floor(baseline.total)
    if of <= 0 or before <= 0:
        return math.nan
    before_bad = min(math.ceil(baseline.bad), before)
    # The fewest bad events of the canary that would have been too many.
    fewest, most = 0, of + 1
    while most - fewest > 1:
        middle = (fewest + most) // 2
        if _tail(middle, of=of, before=before, before_bad=before_bad) <= 1 - confidence:
            most = middle
        else:
            fewest = middle
    if most > of:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        ratio = (low + high) / 2
        if _at_least(most, of, ratio) >= _POWER:
            high = ratio
        else:
            low = ratio
    return high


def _at_least(bad: int, total: int, ratio: float) -> float:
    """The probability of that many bad events or more, if each is bad with a probability."""
    variance = total * ratio * (1 - ratio)
    if variance <= 0:
        return 1.0 if ratio * total >= bad else 0.0
    if bad > _MANY_BAD:
        return _STANDARD.cdf((total * ratio - bad + 0.5) / math.sqrt(variance))
    log_ratio, log_rest = math.log(ratio), math.log1p(-ratio)
    return 1.0 - sum(
        math.exp(_log_choose(total, found) + found * log_ratio + (total - found) * log_rest) for found in range(bad)
    )
