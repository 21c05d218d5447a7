"""Samples with their predecessors, and how fast counters grew at a time; falls and first samples are judged by them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from app.ledger.counting.last_samples import PACE_GRID_S, LastSamples
from app.ledger.counting.plausibility import STEP_S, LastSteps, is_rounded
from app.ledger.counting.samples import Samples
from app.ledger.counting.starts import Starts
from app.ledger.registry import Registry
from app.ledger.runs import LOOKBACK_S
from app.slo.arrays import Bools, Floats, Ints

# Sums of floating-point numbers that are added up in another order wobble around their value.
_MOST_ROUNDED = 32
# Series of one scrape with timestamps of their own lie no further apart.
_SAME_SCRAPE_S = 60.0

_Seconds = TypeVar("_Seconds", float, Floats)


@dataclass(slots=True, kw_only=True)
class Steps:
    """Samples by counter and time, each with its predecessor; shape (samples,).

    *before* is what a sample is counted from: the predecessor's value *raw*, 0 after a reset, NaN where there is
    none. *since* is the predecessor's time. *partial*: the increment holds events of other steps, or they hold
    some of it, as those in and out of dips.
    """

    samples: Samples
    since: Floats
    raw: Floats
    before: Floats
    partial: Bools

    @classmethod
    def of(cls, samples: Samples, cursor: LastSamples) -> "Steps":
        """Samples that are sorted, behind the *cursor*."""
        first = np.ones(len(samples.counter), dtype=bool)
        first[1:] = samples.counter[1:] != samples.counter[:-1]
        since = np.where(first, cursor.time[samples.counter], _shifted(samples.time))
        before, raw = _predecessors(samples, cursor, first)
        # One value at a time goes on from the one before: a sum that shrinks digit by digit is as rare as it is short.
        for _ in range(_MOST_ROUNDED):
            rounded = is_rounded(raw, samples.value)
            if not rounded.any():
                break
            samples = replace(samples, value=np.where(rounded, raw, samples.value))
            before, raw = _predecessors(samples, cursor, first)
        return cls(
            samples=samples,
            since=since,
            raw=raw,
            before=before,
            partial=np.zeros(len(before), dtype=bool),
        )

    @property
    def is_first(self) -> Bools:
        """Samples that have no predecessor to be counted from."""
        return np.isnan(self.before)

    @property
    def delta(self) -> Floats:
        """Events of each step; 0 at first samples, which `first_samples.py` counts."""
        return np.where(self.is_first, 0.0, self.samples.value - self.before)

    def count_from(self, index: int, before: float) -> None:
        """Count a step from another value than that of its predecessor, because of what other steps showed."""
        self.before[index], self.partial[index] = before, True

    def paces(self, index: Ints) -> Floats:
        """Events per second of some steps, NaN at first samples, partial steps and those too long to tell."""
        took_s = self.samples.time[index] - self.since[index]
        tells = (took_s <= STEP_S) & ~self.partial[index]
        paces: Floats = np.where(tells, (self.samples.value[index] - self.before[index]) / took_s, np.nan)
        return paces


class SampleContext:
    """What surrounds the few steps that need a closer look; everything is found once and only when it is asked for."""

    def __init__(
        self,
        steps: Steps,
        cursor: LastSamples,
        registry: Registry,
        starts: Starts | None = None,
        known_s: float | None = None,
    ) -> None:
        self.steps = steps
        self._known_s = known_s
        self.starts = starts or Starts()
        self.cursor = cursor
        self.arrays = registry.arrays
        self._of_target: dict[int, tuple[Ints, Floats]] = {}
        self._counters: dict[int, Ints] = {}
        self._target = self.arrays.target[steps.samples.counter]
        order = np.argsort(self._target, kind="stable")
        self._by_target, self._targets = order, self._target[order]
        by_counter = np.argsort(self.arrays.target, kind="stable")
        self._counter_by_target, self._counter_targets = by_counter, self.arrays.target[by_counter]

    @cached_property
    def newest_s(self) -> float:
        """Up to when all samples are known; where that is not said, the time of the newest sample of all."""
        return float(self.steps.samples.time.max()) if self._known_s is None else self._known_s

    def of_target(self, target: int) -> tuple[Ints, Floats]:
        """All samples of a target in the order of time: their indexes and their times."""
        found = self._of_target.get(target)
        if found is None:
            first, last = np.searchsorted(self._targets, [target, target + 1])
            mine = self._by_target[first:last]
            mine = mine[np.argsort(self.steps.samples.time[mine], kind="stable")]
            found = self._of_target[target] = mine, self.steps.samples.time[mine]
        return found

    def seen_before(self, target: int, at: float) -> float:
        """When a target was last seen before *at*, NaN if never."""
        _, times = self.of_target(target)
        earlier = int(np.searchsorted(times, at))
        if earlier:
            return float(times[earlier - 1])
        seen_s = float(self.cursor.target[target])
        if seen_s >= at:
            # Others of this scrape came before: those that it did not show were seen in an earlier one.
            known_s = self.cursor.time[self.counters(target)]
            return float(np.max(known_s, where=known_s < at, initial=-np.inf)) if (known_s < at).any() else seen_s
        return seen_s

    def process_began(self, target: int, since: float, at: float) -> bool:
        """Whether the process of a target is known to have begun in (since, at]."""
        key = int(self.arrays.keys[self.counters(target)[0], 1])
        return self.starts.process_began(key, since, at)

    def counters(self, target: int) -> Ints:
        """All counters of a target."""
        found = self._counters.get(target)
        if found is None:
            first, last = np.searchsorted(self._counter_targets, [target, target + 1])
            found = self._counters[target] = self._counter_by_target[first:last]
        return found

    def near(self, target: int, at: float, within_s: float) -> Ints:
        """The samples of one scrape of a target: of each counter the one next to *at*."""
        mine, times = self.of_target(target)
        first, last = np.searchsorted(times, [at - within_s, at + within_s + 1e-6])
        found = mine[first:last]
        counter = self.steps.samples.counter[found]
        if len(np.unique(counter)) == len(found):
            return found
        order = np.lexsort((np.abs(self.steps.samples.time[found] - at), counter))
        found, counter = found[order], counter[order]
        nearest: Ints = found[np.append(True, counter[1:] != counter[:-1])]
        return nearest

    def span(self, counter: int) -> tuple[int, int]:
        """The range of a counter's samples."""
        first, last = np.searchsorted(self.steps.samples.counter, [counter, counter + 1])
        return int(first), int(last)

    def paces(self, counter: int, at: float) -> list[float]:
        """Events per second of a counter before *at*: in its cell of the pace grid so far, and in the one before.

        NaN where it is not known. Found from the last samples of cells, so that it does not depend on how the samples
        were cut into reads.
        """
        time, value, before = self.steps.samples.time, self.steps.samples.value, self.steps.before
        first, last = self.span(counter)
        newest = first + int(np.searchsorted(time[first:last], at)) - 1
        cursor = self.cursor
        if newest < first:
            return cursor.newest_paces(counter)
        paces: list[float] = []
        index, end_s = newest, float(time[newest])
        for _ in range(2):
            counted, cell = 0.0, end_s // PACE_GRID_S
            while index >= first and time[index] // PACE_GRID_S == cell:
                if time[index] - self.steps.since[index] > LOOKBACK_S:
                    # Nothing is known of a pace behind a hole, as in `LastSamples.note_steps`.
                    span_s = end_s - float(time[index])
                    return [*paces, counted / span_s if span_s > 0 else float("nan"), float("nan")][:2]
                counted += 0.0 if np.isnan(before[index]) else float(value[index] - before[index])
                index -= 1
            if index >= first:
                paces.append(counted / (end_s - float(time[index])))
                end_s = float(time[index])
                continue
            older = cursor.paces(counter, counted, cell=cell, end_s=end_s, first_s=float(time[first]))
            paces += older[: 2 - len(paces)]
            break
        return paces

    def last_steps(self, counters: Ints, at: float) -> LastSteps:
        """The last two steps of *counters* before *at*."""
        return last_steps([self._last_steps(counter, at) for counter in counters.tolist()])

    def _last_steps(self, counter: int, at: float) -> tuple[float, float, float]:
        steps, cursor = self.steps, self.cursor
        first, last = self.span(counter)
        end = first + int(np.searchsorted(steps.samples.time[first:last], at))
        if end == first:
            return cursor.last_steps(counter)
        paces = steps.paces(np.arange(max(first, end - 2), end)).tolist()
        earlier = paces[-2] if len(paces) > 1 else float(cursor.latest[counter])
        return paces[-1], earlier, float(steps.raw[end - 1])

    def target_pace(self, target: int, at: float) -> float | None:
        """Events per second of all counters of a target before *at* at their fastest, None if it is not known."""
        paces = np.array([fastest(self.paces(int(counter), at)) for counter in self.counters(target)])
        return None if np.isnan(paces).all() else float(np.nansum(paces))

    def levels(self, target: int, at: float) -> dict[int, float]:
        """The highest values of counters of a target that fell in the look-back before *at*."""
        mine, times = self.of_target(target)
        first, last = np.searchsorted(times, [at - LOOKBACK_S, at], side="right")
        before = mine[first:last]
        fell = self.steps.samples.value[before] < self.steps.raw[before]
        levels = {
            counter: self.cursor.dips[counter].high
            for counter in (self.counters(target).tolist() if self.cursor.dips else ())
            if counter in self.cursor.dips
        }
        for index in before[fell].tolist():
            counter = int(self.steps.samples.counter[index])
            levels[counter] = max(levels.get(counter, 0.0), float(self.steps.raw[index]))
        return levels

    def followed_pace(self, target: int, at: float, levels: Mapping[int, float] = MappingProxyType({})) -> float | None:
        """Events per second of a target in the look-back after *at*, None if nothing is known of it yet.

        *levels* are the values that counters fell from: a step back to there is no growth.
        """
        mine, times = self.of_target(target)
        first, last = np.searchsorted(times, [at + 1e-6, at + LOOKBACK_S], side="right")
        after = mine[first:last]
        if not len(after):
            return None
        value, raw = self.steps.samples.value[after], self.steps.raw[after]
        grown = np.where(np.isnan(raw) | (self.steps.since[after] < at - LOOKBACK_S), 0.0, value - raw)
        for counter, level in levels.items():
            grown[(self.steps.samples.counter[after] == counter) & (raw < level) & (value >= level)] = 0.0
        return float(np.maximum(grown, 0.0).sum() / max(times[last - 1] - at, 1.0))


