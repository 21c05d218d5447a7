"""A Prometheus in memory that answers what suggestions ask, from series of constant or changing rates.

`test_on_a_real_server.py` holds it to what a real Prometheus answers.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import numpy as np
import promql_parser as promql
from numpy.typing import NDArray
from typing_extensions import override

from app.prometheus import Matrix, PrometheusError
from app.promql.matching import matches
from app.promql.selector_text import bare
from app.slo import Selector
from app.suggestions import MetricExplorer
from testbed.traces import Samples

Floats = NDArray[np.float64]
AT = datetime(2026, 3, 15, 12, tzinfo=UTC)
STEP_S = 60
"""How far apart samples are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series: its labels, and values at times in seconds, `STEP_S` apart."""

    labels: Mapping[str, str]
    times: Floats
    values: Floats

    @property
    def samples(self) -> Samples:
        """The same for a real Prometheus."""
        labels = tuple(sorted((name, value) for name, value in self.labels.items() if name != "__name__"))
        # Text of a float, where the type says integers: openmetrics.py writes what it is given.
        values = cast("NDArray[np.int64]", self.values)
        return Samples(
            metric=self.labels["__name__"], labels=labels, times_ms=(self.times * 1000).astype(np.int64), values=values
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """So many days before a time."""

    days: float = 3.0
    at: datetime = AT

    @property
    def times(self) -> Floats:
        """The times of samples."""
        end = self.at.timestamp() // STEP_S * STEP_S
        return np.arange(end - round(self.days * 86_400), end + 1, STEP_S, dtype=np.float64)


THREE_DAYS = Span()


def counter(metric: str, a_day: float | Sequence[float], span: Span = THREE_DAYS, /, **labels: str) -> Series:
    """A counter of so many events a day, or on each of the days, the newest last."""
    times, daily = span.times, np.atleast_1d(np.asarray(a_day, dtype=np.float64))
    day = np.clip(len(daily) - 1 - ((span.at.timestamp() - times) // 86_400).astype(int), 0, len(daily) - 1)
    values = 7 + np.cumsum(daily[day] * STEP_S / 86_400)
    return Series(labels={"__name__": metric, **labels}, times=times, values=values)


def gauge(
    metric: str, value: float | Callable[[Floats], NDArray[Any]], span: Span = THREE_DAYS, /, **labels: str
) -> Series:
    """A gauge of one value, or of one for each number of a sample."""
    numbers = np.arange(len(span.times), dtype=np.float64)
    values = value(numbers).astype(np.float64) if callable(value) else np.full(len(numbers), float(value))
    return Series(labels={"__name__": metric, **labels}, times=span.times, values=values)


def histogram(
    name: str, a_day: float, shares: Mapping[str, float], span: Span = THREE_DAYS, /, **labels: str
) -> list[Series]:
    """A classic histogram: the share of its events within each bound."""
    bounds = {**shares, "+Inf": 1.0}
    buckets = [counter(f"{name}_bucket", a_day * share, span, **{"le": le, **labels}) for le, share in bounds.items()]
    return [*buckets, *(counter(f"{name}{part}", a_day, span, **labels) for part in ("_count", "_sum"))]


@dataclass(slots=True)
class MemoryExplorer(MetricExplorer):
    """Answers from *series*; *types* are those of metadata, *fault* may raise for an expression of so many points.

    *warnings* are those of every answer.
    """

    series: Sequence[Series]
    types: Mapping[str, str] = field(default_factory=dict)
    fault: Callable[[str, int], PrometheusError | None] = lambda _expr, _points: None
    warnings: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        return self._answer(expr, np.array([at.timestamp()]))

    @override
    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        points = (end - start) // step + 1
        return self._answer(expr, np.asarray(start.timestamp() + step.total_seconds() * np.arange(points), np.float64))

    @override
    async def metric_types(self, metric: str, *, deadline: float | None = None) -> frozenset[str]:
        return frozenset({self.types[metric]}) if metric in self.types else frozenset()

    @override
    async def label_names(
        self, selector: str, start: datetime, end: datetime, *, deadline: float | None = None
    ) -> tuple[str, ...]:
        return tuple(sorted({name for one in self._selected(selector, start, end) for name in one.labels}))

    @override
    async def label_values(
        self, label: str, selector: str | None, start: datetime, end: datetime, *, deadline: float | None = None
    ) -> tuple[str, ...]:
        found = self._selected(selector, start, end)
        return tuple(sorted({one.labels[label] for one in found if label in one.labels}))

    def _selected(self, selector: str | None, start: datetime, end: datetime) -> list[Series]:
        there = [one for one in self.series if one.times[0] <= end.timestamp() and one.times[-1] >= start.timestamp()]
        if selector is None:
            return there
        parsed = promql.parse(selector)
        assert isinstance(parsed, promql.VectorSelector)
        wanted = bare(parsed)
        return [one for one in there if matches(wanted, one.labels)]

    def _answer(self, expr: str, times: Floats) -> Matrix:
        self.asked.append(expr)
        error = self.fault(expr, len(times))
        if error is not None:
            raise error
        found = _matrix(_Evaluation(self.series, times).of(promql.parse(expr)), times)
        return replace(found, warnings=self.warnings, whole=not self.warnings)


Vector = list[tuple[dict[str, str], Floats]]
"""Labels of each series, and its values at the times, NaN where it has none."""


@dataclass(frozen=True, slots=True)
class _Evaluation:
    series: Sequence[Series]
    times: Floats

    def of(self, expr: promql.Expr) -> Vector:
        match expr:
            case promql.ParenExpr():
                return self.of(expr.expr)
            case promql.AggregateExpr():
                labels = [] if expr.modifier is None else list(expr.modifier.labels)
                return _aggregated(str(expr.op), labels, self.of(expr.expr))
            case promql.BinaryExpr():
                return self._binary(str(expr.op), expr.lhs, expr.rhs)
            case promql.Call():
                return self._over_time(expr.func.name, expr.args[0])
            case promql.VectorSelector():
                return [(dict(one.labels), self._at(one, self.times)) for one in self._selected(bare(expr))]
        raise AssertionError(f"this Prometheus in memory does not know {expr}")

    def _over_time(self, function: str, ranged: promql.MatrixSelector) -> Vector:
        seconds = ranged.range.total_seconds()
        found = []
        for one in self._selected(bare(ranged.vector_selector)):
            first = np.searchsorted(one.times, self.times - seconds, side="right")
            last = np.searchsorted(one.times, self.times, side="right")
            labels = {name: value for name, value in one.labels.items() if name != "__name__"}
            found.append((labels, self._function(function, one, first, last, seconds)))
        return found

    def _function(
        self, function: str, one: Series, first: NDArray[np.int64], last: NDArray[np.int64], seconds: float
    ) -> Floats:
        totals = np.concatenate([[0.0], np.cumsum(one.values)])
        falls = np.concatenate([[0.0, 0.0], np.cumsum(np.diff(one.values) < 0)])
        changes = np.concatenate([[0.0, 0.0], np.cumsum(np.diff(one.values) != 0)])
        there = last > first
        match function:
            case "count_over_time":
                values = (last - first).astype(np.float64)
            case "sum_over_time":
                values = totals[last] - totals[first]
            case "resets" | "changes":
                counted = falls if function == "resets" else changes
                values = counted[last] - counted[np.minimum(first + 1, last)]
            case "last_over_time":
                values = one.values[np.maximum(last - 1, 0)]
            case "increase" | "rate":
                # Linear between samples: what extrapolation comes to for a steady counter.
                start = np.maximum(self.times - seconds, one.times[0])
                grown = np.interp(self.times, one.times, one.values) - np.interp(start, one.times, one.values)
                values = grown / (seconds if function == "rate" else 1.0)
                there = (last - first > 1) | (there & (first > 0))
            case _:
                raise AssertionError(f"this Prometheus in memory does not know {function}")
        return np.where(there, values, np.nan)

    def _binary(self, op: str, left: promql.Expr, right: promql.Expr) -> Vector:
        if isinstance(left, promql.NumberLiteral):
            return [(labels, _computed(op, np.array(left.val), values)) for labels, values in self.of(right)]
        if isinstance(right, promql.NumberLiteral):
            return [(labels, _computed(op, values, np.array(right.val))) for labels, values in self.of(left)]
        divisors = {_key(labels): values for labels, values in self.of(right)}
        return [
            (_unnamed(labels), _computed(op, values, divisors[_key(labels)]))
            for labels, values in self.of(left)
            if _key(labels) in divisors
        ]

    def _selected(self, selector: Selector) -> Iterable[Series]:
        return (one for one in self.series if matches(selector, one.labels))

    @staticmethod
    def _at(one: Series, times: Floats) -> Floats:
        place = np.searchsorted(one.times, times, side="right")
        age = times - one.times[np.maximum(place - 1, 0)]
        return np.where((place > 0) & (age < STEP_S), one.values[np.maximum(place - 1, 0)], np.nan)


def _computed(op: str, left: Floats, right: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        match op:
            case "/":
                return left / right
            case "-":
                return left - right
            case ">":
                return np.where(left > right, left, np.nan)
    raise AssertionError(f"this Prometheus in memory does not know {op}")


def _aggregated(op: str, by: Sequence[str], vector: Vector) -> Vector:
    groups: dict[tuple[tuple[str, str], ...], list[Floats]] = {}
    for labels, values in vector:
        key = tuple((label, labels[label]) for label in by if labels.get(label))
        groups.setdefault(key, []).append(values)
    return [(dict(key), _reduced(op, np.array(members))) for key, members in groups.items()]


def _reduced(op: str, members: Floats) -> Floats:
    known = ~np.isnan(members)
    match op:
        case "sum":
            values = np.nansum(members, axis=0)
        case "count":
            values = known.sum(axis=0).astype(np.float64)
        case "max":
            values = np.where(known, members, -np.inf).max(axis=0)
        case _:
            raise AssertionError(f"this Prometheus in memory does not know {op}")
    return np.where(known.any(axis=0), values, np.nan)


def _key(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(_unnamed(labels).items()))


def _unnamed(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name != "__name__"}


def _matrix(vector: Vector, times: Floats) -> Matrix:
    known = [(labels, ~np.isnan(values), values) for labels, values in vector]
    there = [(labels, valid, values) for labels, valid, values in known if valid.any()]
    return Matrix(
        labels=tuple(labels for labels, _, _ in there),
        lengths=np.array([valid.sum() for _, valid, _ in there], dtype=np.int64),
        times=np.concatenate([np.empty(0), *(times[valid] for _, valid, _ in there)]),
        values=np.concatenate([np.empty(0), *(values[valid] for _, valid, values in there)]),
    )
