"""A Prometheus in memory: answers the few questions that the evaluator asks, from samples that a test holds."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np
import promql_parser as promql
import re2
from numpy.typing import NDArray
from typing_extensions import override

from app.evaluation import Source
from app.prometheus import BadQueryError, HistogramSeries, Matrix, PrometheusError
from app.promql.gauges import closed_on_the_left
from testbed.increase import joined
from testbed.traces import Samples

Floats = NDArray[np.float64]
_BY_REGEX = {str(promql.MatchOp.Re), str(promql.MatchOp.NotRe)}
_NEGATED = {str(promql.MatchOp.NotEqual), str(promql.MatchOp.NotRe)}
_OVER_CELLS: dict[str, Callable[[Floats], float]] = {
    "count_over_time": lambda values: float(len(values)),
    "sum_over_time": lambda values: float(values.sum()),
    "min_over_time": lambda values: float(values.min()),
    "max_over_time": lambda values: float(values.max()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series: labels, times in seconds, values."""

    labels: dict[str, str]
    times: Floats
    values: Floats

    def within(self, since: float, until: float) -> tuple[Floats, Floats]:
        """The samples in (since, until]."""
        first, last = np.searchsorted(self.times, [since, until], side="right")
        return self.times[first:last], self.values[first:last]

    @property
    def resets_before(self) -> Floats:
        """For each sample, how many samples up to it are lower than the one before."""
        return np.concatenate([[0.0], np.cumsum(np.diff(self.values) < 0)])


@dataclass(slots=True)
class MemorySource(Source):
    """Answers from *series*, of which only samples before *now* are there yet; *fault* may raise for an expression.

    *closed*: ranges hold a sample on their left edge, as in Prometheus 2. *native* are native histograms.
    """

    series: Sequence[Series]
    now: float = float("inf")
    closed: bool = False
    fault: Callable[[str], None] = lambda _expr: None
    asked: list[str] = field(default_factory=list)
    native: Sequence[HistogramSeries] = ()
    _selected: dict[str, list[Series]] = field(default_factory=dict)
    _known: dict[tuple[tuple[tuple[str, str], ...], ...], Matrix] = field(default_factory=dict)

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        self._note(expr)
        if expr == closed_on_the_left():
            return _matrix([({}, np.array([at.timestamp()]), np.array([2.0 if self.closed else 1.0]))])
        parsed = _parse(expr)
        if not isinstance(parsed, promql.MatrixSelector):
            raise BadQueryError("this Prometheus in memory answers raw samples only", query=expr)
        until = min(at.timestamp(), self.now)
        since = at.timestamp() - parsed.range.total_seconds()
        found = [(one.labels, *one.within(since, until)) for one in self._select(parsed.vector_selector)]
        matrix = self._recognised(_matrix((labels, times, values) for labels, times, values in found if len(times)))
        return replace(matrix, histograms=self._histograms(parsed.vector_selector, [(since, until)]))

    @override
    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        self._note(expr)
        parsed = _parse(expr)
        if isinstance(parsed, promql.Call) and parsed.func.name in _OVER_CELLS:
            return self._over_cells(parsed, start, end, step)
        if not isinstance(parsed, promql.Call) or parsed.func.name not in ("last_over_time", "resets"):
            raise BadQueryError("this Prometheus in memory knows neither", query=expr)
        (ranged,) = parsed.args
        edges = np.arange(start.timestamp(), end.timestamp() + step.total_seconds() / 1000, step.total_seconds())
        named = parsed.func.name == "last_over_time"
        answer = []
        for one in self._select(ranged.vector_selector):
            first = np.searchsorted(one.times, edges - ranged.range.total_seconds(), side="right")
            last = np.searchsorted(one.times, np.minimum(edges, self.now), side="right")
            there = last > first
            if there.any():
                first, last = first[there], last[there]
                values = one.values[last - 1] if named else one.resets_before[last - 1] - one.resets_before[first]
                labels = one.labels if named else {k: v for k, v in one.labels.items() if k != "__name__"}
                answer.append((labels, edges[there], values))
        if len({tuple(sorted(labels.items())) for labels, _, _ in answer}) < len(answer):
            raise BadQueryError("vector cannot contain metrics with the same labelset", query=expr)
        look_backs = [(edge - ranged.range.total_seconds(), min(edge, self.now)) for edge in edges.tolist()]
        if named:
            newest = self._histograms(ranged.vector_selector, look_backs, at=edges.tolist())
            return replace(_matrix(answer), histograms=newest)
        for native in self.native:
            if self._histograms(ranged.vector_selector, look_backs, of=(native,)):
                labels = {name: value for name, value in native.labels.items() if name != "__name__"}
                answer.append((labels, *_resets(native, look_backs, edges)))
        return _matrix(answer)

    def _histograms(
        self,
        parsed: promql.VectorSelector,
        spans: Sequence[tuple[float, float]],
        *,
        at: Sequence[float] | None = None,
        of: Sequence[HistogramSeries] | None = None,
    ) -> tuple[HistogramSeries, ...]:
        """The samples of native histograms in each (since, until] of *spans*; or, *at* a time for each, the newest."""
        matchers = _matchers(parsed)
        found = []
        for one in self.native if of is None else of:
            if not _selects(matchers, one.labels):
                continue
            within = [[sample for sample in one.samples if since < sample.time <= until] for since, until in spans]
            if at is None:
                samples = [sample for of_span in within for sample in of_span]
            else:
                samples = [replace(span[-1], time=time) for span, time in zip(within, at, strict=True) if span]
            if samples:
                found.append(replace(one, samples=tuple(samples)))
        return tuple(found)

    def _over_cells(self, call: promql.Call, start: datetime, end: datetime, step: timedelta) -> Matrix:
        (ranged,) = call.args
        function, span_s = _OVER_CELLS[call.func.name], ranged.range.total_seconds()
        edges = np.arange(start.timestamp(), end.timestamp() + step.total_seconds() / 1000, step.total_seconds())
        answer = []
        for one in self._select(ranged.vector_selector):
            begins = np.round(edges - span_s, 3)
            first = np.searchsorted(one.times, begins, side="left" if self.closed else "right")
            last = np.searchsorted(one.times, np.minimum(edges, self.now), side="right")
            there = np.flatnonzero(last > first)
            values = np.array([function(one.values[first[place] : last[place]]) for place in there])
            labels = {name: value for name, value in one.labels.items() if name != "__name__"}
            if len(there):
                answer.append((labels, edges[there], values))
        return _matrix(answer)

    def forget(self, before: float) -> None:
        """Lose all samples before a time."""
        self._selected.clear()
        kept = [(one, one.times >= before) for one in self.series]
        self.series = [
            Series(labels=one.labels, times=one.times[keep], values=one.values[keep])
            for one, keep in kept
            if keep.any()
        ]

    def _recognised(self, matrix: Matrix) -> Matrix:
        """With the very label sets of an earlier answer with the same series, as the client has them."""
        known = self._known.setdefault(tuple(tuple(labels.items()) for labels in matrix.labels), matrix)
        return replace(matrix, labels=known.labels, known=known is not matrix)

    def _note(self, expr: str) -> None:
        self.asked.append(expr)
        self.fault(expr)

    def _select(self, parsed: promql.VectorSelector) -> list[Series]:
        matchers = _matchers(parsed)
        key = repr(matchers)
        if key not in self._selected:
            self._selected[key] = [one for one in self.series if _selects(matchers, one.labels)]
        return self._selected[key]


