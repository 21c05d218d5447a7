"""Falls: which counters restarted from zero, which only dipped, and what went down with them.

A fall is judged with the other counters of its target's scrape (`plausibility.judge_scrape`). A dip itself counts
nothing; what the counter grows at its lower level is counted at once, as far as it is plausible, so that alerts never
wait for a judgement. When the counter is back at its higher level it goes on from there and from what was counted
meanwhile. If the lower level lasts, the counter was corrected; if its pace shows that it was counted from zero, it was
a restart after all, and what it had counted at the fall is counted where it happened.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from app.ledger.counting.last_samples import PACE_GRID_S, Dip, SuspectedTurns, Turns
from app.ledger.counting.plausibility import (
    NEAR_EVENTS,
    NEAR_RATIO,
    SLACK_EVENTS,
    UNKNOWN_EVENTS,
    WRAP,
    LastSteps,
    ScrapeJudgement,
    has_returned,
    has_wrapped,
    is_back,
    is_correction,
    is_growth_plausible,
    is_near,
    is_other_server,
    is_reset_proven,
    is_run_of_job,
    judge_fall,
    judge_other_server,
    pace_of_fall,
)
from app.ledger.counting.steps import SampleContext, scrape_reach_s, steadiest
from app.ledger.counting.suspected_turns import SuspectedTurnsCounter
from app.ledger.counting.turns import TurnCounter
from app.ledger.runs import LEVEL_KEPT_S, LOOKBACK_S
from app.slo.arrays import Bools, Floats, Ints

# A level below is passed by chance by the errors of an incident after a restart.
_LEAST_LEVEL = 20.0
# Timestamps are in milliseconds: nearer than that is the same scrape.
_AT_ONCE_S = 1e-3
# A counter that was seen so many scrapes ago was missing in two: a single one may have failed in part.
_MISSED_SCRAPES = 2.5


class Hindsight(NamedTuple):
    """Events of a counter in (since, at] that only later samples proved; *spread*: evenly over that time."""

    counter: int
    since: float
    at: float
    events: float
    spread: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scrape:
    """The samples of one scrape of a target that are judged together, and how fast their counters were before.

    *begin* is the first of their times, *seen_s* when the target was seen before. The arrays have shape (members,).
    """

    begin: float
    seen_s: float
    last_steps: LastSteps
    members: Ints
    counters: Ints
    before: Floats
    value: Floats
    gap_s: Floats
    pace: Floats
    expired: Bools


@dataclass(slots=True)
class JudgedFalls:
    """What was found besides counts: counters that dipped and when, and the counters that restarts left behind.

    *came_back* are targets of which counters came back to levels of before a restart, and when. *hindsight* are events
    that belong to an earlier time than the sample that proved them; *runs* are falls of counters that later samples
    proved to be of batch jobs.
    """

    hindsight: list[Hindsight] = field(default_factory=list)
    runs: dict[int, Dip] = field(default_factory=dict)
    dipped: list[tuple[int, float]] = field(default_factory=list)
    restarted: list[tuple[int, float]] = field(default_factory=list)
    came_back: list[tuple[int, float]] = field(default_factory=list)
    forgotten: list[int] = field(default_factory=list)
    dips: dict[int, Dip] = field(default_factory=dict)
    turns: dict[int, Turns] = field(default_factory=dict)
    suspected: dict[int, SuspectedTurns] = field(default_factory=dict)


class Falls:
    """Judges all falls among some steps, in the order of time; *until* is the end of what is counted."""

    def __init__(self, context: SampleContext, *, until: float) -> None:
        self._context = context
        self._steps = context.steps
        self._until = until
        self._judged = np.zeros(len(self._steps.before), dtype=bool)
        self._found = JudgedFalls()

    def judge(self) -> JudgedFalls:
        """Set what every step is counted from."""
        samples, raw = self._steps.samples, self._steps.raw
        fell = np.flatnonzero((samples.value < raw) & (samples.time <= self._until))
        fell = fell[np.argsort(samples.time[fell], kind="stable")]
        turns = TurnCounter(self._context, self._judged, until=self._until)
        turns.count(fell)
        suspected = SuspectedTurnsCounter(self._context, self._judged, until=self._until)
        suspected.count(fell)
        self._found.turns, self._found.dipped = turns.turns, turns.fell
        self._found.suspected = suspected.found
        dips = sorted(self._context.cursor.dips.items(), key=lambda each: -each[1].high)
        for counter, dip in dips:
            self._go_on(counter, dip, *self._context.span(counter))
        for index in fell.tolist():
            if not self._judged[index]:
                self._judge(index)
        return self._found

    def _judge(self, fall: int) -> None:
        """Judge the scrape in which a counter fell."""
        steps, context = self._steps, self._context
        at, target = float(steps.samples.time[fall]), int(context.arrays.target[steps.samples.counter[fall]])
        around = self._scrape_of(fall)
        scrape = self._evidence(around[~self._judged[around] & ~steps.is_first[around]], target)
        if not (scrape.value < scrape.before).any():
            return
        restarted = context.process_began(target, float(steps.since[fall]), at)
        judgement = self._verdict(scrape, target, at, restarted=restarted)
        still = self._stood_still(scrape.counters, scrape.begin)
        members = scrape.members
        steps.before[members[judgement.reset]] = 0.0
        self._judged[members] |= judgement.reset | judgement.dip
        # A counter that was missing for a while counted from zero since the target was last seen.
        resets = members[judgement.reset & (scrape.expired | judgement.whole)]
        resets = resets[steps.samples.time[resets] > scrape.seen_s]
        steps.since[resets] = np.fmax(steps.since[resets], scrape.seen_s)
        if judgement.whole:
            self._restart(target, at, steps.samples.counter[around])
        stood_still = np.full(len(members), still)
        if still and self._trickles(target, scrape.begin):
            stood_still &= ~(is_near(scrape.before, scrape.value) & (scrape.value > UNKNOWN_EVENTS))
        self._note_falls(scrape, judgement, still=stood_still)

    def _evidence(self, members: Ints, target: int) -> _Scrape:
        """What is known of the samples *members* of one scrape; counters that wrapped around have not fallen."""
        steps, context = self._steps, self._context
        begin = float(steps.samples.time[members].min())
        counters = steps.samples.counter[members]
        before, value = steps.before[members], steps.samples.value[members]
        gap_s = steps.samples.time[members] - steps.since[members]
        last_steps = context.last_steps(counters, begin)
        pace = pace_of_fall(
            long=np.array([steadiest(context.paces(each, begin)) for each in counters.tolist()]),
            steps=last_steps,
            before=before,
            value=value,
            gap_s=gap_s,
        )
        seen_s = context.seen_before(target, begin)
        expired = has_expired(since=steps.since[members], seen_s=seen_s, at=begin, before=before, value=value)
        if expired.any():
            # It begins again, as a new series does, since the last scrape of its target.
            new_pace = context.target_pace(target, begin)
            pace = np.where(expired, np.nan if new_pace is None else new_pace, pace)
            gap_s = np.where(expired, begin - seen_s, gap_s)
        # A counter that wraps around went on: it is no evidence of a restart.
        wrapped = (value < before) & has_wrapped(before, value, gap_s=gap_s, pace=pace)
        before = np.where(wrapped, before - WRAP, before)
        steps.before[members[wrapped]] = before[wrapped]
        self._judged[members[wrapped]] = True
        return _Scrape(
            begin=begin,
            seen_s=seen_s,
            last_steps=last_steps,
            members=members,
            counters=counters,
            before=before,
            value=value,
            gap_s=gap_s,
            pace=pace,
            expired=expired,
        )

    def _verdict(self, scrape: _Scrape, target: int, at: float, *, restarted: bool) -> ScrapeJudgement:
        context, before, value = self._context, scrape.before, scrape.value
        if not restarted and is_other_server(scrape.last_steps, before=before, value=value, gap_s=scrape.gap_s):
            return judge_other_server(before=before, value=value)
        fell = value < before
        levels = dict(zip(scrape.counters[fell].tolist(), before[fell].tolist(), strict=True))
        followed = context.followed_pace(target, at, levels)
        return judge_fall(
            before=before,
            value=value,
            gap_s=scrape.gap_s,
            pace=scrape.pace,
            followed_pace=followed,
            target_pace=None if followed else context.target_pace(target, scrape.begin),
            restarted=restarted,
        )

    def _scrape_of(self, fall: int) -> Ints:
        """The samples of the target's scrape in which a counter fell: nearer to it than to those before and after."""
        steps = self._steps
        counter, at = int(steps.samples.counter[fall]), float(steps.samples.time[fall])
        apart_s = at - float(steps.since[fall])
        if fall + 1 < len(steps.since) and steps.samples.counter[fall + 1] == counter:
            apart_s = min(apart_s, float(steps.samples.time[fall + 1]) - at)
        target = int(self._context.arrays.target[counter])
        return self._context.near(target, at, scrape_reach_s(apart_s))

    def _stood_still(self, counters: Ints, begin: float) -> bool:
        """Whether none of the *counters* of a scrape changed in its last two steps before *begin*."""
        return all(self._last_changes(counter, begin) == [0.0, 0.0] for counter in counters.tolist())

    def _trickles(self, target: int, begin: float) -> bool:
        """Whether a target counted a few events lately: a service that is nearly idle corrects its counters, too."""
        pace = self._context.target_pace(target, begin)
        return pace is not None and 0 < pace * PACE_GRID_S <= SLACK_EVENTS

    def _last_changes(self, counter: int, begin: float) -> list[float]:
        """What a counter changed by in its last two steps before *begin*, or how fast; NaN where it is not known."""
        steps, cursor = self._steps, self._context.cursor
        first, last = self._context.span(counter)
        end = first + int(np.searchsorted(steps.samples.time[first:last], begin))
        here = np.arange(end - 1, max(first, end - 2) - 1, -1)
        dip = cursor.dips.get(counter)
        older = list(cursor.last_steps(counter)[:2])
        if dip is not None and not dip.counted and dip.moved_at == dip.at:
            # What a dip shows is part of no pace, until it is counted from.
            older = dip.still_steps(float(cursor.time[counter]))
        return [*(steps.samples.value[here] - steps.raw[here]).tolist(), *older][:2]

    def _note_falls(self, scrape: _Scrape, judgement: ScrapeJudgement, *, still: Bools) -> None:
        """Follow each counter of a scrape that fell at its lower level; *still* has shape (members,)."""
        before, value, pace = scrape.before, scrape.value, scrape.pace
        steps, context = self._steps, self._context
        known = np.nan_to_num(pace)
        together = float(known[value < before].sum())
        fell = np.flatnonzero(value < before)
        for place in fell[np.argsort(-before[fell], kind="stable")].tolist():
            index, of = int(scrape.members[place]), int(scrape.counters[place])
            _, last = context.span(of)
            when, low, reset = float(steps.samples.time[index]), float(value[place]), bool(judgement.reset[place])
            if when > self._until:
                continue
            dip = Dip(
                high=float(before[place]),
                at=float(steps.since[index]) if reset else when,
                gap_s=when - float(steps.since[index]),
                low=0.0 if reset else low,
                newest=low,
                counted=reset,
                expires_s=when + LOOKBACK_S if reset else np.inf,
                pace=max(float(known[place]), together),
                own_pace=float(known[place]),
                alone=judgement.alone and not scrape.expired[place],
                still=bool(still[place]),
                moved_at=when,
            )
            if not reset:
                steps.count_from(index, value[place])
                self._found.dipped.append((of, when))
            self._go_on(of, dip, index + 1, last)

    def _restart(self, target: int, at: float, there: Ints) -> None:
        """A whole target restarted: its counters that are not *there* begin from zero when they are seen again."""
        steps, context = self._steps, self._context
        self._found.restarted.append((target, at))
        for counter in np.setdiff1d(context.counters(target), there).tolist():
            first, last = context.span(counter)
            again = first + int(np.searchsorted(steps.samples.time[first:last], at))
            if again < last and not self._judged[again]:
                steps.before[again], self._judged[again] = np.nan, True
            if again == last or steps.samples.time[again] > self._until:
                self._found.forgotten.append(counter)

    def _go_on(self, counter: int, dip: Dip, first: int, last: int) -> None:
        """Count the samples *first* to *last* (exclusive) of a counter that fell, until it is as if it had not."""
        later = last
        last = first + int(np.searchsorted(self._steps.samples.time[first:last], self._until, side="right"))
        standing: Dip | None = dip
        while standing is not None and first < last:
            if standing.counted:
                standing, first = self._count_lower_level(standing, first, last)
            else:
                standing, first = self._wait(counter, standing, first), first + 1
        if standing is None or self._until >= standing.expires_s:
            return
        if not standing.counted and self._proves_run(standing, last, later):
            self._found.hindsight.append(_run_of(counter, standing))
            self._found.runs[counter] = standing
        else:
            self._found.dips[counter] = standing

    def _proves_run(self, dip: Dip, first: int, last: int) -> bool:
        """Whether samples *first* to *last* (exclusive), not counted yet, prove a fall to be a run of a job."""
        samples = self._steps.samples
        for index in range(first, last):
            value, lasted_s = float(samples.value[index]), float(samples.time[index]) - dip.at
            if _is_run(dip, value, lasted_s=lasted_s):
                return True
            if value != dip.newest:
                return False
        return False

    def _wait(self, counter: int, dip: Dip, index: int) -> Dip | None:
        """Look at one sample of a counter that dipped; None once it is back at its level."""
        steps = self._steps
        if self._judged[index]:
            return None
        at, value = float(steps.samples.time[index]), float(steps.samples.value[index])
        if _is_run(dip, value, lasted_s=at - dip.at):
            # The next change is judged as that of any counter.
            self._found.hindsight.append(_run_of(counter, dip))
            steps.before[index] = dip.newest
            return None
        self._judged[index] = True
        # Behind a hole a restarted counter may have passed its old level: its pace tells it from one that is back.
        unseen_s, lasted_s = at - float(steps.since[index]), at - dip.at
        if unseen_s > LOOKBACK_S and is_reset_proven(dip.low, gap_s=dip.gap_s, pace=(value - dip.low) / lasted_s):
            steps.count_from(index, 0.0)
            return None
        if value >= dip.high:
            return self._go_on_above(dip, index, at=at, value=value)
        return self._judge_lower_level(counter, dip, index, at=at, value=value)

    def _go_on_above(self, dip: Dip, index: int, *, at: float, value: float) -> Dip | None:
        """Count a sample above the level that a counter fell from: from there, or from below if it was corrected."""
        corrected = is_correction(
            high=dip.high, low=dip.low, value=value, gap_s=dip.gap_s, since_low_s=at - dip.at, pace=dip.own_pace
        )
        if corrected:
            self._steps.count_from(index, min(dip.low + dip.grown_from_low, value))
            return replace(dip, counted=True, newest=value, expires_s=at + LEVEL_KEPT_S)
        self._steps.count_from(index, min(dip.high + dip.grown, value))
        return None

    def _judge_lower_level(self, counter: int, dip: Dip, index: int, *, at: float, value: float) -> Dip:
        """Look at one more sample at the lower level: was it counted from zero, or is it there to stay?"""
        steps, lasted = self._steps, at - dip.at
        if value < dip.newest:
            since = float(steps.since[index])
            # One that keeps most of its value fell with others that cannot have restarted: its own pace decides.
            pace = dip.pace if value <= dip.newest / 2 else dip.own_pace
            if is_growth_plausible(value, gap_s=at - since, pace=pace):
                steps.before[index] = 0.0
                return replace(dip, counted=True, at=since, low=0.0, newest=value, expires_s=at + LOOKBACK_S)
            steps.count_from(index, value)
            return replace(dip, low=value, newest=value, grown_from_low=0.0)
        if is_reset_proven(dip.low, gap_s=dip.gap_s, pace=(value - dip.low) / lasted):
            steps.count_from(index, dip.low + dip.grown_from_low)
            self._found.hindsight.append(Hindsight(counter, dip.at - dip.gap_s, dip.at, dip.low, spread=False))
            return replace(dip, counted=True, at=dip.at - dip.gap_s, low=0.0, newest=value, expires_s=at + LOOKBACK_S)
        standing = self._grow_below(dip, index, at=at, value=value)
        if lasted < LOOKBACK_S:
            return standing
        uncounted = value - dip.low - standing.grown_from_low
        if uncounted > 0:
            until = standing.moved_at if standing.moved_at > dip.at else at
            self._found.hindsight.append(Hindsight(counter, dip.at, until, uncounted, spread=True))
        return replace(standing, counted=True, expires_s=at + LEVEL_KEPT_S)

    def _grow_below(self, dip: Dip, index: int, *, at: float, value: float) -> Dip:
        """Count what a counter grows at its lower level, as far as that is new events.

        A copy that reads one less has not counted anything, and a change of level is no growth.
        """
        growth, steps = value - dip.newest, self._steps
        may_count = dip.high - dip.low > NEAR_EVENTS and is_growth_plausible(
            growth, gap_s=at - float(steps.since[index]), pace=dip.pace
        )
        if may_count:
            steps.before[index] = dip.newest
        else:
            steps.count_from(index, value)
        counted = growth if may_count else 0.0
        return replace(
            dip,
            newest=value,
            grown=dip.grown + counted,
            grown_from_low=dip.grown_from_low + counted,
            moved_at=at if growth > 0 else dip.moved_at,
        )

    def _count_lower_level(self, dip: Dip, first: int, last: int) -> tuple[Dip | None, int]:
        """Go on to where a counter that is counted from its lower level leaves it again."""
        steps, samples = self._steps, self._steps.samples
        value, raw, time = samples.value[first:last], steps.raw[first:last], samples.time[first:last]
        back = value >= dip.high
        if dip.low:
            missing = dip.high - dip.low + dip.own_pace * dip.gap_s
            pace = self._paces_since(dip, first, last, before=dip.own_pace)
            back &= has_returned(value - raw, gap_s=time - steps.since[first:last], pace=pace, missing=missing)
        left = np.flatnonzero(back | (value < raw) | (time > dip.expires_s) | self._judged[first:last])
        if not len(left):
            return replace(dip, newest=float(value[-1])), last
        place = int(left[0])
        index = first + place
        if back[place] and value[place] >= raw[place] and time[place] <= dip.expires_s and not self._judged[index]:
            self._judge_return(dip, index)
        return None, index

    def _judge_return(self, dip: Dip, index: int) -> None:
        """Look at the sample of a counter that was counted from a lower level and stands above its higher one again."""
        steps = self._steps
        value, seen_s = float(steps.samples.value[index]), float(steps.since[index])
        if dip.low:
            level = min(dip.high + float(steps.raw[index]) - dip.low, value)
        elif dip.still and value != dip.high:
            return  # a batch job: what stood still and comes back stands where it stood
        elif dip.alone and abs(seen_s - dip.at - dip.gap_s) < _AT_ONCE_S:
            level = dip.high  # one scrape showed less of a counter than those around it
        elif (
            self._was_single_zero(dip, index)
            or self._has_come_back(dip, index, _LEAST_LEVEL, dip.own_pace)
            or self._has_come_back(dip, index, UNKNOWN_EVENTS, dip.pace)
        ):
            level = dip.high
            at = float(steps.samples.time[index])
            self._found.came_back.append((int(self._context.arrays.target[steps.samples.counter[index]]), at))
        else:
            return
        self._judged[index] = True
        steps.count_from(index, level)

    def _was_single_zero(self, dip: Dip, index: int) -> bool:
        """Whether one sample alone read zero: it was written before a scrape, as zeros at created timestamps are.

        However fast such steps make a counter look, no large one is counted from zero to where it was in one of them.
        """
        steps = self._steps
        if steps.raw[index] or abs(float(steps.since[index]) - dip.at - dip.gap_s) >= _AT_ONCE_S:
            return False
        target, at = int(self._context.arrays.target[steps.samples.counter[index]]), float(steps.samples.time[index])
        large = dip.high > UNKNOWN_EVENTS and steps.samples.value[index] <= dip.high * (1 + NEAR_RATIO)
        return bool(large) or any(
            which == target and abs(when - at) < _AT_ONCE_S for which, when in self._found.came_back
        )

    def _has_come_back(self, dip: Dip, index: int, least: float, pace: float) -> bool:
        """Whether a counter above *least* stands where it would without the fall, and cannot have grown there.

        Judged by its *pace* before it fell: that of the errors alone, or that of all requests, which may have failed.
        """
        steps = self._steps
        at, value = float(steps.samples.time[index]), float(steps.samples.value[index])
        pace = float(self._paces_since(dip, index, index + 1, before=pace)[0])
        return (
            dip.high > least
            and not is_growth_plausible(
                value - float(steps.raw[index]), gap_s=at - float(steps.since[index]), pace=pace
            )
            and is_back(value, high=dip.high, since_s=at - dip.at + dip.gap_s, pace=pace)
        )

    def _paces_since(self, dip: Dip, first: int, last: int, *, before: float) -> Floats:
        """Events per second of a counter *before* it fell, or at its lower level up to each step if that is faster."""
        passed_s, counted = self._steps.since[first:last] - dip.at, self._steps.raw[first:last] - dip.low
        return np.maximum(before, np.where(passed_s > 0, counted / np.maximum(passed_s, 1.0), 0.0))


def has_expired(*, since: Floats, seen_s: float, at: float, before: Floats, value: Floats) -> Bools:
    """Which counters, last seen at *since*, were missing in their target's scrape at *seen_s*, before that *at* a time.

    One that was missing for a few scrapes only, and comes back with nearly its old value, is a copy that lags.
    """
    missed_some = (at - since > _MISSED_SCRAPES * (at - seen_s)) & ~is_near(before, value)
    expired: Bools = (since < seen_s) & (missed_some | (at - since > LOOKBACK_S))
    return expired


def _is_run(dip: Dip, value: float, *, lasted_s: float) -> bool:
    """Whether a dip proves to be a run of a batch job by the *value* that its counter reads *lasted_s* later."""
    return dip.still and is_run_of_job(
        value,
        high=dip.high,
        low=dip.low,
        newest=dip.newest,
        moved=dip.moved_at > dip.at,
        lasted_s=lasted_s,
    )


def _run_of(counter: int, dip: Dip) -> Hindsight:
    return Hindsight(counter, dip.at - dip.gap_s, dip.at, dip.low, spread=False)
