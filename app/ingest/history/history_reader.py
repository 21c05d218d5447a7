"""Counting history: a month in few samples, without losing any.

Recent history is read raw. Of what is older, Prometheus is asked for the counters' values at the edges of cells and
for their resets; between two edges without a reset the difference is exact. Cells in which a counter was reset,
appeared or vanished are read raw, so each sample is read about once and the sums are those of the live service
(ADR-0003).
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import numpy as np

from app.ingest.counting.composites import leaves_of
from app.ingest.counting.ledger_writer import rows_of
from app.ingest.history.inexact_cells import Cells, stretches
from app.ingest.history.sample_cells import SampleCells
from app.ingest.ports import Source
from app.ingest.queries.evaluations import Evaluations
from app.ingest.queries.partitioning import LabelQueries
from app.ingest.queries.query_batcher import QueryBatcher, QueryResults
from app.ingest.series.tracked_slis import TrackedSli
from app.ledger import (
    COARSE_WIDTH_S,
    FINE_REACH_S,
    HISTORY_WARM_UP_S,
    LOOKBACK_S,
    MIDDLE_REACH_S,
    MIDDLE_WIDTH_S,
    WARM_UP_S,
    Samples,
)
from app.prometheus import Matrix, PrometheusError
from app.promql.gauges import closed_on_the_left, in_cell
from app.promql.metric_names import NAME
from app.promql.samples import falls_within, last_samples, raw_samples
from app.slo import CellFunction, MatchOp
from app.slo.arrays import Bools, Floats

# While history is read time goes on: the finest resolution must have no hole where coarser reading begins.
_SLACK_S = 3600
# The three lengths bring about as many samples of each series: 720 (scraped every 15 s), 288 and 480 edges. Of counters
# HISTORY_WARM_UP_S more is read before each raw piece.
_RAW_CHUNK_S = 3 * 3600
_MIDDLE_CHUNK_S = 86_400
_COARSE_CHUNK_S = 5 * 86_400
# In one query: joined selectors fail together, and the answer of a chunk stays below the limit of an answer for usual
# SLIs.
_MOST_SELECTORS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """One piece of history (since, until] in unix seconds, read in cells of *width_s*, raw if that is None."""

    since_s: float
    until_s: float
    width_s: int | None


def next_time_range(
    complete_from_s: float, wanted_from_s: float, *, now_s: float, share: float = 1.0, raw: bool = False
) -> TimeRange | None:
    """The piece of history to read next, the newest that is missing; None if nothing is.

    *share* makes pieces smaller where a whole one proved too much. If *raw*, all of it is read sample by sample.
    """
    if complete_from_s <= wanted_from_s:
        return None
    if complete_from_s % COARSE_WIDTH_S:
        # Until it is on the grid of cells, however long nothing could be read.
        since = complete_from_s // COARSE_WIDTH_S * COARSE_WIDTH_S
        return TimeRange(since_s=since, until_s=complete_from_s, width_s=None)
    for reach, chunk, width in (
        (np.inf if raw else FINE_REACH_S, _RAW_CHUNK_S, None),
        (MIDDLE_REACH_S, _MIDDLE_CHUNK_S, MIDDLE_WIDTH_S),
        (np.inf, _COARSE_CHUNK_S, COARSE_WIDTH_S),
    ):
        border = max(wanted_from_s, now_s - reach - _SLACK_S)
        if complete_from_s > border:
            # Stretches begin on the coarsest grid, so that each cell of every tier lies in one of them.
            since = max(border, complete_from_s - chunk * share) // COARSE_WIDTH_S * COARSE_WIDTH_S
            return TimeRange(since_s=since, until_s=complete_from_s, width_s=width)
    return None


async def read_range(
    time_range: TimeRange,
    tracked_slis: Sequence[TrackedSli],
    batcher: QueryBatcher,
    source: Source,
    *,
    deadline: float,
    partial: bool = False,
) -> QueryResults:
    """The samples of a time range of history, as many as exact counts need; if *partial*, data may be missing."""
    reader = _Reader(batcher=batcher, source=source, deadline=deadline, partial=partial)
    if any(tracked.parts for tracked in tracked_slis):
        leaves = {leaf.key: leaf for tracked in tracked_slis for leaf in leaves_of(tracked)}
        found = await read_range(
            time_range, tuple(leaves.values()), batcher, source, deadline=deadline, partial=partial
        )
        return _of_wanted(tracked_slis, found)
    expressions = [tracked for tracked in tracked_slis if tracked.sli.evaluated is not None]
    results = []
    if expressions:
        results.append(await reader.evaluated(time_range, expressions))
        tracked_slis = [tracked for tracked in tracked_slis if tracked.sli.evaluated is None]
    if tracked_slis:
        results.append(await _read_samples(time_range, tracked_slis, reader))
    return QueryResults.joined(results)


class RangeReader(Protocol):
    """Reads history of some SLIs, wherever they are counted from."""

    async def read(
        self, time_range: TimeRange, tracked_slis: Sequence[TrackedSli], *, deadline: float, partial: bool = False
    ) -> QueryResults:
        """As `read_range`."""


@dataclass(frozen=True, slots=True)
class OneSource:
    """Reads history from one source."""

    batcher: QueryBatcher
    source: Source

    async def read(
        self, time_range: TimeRange, tracked_slis: Sequence[TrackedSli], *, deadline: float, partial: bool = False
    ) -> QueryResults:
        """As in `RangeReader`."""
        return await read_range(time_range, tracked_slis, self.batcher, self.source, deadline=deadline, partial=partial)


@dataclass(frozen=True, slots=True)
class SourceReaders:
    """Reads history of SLIs that are made of those of several sources, by the names of these."""

    readers: Mapping[str, RangeReader]

    async def read(
        self, time_range: TimeRange, tracked_slis: Sequence[TrackedSli], *, deadline: float, partial: bool = False
    ) -> QueryResults:
        """As in `RangeReader`; the sources are asked at once."""
        leaves = {leaf.key: leaf for tracked in tracked_slis for leaf in leaves_of(tracked)}
        by_source: dict[str, list[TrackedSli]] = {}
        for leaf in leaves.values():
            by_source.setdefault(leaf.sli.source, []).append(leaf)
        found = await asyncio.gather(
            *(
                self.readers[name].read(time_range, some, deadline=deadline, partial=partial)
                for name, some in by_source.items()
            )
        )
        return _of_wanted(tracked_slis, QueryResults.joined(found))


def _of_wanted(tracked_slis: Sequence[TrackedSli], found: QueryResults) -> QueryResults:
    """What came of asking for SLIs, some of which are composites, by what came of asking for all their components."""
    answered = {tracked.key for tracked in found.answered}
    failed = {tracked.key: error for tracked, error in found.failed}
    results = replace(found, answered=[], failed=[], partial={})
    for tracked in tracked_slis:
        leaves = leaves_of(tracked)
        error = next((failed[leaf.key] for leaf in leaves if leaf.key in failed), None)
        if tracked.of_sources and any(leaf.key in answered for leaf in leaves):
            # As live: the others count, and what is missing is said by the name of its source.
            results.answered.append(tracked)
            missing = [f"source {leaf.sli.source}: {failed[leaf.key]}" for leaf in leaves if leaf.key in failed]
            if missing:
                results.partial[tracked.key] = "; ".join(missing)
        elif error is not None:
            results.failed.append((tracked, error))
        elif all(leaf.key in answered for leaf in leaves):
            results.answered.append(tracked)
        partial = [found.partial[leaf.key] for leaf in leaves if leaf.key in found.partial]
        if partial:
            results.partial[tracked.key] = partial[0]
    return results


async def _read_samples(time_range: TimeRange, tracked_slis: Sequence[TrackedSli], reader: "_Reader") -> QueryResults:
    if time_range.width_s is None:
        # Samples that are events never fall, so that nothing before them matters for long.
        before_s = WARM_UP_S if all(tracked.sli.samples_are_events for tracked in tracked_slis) else HISTORY_WARM_UP_S
        return await reader.raw(time_range.since_s, time_range.until_s, tracked_slis, before_s=before_s)
    counters = [tracked for tracked in tracked_slis if not tracked.sli.samples_are_events]
    sampled: dict[tuple[CellFunction, ...], list[TrackedSli]] = {}
    for tracked in tracked_slis:
        if tracked.sli.samples_are_events:
            sampled.setdefault(tracked.sli.cell_functions, []).append(tracked)
    results = [await reader.cells(time_range, time_range.width_s, counters)] if counters else []
    for functions, members in sampled.items():
        results.append(await reader.sample_cells(time_range, time_range.width_s, members, functions))
    return QueryResults.joined(results)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    batcher: QueryBatcher
    source: Source
    deadline: float
    partial: bool

    async def raw(
        self, since_s: float, until_s: float, tracked_slis: Sequence[TrackedSli], *, before_s: float = LOOKBACK_S
    ) -> QueryResults:
        """All samples of a time range, those of *before_s* before it and those of a look-back after it."""
        at = datetime.fromtimestamp(until_s + LOOKBACK_S, UTC)
        span_ms = round((until_s - since_s + before_s + LOOKBACK_S) * 1000)

        def one(selector: str) -> Awaitable[Matrix]:
            return self.source.instant(raw_samples(selector, span_ms), at, deadline=self.deadline)

        labels = self._labels(at, span_ms)
        return await self.batcher.samples(tracked_slis, one, labels=labels, most=_MOST_SELECTORS, partial=self.partial)

    async def evaluated(self, time_range: TimeRange, tracked_slis: Sequence[TrackedSli]) -> QueryResults:
        """The values of expressions in a time range, and those of a look-back before and after it."""
        evaluations = Evaluations(
            source=self.source,
            batcher=self.batcher,
            interval_s=self.batcher.series_index.interval_s,
            since_s=time_range.since_s - LOOKBACK_S,
            until_s=time_range.until_s + LOOKBACK_S,
            deadline=self.deadline,
            partial=self.partial,
        )
        return await evaluations.results(tracked_slis)

    def _labels(self, at: datetime, span_ms: int) -> LabelQueries:
        return LabelQueries(source=self.source, at=at, span_ms=span_ms, deadline=self.deadline)

    async def cells(self, time_range: TimeRange, width_s: int, tracked_slis: Sequence[TrackedSli]) -> QueryResults:
        """The samples at the edges of cells where that is exact, and all samples where it is not."""
        start, end = (datetime.fromtimestamp(edge, UTC) for edge in (time_range.since_s, time_range.until_s))
        step, lookback = timedelta(seconds=width_s), round(LOOKBACK_S)

        def edges(selector: str) -> Awaitable[Matrix]:
            expr = last_samples(selector, lookback)
            # Whether a hole begins in the last cell shows at the edge after it.
            return self.source.range(expr, start, end + step, step, deadline=self.deadline)

        def resets(selector: str) -> Awaitable[Matrix]:
            expr = falls_within(selector, width_s + lookback)
            return self.source.range(expr, start, end, step, deadline=self.deadline)

        labels = self._labels(end, round((end - start).total_seconds() * 1000))
        values = await self.batcher.samples(
            tracked_slis, edges, labels=labels, most=_MOST_SELECTORS, partial=self.partial
        )
        # Functions drop the metric's name: series of several names would become one, which Prometheus refuses.
        unnamed = [tracked for tracked in values.answered if not _names_its_metrics(tracked)]
        named = [tracked for tracked in values.answered if _names_its_metrics(tracked)]
        changes = await self.batcher.samples(
            named, resets, labels=labels, most=_MOST_SELECTORS, nameless=True, partial=self.partial
        )
        partial = values.partial | changes.partial
        failed = {tracked.key: (tracked, error) for tracked, error in (*values.failed, *changes.failed)}
        counts = None
        # In wider cells a hole of some minutes is a small part of what a window misses.
        if width_s == MIDDLE_WIDTH_S and changes.answered:
            counts = await self._counts(changes.answered, start, end + step, step, labels)
            partial |= counts.partial
            failed |= {tracked.key: (tracked, error) for tracked, error in counts.failed}
        readable = [tracked for tracked in (*changes.answered, *unnamed) if tracked.key not in failed]
        registry = self.batcher.series_index.registry
        cells = Cells.of(
            values.samples,
            changes.samples,
            registry,
            since_s=time_range.since_s,
            until_s=time_range.until_s,
            width_s=width_s,
            counts=None if counts is None else counts.samples,
        )
        broken = _together(cells.broken(len(registry.rows)), changes.answered)
        broken[rows_of(unnamed)] = True
        parts = [cells.regular(broken)]
        for (since_s, until_s), members in _shared(cells.edges, broken, readable).items():
            repaired = await self.raw(since_s, until_s, members)
            parts.append(cells.mark(repaired.samples, registry.arrays.row[repaired.samples.counter], broken))
            failed |= {tracked.key: (tracked, error) for tracked, error in repaired.failed}
            partial |= repaired.partial
        answered = [tracked for tracked in readable if tracked.key not in failed]
        samples = Samples.joined(parts)
        if failed:
            samples = self.batcher.series_index.only(samples, answered)
        return QueryResults(answered=answered, failed=list(failed.values()), samples=samples, partial=partial)

    async def _counts(
        self, tracked_slis: Sequence[TrackedSli], start: datetime, end: datetime, step: timedelta, labels: LabelQueries
    ) -> QueryResults:
        """How many samples the series of some SLIs have in each cell that ends in [start, end]; one more on an edge."""
        span_ms = round(step.total_seconds() * 1000)

        def counts(selector: str) -> Awaitable[Matrix]:
            expr = in_cell(CellFunction.COUNT, selector, span_ms)
            return self.source.range(expr, start, end, step, deadline=self.deadline)

        return await self.batcher.samples(
            tracked_slis,
            counts,
            labels=labels,
            most=_MOST_SELECTORS,
            nameless=True,
            partial=self.partial,
            as_given=True,
        )

    async def sample_cells(
        self,
        time_range: TimeRange,
        width_s: int,
        tracked_slis: Sequence[TrackedSli],
        functions: Sequence[CellFunction],
    ) -> QueryResults:
        """The events of whole cells where Prometheus can say them, and all samples where it cannot."""
        start, end = (datetime.fromtimestamp(edge, UTC) for edge in (time_range.since_s, time_range.until_s))
        step, labels = timedelta(seconds=width_s), self._labels(end, round((end - start).total_seconds() * 1000))
        try:
            span_ms = width_s * 1000 - await self._left_edge_ms(end)
        except PrometheusError as error:
            return QueryResults([], [(tracked, error) for tracked in tracked_slis], Samples.joined([]))
        unnamed = [tracked for tracked in tracked_slis if not _names_its_metrics(tracked)]
        named = [tracked for tracked in tracked_slis if _names_its_metrics(tracked)]
        answers: dict[CellFunction, Samples] = {}
        failed: dict[str, tuple[TrackedSli, PrometheusError]] = {}
        partial: dict[str, str] = {}
        for function in dict.fromkeys((CellFunction.COUNT, *functions)):

            def cells_of(selector: str, function: CellFunction = function) -> Awaitable[Matrix]:
                expr = in_cell(function, selector, span_ms)
                # The cells before and after show whether a hole begins in the first or the last one.
                return self.source.range(expr, start, end + step, step, deadline=self.deadline)

            found = await self.batcher.samples(
                named,
                cells_of,
                labels=labels,
                most=_MOST_SELECTORS,
                nameless=True,
                partial=self.partial,
                as_given=True,
            )
            answers[function], partial = found.samples, partial | found.partial
            failed |= {tracked.key: (tracked, error) for tracked, error in found.failed}
        registry, series_index = self.batcher.series_index.registry, self.batcher.series_index
        edges = np.arange(time_range.since_s - width_s, time_range.until_s + 1.5 * width_s, width_s)
        around = SampleCells.of(answers, registry, series_index.events_of, edges=edges)
        cells = around.inner()
        readable = [tracked for tracked in (*named, *unnamed) if tracked.key not in failed]
        broken = _together(around.broken(len(registry.rows))[:, 1:-1], named)
        broken[rows_of(unnamed)] = True
        parts = [cells.regular(broken)]
        for (since_s, until_s), members in _shared(cells.edges, broken, readable).items():
            repaired = await self.raw(since_s, until_s, members)
            row = registry.arrays.row[repaired.samples.counter]
            parts.append(cells.only_of_broken(repaired.samples, row, broken))
            failed |= {tracked.key: (tracked, error) for tracked, error in repaired.failed}
            partial |= repaired.partial
        answered = [tracked for tracked in readable if tracked.key not in failed]
        samples = series_index.only(Samples.joined(parts), answered)
        return QueryResults(answered=answered, failed=list(failed.values()), samples=samples, partial=partial)

    async def _left_edge_ms(self, at: datetime) -> int:
        """By how much a range is to be shorter so that it does not hold what lies on its left edge.

        Asked each time: a server may be upgraded, or be one of several behind one address.
        """
        answer = await self.source.instant(closed_on_the_left(), at, deadline=self.deadline)
        return 1 if (answer.values > 1).any() else 0


def _together(broken: Bools, tracked_slis: Sequence[TrackedSli]) -> Bools:
    """Which cells of which rows are to be read raw, shape (rows, cells); an SLI's rows are read together."""
    for tracked in tracked_slis:
        rows = list(tracked.rows.values())
        broken[rows] = broken[rows].any(axis=0)
    return broken


def _names_its_metrics(tracked: TrackedSli) -> bool:
    return all(
        any(matcher.label == NAME and matcher.op is MatchOp.EQUAL for matcher in selector.matchers)
        for selector in tracked.selectors
    )


def _shared(
    edges: Floats, broken: Bools, tracked_slis: Sequence[TrackedSli]
) -> dict[tuple[float, float], list[TrackedSli]]:
    """The stretches to be read raw, each with all SLIs that need it: an outage breaks the same cells for many."""
    shared: dict[tuple[float, float], list[TrackedSli]] = {}
    for tracked in tracked_slis:
        if not tracked.rows:
            continue
        first_row = next(iter(tracked.rows.values()))
        for time_range in stretches(edges, broken[first_row]):
            shared.setdefault(time_range, []).append(tracked)
    return shared
