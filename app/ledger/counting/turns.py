"""Several processes that answer scrapes of one address by turns, as workers without a shared registry do (ADR-0106).

Samples of one process fall only when it restarts, and then nothing returns. Where a large counter comes back again and
again to levels that it has left, each time a little above, as far as the time since allows, several processes are
seen, each at its own level. The *leading* counter of a target, the largest that fell, tells which process a scrape
shows; of all counters in it counts what that process has counted since it was seen last, less what others have counted
meanwhile: as much as the busiest process, in any order of turns.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import log
from statistics import median

import numpy as np

from app.ledger.counting.last_samples import Jump, ProcessLevel, Turns
from app.ledger.counting.plausibility import (
    NEAR_RATIO,
    PROOF_PACES,
    SLACK_EVENTS,
    UNKNOWN_EVENTS,
    is_first_value_plausible,
    is_growth_plausible,
    is_near,
)
from app.ledger.counting.steps import SampleContext, scrape_reach_s
from app.ledger.runs import LEVEL_KEPT_S, LOOKBACK_S
from app.slo.arrays import Bools, Floats, Ints

# Jumps to levels that were left prove turns if they are so many times likelier by turns than by chance. A process that
# restarts falls, and then counts: what it jumps to is chance.
_PROOF = 1_000.0
# Three are needed at least.
_LEAST_CHANCE = 0.05
# By turns a jump misses all known levels so often: a process is seen for the first time, or counted faster.
_MISSED = 0.2
_KEPT_JUMPS = 8
# Of so many rises one is likely to be of one process.
_KEPT_STEPS = 16
# What grew as fast as the slowest rise, by so much, was counted by one process.
_ALIKE_RATIO = 0.25
# More processes than this are not told apart.
_MOST_LEVELS = 32


@dataclass(slots=True)
class _Scrapes:
    """The scrapes of a target in which its leading counter was seen; shapes (scrapes,).

    *seen* are the processes that a scrape may show, by number, the likeliest first; the first time of a process it is
    its new number alone. *shows_turns* says where turns are proved.
    """

    time: Floats
    value: Floats
    since: Floats
    seen: list[tuple[int, ...]] = field(default_factory=list)
    known: list[bool] = field(default_factory=list)
    proved_s: list[float] = field(default_factory=list)

    @property
    def shows_turns(self) -> Bools:
        proved = np.sort(np.array(self.proved_s))
        time = self.time[: len(self.seen)]
        shown: Bools = np.searchsorted(proved, time - LOOKBACK_S) < np.searchsorted(
            proved, time + LOOKBACK_S, side="right"
        )
        return shown


@dataclass(slots=True)
class _Processes:
    """What is known of the processes behind a leading counter while its samples are followed.

    *levels* are the time and value of each when it was seen last, by number; *latest* is that of the last scrape.
    *jumps* are the newest rises that no pace explains, *steps* are the paces of the newest rises.
    """

    levels: dict[int, tuple[float, float]]
    latest: int
    jumps: list[Jump]
    steps: list[float]
    moved: int
    stood: int
    proved_s: float
    switched_s: float

    @property
    def pace(self) -> float:
        """Events per second of one process; NaN where it is not known."""
        paces = [jump.growth / jump.took_s for jump in self.jumps if jump.took_s]
        return median(paces) if paces else np.nan

    def see(self, at: float, value: float) -> tuple[tuple[int, ...], bool]:
        """The processes that a scrape may show, the likeliest first, and whether they were seen before."""
        seen_s, before = self.levels[self.latest]
        grown, gap_s = value - before, at - seen_s
        self.moved, self.stood = self.moved + (grown != 0), self.stood + (grown == 0)
        if grown > 0:
            self.steps = [*self.steps, grown / gap_s][-_KEPT_STEPS:]
        proved = at - self.proved_s <= LOOKBACK_S
        pace = self.pace if proved else self._slowest
        goes_on = grown >= 0 and is_growth_plausible(grown, gap_s=gap_s, pace=pace)
        if grown > 0 and not goes_on:
            self.jumps = [*self.jumps, self._jump(at, value, pace)][-_KEPT_JUMPS:]
            if self.jumps[-1].took_s and self._is_proof():
                self.proved_s = at
        numbers = self._fitting(at, value, pace, proved=proved, goes_on=goes_on)
        if numbers:
            self._note(numbers[0], at, value)
            return numbers, True
        if any(0 < level - value <= NEAR_RATIO * level for _, level in self.levels.values()):
            # No process counts backwards.
            self.jumps, self.proved_s = [], -np.inf
        number = max(self.levels) + 1
        self._note(number, at, value)
        return (number,), False

    @property
    def _slowest(self) -> float:
        """How fast one process counts at most, before turns are proved: by the slowest rises, but not by chance."""
        return sorted(self.steps)[len(self.steps) // 8] if self.steps else 0.0

    def _fitting(self, at: float, value: float, pace: float, *, proved: bool, goes_on: bool) -> tuple[int, ...]:
        """The processes that may have counted up to a value, the likeliest first.

        Before turns are proved it is the one that was seen last, if it *goes_on*.
        """
        if goes_on and not proved:
            return (self.latest,)
        fitting = []
        for number, (seen_s, level) in self.levels.items():
            growth, expected = value - level, pace * (at - seen_s)
            low, high = _growth_alike(level, expected)
            may_be = goes_on if number == self.latest else growth <= PROOF_PACES * expected + SLACK_EVENTS
            if low <= growth <= high or (proved and growth >= 0 and may_be):
                fitting.append((abs(growth - expected), number))
        return tuple(number for _, number in sorted(fitting))

    def _jump(self, at: float, value: float, pace: float) -> Jump:
        """What a jump tells: to which level it went, and how likely any value goes to one by chance."""
        levels = [known for number, known in self.levels.items() if number != self.latest]
        of_all = [value, *(level for _, level in self.levels.values())]
        nearest, width = None, 0.0
        for seen_s, level in levels:
            low, high = _growth_alike(level, pace * (at - seen_s))
            width += high - low
            if low <= value - level <= high and (nearest is None or level > nearest[1]):
                nearest = seen_s, level
        chance = min(max(width / (max(of_all) - min(of_all)), _LEAST_CHANCE), 1.0)
        if nearest is None:
            return Jump(growth=0.0, took_s=0.0, chance=chance)
        return Jump(growth=value - nearest[1], took_s=at - nearest[0], chance=chance)

    def _is_proof(self) -> bool:
        """Whether the newest jumps went to levels that were left, which had grown alike, more often than chance brings.

        A job that writes its values at once has none that move.
        """
        pace, evidence = self.pace, 0.0
        for jump in self.jumps:
            expected = pace * jump.took_s
            low, high = expected / PROOF_PACES - SLACK_EVENTS, PROOF_PACES * expected + SLACK_EVENTS
            if jump.took_s and low <= jump.growth <= high:
                evidence -= log(jump.chance)
            else:
                evidence += log(_MISSED)
        return evidence >= log(_PROOF) and self.moved > self.stood

    def _note(self, number: int, at: float, value: float) -> None:
        if number != self.latest:
            self.switched_s = at
        self.latest = number
        self.levels[number] = at, value
        if len(self.levels) > _MOST_LEVELS or at - min(seen_s for seen_s, _ in self.levels.values()) > LEVEL_KEPT_S:
            kept = sorted(self.levels.items(), key=lambda each: each[1][0])[-_MOST_LEVELS:]
            self.levels = {each: known for each, known in kept if at - known[0] <= LEVEL_KEPT_S}


def _growth_alike(level: float, expected: float) -> tuple[float, float]:
    """The least and the most that a process at a *level* has counted since it was seen, if it counts as *expected*."""
    if (1 + _ALIKE_RATIO) * expected <= NEAR_RATIO * level:
        return 0.0, NEAR_RATIO * level
    return (1 - _ALIKE_RATIO) * expected, (1 + _ALIKE_RATIO) * expected


class TurnCounter:
    """Counts the scrapes of targets that show several processes by turns; *judged* marks the samples that it decided.

    *until* is the end of what is counted; later samples prove.
    """

    def __init__(self, context: SampleContext, judged: Bools, *, until: float) -> None:
        self._context = context
        self._steps = context.steps
        self._judged = judged
        self._until = until
        self.turns: dict[int, Turns] = {}
        self.fell: list[tuple[int, float]] = []

    def count(self, fell: Ints) -> None:
        """Judge all targets that took turns before, or of which a large counter is among those that *fell*."""
        steps, arrays = self._steps, self._context.arrays
        raw, value = steps.raw[fell], steps.samples.value[fell]
        large = fell[(value > UNKNOWN_EVENTS) & ~is_near(raw, value)]
        of_target: dict[int, list[int]] = {target: [] for target in self._context.cursor.turns}
        for index in large.tolist():
            of_target.setdefault(int(arrays.target[steps.samples.counter[index]]), []).append(index)
        for target, starts in of_target.items():
            self._count_target(target, starts)

    def _count_target(self, target: int, falls: list[int]) -> None:
        """Follow a target from what is known of its turns, and from the *falls* at which turns may begin."""
        steps, known = self._steps, self._context.cursor.turns.get(target)
        time = steps.samples.time
        falls = sorted(falls, key=lambda index: (time[index], -steps.raw[index]))
        ended_s: float | None = -np.inf
        while ended_s is not None:
            if known is None:
                begin = next((index for index in falls if time[index] >= ended_s), None)
                if begin is None:
                    return
                known = self._begin(target, begin)
            scrapes, processes, ended_s = self._follow(known)
            # Where a fall was a restart, as most are, there is nothing to count here, and nothing to know later.
            if ended_s is None or scrapes.shows_turns.any():
                left = self._count_scrapes(target, known, scrapes, processes)
                if ended_s is None and left is not None and self._until - left.switched_s <= LEVEL_KEPT_S:
                    self.turns[target] = left
            known = None

    def _begin(self, target: int, fall: int) -> Turns:
        """Where the counters of a target stood before a *fall* of one of them, which leads."""
        steps = self._steps
        since, at = float(steps.since[fall]), float(steps.samples.time[fall])
        of_scrape = self._context.near(target, at, scrape_reach_s(at - since))
        of_scrape = of_scrape[~np.isnan(steps.raw[of_scrape])]
        values = dict(zip(steps.samples.counter[of_scrape].tolist(), steps.raw[of_scrape].tolist(), strict=True))
        leading = int(steps.samples.counter[fall])
        values[leading] = float(steps.raw[fall])
        return Turns(
            leading=leading, levels=(ProcessLevel(number=0, at=since, values=values, counted={}),), switched_s=at
        )

    def _follow(self, known: Turns) -> tuple[_Scrapes, _Processes, float | None]:
        """Which processes the samples of a leading counter show, and what is known of them where counting ends.

        If no turn has been taken any more before that: the scrapes up to then, and when that was.
        """
        steps, leading = self._steps, known.leading
        first, last = self._context.span(leading)
        first += int(np.searchsorted(steps.samples.time[first:last], known.levels[-1].at, side="right"))
        scrapes = _Scrapes(steps.samples.time[first:last], steps.samples.value[first:last], steps.since[first:last])
        scrapes.proved_s.append(known.proved_s)
        processes = _Processes(
            levels={level.number: (level.at, level.values[leading]) for level in known.levels},
            latest=known.levels[-1].number,
            jumps=list(known.jumps),
            steps=list(known.steps),
            moved=known.moved,
            stood=known.stood,
            proved_s=known.proved_s,
            switched_s=known.switched_s,
        )
        at_until = processes
        for at, value in zip(scrapes.time.tolist(), scrapes.value.tolist(), strict=True):
            if at > self._until and at_until is processes:
                at_until = replace(processes, levels=dict(processes.levels))
            if at - processes.switched_s > LOOKBACK_S:
                return scrapes, at_until, at if at <= self._until else None
            seen, is_known = processes.see(at, value)
            scrapes.seen.append(seen)
            scrapes.known.append(is_known)
            if processes.proved_s == at:
                scrapes.proved_s.append(at)
        return scrapes, at_until, None

    def _count_scrapes(self, target: int, known: Turns, scrapes: _Scrapes, processes: _Processes) -> Turns | None:
        """Count what is proved to be turns, and give what is known of them at the end of what is counted."""
        levels = {level.number: level for level in known.levels}
        counted = dict(known.counted)
        shows_turns = scrapes.shows_turns.tolist()
        latest = known.levels[-1].number
        for place, members in self._members(target, scrapes):
            at, seen = float(scrapes.time[place]), scrapes.seen[place]
            if at > self._until:
                break
            values = dict(zip(self._steps.samples.counter[members].tolist(), members.tolist(), strict=True))
            may_be = [levels[number] for number in seen if number in levels] if scrapes.known[place] else []
            is_new = not may_be and scrapes.value[place] <= self._possible(processes.pace, at - scrapes.since[place])
            for counter, index in values.items():
                if self._judged[index] or self._steps.is_first[index]:
                    continue
                if shows_turns[place]:
                    events = self._events(counter, index, may_be, counted, is_new=is_new, pace=processes.pace)
                    self._decide(counter, index, events)
                else:
                    # It is judged as that of any counter: what it grows counts.
                    events = max(float(self._steps.samples.value[index] - self._steps.raw[index]), 0.0)
                counted[counter] = counted.get(counter, 0.0) + events
            latest = seen[0]
            before = levels[latest].values if may_be else {}
            shown = {counter: float(self._steps.samples.value[index]) for counter, index in values.items()}
            levels[latest] = ProcessLevel(number=latest, at=at, values={**before, **shown}, counted=dict(counted))
        kept = sorted((level for level in levels.values() if level.number in processes.levels), key=lambda one: one.at)
        if not kept or kept[-1].number != latest:
            return None
        return Turns(
            leading=known.leading,
            levels=tuple(kept),
            jumps=tuple(processes.jumps),
            steps=tuple(processes.steps),
            moved=processes.moved,
            stood=processes.stood,
            proved_s=processes.proved_s,
            switched_s=processes.switched_s,
            counted=counted,
        )

    def _possible(self, pace: float, gap_s: float) -> float:
        """The events that a process can have counted since it began, if it began since the last scrape."""
        return float(np.nan_to_num(PROOF_PACES * pace * gap_s)) + SLACK_EVENTS

    def _events(
        self,
        counter: int,
        index: int,
        may_be: list[ProcessLevel],
        counted: Mapping[int, float],
        *,
        is_new: bool,
        pace: float,
    ) -> float:
        """What a counter has counted that was not counted yet, if its process *may_be* any of some that are known."""
        steps = self._steps
        value = float(steps.samples.value[index])
        if not may_be:
            return value if is_new else 0.0
        shown = [level for level in may_be if counter in level.values]
        if not shown:
            # This process has begun to show it.
            gap_s = float(steps.samples.time[index]) - may_be[0].at
            return value if is_first_value_plausible(value, gap_s=gap_s, pace=pace) else 0.0
        highest = max(shown, key=lambda level: level.values[counter])
        growth = max(value - highest.values[counter], 0.0)
        meanwhile = counted.get(counter, 0.0) - highest.counted.get(counter, 0.0)
        return max(growth - meanwhile, 0.0)

    def _decide(self, counter: int, index: int, events: float) -> None:
        steps = self._steps
        value = float(steps.samples.value[index])
        if value < steps.raw[index]:
            self.fell.append((counter, float(steps.samples.time[index])))
        steps.count_from(index, value - events)
        self._judged[index] = True

    def _members(self, target: int, scrapes: _Scrapes) -> Iterator[tuple[int, Ints]]:
        """The samples of each scrape of a target, by its place."""
        mine, times = self._context.of_target(target)
        leading = scrapes.time[: len(scrapes.seen)]
        if not len(leading):
            return
        place = np.searchsorted((leading[1:] + leading[:-1]) / 2, times)
        apart_s = scrape_reach_s(leading - scrapes.since[: len(leading)])
        near = np.abs(times - leading[place]) <= apart_s[place]
        mine, place = mine[near], place[near]
        edges = np.searchsorted(place, np.arange(len(leading) + 1))
        for which in range(len(leading)):
            yield which, mine[edges[which] : edges[which + 1]]
