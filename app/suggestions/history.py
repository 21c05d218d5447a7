"""Daily values from Prometheus: range queries in pieces, each of bounded size; estimates by `increase()`.

Each sample is read about once: counters by `increase` over an hour at each hour, values of expressions every five
minutes. Equal questions of several SLIs are asked once.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from app.prometheus import HistogramSample, Matrix, partial_data
from app.promql.metric_names import BUCKET
from app.promql.probe import named, sum_by
from app.promql.selector_text import render
from app.slo import Selector
from app.slo.arrays import Floats
from app.suggestions.discovery import DEADLINE_S, TOO_MUCH
from app.suggestions.objectives import DAY, DailyCounts
from app.suggestions.ports import MetricExplorer
from app.suggestions.slis import CandidateSli, CountedEvents, FastEvents, GoodSamples, SummedGauges, ValueWithin
from app.suggestions.thresholds import BucketCounts

HOUR = timedelta(hours=1)
# As Prometheus finds a sample for so long: no value between two points is missed by it.
VALUE_STEP = timedelta(minutes=5)
_HOURS_A_DAY = 24
# Samples that one query reads: far below the 50 million that a Prometheus loads for one by default.
_MOST_SAMPLES = 4_000_000
_SAMPLES_A_DAY = 5_760
"""Of a series that is scraped every 15 s."""
# The default buckets of Prometheus's Go client, with the one of infinity.
_USUAL_BUCKETS = 12
_LONGEST_PIECE_DAYS = 7
_AT_ONCE = 2
"""Queries over history at once: dashboards and rules of others go first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """Values of an expression every five minutes, and the number of the day that each belongs to, shape (n,)."""

    values: Floats
    day: NDArray[np.int64]
    starts: tuple[datetime, ...]

    def counts(self, bound: float, *, at_least: bool) -> DailyCounts:
        """Each value as one event, bad unless it is below a bound, or at least it."""
        bad = self.values < bound if at_least else self.values >= bound
        found = np.bincount(self.day, minlength=len(self.starts)).astype(np.float64)
        # The SLI is evaluated every minute; a value stands for all minutes up to the next.
        minutes = VALUE_STEP / timedelta(minutes=1)
        return DailyCounts(
            starts=self.starts,
            total=found * minutes,
            bad=np.bincount(self.day, weights=bad * minutes, minlength=len(self.starts)).astype(np.float64),
            hours=found * (VALUE_STEP / HOUR),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryReader:
    """Reads *days* days before *at*; *advanced* is called after each piece, *planned* with the number of pieces.

    *warnings* are what the server has said about missing data.
    """

    source: MetricExplorer
    at: datetime
    days: int
    planned: Callable[[int], None]
    advanced: Callable[[], None]
    warnings: set[str] = field(default_factory=set)
    _asked: dict[str, "asyncio.Task[list[Matrix]]"] = field(default_factory=dict)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def of(self, sli: CandidateSli, series: int) -> DailyCounts | BucketCounts | Values:
        """The daily values of an SLI whose selectors have about so many *series*.

        Raises:
            PrometheusError: they cannot be read, not even a day at a time.
        """
        match sli:
            case CountedEvents():
                counters = (*sli.totals, sli.bad)
                found = await asyncio.gather(*(self._increase(one, series, native=sli.is_native) for one in counters))
                return self._daily(_added(found[:-1]), found[-1])
            case FastEvents():
                if sli.is_native:
                    return await self._native_buckets(sli, series)
                return await self._buckets(sli, series * _USUAL_BUCKETS)
            case GoodSamples():
                total = await self._samples("count_over_time", sli.gauge, series)
                return self._daily(total, total - await self._samples("sum_over_time", sli.gauge, series))
            case SummedGauges():
                total = await self._samples("sum_over_time", sli.total, series)
                part = np.nan_to_num(await self._samples("sum_over_time", sli.part, series))
                return self._daily(total, part if sli.part_is_bad else total - part)
            case ValueWithin():
                return await self._values(sli.expression, series)

    async def by_group(self, sli: CountedEvents, label: str) -> dict[str, tuple[float, float]]:
        """All and bad events of the last day, by the values of a label.

        Raises:
            PrometheusError: they cannot be read.
        """
        counters = (*sli.totals, sli.bad)
        *totals, bad = await asyncio.gather(*(self._last_day(one, label, native=sli.is_native) for one in counters))
        values = {value for total in totals for value in total}
        return {value: (sum(total.get(value, 0.0) for total in totals), bad.get(value, 0.0)) for value in values}

    async def slow_by_group(self, sli: FastEvents, bound: float, label: str) -> dict[str, tuple[float, float]]:
        """All events of the last day and those above a bound, by the values of a label.

        Raises:
            PrometheusError: they cannot be read.
        """
        if sli.is_native:
            selector = Selector((*named(sli.histogram).matchers, *sli.matchers))
            increased = sum_by(f"increase({render(selector)}[1h])", [label])
            count = f"histogram_count({increased})"
            every = await self._sums_of_last_day(count, label)
            fast = await self._sums_of_last_day(f"histogram_fraction(0, {bound!r}, {increased}) * {count}", label)
            return {value: (events, events - fast.get(value, 0.0)) for value, events in every.items()}
        selector = Selector((*named(f"{sli.histogram}_bucket").matchers, *sli.matchers))
        found: dict[str, tuple[float, float]] = {}
        expr = sum_by(f"increase({render(selector)}[1h])", [label, BUCKET])
        for labels, _, values in await self._of_last_day(expr):
            total, slow = found.get(labels.get(label, ""), (0.0, 0.0))
            events = float(np.nansum(values))
            # Bounds are spelled in several ways, such as 1 and 1.0.
            upper = _upper_bound(labels)
            if upper == np.inf:
                total, slow = total + events, slow + events
            elif upper == bound:
                slow -= events
            found[labels.get(label, "")] = total, slow
        return found

    async def _last_day(self, selector: Selector, label: str, *, native: bool) -> dict[str, float]:
        increased = sum_by(f"increase({render(selector)}[1h])", [label])
        return await self._sums_of_last_day(f"histogram_count({increased})" if native else increased, label)

    async def _sums_of_last_day(self, expr: str, label: str) -> dict[str, float]:
        return {labels.get(label, ""): float(np.nansum(values)) for labels, _, values in await self._of_last_day(expr)}

    async def _of_last_day(self, expr: str) -> Sequence[tuple[dict[str, str], Floats, Floats]]:
        """Labels, times and values of each series of an expression, at each hour of the last day."""
        self.planned(1)
        return [
            series for answer in await self._piece(expr, HOUR, self.days - 1, self.days) for series in _series(answer)
        ]

    @property
    def starts(self) -> tuple[datetime, ...]:
        """The beginnings of the days, the oldest first; the last one ends now."""
        return tuple(self.at - DAY * (self.days - number) for number in range(self.days))

    @property
    def no_counts(self) -> DailyCounts:
        """Days of which nothing is known."""
        nothing = np.zeros(self.days)
        return DailyCounts(starts=self.starts, total=nothing, bad=nothing, hours=nothing)

    async def _increase(self, selector: Selector, series: int, *, native: bool) -> Floats:
        increased = f"sum(increase({render(selector)}[1h]))"
        return await self._hourly(f"histogram_count({increased})" if native else increased, series)

    async def _samples(self, function: str, selector: Selector, series: int) -> Floats:
        # Prometheus 2 counts a sample on the left edge too, which is the last one of the hour before.
        return await self._hourly(f"sum({function}({render(selector)}[59m59s999ms]))", series)

    async def _hourly(self, expr: str, series: int) -> Floats:
        """The value of an expression in each hour, shape (hours,); NaN where it has none."""
        found = np.full(self.days * _HOURS_A_DAY, np.nan)
        for matrix in await self._read(expr, HOUR, series):
            found[self._hours(matrix.times)] = matrix.values
        return found

    def _daily(self, total: Floats, bad: Floats) -> DailyCounts:
        """Days from hours; without samples of bad events there were none."""
        known = ~np.isnan(total)
        bad = np.where(known, np.nan_to_num(bad), np.nan)
        shape = (self.days, _HOURS_A_DAY)
        return DailyCounts(
            starts=self.starts,
            total=np.nansum(total.reshape(shape), axis=1),
            bad=np.maximum(np.nansum(bad.reshape(shape), axis=1), 0.0),
            hours=known.reshape(shape).sum(axis=1).astype(np.float64),
        )

    async def _buckets(self, sli: FastEvents, series: int) -> BucketCounts:
        selector = Selector((*named(f"{sli.histogram}_bucket").matchers, *sli.matchers))
        expr = f"sum by ({BUCKET}) (increase({render(selector)}[1h]))"
        hourly: dict[float, Floats] = {}
        for matrix in await self._read(expr, HOUR, series):
            for labels, times, values in _series(matrix):
                bound = _upper_bound(labels)
                if bound is None:
                    continue
                of_bound = hourly.setdefault(bound, np.full(self.days * _HOURS_A_DAY, np.nan))
                # One bound may be spelled in several ways, by instances of several versions.
                hours = self._hours(times)
                of_bound[hours] = np.nan_to_num(of_bound[hours]) + values
        return self._bucket_counts(hourly)

    async def _native_buckets(self, sli: FastEvents, series: int) -> BucketCounts:
        selector = Selector((*named(sli.histogram).matchers, *sli.matchers))
        pieces = await self._read(f"sum(increase({render(selector)}[1h]))", HOUR, series)
        histograms = [found for matrix in pieces for found in matrix.histograms]
        samples = [sample for found in histograms for sample in found.samples]
        bounds = _bounds_of(samples, custom=any(found.custom for found in histograms))
        hourly = {bound: np.full(self.days * _HOURS_A_DAY, np.nan) for bound in (*bounds, np.inf)}
        for sample in samples:
            hour = self._hours(np.array([sample.time]))[0]
            for bound in bounds:
                hourly[bound][hour] = sample.counts[sample.upper <= bound * (1 + 1e-9)].sum()
            hourly[np.inf][hour] = sample.count
        return self._bucket_counts(hourly)

    def _bucket_counts(self, hourly: dict[float, Floats]) -> BucketCounts:
        bounds = tuple(sorted(bound for bound in hourly if np.isfinite(bound)))
        total = hourly.get(np.inf, np.full(self.days * _HOURS_A_DAY, np.nan))
        shape = (self.days, _HOURS_A_DAY)
        good = [np.nansum(hourly[bound].reshape(shape), axis=1) for bound in bounds]
        return BucketCounts(
            bounds=bounds,
            good=np.stack(good, axis=1) if good else np.zeros((self.days, 0)),
            all_events=self._daily(total, np.zeros_like(total)),
        )

    async def _values(self, expr: str, series: int) -> Values:
        pieces = await self._read(expr, VALUE_STEP, series)
        times = np.concatenate([matrix.times for matrix in pieces])
        values = np.concatenate([matrix.values for matrix in pieces])
        start = self.starts[0].timestamp()
        days = np.clip(np.ceil((times - start) / DAY.total_seconds()) - 1, 0, self.days - 1)
        return Values(values=values, day=days.astype(np.int64), starts=self.starts)

    def _hours(self, times: Floats) -> NDArray[np.int64]:
        """The number of the hour that ends at each time."""
        first = (self.starts[0] + HOUR).timestamp()
        return np.rint((times - first) / HOUR.total_seconds()).astype(np.int64)

    async def _read(self, expr: str, step: timedelta, series: int) -> list[Matrix]:
        """The expression at every step of all days; asked once."""
        if expr not in self._asked:
            self._asked[expr] = asyncio.create_task(self._read_pieces(expr, step, series))
        return await self._asked[expr]

    async def _read_pieces(self, expr: str, step: timedelta, series: int) -> list[Matrix]:
        days = max(1, min(_LONGEST_PIECE_DAYS, _MOST_SAMPLES // (_SAMPLES_A_DAY * max(series, 1)), self.days))
        firsts = range(0, self.days, days)
        self.planned(len(firsts))
        # The newest first: where an older piece fails, the error comes before most of the work.
        found = [await self._piece(expr, step, first, min(first + days, self.days)) for first in reversed(firsts)]
        return [matrix for matrices in reversed(found) for matrix in matrices]

    async def _piece(self, expr: str, step: timedelta, first: int, end: int) -> list[Matrix]:
        """The days from *first* to *end*, in halves where all at once are too much for the server."""
        begin = self.starts[0]
        try:
            async with self._gate:
                answer = await self.source.range(
                    expr, begin + DAY * first + step, begin + DAY * end, step, deadline=DEADLINE_S
                )
        except TOO_MUCH:
            if end - first == 1:
                raise
            self.planned(1)
            middle = (first + end) // 2
            return [*await self._piece(expr, step, first, middle), *await self._piece(expr, step, middle, end)]
        self.advanced()
        if not answer.whole:
            self.warnings.add(str(partial_data(answer.warnings, None)))
        return [answer]


def _upper_bound(labels: Mapping[str, str]) -> float | None:
    """The upper bound of the bucket that a series counts; None where that is no number."""
    try:
        return float(labels.get(BUCKET, ""))
    except ValueError:
        return None


def _added(parts: Sequence[Floats]) -> Floats:
    """The sum of arrays of one shape; NaN where all are."""
    known = ~np.isnan(parts).all(axis=0)
    return np.where(known, np.nansum(parts, axis=0), np.nan)


def _series(matrix: Matrix) -> Sequence[tuple[dict[str, str], Floats, Floats]]:
    """Labels, times and values of each series."""
    ends = np.cumsum(matrix.lengths)
    return [
        (dict(labels), matrix.times[end - length : end], matrix.values[end - length : end])
        for labels, length, end in zip(matrix.labels, matrix.lengths.tolist(), ends.tolist(), strict=True)
    ]


def _bounds_of(samples: Sequence[HistogramSample], *, custom: bool) -> tuple[float, ...]:
    """Bounds that the buckets have at any resolution: those that were chosen, or else powers of two."""
    found = {float(bound) for sample in samples for bound in sample.upper if 0 < bound < np.inf}
    if custom:
        return tuple(sorted(found))
    powers = {float(2.0 ** np.ceil(np.log2(bound) - 1e-9)) for bound in found}
    return tuple(sorted(powers))
