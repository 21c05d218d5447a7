"""Small counters of targets that seem to be several processes by turns, while nothing proves it (ADR-0117).

Where a large counter of a target falls again and again to what it cannot have counted, its scrapes come from elsewhere
by turns, or it is corrected all the time. Which process a scrape shows is not known, so that the fall of a small
counter is no restart, and its return is no event: it counts above its highest value alone.
"""

from dataclasses import dataclass
from math import isnan

import numpy as np

from app.ledger.counting.last_samples import SuspectedTurns
from app.ledger.counting.plausibility import PROOF_PACES, SLACK_EVENTS, UNKNOWN_EVENTS
from app.ledger.counting.steps import SampleContext
from app.ledger.runs import LEVEL_KEPT_S, LOOKBACK_S
from app.slo.arrays import Bools, Floats, Ints

# One fall may be a correction; two within the look-back are none.
_LEAST_FALLS = 2
# Of so many rises one in eight is of one process, where up to eight answer by turns.
_KEPT_STEPS = 16
_OF_ONE_PROCESS = 8


@dataclass(slots=True)
class _Followed:
    """The falls of a leading counter that are no restarts, and the paces of its newest other steps, up to a time."""

    falls: list[float]
    steps: list[float]

    def see(self, *, at: float, gap_s: float, before: float, value: float) -> None:
        if value >= before:
            self.steps = [*self.steps, (value - before) / gap_s][-_KEPT_STEPS:]
        elif self._moves and value > PROOF_PACES * self._slowest * gap_s + SLACK_EVENTS:
            self.falls.append(at)

    @property
    def _slowest(self) -> float:
        """How fast one process counts at most: by the slowest rises, as others are jumps from one to another."""
        rises = sorted(step for step in self.steps if step > 0)
        # Nothing is known of a counter that has not risen yet.
        return rises[len(rises) // _OF_ONE_PROCESS] if rises else np.inf

    @property
    def _moves(self) -> bool:
        """Whether it counts all the time, unlike that of a job which writes the counts of each run at once."""
        return 2 * sum(step > 0 for step in self.steps) >= len(self.steps)


class SuspectedTurnsCounter:
    """Counts small counters of targets that may take turns; *judged* marks the samples that are decided."""

    def __init__(self, context: SampleContext, judged: Bools, *, until: float) -> None:
        self._context = context
        self._steps = context.steps
        self._judged = judged
        self._until = until
        self.found: dict[int, SuspectedTurns] = {}

    def count(self, fell: Ints) -> None:
        """Look at all targets that were suspected before, or of which counters are among those that *fell*."""
        steps, arrays = self._steps, self._context.arrays
        leading = {target: known.leading for target, known in self._context.cursor.suspected.items()}
        for index in fell[np.argsort(-steps.raw[fell], kind="stable")].tolist():
            if steps.samples.value[index] > SLACK_EVENTS:
                counter = int(steps.samples.counter[index])
                leading.setdefault(int(arrays.target[counter]), counter)
        for target, counter in leading.items():
            self._count_target(target, counter)

    def _count_target(self, target: int, leading: int) -> None:
        samples, steps = self._steps.samples, self._steps
        known = self._context.cursor.suspected.get(target)
        first, last = self._context.span(leading)
        begin_s = float(samples.time[first]) if first < last else self._until
        followed = (
            _Followed(list(known.falls), list(known.steps)) if known else _Followed([], self._paces(leading, begin_s))
        )
        at_until = None
        for index in range(first, last):
            if at_until is None and samples.time[index] > self._until:
                at_until = _Followed(list(followed.falls), list(followed.steps))
            if not isnan(steps.raw[index]):
                followed.see(
                    at=float(samples.time[index]),
                    gap_s=float(samples.time[index] - steps.since[index]),
                    before=float(steps.raw[index]),
                    value=float(samples.value[index]),
                )
        at_until = at_until or followed
        marks = dict(known.marks) if known else {}
        if len(followed.falls) >= _LEAST_FALLS:
            self._count_small(target, leading, np.array(followed.falls), marks)
        falls = tuple(each for each in at_until.falls if self._until - each <= LOOKBACK_S)
        if falls:
            self.found[target] = SuspectedTurns(leading=leading, falls=falls, steps=tuple(at_until.steps), marks=marks)

    def _paces(self, counter: int, at: float) -> list[float]:
        """The slowest that is known of a counter before its first rise here."""
        steps = self._context.last_steps(np.array([counter]), at)
        paces = [*self._context.paces(counter, at), float(steps.latest[0]), float(steps.earlier[0])]
        return [pace for pace in paces if pace > 0]

    def _count_small(self, target: int, leading: int, falls: Floats, marks: dict[int, tuple[float, float]]) -> None:
        """Count the small counters of a target where it is suspected: between two falls within the look-back."""
        samples, steps = self._steps.samples, self._steps
        mine, times = self._context.of_target(target)
        fallen = np.searchsorted(falls, times + LOOKBACK_S, side="right") - np.searchsorted(falls, times - LOOKBACK_S)
        for index in mine[(fallen >= _LEAST_FALLS) & (times <= self._until)].tolist():
            counter = int(samples.counter[index])
            at, value, before = float(samples.time[index]), float(samples.value[index]), float(steps.raw[index])
            if counter == leading or value > UNKNOWN_EVENTS or isnan(before) or self._judged[index]:
                continue
            highest, seen_s = marks.get(counter) or (max(self._highest(counter, at), before), at)
            if value >= highest or at - seen_s > LEVEL_KEPT_S:
                marks[counter] = value, at
            else:
                marks[counter] = highest, seen_s
            steps.count_from(index, min(max(highest, before), value))
            self._judged[index] = True

    def _highest(self, counter: int, at: float) -> float:
        """The highest value of a counter in the look-back before a time."""
        samples, steps = self._steps.samples, self._steps
        first, last = self._context.span(counter)
        here = np.arange(first, last)
        here = here[(samples.time[here] < at) & (samples.time[here] > at - LOOKBACK_S)]
        values = np.concatenate([samples.value[here], steps.raw[here], steps.raw[first : first + 1]])
        dip = self._context.cursor.dips.get(counter)
        return float(np.nan_to_num(values).max(initial=dip.high if dip else 0.0))
