"""Expressions that are evaluated at the times of a grid, live and in history."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from app.ingest.ports import Source
from app.ingest.queries.query_batcher import QueryBatcher, QueryResults
from app.ingest.series.evaluated import evaluated_samples, slices_of
from app.ingest.series.interval_counts import counted_samples
from app.ingest.series.tracked_slis import TrackedSli
from app.ledger import Samples
from app.prometheus import BadQueryError, Matrix, PrometheusError, not_expected, partial_data
from app.slo import CountQueries, Evaluated

# Prometheus answers up to 11,000 points of a series.
_MOST_POINTS = 10_000
# Empty on each server that has native histograms.
_NATIVE = "histogram_count(vector(0))"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluations:
    """Evaluates the expressions of SLIs at the times in (since, until], unix seconds.

    If *partial*, an answer of which data is missing is an answer too, else it is an error.

    Results are registered in the batcher's turn, as an evaluation may be writing what is known in another thread.
    """

    source: Source
    batcher: QueryBatcher
    interval_s: int
    since_s: float
    until_s: float
    deadline: float | None
    partial: bool

    async def results(self, tracked_slis: Sequence[TrackedSli]) -> QueryResults:
        """The events of all evaluations."""
        return QueryResults.joined(await asyncio.gather(*map(self._result, tracked_slis)))

    async def _result(self, tracked: TrackedSli) -> QueryResults:
        evaluated = tracked.sli.evaluated
        if evaluated is None:
            raise ValueError(f"{tracked.key} is not evaluated")
        parts: list[Samples] = []
        partial: dict[str, str] = {}
        try:
            for start, end, step in self._stretches(evaluated):
                if evaluated.counts is not None:
                    parts.append(await self._counted(tracked, evaluated.counts, start, end, step))
                    continue
                found = await self._ask_all(tracked, evaluated, start, end, step)
                if evaluated.rule is None and _is_lacking(found[0], (end - start) // step + 1):
                    found.append(await self._ask(evaluated.divisor, start, end, step))
                for matrix in found:
                    if matrix is not None and not matrix.whole:
                        partial[tracked.key] = str(partial_data(matrix.warnings, None))
                async with self.batcher.turn:
                    parts.append(self._samples(tracked, evaluated, found))
        except PrometheusError as error:
            return QueryResults([], [(tracked, error)], Samples.joined([]))
        return QueryResults([tracked], [], Samples.joined(parts), partial=partial)

    async def _counted(
        self, tracked: TrackedSli, counts: CountQueries, start: datetime, end: datetime, step: timedelta
    ) -> Samples:
        """The events of intervals of the length *step*, of which the first ends at *start*."""
        total, part = await asyncio.gather(
            *(
                self.source.range(query, start, end, step, deadline=self.deadline)
                for query in (counts.total, counts.part)
            )
        )
        ends = start.timestamp() + np.arange((end - start) // step + 1, dtype=np.float64) * step.total_seconds()
        async with self.batcher.turn:
            return counted_samples(tracked, counts, (total, part), ends, self.batcher.series_index)

    def _samples(self, tracked: TrackedSli, evaluated: Evaluated, found: Sequence[Matrix | None]) -> Samples:
        if evaluated.rule is None:
            values, weights, *divisors = found
            if values is None:
                return Samples.joined([])
            totals = weights if weights is not None else next(iter(divisors), None)
            return evaluated_samples(tracked, values, weights, self.batcher.series_index, totals=totals)
        weighted = zip(found, (weights for _, weights in evaluated.summed), strict=True)
        answers = [(matrix, weights) for matrix, weights in weighted if matrix is not None]
        return slices_of(tracked, answers, evaluated.rule, self.batcher.series_index)

    def _stretches(self, evaluated: Evaluated) -> Iterator[tuple[datetime, datetime, timedelta]]:
        """The times of the grid in (since, until], cut so that each answer has few enough points."""
        step_s = self.interval_s if evaluated.every is None else round(evaluated.every.total_seconds())
        first, last = int(self.since_s // step_s) + 1, int(self.until_s // step_s)
        for begin in range(first, last + 1, _MOST_POINTS):
            end = min(begin + _MOST_POINTS - 1, last)
            yield (
                datetime.fromtimestamp(begin * step_s, UTC),
                datetime.fromtimestamp(end * step_s, UTC),
                timedelta(seconds=step_s),
            )

    async def _ask_all(
        self, tracked: TrackedSli, evaluated: Evaluated, start: datetime, end: datetime, step: timedelta
    ) -> list[Matrix | None]:
        """The answers to all its queries; without native histograms where the server has none."""
        native = bool(evaluated.with_native) and not tracked.rejects_native
        queries = _queries_of(evaluated, native=native)
        try:
            return list(await asyncio.gather(*(self._ask(query, start, end, step) for query in queries)))
        except BadQueryError:
            if not native or await self._has_native(end):
                raise
        tracked.rejects_native = True
        return await self._ask_all(tracked, evaluated, start, end, step)

    async def _has_native(self, at: datetime) -> bool:
        """Whether the server knows the functions of native histograms."""
        try:
            await self.source.instant(_NATIVE, at, deadline=self.deadline)
        except BadQueryError:
            return False
        return True

    async def _ask(self, expr: str | None, start: datetime, end: datetime, step: timedelta) -> Matrix | None:
        if expr is None:
            return None
        if start == end:
            matrix = await self.source.instant(expr, start, deadline=self.deadline)
        else:
            matrix = await self.source.range(expr, start, end, step, deadline=self.deadline)
        if matrix.histograms:
            raise not_expected(matrix.histograms, expr)
        if not matrix.whole and not self.partial:
            raise partial_data(matrix.warnings, expr)
        return matrix


def _is_lacking(values: Matrix | None, times: int) -> bool:
    """Whether a series has no value at some of the times, or there is none; NaN is a value."""
    if values is None or not len(values):
        return True
    absent = np.bincount(values.nan_series, minlength=len(values))
    return bool((values.lengths + absent < times).any())


def _queries_of(evaluated: Evaluated, *, native: bool) -> Sequence[str | None]:
    if evaluated.rule is None:
        return evaluated.value, evaluated.weight
    return [query for query, _ in (evaluated.with_native if native else evaluated.summed)]
