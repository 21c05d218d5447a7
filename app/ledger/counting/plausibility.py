"""How many events a step of a series counts: the rules that weigh evidence, each in one place (ADR-0032).

A counter only grows, until its process restarts. What Prometheus shows is less tidy: a proxy switches between two
replicas, an exporter corrects a value, a label set expires and returns, several processes share one target. Every
rule asks whether its reading is plausible: could the service have counted so much since the last sample? Where the
evidence is ambiguous, the judgement is the one of Prometheus's `increase()`: a fall counts the new value, the first
value of a new series counts nothing.
"""

from dataclasses import dataclass

import numpy as np

from app.ledger.runs import LOOKBACK_S
from app.slo.arrays import Bools, Floats

# So few events say nothing about a pace, and are always plausible: an error series appears with its first errors.
SLACK_EVENTS = 10.0
# A restarted process may count this many times faster than before: clients reconnect and retry. A dip is read at a
# value that takes hours or months to count, so the bound may be generous.
RESET_PACES = 10.0
# New errors may come this many times faster than requests did: clients retry. More would be further from the truth than
# `increase()`, which counts nothing, if the series proves old.
FIRST_VALUE_PACES = 3.0
# What may be new on a target of which nothing else moves: a service whose first requests all fail.
IDLE_EVENTS = 100.0
# A process that is known to have begun may count this many times faster than before: a load test, a new shard. More was
# carried over from before its start.
START_PACES = 100.0
# A level that is counted at this share of its own pace was counted from zero.
PROOF_PACES = 3.0
# A value that falls by no more than this was read from a second copy of the counter, or corrected.
NEAR_RATIO = 0.01
NEAR_EVENTS = 2.0
# The last digits of a 64-bit float: a recording rule adds up its counters in any order.
ROUNDING_RATIO = 1e-12
# A counter that stands still for scrapes, and then grows by more at once, is written by a batch job.
GRADUAL_EVENTS = 3.0
# Events of one step deviate by so many standard deviations at most: an hour has 120 steps, and a month 86,400.
CHANCE_DEVIATIONS = 4.0
# A copy of a counter lags behind by no more scrapes than this.
LAG_SCRAPES = 1.2
# Single steps tell a pace if they are no longer than this and end so shortly before a fall: they lie in the look-back,
# wherever time was cut into reads. Of counters that are scraped less often, the long pace is that of single steps.
STEP_S = 90.0
RECENT_S = 150.0
# Some exporters of hardware (SNMP Counter32) wrap around at 32 bits.
WRAP = 2.0**32
# What may be new where no pace is known: a target that was seen only once before.
UNKNOWN_EVENTS = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LastSteps:
    """The last two steps of counters before a scrape, shape (counters,); NaN where they are not known.

    *latest* and *earlier* are their paces, events per second; *level* is the value that *latest* began at.
    """

    latest: Floats
    earlier: Floats
    level: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeJudgement:
    """Verdicts on the counters of one scrape of a target, shape (counters,).

    *reset*: counts from zero, *dip*: counts nothing. *whole*: the process behind the whole target restarted. *alone*:
    other counters of the target went on.
    """

    reset: Bools
    dip: Bools
    whole: bool
    alone: bool


def pace_of_fall(*, long: Floats, steps: LastSteps, before: Floats, value: Floats, gap_s: Floats) -> Floats:
    """Events per second that counters of one scrape counted before it; shapes (counters,), NaN if unknown.

    The *long* pace lags behind a service that has just begun or whose traffic changed; what the last two steps share
    does not. The last step alone counts too, unless the fall takes it back: a jump to another level and back.
    """
    steady = np.minimum(steps.latest, steps.earlier)
    returned = steps.level + PROOF_PACES * 2 * gap_s * np.nan_to_num(steps.earlier) + SLACK_EVENTS
    taken_back = (value >= steps.level - NEAR_EVENTS) & (value <= returned)
    last = np.where((value < before) & ~taken_back, steps.latest, np.nan)
    pace: Floats = np.fmax(long, np.where(gap_s <= RECENT_S, np.fmax(steady, last), np.nan))
    return pace


def is_other_server(steps: LastSteps, *, before: Floats, value: Floats, gap_s: Floats) -> bool:
    """Whether a scrape shows the level that its counters had before their last step: two servers answer by turns.

    However fast the steps between two levels look, no large counter is counted from zero to where it was by chance;
    unless the step before the last did just that: a young process that restarts has the same value again.
    """
    counted_before = steps.level <= PROOF_PACES * np.nan_to_num(steps.earlier) * gap_s
    slack = np.maximum(SLACK_EVENTS, NEAR_RATIO * steps.level)
    same = (value >= steps.level - NEAR_EVENTS) & (value <= steps.level + slack)
    return bool((same & ~counted_before & (value < before) & (value > UNKNOWN_EVENTS)).any())


