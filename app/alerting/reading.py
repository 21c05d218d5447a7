"""What is known of an SLO at one slot, and the verdict on whether one severity of it burns.

A verdict has four values: burning, quiet, suppressed for lack of evidence, and unknown. An alert whose verdict is
unknown is frozen.
"""

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import numpy as np

from app.alerting import evidence
from app.alerting.evidence import SignificanceTest, WindowCounts
from app.alerting.normal_rate import NormalRate
from app.slo import BurnRateRule, FrozenCause, SeverityPolicy, format_duration
from app.slo.arrays import Bools, Floats

# One missed slot of the ten in 5m is tolerated; what lacks more could hold an incident, or its end: 6 minutes of total
# outage make an hour 10% bad, which is 100x at 99.9%.
ADEQUATE_COVERAGE = 0.9
"""Measured over expected slots of a window below which nothing is concluded from it."""

# Far above the error of a double (1e-16 for each operation), far below what one event of a billion changes.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleReading:
    """One rule at one slot: burn rates (NaN = no events), coverages (ratio 0..1), and the long window's events.

    *bad_slots* is as in `WindowCounts`. *of_some_sources*: what is not measured is of some of its sources, while all
    times are measured of others.
    """

    long_burn_rate: float
    short_burn_rate: float
    long_coverage: float = 1.0
    short_coverage: float = 1.0
    good: float = float("nan")
    bad: float = float("nan")
    bad_slots: float = math.inf
    of_some_sources: bool = False

    @property
    def adequate(self) -> bool:
        """Whether enough of both windows is measured to judge by; an unknown (NaN) coverage is not."""
        return self.long_coverage >= ADEQUATE_COVERAGE and self.short_coverage >= ADEQUATE_COVERAGE

    def trips(self, rule: BurnRateRule) -> bool:
        """Whether both burn rates reach the factor; NaN never does."""
        return _reach(rule, self.long_burn_rate, self.short_burn_rate)

    def trips_as_measured(self, rule: BurnRateRule) -> bool:
        """Whether it trips by what is measured, however good the rest of the long window was.

        What is missing is taken for good events at the pace of the rest: a gap of some minutes hides no new incident
        for an hour. An incident that was over in the gap does not show in the short window, which must be whole; but
        where a source is missing the newest events of the others are there.
        """
        if not self.short_coverage >= ADEQUATE_COVERAGE and not self.of_some_sources:
            return False
        long, short = (
            rate if coverage >= ADEQUATE_COVERAGE else rate * coverage
            for rate, coverage in (
                (self.long_burn_rate, self.long_coverage),
                (self.short_burn_rate, self.short_coverage),
            )
        )
        return _reach(rule, long, short)


def _reach(rule: BurnRateRule, *burn_rates: float) -> bool:
    # 144 bad events of 10,000 are 14.4 times an error budget of 0.001, and 14.399999999999999 in floating point.
    reached = rule.factor * (1.0 - _ROUNDING)
    return all(rate >= reached for rate in burn_rates)


def is_calm(rule: BurnRateRule, *, burn_rates: tuple[Floats, Floats], coverages: tuple[Floats, Floats]) -> Bools:
    """Whether a rule is adequately measured and does not trip, for many SLOs at once.

    Pairs are of the long and the short window, arrays of shape (members,). Such a reading is quiet: an alert that is
    inactive, and neither frozen nor suppressed, stays as it is.
    """
    adequate = (coverages[0] >= ADEQUATE_COVERAGE) & (coverages[1] >= ADEQUATE_COVERAGE)
    calm: Bools = adequate & ~trips(rule, *burn_rates)
    return calm


def trips_as_measured(
    rule: BurnRateRule, *, burn_rates: tuple[Floats, Floats], coverages: tuple[Floats, Floats]
) -> Bools:
    """What `RuleReading.trips_as_measured` says, for many slots at once; as `is_calm`."""
    share: Floats = np.where(coverages[0] >= ADEQUATE_COVERAGE, 1.0, coverages[0])
    burning: Bools = trips(rule, burn_rates[0] * share, burn_rates[1]) & (coverages[1] >= ADEQUATE_COVERAGE)
    return burning


