"""Small counters of targets that seem to be several processes by turns, while nothing proves it (ADR-0117).

Where a large counter of a target falls again and again to what it cannot have counted, its scrapes come from elsewhere
by turns, or it is corrected all the time. Which process a scrape shows is not known, so that the fall of a small
counter is no restart, and its return is no event: it counts above its highest value alone.
"""

from dataclasses import dataclass
from math import isnan

import numpy as np

from app.ledger.counting.last_samples import SuspectedTurns
from app.ledger.counting.plausibility import PROOF_PACES, SLACK_EVENTS, UNKNOWN_EVENTS, has_returned
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
    """What a leading counter did since it fell first, up to a time: falls that are no restarts, and returns from them.

    *steps* are the paces of its newest other steps, *paces* those before it fell; *missing* is what it fell by last,
    and *fell_s* when. It all begins again once it has not fallen for a look-back, so that it is the same however time
    was cut into reads.
    """

    falls: list[float]
    returns: list[float]
    steps: list[float]
    paces: list[float]
    missing: float
    fell_s: float

    @classmethod
    def of(cls, known: SuspectedTurns | None) -> "_Followed":
        if known is None:
            return cls([], [], [], [], 0.0, -np.inf)
        return cls(
            list(known.falls), list(known.returns), list(known.steps), list(known.paces), known.missing, known.fell_s
        )

    def copy(self) -> "_Followed":
        return _Followed(
            list(self.falls), list(self.returns), list(self.steps), list(self.paces), self.missing, self.fell_s
        )

    def begin(self, steps: list[float], paces: list[float]) -> None:
        """Follow it from a fall on, as of the paces of its last two *steps* and of the cells before."""
        self.steps, self.paces, self.missing = steps, paces, 0.0

    def see(self, *, at: float, gap_s: float, before: float, value: float) -> None:
        if value < before:
            self.fell_s, self.missing = at, before - value
            if self._moves and value > PROOF_PACES * self._slowest * gap_s + SLACK_EVENTS:
                self.falls.append(at)
            return
        growth = value - before
        if self.missing and has_returned(
            np.array([growth]), gap_s=np.array([gap_s]), pace=np.array([self._slowest]), missing=self.missing
        ):
            self.returns.append(at)
        self.steps = [*self.steps, growth / gap_s][-_KEPT_STEPS:]

    @property
    def _slowest(self) -> float:
        """How fast one process counts at most: by the slowest rises, as others are jumps from one to another."""
        rises = sorted(step for step in (*self.paces, *self.steps) if step > 0)
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
        followed, at_until = _Followed.of(known), None
        for index in range(first, last):
            at, before, value = float(samples.time[index]), float(steps.raw[index]), float(samples.value[index])
            if at_until is None and at > self._until:
                at_until = followed.copy()
            if isnan(before):
                continue
            lately = at - followed.fell_s <= LOOKBACK_S
            if value < before and not lately:
                followed.begin(*self._before_fall(leading, at))
            if value < before or lately:
                followed.see(at=at, gap_s=at - float(steps.since[index]), before=before, value=value)
        at_until = at_until or followed
        marks = dict(known.marks) if known else {}
        if len(followed.falls) >= _LEAST_FALLS and followed.returns:
            self._count_small(target, leading, np.array(followed.falls), np.array(followed.returns), marks)
        if self._until - at_until.fell_s <= LOOKBACK_S:
            self.found[target] = SuspectedTurns(
                leading=leading,
                falls=tuple(each for each in at_until.falls if self._until - each <= LOOKBACK_S),
                returns=tuple(each for each in at_until.returns if self._until - each <= LOOKBACK_S),
                steps=tuple(at_until.steps),
                paces=tuple(at_until.paces),
                missing=at_until.missing,
                fell_s=at_until.fell_s,
                marks=marks,
            )

    def _before_fall(self, counter: int, at: float) -> tuple[list[float], list[float]]:
        """The paces of the last two steps of a counter that falls, and those in the cells before, where it rose."""
        last = self._context.last_steps(np.array([counter]), at)
        steps = [pace for pace in (float(last.earlier[0]), float(last.latest[0])) if pace >= 0]
        return steps, [pace for pace in self._context.paces(counter, at) if pace > 0]

    def _count_small(
        self, target: int, leading: int, falls: Floats, returns: Floats, marks: dict[int, tuple[float, float]]
    ) -> None:
        """Count the small counters of a target where it is suspected: two falls and a return within the look-back."""
        samples, steps = self._steps.samples, self._steps
        mine, times = self._context.of_target(target)
        suspected = (_around(falls, times) >= _LEAST_FALLS) & (_around(returns, times) > 0)
        for index in mine[suspected & (times <= self._until)].tolist():
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


def _around(seen_s: Floats, times: Floats) -> Ints:
    """How often something was seen within the look-back of *times*, before or after."""
    first, last = np.searchsorted(seen_s, times - LOOKBACK_S), np.searchsorted(seen_s, times + LOOKBACK_S, side="right")
    return last - first