def _predecessors(samples: Samples, cursor: LastSamples, first: Bools) -> tuple[Floats, Floats]:
    """The levels that samples are counted from, and the values that were seen before them; shapes (samples,)."""
    before = np.where(first, cursor.value[samples.counter], _shifted(samples.value))
    raw = before.copy()
    for counter, dip in cursor.dips.items():
        place = int(np.searchsorted(samples.counter, counter))
        if place < len(raw) and samples.counter[place] == counter:
            # The cursor knows the level that the counter stands at, not the sample that was seen last.
            raw[place] = dip.newest
    if samples.level is not None:
        given = ~np.isnan(samples.level) & ~np.isnan(before)
        before[given] = raw[given] = samples.level[given]
    return before, raw


def last_steps(steps: Sequence[tuple[float, float, float]]) -> LastSteps:
    """The last steps of some counters, each as *latest*, *earlier* and *level*."""
    latest, earlier, level = np.array(steps, dtype=np.float64).reshape(-1, 3).T
    return LastSteps(latest=latest, earlier=earlier, level=level)


def scrape_reach_s(apart_s: _Seconds) -> _Seconds:
    """How far from a sample others of its scrape may lie, where the next scrape lies so far *apart*."""
    reach_s: _Seconds = np.minimum(0.49 * apart_s, _SAME_SCRAPE_S)
    return reach_s


def fastest(paces: Sequence[float]) -> float:
    """The fastest of some paces, NaN if none is known."""
    return max((pace for pace in paces if not np.isnan(pace)), default=float("nan"))


def steadiest(paces: Sequence[float]) -> float:
    """The slowest of two paces, NaN if either is not known: a jump between two levels is in one of them only."""
    return min(paces) if len(paces) > 1 and not np.isnan(paces).any() else float("nan")


def _shifted(column: Floats) -> Floats:
    shifted = np.empty_like(column)
    shifted[:1] = np.nan
    shifted[1:] = column[:-1]
    return shifted