def trips(rule: BurnRateRule, long_burn_rates: Floats, short_burn_rates: Floats) -> Bools:
    """What `RuleReading.trips` says, for many SLOs or slots at once."""
    reached = rule.factor * (1.0 - _ROUNDING)
    both: Bools = (long_burn_rates >= reached) & (short_burn_rates >= reached)
    return both


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One severity at one slot: its rules in the policy's order, and whether the newest data is too old to judge by.

    *stale_because* says why there is no newer data, where that is known. *partial* says what is missing from the data,
    None if it is whole: partial data may show a burn, never its end. *untrusted* says why an SLI that was changed while
    the alert fires does not show that it is over; *estimated* by what the figures are estimated, None if measured.
    *muted* says why alerts are muted by an adjustment, None if they are not: none begins, and none ends.

    *normal* is what is normal for the SLO, None where that is not known, or cannot decide anything.
    *recent* are the counts of `evidence.needed_windows`; without them, or without the *error_budget* (a ratio), a
    policy that asks for evidence cannot tell what lacks it, and goes by the burn rates alone. *since_end* are all
    events since the alert last ended, needed for as long as the longest window reaches back to that.
    """

    rules: tuple[RuleReading, ...]
    stale: bool = False
    stale_because: str | None = None
    partial: str | None = None
    untrusted: str | None = None
    estimated: str | None = None
    muted: str | None = None
    recent: tuple[WindowCounts, ...] = ()
    error_budget: float = math.nan
    since_end: WindowCounts | None = None
    normal: NormalRate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether it burns, and by which rule; *unknown* says in words why that cannot be told, *frozen_cause* as a code.

    *rule* has tripped and there is evidence enough to fire; *rules* are all that have, where rules wait for times of
    their own; *tripped* has tripped, which keeps an alert firing; *suppressed* says why a rule that has tripped is not
    believed yet. *over* says that the newest events show the end, *long_over* that those of half of the longest short
    window do, for an alert that comes and goes; *hold_time* is how long an alert fires on after the
    last rule has cleared while nothing shows that. *silent* are the rules in whose short windows there was no event at
    all: they have cleared, and that says nothing.
    """

    rule: BurnRateRule | None = None
    rules: tuple[BurnRateRule, ...] = ()
    unknown: str | None = None
    frozen_cause: FrozenCause | None = None
    tripped: BurnRateRule | None = None
    suppressed: str | None = None
    over: bool = False
    long_over: bool = False
    hold_time: timedelta = timedelta(0)
    silent: tuple[BurnRateRule, ...] = ()

    @property
    def burning(self) -> bool:
        """Whether a rule has tripped by what is measured and with enough evidence to fire."""
        return self.rule is not None


QUIET = Verdict()
STALE = Verdict(unknown="the newest data is too old to judge by")


def judge(
    reading: Reading, policy: SeverityPolicy, *, quiet_for: timedelta | None = None, fires: bool = False
) -> Verdict:
    """The verdict of a policy on a reading: the quickest rule that trips, or quiet, suppressed, or unknown.

    One rule that trips by what is measured is enough to know that it burns; that it is quiet is only known when the
    data of every rule is adequate. *quiet_for* is the time since the alert last ended, None if it never did. An
    alert that *fires* goes on or ends without evidence to fire, which is not looked for then.

    Raises:
        ValueError: the reading is of another set of rules.
    """
    if len(reading.rules) != len(policy.rules):
        raise ValueError(f"{len(reading.rules)} readings for the {len(policy.rules)} rules of a {policy.severity}")
    if reading.muted is not None:
        return Verdict(unknown=reading.muted, frozen_cause=FrozenCause.ADJUSTMENT)
    if reading.stale:
        return STALE if reading.stale_because is None else Verdict(unknown=reading.stale_because)
    verdict = _judge(reading, policy, quiet_for, fires=fires)
    # Series that are missing from an answer can only hide events, so what burns without them burns.
    if reading.partial is None or verdict.burning or (verdict.tripped is not None and not verdict.over):
        return verdict
    return Verdict(unknown=reading.partial)