def judge_scrape(
    *,
    before: Floats,
    value: Floats,
    gap_s: Floats,
    pace: Floats,
    followed_pace: float | None = None,
    restarted: bool = False,
) -> ScrapeJudgement:
    """Judge one scrape of a target of which at least one counter fell; shapes (counters,).

    *pace* is events per second of each counter before the scrape, NaN if unknown; *followed_pace* is that of the
    target after it, None if it is not known yet. *restarted*: the target says that its process began since the last
    scrape; that counts for nothing against counters that go on, or that keep most of their value.
    """
    fell = value < before
    others = ~fell & (before > 0)
    expected = max(float(np.nansum(pace)), followed_pace or 0.0) * gap_s
    # A small value that stands still says nothing; any other is evidence of a process that went on.
    still = others & (value == before)
    silent = still & (value <= SLACK_EVENTS)
    on_pace = others & _goes_on_at_its_pace(before, value, gap_s=gap_s, pace=pace)
    went_on = (still & ~silent) | on_pace | (others & (value > PROOF_PACES * expected + SLACK_EVENTS))
    alone = bool(went_on.any())
    reset = fell & _plausible_reset(
        before, value, gap_s=gap_s, pace=pace, followed_pace=None if alone else followed_pace, alone=alone
    )
    if (went_on & (value > PROOF_PACES * np.maximum(expected, value[reset].sum()) + SLACK_EVENTS)).sum() == 0:
        alone = bool(((still & ~silent) | on_pace).any())
    if restarted and not alone:
        reset |= fell & (value <= before / 2) & (value <= START_PACES * expected + UNKNOWN_EVENTS)
    dip = fell & ~reset
    whole = bool(
        reset.any()
        and not alone
        and not dip.any()
        # Most of what the target had counted is gone.
        and (restarted or before[reset].sum() >= before[fell | others].sum() / 2)
    )
    return ScrapeJudgement(reset=reset | (others & ~silent) if whole else reset, dip=dip, whole=whole, alone=alone)


def judge_fall(
    *,
    before: Floats,
    value: Floats,
    gap_s: Floats,
    pace: Floats,
    followed_pace: float | None,
    target_pace: float | None,
    restarted: bool = False,
) -> ScrapeJudgement:
    """Judge one scrape of a target of which a counter fell, as `judge_scrape`; *target_pace* is that before it."""
    if not followed_pace and target_pace == 0 and not restarted:
        return judge_idle_scrape(before=before, value=value)
    if target_pace and np.nanmax(gap_s) > LOOKBACK_S and np.nansum(pace) == 0:
        # Traffic that paused before a hole, in which there was time for more, did not end for good.
        pace = np.where(value < before, target_pace / max(1, int((value < before).sum())), pace)
    return judge_scrape(
        before=before, value=value, gap_s=gap_s, pace=pace, followed_pace=followed_pace, restarted=restarted
    )


def judge_idle_scrape(*, before: Floats, value: Floats) -> ScrapeJudgement:
    """Judge one scrape of a target that did not count at all in the look-back before it nor, as far as known, after it.

    No pace shows what it can have counted: a batch job behind a Pushgateway writes the counts of each run at once. As
    for `increase()`, falls count the new value, unless they are so small that a second copy was read.
    """
    fell = value < before
    dip = fell & is_near(before, value)
    return ScrapeJudgement(reset=fell & ~dip, dip=dip, whole=False, alone=False)


def judge_other_server(*, before: Floats, value: Floats) -> ScrapeJudgement:
    """Judge one scrape that another server answers: nothing in it was counted since the last one."""
    dip = value < before
    return ScrapeJudgement(reset=np.zeros(len(value), dtype=bool), dip=dip, whole=False, alone=False)


def is_rounded(before: Floats, value: Floats) -> Bools:
    """Which counters read less in their last digits only, and have not fallen; shapes (counters,)."""
    rounded: Bools = (value < before) & (before - value <= ROUNDING_RATIO * before)
    return rounded


def is_near(before: Floats, value: Floats) -> Bools:
    """Which counters fell so little that a second copy of them was read; shapes (counters,)."""
    near: Bools = (before - value <= np.maximum(NEAR_EVENTS, NEAR_RATIO * before)) & (before > SLACK_EVENTS)
    return near


def _goes_on_at_its_pace(before: Floats, value: Floats, *, gap_s: Floats, pace: Floats) -> Bools:
    """Which counters have grown as they did before, to values that took them much longer; shapes (counters,).

    A restart that they hide would have to bring each of them, by chance, to where it would have been anyway.
    """
    own = PROOF_PACES * np.nan_to_num(pace) * gap_s + SLACK_EVENTS
    goes_on: Bools = (pace > 0) & (value - before <= own) & (value > np.maximum(own, IDLE_EVENTS))
    return goes_on


