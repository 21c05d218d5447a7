"""Histograms with thresholds: an event is measured only where all counted parts of its histogram are scraped together.

A version of the service without the bucket at the threshold is not slow, it is not measured. A scrape brings all series
of a histogram at one time, so a count without a bucket of the same time has none (ADR-0029).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from app.ledger import Samples
from app.promql.buckets import bound_of
from app.promql.inclusion import histogram_of
from app.promql.matching import matches
from app.promql.metric_names import BUCKET, NAME
from app.slo import Matcher, MatchOp, Selector, Sli
from app.slo.arrays import Bools, Floats, Ints

# Unix milliseconds fit until the year 2109; what is left of 64 bits numbers two million histograms.
_TIME_BITS: Final = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """Samples of counts without their bucket: the histogram of each and its time in unix seconds."""

    histogram: Ints
    time: Floats


class HistogramParts:
    """Which counters are the counts and buckets of the same histogram, and which of these an SLI counts."""

    def __init__(self) -> None:
        self._parts_of: dict[int, _Parts] = {}
        self._numbers: dict[tuple[int, str, tuple[tuple[str, str], ...]], int] = {}
        self._owner: list[int] = []
        # Bits of the parts that a histogram must have, and of each counter which part it is.
        self._needed: list[int] = []
        self._histogram_of: dict[int, int] = {}
        self._part_of: dict[int, int] = {}
        self._in_total: set[int] = set()
        self._columns: tuple[Ints, Ints, Bools] | None = None

    def note(self, counter: int, owner: int, sli: Sli, labels: Mapping[str, str], *, in_total: bool) -> None:
        """Note a counter of *sli*, which is number *owner*; *in_total*: it counts events of the total."""
        if owner not in self._parts_of:
            self._parts_of[owner] = _Parts.of(sli)
        parts, name = self._parts_of[owner], labels.get(NAME, "")
        histogram = name.removesuffix("_bucket").removesuffix("_count")
        part = parts.part(histogram, labels)
        if part is None:
            return
        identity = tuple(sorted(pair for pair in labels.items() if pair[0] not in {BUCKET, NAME}))
        number = self._numbers.setdefault((owner, histogram, identity), len(self._numbers))
        if number == len(self._owner):
            self._owner.append(owner)
            self._needed.append(parts.needed(histogram, dict(identity)))
        self._histogram_of[counter], self._part_of[counter] = number, 1 << part
        if in_total:
            self._in_total.add(counter)
        self._columns = None

    def owner(self, histogram: int) -> int:
        """The SLI that a histogram belongs to."""
        return self._owner[histogram]

    def measured(self, samples: Samples) -> tuple[Samples, Unmeasured | None]:
        """The samples without those of histograms that lack a part at that time; and of which counts that is so."""
        if not self._histogram_of or not len(samples.counter):
            return samples, None
        histogram, part, in_total = self._of(samples.counter)
        mine = np.flatnonzero(histogram >= 0)
        if not len(mine):
            return samples, None
        keys = (histogram[mine] << _TIME_BITS) | np.rint(samples.time[mine] * 1000).astype(np.int64)
        order = np.argsort(keys, kind="stable")
        first = np.flatnonzero(np.diff(keys[order], prepend=-1))
        present = np.bitwise_or.reduceat(part[mine][order], first)
        whole = present == np.array(self._needed)[histogram[mine][order][first]]
        if whole.all():
            return samples, None
        lacking = mine[order[np.repeat(~whole, np.diff(first, append=len(order)))]]
        keep = np.ones(len(samples.counter), dtype=bool)
        keep[lacking] = False
        alone = np.sort(lacking[in_total[lacking]])
        unmeasured = Unmeasured(histogram=histogram[alone], time=samples.time[alone]) if len(alone) else None
        return samples.only(keep), unmeasured

    def _of(self, counter: Ints) -> tuple[Ints, Ints, Bools]:
        """Of each counter its histogram, -1 for none; the bit of its part; and whether it counts in the total."""
        size = int(counter.max()) + 1
        if self._columns is None or len(self._columns[0]) < size:
            size = max(size, max(self._histogram_of) + 1)
            in_total = np.zeros(size, dtype=bool)
            in_total[list(self._in_total)] = True
            self._columns = _column(self._histogram_of, size, -1), _column(self._part_of, size, 0), in_total
        histogram, part, in_total = self._columns
        return histogram[counter], part[counter], in_total[counter]


@dataclass(frozen=True, slots=True)
class _Parts:
    """The bounds of the buckets that an SLI counts of each histogram, None for its count; and who has them."""

    terms: Mapping[str, tuple[tuple[Decimal | None, Selector | None], ...]]

    @classmethod
    def of(cls, sli: Sli) -> "_Parts":
        """Of the histograms of which an SLI counts a bucket beside something else."""
        names = {histogram_of(bucket) for bucket in sli.buckets}
        terms = {
            name: tuple(
                (bound_of(term.selector), _others(term.selector.matchers))
                for term in sli.terms
                if histogram_of(term.selector) == name
            )
            for name in names
            if name is not None
        }
        return cls(terms)

    def part(self, histogram: str, labels: Mapping[str, str]) -> int | None:
        """The number of the part that a series is; None if it is none."""
        bounds = self._bounds(histogram)
        if BUCKET not in labels:
            return bounds.index(None) if None in bounds else None
        bound = bound_of(Selector((Matcher(BUCKET, MatchOp.EQUAL, labels[BUCKET]),)))
        return bounds.index(bound) if bound is not None and bound in bounds else None

    def needed(self, histogram: str, labels: Mapping[str, str]) -> int:
        """The bits of the parts that are counted of a histogram with these labels."""
        bounds = self._bounds(histogram)
        wanted = {bound for bound, others in self.terms[histogram] if others is None or matches(others, labels)}
        return sum(1 << bounds.index(bound) for bound in wanted)

    def _bounds(self, histogram: str) -> list[Decimal | None]:
        return list(dict.fromkeys(bound for bound, _ in self.terms.get(histogram, ())))


def _others(matchers: Iterable[Matcher]) -> Selector | None:
    """The matchers that say which histograms are meant, rather than which of their series."""
    others = tuple(matcher for matcher in matchers if matcher.label not in {BUCKET, NAME})
    return Selector(others) if others else None


def _column(numbers: Mapping[int, int], size: int, absent: int) -> Ints:
    column = np.full(size, absent, dtype=np.int64)
    column[list(numbers)] = list(numbers.values())
    return column
