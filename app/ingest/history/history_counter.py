"""Counting stretches of the past for a reader of its own, who keeps no ledger: slots by row."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np

from app.ingest.counting.composites import edge_increments
from app.ingest.counting.ledger_writer import LedgerWriter, rows_of
from app.ingest.series.series_index import SeriesIndex
from app.ingest.series.tracked_slis import TrackedSli
from app.ledger import (
    LOOKBACK_S,
    Increments,
    LastSamples,
    Samples,
    SlotColumns,
    count,
    measured_of_sources,
)
from app.slo.arrays import Floats


class HistoryCounter:
    """Counts what was read of the past of some SLIs; a stretch that follows on another goes on where that ended.

    Counters that were not seen for hours are so counted as live ones are. A stretch that follows on none is counted by
    itself.
    """

    def __init__(self, tracked_slis: Sequence[TrackedSli], *, interval_s: int) -> None:
        self._writer = LedgerWriter(tracked_slis, interval_s=interval_s, history=timedelta(0))
        self._interval_s = interval_s
        self._cursor = LastSamples.empty()
        self._counted_s: dict[str, float] = {}
        self._first_sample_s: dict[int, float] = {}
        self._scrape_s: dict[int, float] = {}

    @property
    def tracked_slis(self) -> tuple[TrackedSli, ...]:
        """The SLIs, with the rows that were found so far."""
        return self._writer.tracked_slis

    @property
    def series_index(self) -> SeriesIndex:
        """Which SLIs a series belongs to."""
        return self._writer.series_index

    def first_sample_s(self, row: int) -> float:
        """When a row was first measured, NaN if it was not."""
        return self._first_sample_s.get(row, np.nan)

    def scrape_s(self, row: int) -> float:
        """How far apart the samples of a row are, NaN where that is not known; cells do not tell."""
        return self._scrape_s.get(row, np.nan)

    def count(
        self,
        tracked_slis: Sequence[TrackedSli],
        samples: Samples,
        *,
        since_s: float,
        until_s: float,
        in_cells: bool = False,
    ) -> dict[int, SlotColumns]:
        """The slots in (since, until] by row, from *samples* that reach from a look-back before to one after it.

        If *in_cells*, samples are those at the edges of cells.
        """
        sums = [tracked for tracked in tracked_slis if tracked.of_sources]
        composites = [tracked for tracked in tracked_slis if tracked.is_composite]
        counted = [*(one for one in tracked_slis if not one.parts), *(part for one in sums for part in one.parts)]
        leaves = list({tracked.key: tracked for tracked in counted}.values())
        following = [tracked for tracked in leaves if self._counted_s.get(tracked.key) == since_s]
        apart = [tracked for tracked in leaves if self._counted_s.get(tracked.key) != since_s]
        parts = []
        if following:
            parts.append(self._count_on(following, samples, until_s=until_s))
        if apart:
            parts.append(self._count_apart(apart, samples, since_s=since_s, until_s=until_s))
        if composites:
            parts.append(edge_increments(composites, samples, self._writer, since_s=since_s, until_s=until_s))
        increments = Increments.joined(parts)
        self._note(increments, in_cells=in_cells)
        rows = rows_of((*leaves, *composites)).tolist()
        slots = self._slots(increments, rows, since_s=since_s, until_s=until_s)
        for tracked in sums:
            slots |= self._sums(tracked, slots, since_s=since_s)
        return slots

    def _sums(self, tracked: TrackedSli, slots: Mapping[int, SlotColumns], *, since_s: float) -> dict[int, SlotColumns]:
        """The slots of an SLI of several sources by row, from those of its parts.

        Where a member is not in a source, the others of its group show that it is measured.
        """
        found: dict[int, SlotColumns] = {}
        parts = []
        for part in tracked.parts:
            seen = {one: slots[one].measured_s for one in part.rows.values() if one in self._first_sample_s}
            if seen:
                began_s = min(self._first_sample_s[one] for one in seen)
                parts.append((part, seen, np.max([*seen.values()], axis=0), began_s))
        for group in tracked.groups_of_parts:
            row = self._writer.series_index.row(tracked, group)
            if not parts:
                continue
            rows = tracked.rows_of_parts(group)
            sources = [(seen.get(part.rows.get(group, -1), of_all), began_s) for part, seen, of_all, began_s in parts]
            total = np.sum([slots[one].total for one in rows], axis=0)
            found[row] = SlotColumns(
                total,
                np.sum([slots[one].bad for one in rows], axis=0),
                self._measured_s(sources, len(total), since_s=since_s),
            )
            self._note_sum(row, rows)
        return found

    def _measured_s(self, sources: Sequence[tuple[Floats, float]], slots: int, *, since_s: float) -> Floats:
        """How many seconds of each of some slots were measured, as the ledger says it of rows that are sums."""
        ends_s = since_s + np.arange(1, slots + 1, dtype=np.float64) * self._interval_s
        return measured_of_sources(sources, ends_s, self._interval_s)

    def _note_sum(self, row: int, rows: Sequence[int]) -> None:
        """Note when a sum was first seen, and how far apart samples are at most."""
        for found, least in ((self._first_sample_s, True), (self._scrape_s, False)):
            known = [found[one] for one in rows if one in found]
            if known:
                found[row] = min(known) if least else max(known)

    def _count_on(self, tracked_slis: Sequence[TrackedSli], samples: Samples, *, until_s: float) -> Increments:
        registry = self._writer.ledger.registry
        counted = count(
            self._writer.only(samples, tracked_slis),
            self._cursor,
            registry,
            until=until_s,
            gap_s=self._writer.ledger.gap_s,
            known_s=until_s + LOOKBACK_S,
        )
        self._go_on(tracked_slis, counted.cursor, until_s=until_s)
        return counted.with_first_samples(registry)

    def _count_apart(
        self, tracked_slis: Sequence[TrackedSli], samples: Samples, *, since_s: float, until_s: float
    ) -> Increments:
        counted = self._writer.count_apart(tracked_slis, samples, since_s=since_s, until_s=until_s)
        # A stretch that was read again, finer, is no place to go on from.
        new = [tracked for tracked in tracked_slis if self._counted_s.get(tracked.key, since_s) <= since_s]
        self._go_on(new, counted.cursor, until_s=until_s)
        return counted.with_first_samples(self._writer.ledger.registry)

    def _go_on(self, tracked_slis: Sequence[TrackedSli], cursor: LastSamples, *, until_s: float) -> None:
        if tracked_slis:
            self._cursor.grow(self._writer.ledger.registry.sizes)
            self._cursor.copy_from(cursor, rows_of(tracked_slis), self._writer.ledger.registry)
        for tracked in tracked_slis:
            self._counted_s[tracked.key] = until_s

    def _note(self, increments: Increments, *, in_cells: bool) -> None:
        """Note when rows were first seen, and how far apart their samples are."""
        seen = increments.only(increments.seen)
        for row in np.unique(seen.row).tolist():
            mine = seen.row == row
            since_s = float(seen.since[mine].min())
            self._first_sample_s[row] = min(self._first_sample_s.get(row, np.inf), since_s)
            if row not in self._scrape_s and not in_cells:
                self._scrape_s[row] = float(np.median((seen.at - seen.since)[mine]))

    def _slots(
        self, increments: Increments, rows: Sequence[int], *, since_s: float, until_s: float
    ) -> dict[int, SlotColumns]:
        first = round(since_s / self._interval_s) + 1
        many = round((until_s - since_s) / self._interval_s)
        found = {row: SlotColumns.empty(many) for row in rows}
        # Sorted once: to look for one row after another among all increments takes as long as counting them.
        order = np.argsort(increments.row, kind="stable")
        sorted_rows = increments.row[order]
        for row, slots in found.items():
            begin, end = np.searchsorted(sorted_rows, [row, row + 1])
            self._writer.ledger.add_to_slots(slots, increments.only(order[begin:end]), first)
        return found
