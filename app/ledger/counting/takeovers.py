"""Series that go on under other labels behind a hole of their target: which of those that ended they continue.

A code that is renamed, or a label that is added, while nothing is scraped leaves no samples side by side by which
`series_links.py` could prove that two series are one counter. The process went on, so that what began at or above what
ended is read as its continuation: it counts the difference. To count its value would take all errors of its life for
those of the hole; to count nothing would hide an incident behind the good events of the hole, which are counted.
"""

from dataclasses import dataclass

import numpy as np

from app.ledger.counting.plausibility import NEAR_EVENTS
from app.ledger.registry import CounterArrays, Labels, Registry
from app.slo.arrays import Bools, Floats, Ints

# More than any two series differ in.
_UNKNOWN_LABELS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stood:
    """Counters, and the *value* at which each stood in one scrape of their target; shapes (counters,)."""

    counter: Ints
    value: Floats

    def without(self, counters: Ints) -> "Stood":
        """All but some *counters*."""
        kept = ~np.isin(self.counter, counters)
        return Stood(counter=self.counter[kept], value=self.value[kept])

    def may_continue_as(self, new: "Stood", arrays: CounterArrays) -> bool:
        """Whether the largest of *new* counters may be one of these.

        A counter that goes on under other labels has not fallen, and what is relabelled is relabelled as a whole.
        """
        largest = int(np.argmax(new.value))
        alike = _count_alike(arrays, self.counter, int(new.counter[largest]))
        return bool((self.value[alike] <= new.value[largest] + NEAR_EVENTS).any())


def grown_since_ended(new: Stood, ended: Stood, registry: Registry) -> dict[int, float]:
    """How much each of the *new* counters that continue one that *ended* has grown since, in events.

    Each ended counter is continued by one: by that which differs in the fewest labels and grew least.
    """
    arrays, pairs = registry.arrays, []
    labels = {counter: registry.own_labels_of(counter) for counter in (*new.counter.tolist(), *ended.counter.tolist())}
    for counter, value in zip(new.counter.tolist(), new.value.tolist(), strict=True):
        may_be = _count_alike(arrays, ended.counter, counter) & (value >= ended.value - NEAR_EVENTS)
        for other, before in zip(ended.counter[may_be].tolist(), ended.value[may_be].tolist(), strict=True):
            changed = _labels_changed(labels[counter], labels[other])
            if changed is not None:
                pairs.append((changed, value - before, counter, other))
    found: dict[int, float] = {}
    continued: set[int] = set()
    for _, growth, counter, other in sorted(pairs):
        if counter not in found and other not in continued:
            found[counter] = max(growth, 0.0)
            continued.add(other)
    return found


def _labels_changed(mine: Labels | None, theirs: Labels | None) -> int | None:
    """In how many labels two counters differ; None if too little agrees."""
    if mine is None or theirs is None:
        # The labels of what ended before a restart of this service are not known any more.
        return _UNKNOWN_LABELS
    changed = len(_names(tuple(set(mine) ^ set(theirs))))
    return changed if 2 * changed <= len(_names(mine) | _names(theirs)) else None


def _names(labels: Labels) -> set[str]:
    return {name for name, _ in labels}


def _count_alike(arrays: CounterArrays, counters: Ints, counter: int) -> Bools:
    """Which of *counters* add to good and bad events as *counter* does."""
    alike: Bools = (arrays.total[counters] == arrays.total[counter]) & (arrays.bad[counters] == arrays.bad[counter])
    return alike