# Every slot asks the same questions.
_parse = lru_cache(maxsize=1024)(promql.parse)
_compile = lru_cache(maxsize=1024)(re2.compile)


def _matchers(parsed: promql.VectorSelector) -> list[tuple[str, str, str]]:
    matchers = [(found.name, str(found.op), found.value) for found in parsed.matchers.matchers]
    if parsed.name is not None:
        matchers.append(("__name__", str(promql.MatchOp.Equal), parsed.name))
    return matchers


def _resets(one: HistogramSeries, spans: Sequence[tuple[float, float]], edges: Floats) -> tuple[Floats, Floats]:
    """How many times the count of a native histogram fell in each span that has samples."""
    times, values = [], []
    for (since, until), edge in zip(spans, edges.tolist(), strict=True):
        counts = [sample.count for sample in one.samples if since < sample.time <= until]
        if counts:
            times.append(edge)
            values.append(float((np.diff(counts) < 0).sum()))
    return np.array(times), np.array(values)


def _selects(matchers: Sequence[tuple[str, str, str]], labels: Mapping[str, str]) -> bool:
    """Written apart from the service's own: a mistake in one is none in the other. A label that is absent is empty."""
    for name, op, wanted in matchers:
        value = labels.get(name, "")
        found = _compile(f"(?s:{wanted})").fullmatch(value) is not None if op in _BY_REGEX else value == wanted
        if found == (op in _NEGATED):
            return False
    return True


def series_of(samples: Iterable[Samples]) -> list[Series]:
    """The series of synthetic traces; two lives of one instance are one series."""
    return [
        Series(
            labels={"__name__": one.metric, **dict(one.labels)},
            times=one.times_ms / 1000,
            values=one.values.astype(np.float64),
        )
        for one in joined(samples)
    ]


def raising(error: PrometheusError) -> Callable[[str], None]:
    """A fault for every question."""

    def fault(_expr: str) -> None:
        raise error

    return fault


def _matrix(series: Iterable[tuple[dict[str, str], Floats, Floats]]) -> Matrix:
    every = list(series)
    return Matrix(
        labels=tuple(labels for labels, _, _ in every),
        lengths=np.array([len(times) for _, times, _ in every], dtype=np.int64),
        times=np.concatenate([times for _, times, _ in every]) if every else np.empty(0),
        values=np.concatenate([values for _, _, values in every]) if every else np.empty(0),
    )