def _plausible_reset(
    before: Floats, value: Floats, *, gap_s: Floats, pace: Floats, followed_pace: float | None, alone: bool
) -> Bools:
    """Whether the values of counters that fell can have been counted from zero since the last sample."""
    fell, own = value < before, PROOF_PACES * np.nan_to_num(pace) * gap_s
    known = ~np.isnan(pace)
    near = is_near(before, value)
    # Those that fell together may have restarted together, and errors may come at the pace of requests.
    together = float(np.nansum(pace[fell]))
    bound = RESET_PACES * max(together, followed_pace or 0.0) * gap_s + SLACK_EVENTS
    plausible = value <= bound
    if not known[fell].any():
        few = value <= UNKNOWN_EVENTS
        plausible = (value < before / 2) | few if followed_pace is None else plausible | (few & (value < before / 2))
    if (fell & ~plausible).any():
        # A scrape that shows what cannot have been counted comes from elsewhere as a whole.
        return value <= 0
    copied = near & (value > np.where(known, own, UNKNOWN_EVENTS))
    if alone:
        # Where others went on, a counter that keeps most of its value was not reset either.
        copied |= (value > before / 2) & (value > own)
    if (fell & plausible & ~copied).any():
        # A process that restarted resets all of its counters, also those that had hardly counted.
        return plausible if not alone else plausible & ~copied
    return (value <= own) | (plausible & ~copied)


def has_wrapped(before: Floats, value: Floats, *, gap_s: Floats, pace: Floats) -> Bools:
    """Which counters that fell are of 32 bits and went on behind their largest value; shapes (counters,)."""
    growth = value + (WRAP - before)
    return (growth >= 0) & (before < WRAP) & (growth <= PROOF_PACES * np.nan_to_num(pace) * gap_s)


def is_reset_proven(low: float, *, gap_s: float, pace: float) -> bool:
    """Whether a value that looked like a dip was counted from zero after all, at the *pace* that followed."""
    return low <= PROOF_PACES * pace * gap_s


def is_correction(*, high: float, low: float, value: float, gap_s: float, since_low_s: float, pace: float) -> bool:
    """Whether a counter that fell from *high* to *low*, and now reads *value* above both, grew from the lower one.

    A correction falls once and goes on from there; a copy of the counter that lags behind is caught up with. A lag is
    no longer than a scrape, and what is missing shows which of the two explains the value better.
    """
    lag = high + pace * gap_s - low
    if lag <= LAG_SCRAPES * pace * gap_s:
        return False
    from_high = abs(value - high - pace * (gap_s + since_low_s))
    from_low = abs(value - low - pace * since_low_s)
    return from_low < from_high


def has_returned(growth: Floats, *, gap_s: Floats, pace: Floats, missing: float) -> Bools:
    """In which steps a counter that fell by *missing* events and was counted from there stands at its old level again.

    The growth is then nearer to all that is missing than to none of it, and more than chance brings; shapes (steps,).
    """
    expected = pace * gap_s
    returned: Bools = growth > expected + np.maximum(missing / 2, CHANCE_DEVIATIONS * np.sqrt(expected) + NEAR_EVENTS)
    return returned


def is_run_of_job(value: float, *, high: float, low: float, newest: float, moved: bool, lasted_s: float) -> bool:
    """Whether a counter that stood still, fell from *high* to *low*, and now reads *value*, shows runs of a batch job.

    Each run writes its counts at once. A second copy of a counter that stands still does not lag behind, and a dip goes
    back to where it was: neither stays lower for good, nor changes to yet another value. *newest* is what it read last;
    *moved*: it has grown since it fell.
    """
    near, stays = max(NEAR_EVENTS, NEAR_RATIO * high), lasted_s > RECENT_S and not moved
    if value == newest:
        return stays and lasted_s >= LOOKBACK_S
    if stays and high - low > near:
        return True
    if value < newest:
        return stays or high - value > near
    if high <= value <= high + NEAR_EVENTS:
        return stays and low <= UNKNOWN_EVENTS
    # What grows little by little is a service.
    return value > high or value - newest > GRADUAL_EVENTS or low <= IDLE_EVENTS


def is_back(value: float, *, high: float, since_s: float, pace: float) -> bool:
    """Whether a counter that fell from *high* stands where it would have come to since without the fall."""
    return high <= value <= high + PROOF_PACES * pace * since_s + SLACK_EVENTS


def is_growth_plausible(growth: float, *, gap_s: float, pace: float) -> bool:
    """Whether a counter that fell lately can have counted so much since; otherwise it only changed its level."""
    return growth <= RESET_PACES * pace * gap_s + SLACK_EVENTS


def is_first_value_plausible(value: float, *, gap_s: float, pace: float | None, idle: bool = False) -> bool:
    """Whether the first value of a series on a known target can have been counted since the target's last scrape.

    *pace* is that of all of the target's series, None if it is not known; *idle*: no other series of it grew.
    """
    if pace is None:
        return value <= UNKNOWN_EVENTS
    return value <= FIRST_VALUE_PACES * pace * gap_s + (IDLE_EVENTS if idle else SLACK_EVENTS)
