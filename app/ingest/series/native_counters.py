"""Which native histograms the tracked SLIs count, and what their samples are worth beside classic ones."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from app.ingest.series.brackets import Bracket
from app.ingest.series.native_histograms import AsCounter, LastHistograms
from app.ingest.series.tracked_slis import TrackedSli
from app.ledger import Samples
from app.prometheus import Matrix
from app.promql.buckets import bound_of
from app.promql.inclusion import histogram_of
from app.promql.metric_names import BUCKET, NAME
from app.slo import MatchOp, Selector
from app.slo.arrays import Bools, Floats, Ints

# Unix milliseconds fit until the year 2109.
_TIME_BITS = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeAnswer:
    """The counters of the native histograms of one answer, as series, with the level of each sample."""

    matrix: Matrix
    levels: Floats
    brackets: tuple[Bracket | None, ...]


class NativeCounters:
    """Turns native histograms into the counters that some SLIs count."""

    def __init__(self, tracked_slis: Sequence[TrackedSli]) -> None:
        self._bounds: defaultdict[str, dict[str, float]] = defaultdict(dict)
        for tracked in tracked_slis:
            for term in tracked.sli.terms if tracked.sli.native else ():
                self._note(term.selector)
        self._histograms = LastHistograms()
        # The newest sample of a native histogram that was left out for a classic one: its time and value, by counter.
        self._left_out: dict[int, tuple[float, float]] = {}

    @property
    def names(self) -> frozenset[str]:
        """The histograms that are counted where they are native."""
        return frozenset(self._bounds)

    def answer(self, matrix: Matrix, *, resets: bool) -> NativeAnswer | None:
        """The counters of the native histograms in an answer; *resets*: it has how many times each was reset."""
        found = list(self._of_resets(matrix) if resets else self._of_samples(matrix))
        if not found:
            return None
        return NativeAnswer(
            matrix=Matrix(
                labels=tuple(one.labels for one in found),
                lengths=np.array([len(one.times) for one in found], dtype=np.int64),
                times=np.concatenate([one.times for one in found]),
                values=np.concatenate([one.values for one in found]),
            ),
            levels=np.concatenate([one.levels for one in found]),
            brackets=tuple(one.bracket for one in found),
        )

    def beside(self, classic: Samples, native: Samples) -> Samples:
        """Both, without native samples where there is a classic one of the same scrape: that is exact.

        Where the classic ones end, the first native sample is counted from the native one before it.
        """
        order = np.lexsort((native.time, native.counter))
        native = native.only(order)
        twice = np.isin(_keys(native), _keys(classic))
        counter, levels = native.counter, native.levels.copy()
        first = np.append(True, counter[1:] != counter[:-1])[: len(counter)]
        after = np.append(False, twice[:-1])[: len(counter)] & ~first & ~twice
        before = np.append(np.nan, native.value[:-1])[: len(counter)]
        levels[after] = np.where(np.isnan(levels[after]), before[after], levels[after])
        for place in np.flatnonzero(first).tolist():
            left = self._left_out.get(int(counter[place]))
            if left is not None and left[0] < native.time[place] and not twice[place] and np.isnan(levels[place]):
                levels[place] = left[1]
        self._note_left_out(native, twice)
        levels = np.minimum(levels, native.value)
        return Samples.joined([classic, replace(native, level=levels).only(~twice)])

    def _note(self, selector: Selector) -> None:
        name = histogram_of(selector)
        if name is None:
            return
        bounds, bound = self._bounds[name], bound_of(selector)
        if bound is not None:
            # Any spelling that the selector matches.
            matcher = next(one for one in selector.matchers if one.label == BUCKET)
            bounds[matcher.value if matcher.op is MatchOp.EQUAL else repr(float(bound))] = float(bound)

    def _of_samples(self, matrix: Matrix) -> Iterator[AsCounter]:
        for series in matrix.histograms:
            name = series.labels.get(NAME, "")
            if name in self._bounds:
                yield from self._histograms.counters(series, self._bounds[name])

    def _of_resets(self, matrix: Matrix) -> Iterator[AsCounter]:
        """Resets of a histogram are those of its count and of its buckets."""
        first = 0
        for labels, length in zip(matrix.labels, matrix.lengths.tolist(), strict=True):
            last, name = first + length, labels.get(NAME, "")
            times, values = matrix.times[first:last], matrix.values[first:last]
            first = last
            if name not in self._bounds:
                continue
            for own in _parts(labels, self._bounds[name]):
                yield AsCounter(labels=own, times=times, values=values, levels=np.full(length, np.nan))

    def _note_left_out(self, native: Samples, twice: Bools) -> None:
        counter = native.counter
        last = np.flatnonzero(np.append(counter[1:] != counter[:-1], True)[: len(counter)])
        for place in last.tolist():
            one, time = int(counter[place]), float(native.time[place])
            known = self._left_out.get(one)
            if known is not None and known[0] > time:
                continue
            if twice[place]:
                self._left_out[one] = time, float(native.value[place])
            else:
                self._left_out.pop(one, None)


def _parts(labels: Mapping[str, str], bounds: Mapping[str, float]) -> Iterator[dict[str, str]]:
    name = labels[NAME]
    yield {**labels, NAME: f"{name}_count"}
    for text in bounds:
        yield {**labels, NAME: f"{name}_bucket", BUCKET: text}


def _keys(samples: Samples) -> Ints:
    """A number for each counter and time in milliseconds."""
    keys: Ints = (samples.counter << _TIME_BITS) | np.rint(samples.time * 1000).astype(np.int64)
    return keys
