"""From the figures of windows to a reading: the same for live evaluations, replays of the past and benchmarks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from app.alerting.alert import Alert
from app.alerting.evidence import WindowCounts, may_be_one_failure, needed_windows
from app.alerting.normal_rate import NormalRate
from app.alerting.reading import Reading, RuleReading
from app.slo import AlertState, BurnRateRule, SeverityPolicy

# So many bad events of a tripped rule are evidence at any normal rate: at a burn rate of 1, the most that is taken for
# normal, they would be one alert in decades.
_MANY = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredWindow:
    """One window at one slot: its burn rate (NaN = no events), its events, and which share of it was measured."""

    burn_rate: float
    good: float
    bad: float
    coverage: float


class MeasuredWindows(Protocol):
    """What was measured of one SLO in windows that end at one slot."""

    def window(self, length: timedelta) -> MeasuredWindow:
        """The figures of a window."""
        ...

    def bad_slots(self, length: timedelta) -> float:
        """In how many slots of a window events were bad; asked for only where that can decide."""
        ...

    def normal_rate(self) -> NormalRate | None:
        """What share of events is normally bad; asked for only where that can decide."""
        ...


def reading_of(
    windows: MeasuredWindows,
    policy: SeverityPolicy,
    *,
    error_budget: float,
    with_evidence: bool,
    stale: bool = False,
    stale_because: str | None = None,
    partial: str | None = None,
    of_some_sources: bool = False,
) -> Reading:
    """What one severity is judged by; with the evidence for it if a rule trips or *with_evidence*.

    An alert that is not active needs no evidence while no rule trips. The others are as in `Reading` and `RuleReading`.
    """
    readings = tuple(_rule_reading(windows, rule, guarded=policy.evidence is not None) for rule in policy.rules)
    if of_some_sources:
        readings = tuple(replace(one, of_some_sources=True) for one in readings)
    tripped = [measured for rule, measured in zip(policy.rules, readings, strict=True) if measured.trips(rule)]
    with_evidence = with_evidence or bool(tripped)
    # A history of weeks is a search in the ledger, as above.
    few = policy.evidence is not None and any(measured.bad < _MANY for measured in tripped)
    recent = tuple(_counts(windows, length) for length in needed_windows(policy)) if with_evidence else ()
    return Reading(
        rules=readings,
        stale=stale,
        stale_because=stale_because if stale else None,
        partial=partial,
        recent=recent,
        error_budget=error_budget,
        normal=windows.normal_rate() if few else None,
    )


def are_at_rest(alerts: Sequence[Alert], policies: Sequence[SeverityPolicy]) -> bool:
    """Whether the alerts of all policies are there and have nothing to say: quiet data leaves them as they are."""
    for alert in alerts:
        if alert.state is not AlertState.INACTIVE or alert.frozen is not None or alert.suppressed is not None:
            return False
    return {alert.severity for alert in alerts} == {policy.severity for policy in policies}


def is_stale(as_of_s: float, *, at_s: float, interval_s: float) -> bool:
    """Whether the newest measured slot is more than two slots behind; no data at all is stale too.

    So is what was measured in the future, by a clock that has been set back since: it says nothing of now.
    """
    return not abs(at_s - as_of_s) <= 2 * interval_s


def _rule_reading(windows: MeasuredWindows, rule: BurnRateRule, *, guarded: bool) -> RuleReading:
    far, near = windows.window(rule.long), windows.window(rule.short)
    measured = RuleReading(
        long_burn_rate=far.burn_rate,
        short_burn_rate=near.burn_rate,
        long_coverage=far.coverage,
        short_coverage=near.coverage,
        good=far.good,
        bad=far.bad,
    )
    # In how many slots events were bad is a search in the ledger: asked only where it can decide.
    if not guarded or not may_be_one_failure(measured.bad) or not measured.trips(rule):
        return measured
    return replace(measured, bad_slots=windows.bad_slots(rule.long))


def _counts(windows: MeasuredWindows, length: timedelta) -> WindowCounts:
    window = windows.window(length)
    return WindowCounts(window=length, total=window.good + window.bad, bad=window.bad, coverage=window.coverage)
