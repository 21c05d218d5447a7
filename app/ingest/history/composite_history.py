"""The history of composites: what their components counted in each slot of it, and the slices that come of that.

The ledger's older cells are wider than a slice, so the samples of the components are read once more, the newest first.
What lies between a sample and the one before it, a piece or ten earlier, is known only when that has been read: slices
are made when all of it was. Of the last day the ledger has every slot, and is asked instead (ADR-0068).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.ingest.counting.composites import leaves_of, note_measured, oldest_slots_s
from app.ingest.counting.ledger_writer import LedgerWriter
from app.ingest.series.composites import HistorySlots, slices_in, slots_of_slices
from app.ingest.series.tracked_slis import TrackedSli, composites_of
from app.ledger import (
    COARSE_WIDTH_S,
    FirstSighting,
    Increments,
    Ledger,
    NewSeries,
    Samples,
    SlotColumns,
    count_first_samples,
    link_series_to_older,
    link_targets_to_older,
)
from app.slo.arrays import Floats

# At 24 bytes each 100 MB; what is longer is made in several stretches.
_MOST_SLOTS = 4_000_000


@dataclass(slots=True, kw_only=True)
class ComponentSlots:
    """The slots of the rows of one SLI from number *first* to *last*, as far as its samples were read: to *from_s*."""

    first: int
    last: int
    from_s: float
    rows: dict[int, SlotColumns] = field(default_factory=dict)
    pending_targets: Sequence[FirstSighting] = ()
    pending_series: Sequence[NewSeries] = ()

    def count(self, tracked: TrackedSli, samples: Samples, ledger_writer: LedgerWriter, *, since_s: float) -> None:
        """Count one piece of history, the newest that is missing."""
        if since_s >= self.from_s:
            return
        registry = ledger_writer.ledger.registry
        past = ledger_writer.count_apart([tracked], samples, since_s=since_s, until_s=self.from_s)
        met, targets = link_targets_to_older(self.pending_targets, self.pending_series, past.cursor, registry)
        known, series = link_series_to_older([*self.pending_series], past.cursor, registry)
        self.pending_targets = (*targets, *past.new_targets)
        decided = [one for one in past.new_series if one.decided]
        self.pending_series = (*series, *(one for one in past.new_series if not one.decided))
        found = [past.increments, met, known, count_first_samples((), decided, registry)]
        self._add(Increments.joined(found), ledger_writer.ledger)
        self.from_s = since_s

    def finish(self, ledger: Ledger) -> None:
        """Count the first samples that nothing older knows."""
        self._add(count_first_samples(self.pending_targets, self.pending_series, ledger.registry), ledger)
        self.pending_targets = self.pending_series = ()

    def read(self, row: int, first: int, last: int) -> tuple[Floats, Floats, Floats]:
        """The slots of a row from number *first* to *last*, zeros where there are none."""
        slots = self.rows.get(row)
        if slots is None:
            return SlotColumns.empty(last - first + 1).columns
        return slots.cut(self.first, first=first, last=last).columns

    def _add(self, increments: Increments, ledger: Ledger) -> None:
        for row in np.unique(increments.row).tolist():
            slots = self.rows.get(row)
            if slots is None:
                slots = self.rows[row] = SlotColumns.empty(self.last - self.first + 1)
            ledger.add_to_slots(slots, increments.only(increments.row == row), self.first)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """The slots from number *first* to *last* of the history of a composite, which are made at once."""

    tracked: TrackedSli
    first: int
    last: int

    @property
    def slots(self) -> int:
        """How many slots its components have in all."""
        return (self.last - self.first + 1) * _rows_of(self.tracked)

    @property
    def components(self) -> list[tuple[str, int, int]]:
        """What its components are kept by."""
        return [(leaf.key, self.first, self.last) for leaf in leaves_of(self.tracked)]


class CompositeHistories:
    """What was read so far of the history of composites, and how far."""

    def __init__(self, ledger_writer: LedgerWriter) -> None:
        self._ledger_writer = ledger_writer
        # By composite, its components in the end; one that is read for several composites counts once.
        self._components: dict[tuple[str, int, int], ComponentSlots] = {}
        self._stretches: dict[str, _Stretch] = {}

    def missing_from_s(self, tracked: TrackedSli) -> float | None:
        """The end of the newest history of a composite that is to be read; None while it has to wait.

        Since when a component began decides what is missing, so all of its history has been read; and few at a time
        are, since slots of a month take memory.
        """
        if tracked.key not in self._stretches:
            taken = sum(stretch.slots for stretch in self._stretches.values())
            if self._stretches and taken + self._slots_of(tracked) > _MOST_SLOTS:
                return None
            self._begin(tracked)
        return max(slots.from_s for slots in self._slots(tracked).values())

    def wanted_from_s(self, tracked: TrackedSli) -> float:
        """How far the stretch goes that is read now."""
        return (self._stretches[tracked.key].first - 1.0) * self._ledger_writer.ledger.interval_s

    def enter(self, tracked_slis: Iterable[TrackedSli], samples: Samples, *, since_s: float) -> None:
        """Count one piece of some composites; those of which a stretch has been read whole have their slices made."""
        for tracked in tracked_slis:
            for leaf in leaves_of(tracked):
                self._slots(tracked)[leaf.key].count(leaf, samples, self._ledger_writer, since_s=since_s)
            if max(slots.from_s for slots in self._slots(tracked).values()) <= self.wanted_from_s(tracked):
                self._finish(tracked)

    def _begin(self, tracked: TrackedSli) -> None:
        ledger = self._ledger_writer.ledger
        last = round(tracked.complete_from_s) // ledger.interval_s
        most = max(_MOST_SLOTS // max(_rows_of(tracked), 1), COARSE_WIDTH_S // ledger.interval_s)
        # A day of samples is read for a window of 30 days, if there are no more.
        nothing_before_s = min(self._nothing_before_s(tracked), tracked.complete_from_s - COARSE_WIDTH_S)
        begin_s = max(tracked.wanted_from_s, nothing_before_s, tracked.complete_from_s - most * ledger.interval_s)
        # As far as pieces of history go, which begin on the coarsest grid.
        first = int(begin_s // COARSE_WIDTH_S) * COARSE_WIDTH_S // ledger.interval_s + 1
        stretch = self._stretches[tracked.key] = _Stretch(tracked=tracked, first=first, last=last)
        for key in stretch.components:
            self._components.setdefault(key, ComponentSlots(first=first, last=last, from_s=tracked.complete_from_s))

    def _finish(self, tracked: TrackedSli) -> None:
        ledger, components = self._ledger_writer.ledger, self._slots(tracked)
        stretch = self._stretches.pop(tracked.key)
        of_row = {row: components[leaf.key] for leaf in leaves_of(tracked) for row in leaf.rows.values()}
        for slots in components.values():
            slots.finish(ledger)
        since_s, until_s = (stretch.first - 1.0) * ledger.interval_s, tracked.complete_from_s
        recent = round(oldest_slots_s(ledger)) // ledger.interval_s + 1

        def read(row: int, begin: int, end: int) -> tuple[Floats, Floats, Floats]:
            columns = of_row[row].read(row, begin, end)
            from_ledger = slice(max(recent - begin, 0), None)
            for column, kept in zip(columns, ledger.fine.read(row, max(recent, begin), end), strict=True):
                column[from_ledger] = kept
            return columns

        history = HistorySlots(ledger, read, with_cells=True)
        (row,) = tracked.rows.values()
        for each, composition in composites_of([tracked]):
            if composition.of_sources:
                history.add_sums(each)
                continue
            slices = slices_in(each, composition, history, since_s=since_s, until_s=until_s, final_s=np.inf)
            if each is not tracked:
                for of_part in each.rows.values():
                    history.add(of_part, slices)
            elif len(slices.ends):
                made = slots_of_slices(slices, ledger)
                ledger.replace_slots(row, slices.first_slot(ledger.interval_s), made, live=False)
                note_measured(ledger, row, slices)
        tracked.complete_from_s = tracked.wanted_from_s if since_s <= self._nothing_before_s(tracked) else since_s
        self._ledger_writer.set_history_progress(tracked)
        used = {key for other in self._stretches.values() for key in other.components}
        self._components = {key: slots for key, slots in self._components.items() if key in used}

    def _nothing_before_s(self, tracked: TrackedSli) -> float:
        """Before when no component has any sample, as far as their own history tells, which has been read."""
        leaves = leaves_of(tracked)
        if any(leaf.wanted_from_s > tracked.wanted_from_s for leaf in leaves):
            return -np.inf
        rows = [row for leaf in leaves for row in leaf.rows.values()]
        first_s = np.fmin.reduce(self._ledger_writer.ledger.first_sample_s[rows], initial=np.inf)
        return float(first_s) - COARSE_WIDTH_S

    def _slots(self, tracked: TrackedSli) -> dict[str, ComponentSlots]:
        return {key[0]: self._components[key] for key in self._stretches[tracked.key].components}

    def _slots_of(self, tracked: TrackedSli) -> int:
        wanted_s = max(tracked.complete_from_s - max(tracked.wanted_from_s, self._nothing_before_s(tracked)), 0.0)
        return min(round(wanted_s) // self._ledger_writer.ledger.interval_s * _rows_of(tracked), _MOST_SLOTS)


def _rows_of(tracked: TrackedSli) -> int:
    return sum(len(leaf.rows) for leaf in leaves_of(tracked))
