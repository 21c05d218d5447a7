"""From the series of an answer to the counters of the ledger: which SLIs does a series belong to, and how?"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from app.evaluation.watch import MOST_GROUPS, Watch
from app.ledger import Ledger, Registry, RowKey, Samples, Weights, fingerprint
from app.prometheus import Matrix
from app.promql.matching import matches
from app.slo import BadSli, GroupKey, Matcher, MatchOp, Selector
from app.slo.arrays import Bools, Ints

SeriesKey = tuple[tuple[str, str], ...]


class Intake:
    """Knows the counters of every series that it has seen; a series is matched against the selectors once."""

    def __init__(self, ledger: Ledger, watches: Sequence[Watch]) -> None:
        self._ledger = ledger
        self._watches = watches
        self._known: dict[SeriesKey, tuple[int, ...]] = {}
        self._by_matcher: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._rest: list[int] = []
        self._index(watches)
        self._add_rows([watch for watch in watches if not watch.sli.by])

    def samples(self, matrix: Matrix, wanted: Iterable[Watch]) -> Samples:
        """The samples of an answer by counter, of the *wanted* SLIs only."""
        series, counters = self.counters(matrix.labels)
        if len(counters):
            keep = self._rows_of(wanted)[self._ledger.registry.arrays.row[counters]]
            series, counters = series[keep], counters[keep]
        lengths = matrix.lengths[series]
        starts = (np.cumsum(matrix.lengths) - matrix.lengths)[series]
        index = np.arange(int(lengths.sum())) + np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
        return Samples(
            counter=np.repeat(counters, lengths),
            time=matrix.times[index],
            value=matrix.values[index],
            steady=np.zeros(len(index), dtype=bool),
        )

    def owners(self, matrix: Matrix, series: Iterable[int]) -> set[str]:
        """The keys of the SLIs that count these series of an answer, given by position."""
        _, counters = self.counters([matrix.labels[position] for position in series])
        rows = self.registry.arrays.row[counters].tolist()
        return {self.registry.rows[row].sli for row in rows}

    @property
    def size(self) -> int:
        """How many series are known."""
        return len(self._known)

    @property
    def registry(self) -> Registry:
        """The rows and counters that series are admitted to."""
        return self._ledger.registry

    def only(self, samples: Samples, wanted: Iterable[Watch]) -> Samples:
        """The samples of the *wanted* SLIs."""
        return samples.of_counters(self._rows_of(wanted)[self._ledger.registry.arrays.row])

    def counters(self, labels: Sequence[Mapping[str, str]]) -> tuple[Ints, Ints]:
        """Pairs of series (by position) and counter; a series that feeds several rows is there several times."""
        series: list[int] = []
        counters: list[int] = []
        for position, of_series in enumerate(labels):
            key = tuple(of_series.items())
            found = self._known.get(key)
            if found is None:
                found = self._known[key] = self._admit(of_series)
            for counter in found:
                series.append(position)
                counters.append(counter)
        return np.array(series, dtype=np.int64), np.array(counters, dtype=np.int64)

    def row(self, watch: Watch, group: GroupKey) -> int:
        """The ledger's row of one group, new if it was not known."""
        if group not in watch.rows:
            self._add_rows([watch], group)
        return watch.rows[group]

    def _add_rows(self, watches: Sequence[Watch], group: GroupKey = ()) -> None:
        keys = [RowKey(watch.key, group) for watch in watches]
        self._ledger.add_rows(
            keys,
            horizon_s=np.array([watch.horizon_s for watch in watches]),
            from_s=np.array([watch.settled_s for watch in watches]),
        )
        for watch, key in zip(watches, keys, strict=True):
            row = watch.rows[group] = self._ledger.registry.row(key)
            self._ledger.counted_s[row] = watch.counted_s
            self._ledger.complete_from_s[row] = watch.complete_from_s

    def _rows_of(self, watches: Iterable[Watch]) -> Bools:
        mask = np.zeros(len(self._ledger.registry.rows), dtype=bool)
        mask[[row for watch in watches for row in watch.rows.values()]] = True
        return mask

    def _index(self, watches: Sequence[Watch]) -> None:
        """Find the candidates of a series by the rarest `label="value"` of each selector."""
        popularity = Counter(
            (matcher.label, matcher.value) for watch in watches for matcher in _equalities(watch.selectors)
        )
        for position, watch in enumerate(watches):
            for selector in watch.selectors:
                keys = [(matcher.label, matcher.value) for matcher in _equalities((selector,))]
                if keys:
                    self._by_matcher[min(keys, key=lambda key: popularity[key])].append(position)
                else:
                    self._rest.append(position)

    def _admit(self, labels: Mapping[str, str]) -> tuple[int, ...]:
        candidates = set(self._rest)
        for pair in labels.items():
            candidates.update(self._by_matcher.get(pair, ()))
        found = (self._counter(self._watches[position], labels) for position in sorted(candidates))
        return tuple(counter for counter in found if counter is not None)

    def _counter(self, watch: Watch, labels: Mapping[str, str]) -> int | None:
        weights = _weights(watch, labels)
        if weights is None:
            return None
        group = tuple((label, labels.get(label, "")) for label in sorted(watch.sli.by))
        if group not in watch.rows and len(watch.rows) >= MOST_GROUPS:
            watch.refused_groups.add(group)
            return None
        return self._ledger.registry.counter(self.row(watch, group), fingerprint(labels), weights)


def _weights(watch: Watch, labels: Mapping[str, str]) -> Weights | None:
    sli = watch.sli
    total = float(matches(sli.total, labels))
    if isinstance(sli, BadSli):
        bad = float(matches(sli.bad, labels))
        return Weights(total=total, bad=bad) if total or bad else None
    good = float(matches(sli.good, labels))
    return Weights(total=total, bad=total - good) if total or good else None


def _equalities(selectors: Iterable[Selector]) -> list[Matcher]:
    return [
        matcher
        for selector in selectors
        for matcher in selector.matchers
        if matcher.op is MatchOp.EQUAL and matcher.value
    ]