def _judge(reading: Reading, policy: SeverityPolicy, quiet_for: timedelta | None, *, fires: bool) -> Verdict:
    tripped: list[tuple[BurnRateRule, RuleReading]] = []
    inadequate: list[tuple[BurnRateRule, RuleReading]] = []
    for rule, measured in zip(policy.rules, reading.rules, strict=True):
        if not measured.adequate:
            inadequate.append((rule, measured))
        if measured.trips_as_measured(rule):
            tripped.append((rule, measured))
    # Missing data cannot take back what measured data shows: a rule that trips fires although another cannot be judged.
    if inadequate and not tripped:
        return Verdict(unknown=_why(*inadequate[0]))
    silent = tuple(
        rule for rule, measured in zip(policy.rules, reading.rules, strict=True) if math.isnan(measured.short_burn_rate)
    )
    if policy.evidence is None or not reading.recent or math.isnan(reading.error_budget):
        every = tuple(rule for rule, _ in tripped) if policy.rules_wait_apart else ()
        return Verdict(rule=tripped[0][0], rules=every, tripped=tripped[0][0]) if tripped else Verdict(silent=silent)
    verdict = _with_evidence(reading, policy, tripped, quiet_for, fires=fires)
    return replace(verdict, silent=silent) if silent else verdict


def _with_evidence(
    reading: Reading,
    policy: SeverityPolicy,
    tripped: list[tuple[BurnRateRule, RuleReading]],
    quiet_for: timedelta | None,
    *,
    fires: bool,
) -> Verdict:
    is_over = partial(
        evidence.is_over, reading.recent, policy, error_budget=reading.error_budget, adequate=ADEQUATE_COVERAGE
    )
    over = is_over()
    # What is over: its windows still hold errors that were notified, or an incident that ended before it was evaluated.
    believed, suppressed = ((), None) if over or fires else _believed(reading, policy, tripped, quiet_for)
    return Verdict(
        rule=next(iter(believed), None),
        rules=believed if policy.rules_wait_apart else (),
        tripped=tripped[0][0] if tripped else None,
        suppressed=None if believed else suppressed,
        over=over,
        long_over=over and is_over(patient=True),
        hold_time=timedelta(0) if evidence.is_silent(reading.recent, policy) else evidence.hold_time(policy),
    )


def _believed(
    reading: Reading,
    policy: SeverityPolicy,
    tripped: list[tuple[BurnRateRule, RuleReading]],
    quiet_for: timedelta | None,
) -> tuple[tuple[BurnRateRule, ...], str | None]:
    """The quickest rule with enough evidence, or all where they wait apart; and what the quickest one lacks."""
    believed: list[BurnRateRule] = []
    doubts = []
    for rule, measured in tripped:
        doubt = _doubt(rule, measured, reading, policy, quiet_for)
        if doubt is not None:
            doubts.append(doubt)
            continue
        believed.append(rule)
        if not policy.rules_wait_apart:
            break
    return tuple(believed), doubts[0] if doubts else None


def _doubt(
    rule: BurnRateRule, measured: RuleReading, reading: Reading, policy: SeverityPolicy, quiet_for: timedelta | None
) -> str | None:
    if policy.evidence is None:
        return None
    total = measured.good + measured.bad
    counts = WindowCounts(window=rule.long, total=total, bad=measured.bad, bad_slots=measured.bad_slots)
    normal = evidence.normal_traffic(reading.normal, policy, counts, reading.recent, reading.error_budget)
    doubt = SignificanceTest(rule=rule, error_budget=reading.error_budget, evidence=policy.evidence, normal=normal)
    parts = (counts,) if normal is None else evidence.parts_of(counts, reading.recent)
    if not any(doubt.passes(part) for part in parts):
        return evidence.what_is_missing(counts, doubt.passes, normal=reading.normal)
    if quiet_for is None or quiet_for >= rule.long:
        return None
    # Errors that were notified once are no evidence for the next alert (ADR-0017).
    since_end = reading.since_end or WindowCounts(window=quiet_for, total=0.0, bad=0.0)
    fitting = (counts for counts in reading.recent if counts.window <= quiet_for)
    new = (since_end, *(replace(counts, bad_slots=since_end.bad_slots) for counts in fitting))
    if any(doubt.is_new(counts) for counts in new):
        return None
    within = "since the last alert ended"
    return evidence.what_is_missing(since_end, doubt.is_new, within=within, normal=reading.normal)


def _why(rule: BurnRateRule, measured: RuleReading) -> str:
    # The figure itself would change in every slot, and with it the alert and its annotations.
    short_is_poor = not measured.short_coverage >= ADEQUATE_COVERAGE
    window = rule.short if short_is_poor else rule.long
    return f"less than {ADEQUATE_COVERAGE:.0%} of the last {format_duration(window)} is measured"
