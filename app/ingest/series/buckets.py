"""Histograms with a threshold: an event is measured only where the bucket at the threshold is scraped beside the count.

A version of the service without that bucket is not slow, it is not measured. A scrape brings all series of a histogram
at one time, so a count without a bucket of the same time has none (ADR-0029).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from app.ledger import Samples
from app.promql.metric_names import BUCKET, NAME
from app.slo.arrays import Bools, Floats, Ints

_TIME_BITS = 42
"""Unix milliseconds fit until the year 2109; what is left of 64 bits numbers two million histograms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmeasured:
    """Samples of counts without their bucket: the histogram of each and its time in unix seconds."""

    histogram: Ints
    time: Floats


class HistogramPairs:
    """Which counters are the count and the bucket of one histogram with a threshold."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[int, tuple[tuple[str, str], ...]], int] = {}
        self._owner: list[int] = []
        self._counts: dict[int, int] = {}
        self._buckets: dict[int, int] = {}
        self._columns: tuple[Ints, Ints] | None = None

    def note(self, counter: int, owner: int, labels: Mapping[str, str], *, in_total: bool) -> None:
        """Note a counter of the SLI *owner*: the count of its histogram if it is *in_total*, else the bucket."""
        identity = tuple(sorted(pair for pair in labels.items() if pair[0] not in {BUCKET, NAME}))
        number = self._numbers.setdefault((owner, identity), len(self._numbers))
        if number == len(self._owner):
            self._owner.append(owner)
        (self._counts if in_total else self._buckets)[counter] = number
        self._columns = None

    def owner(self, histogram: int) -> int:
        """The SLI that a histogram belongs to."""
        return self._owner[histogram]

    def measured(self, samples: Samples) -> tuple[Samples, Unmeasured | None]:
        """The samples without those of histograms that lack their other half at that time; and which counts did."""
        if not self._counts or not len(samples.counter):
            return samples, None
        counts, buckets = self._of(samples.counter)
        is_count, is_bucket = counts >= 0, buckets >= 0
        count_keys = _keys(counts[is_count], samples.time[is_count])
        bucket_keys = _keys(buckets[is_bucket], samples.time[is_bucket])
        if len(count_keys) == len(bucket_keys) and np.array_equal(np.sort(count_keys), np.sort(bucket_keys)):
            return samples, None
        keep = np.ones(len(samples.counter), dtype=bool)
        keep[is_count] = np.isin(count_keys, bucket_keys)
        keep[is_bucket] = np.isin(bucket_keys, count_keys)
        alone = is_count & ~keep
        unmeasured = Unmeasured(histogram=counts[alone], time=samples.time[alone]) if alone.any() else None
        return _only(samples, keep), unmeasured

    def _of(self, counter: Ints) -> tuple[Ints, Ints]:
        """The histogram that each counter is the count of, and the bucket of; -1 where it is not."""
        size = int(counter.max()) + 1
        if self._columns is None or len(self._columns[0]) < size:
            # Both are of one length: the newest histogram may have a count and no bucket.
            size = max(size, max(self._counts, default=-1) + 1, max(self._buckets, default=-1) + 1)
            self._columns = _column(self._counts, size), _column(self._buckets, size)
        return self._columns[0][counter], self._columns[1][counter]


def _column(numbers: Mapping[int, int], size: int) -> Ints:
    column = np.full(size, -1, dtype=np.int64)
    column[list(numbers)] = list(numbers.values())
    return column


def _keys(histogram: Ints, time: Floats) -> Ints:
    keys: Ints = (histogram << _TIME_BITS) | np.rint(time * 1000).astype(np.int64)
    return keys


def _only(samples: Samples, keep: Bools) -> Samples:
    return replace(
        samples,
        counter=samples.counter[keep],
        time=samples.time[keep],
        value=samples.value[keep],
        steady=samples.steady[keep],
    )
