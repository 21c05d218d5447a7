"""Slices of composites, from the slots that are known of their components."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from app.ingest.series.tracked_slis import TrackedSli
from app.ledger import COARSE_WIDTH_S, Increments, Ledger, PastSlots, SlotColumns, past_slots
from app.sli import ComponentCounts, ComposedSlices, compose_slices
from app.slo import Component, CompositeRule, Composition, GroupKey, MissingData
from app.slo.arrays import Bools, Floats

MEASURED_SHARE = 0.5
"""Of a slice that must be measured of what it is made of: a scrape that comes a little later leaves less."""
WHOLE_S = 0.01
"""What may be missing where all was measured: samples have milliseconds, and measured seconds are single floats."""
_Columns = tuple[Floats, Floats, Floats]
"""Total and bad events, and measured seconds, of slots one after another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRange:
    """Slices of *length_s*, one after another, with their *ends*, shape (slices,).

    *missing*, shape (components, slices), is where a component has no data.
    """

    ends: Floats
    length_s: int
    events: ComposedSlices
    missing: Bools

    def first_slot(self, interval_s: int) -> int:
        """The number of the first slot of the first slice."""
        return (round(float(self.ends[0])) - self.length_s) // interval_s + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CellUse:
    """Which cells of the past can stand in for slots: those that fill slices of *length_s*; any if that is None.

    If *whole*, what is measured in part only is not known: it cannot be said in which slots.
    """

    length_s: int | None
    whole: bool


class Slots(Protocol):
    """What is known of the slots of rows."""

    @property
    def ledger(self) -> Ledger:
        """The ledger whose rows and slots they are."""

    def of_row(self, row: int, first: int, last: int, use: CellUse) -> _Columns:
        """The slots from number *first* to *last*."""


@dataclass(frozen=True, slots=True)
class LedgerSlots:
    """The slots of the last day, as they are counted."""

    ledger: Ledger

    def of_row(self, row: int, first: int, last: int, use: CellUse) -> _Columns:  # noqa: ARG002  it has all slots
        """The slots from number *first* to *last*."""
        return self.ledger.fine.read(row, first, last)


@dataclass(slots=True)
class HistorySlots:
    """The slots of a range of history that *of_components* reads, not the ledger; and those of composites in it.

    If *with_cells*, what the ledger has counted beyond that is taken from its cells: Prometheus keeps less.
    """

    ledger: Ledger
    of_components: Callable[[int, int, int], _Columns]
    with_cells: bool = False
    composed: dict[int, tuple[int, SlotColumns]] = field(default_factory=dict)
    # The rows that are added up, by the row of their sum.
    sums: dict[int, Sequence[int]] = field(default_factory=dict)

    def of_row(self, row: int, first: int, last: int, use: CellUse) -> _Columns:
        """The slots from number *first* to *last*."""
        columns = self._from_samples(row, first, last)
        if not self.with_cells:
            return columns
        cells = past_slots(self.ledger, row, first, last)
        return _filled(columns, cells, first=first, interval_s=self.ledger.interval_s, use=use)

    def _from_samples(self, row: int, first: int, last: int) -> _Columns:
        if row in self.sums:
            total, bad, measured_s = np.array([self._from_samples(one, first, last) for one in self.sums[row]]).sum(0)
            return total, bad, measured_s / len(self.sums[row])
        if row not in self.composed:
            return self.of_components(row, first, last)
        begin, slots = self.composed[row]
        return slots.cut(begin, first=first, last=last).columns

    def add_sums(self, tracked: TrackedSli) -> None:
        """Add an SLI of several sources, whose slots are the sums of those of its parts."""
        for group, row in tracked.rows.items():
            rows = tracked.rows_of_parts(group)
            if rows:
                self.sums[row] = rows

    def add(self, row: int, slices: SliceRange) -> None:
        """Add the slices of a composite, as further composites count them."""
        if len(slices.ends):
            self.composed[row] = slices.first_slot(self.ledger.interval_s), slots_of_slices(slices, self.ledger)


def slice_length_s(composition: Composition, interval_s: int) -> int:
    """The length of a slice in whole slots, such that slices fill the cells of every resolution."""
    slots = -(-round(composition.length.total_seconds()) // interval_s)
    while COARSE_WIDTH_S % (slots * interval_s):
        slots += 1
    return slots * interval_s


def slices_in(
    tracked: TrackedSli, composition: Composition, slots: Slots, *, since_s: float, until_s: float, final_s: float
) -> SliceRange:
    """The slices that end in (since, until]; those up to *final_s* are final."""
    length_s = slice_length_s(composition, slots.ledger.interval_s)
    ends = np.arange(since_s // length_s + 1, until_s // length_s + 1) * length_s
    counts = [
        _counts(
            rows_of_component(part, component.group),
            slots,
            ends=ends,
            length_s=length_s,
            use=_use(composition, component, length_s),
        )
        for part, component in zip(tracked.parts, composition.components, strict=True)
    ]
    return SliceRange(
        ends=ends,
        length_s=length_s,
        events=compose_slices(composition, counts, final=ends <= final_s),
        missing=np.array([~one.known.any(axis=0) for one in counts]),
    )


def slots_of_slices(slices: SliceRange, ledger: Ledger) -> SlotColumns:
    """The slots of slices: their events lie at their ends, and of those that are known all is measured."""
    each, found = slices.length_s // ledger.interval_s, slices.events
    at_ends = np.zeros((3, len(slices.ends), each))
    at_ends[0, :, -1] = np.where(found.known, found.total, 0.0)
    at_ends[1, :, -1] = np.where(found.known, found.bad, 0.0)
    at_ends[2] = np.where(found.measured, float(ledger.interval_s), 0.0)[:, None]
    return SlotColumns(*at_ends.reshape(3, -1))


def increments_of_slices(slices: SliceRange, row: int) -> Increments:
    """The events of the slices that are known, as increments of a composite's row."""
    found, known = slices.events, slices.events.known
    ends = slices.ends[known]
    return Increments(
        row=np.full(len(ends), row),
        since=ends - slices.length_s,
        at=ends,
        total=found.total[known],
        bad=found.bad[known],
        steady=np.ones(len(ends), dtype=bool),
        seen=found.measured[known],
    )


def rows_of_component(part: TrackedSli, group: GroupKey | None) -> Sequence[int]:
    """The rows of a component: of a group all members that there are, or the one that is meant."""
    return [row for member, row in sorted(part.rows.items()) if group is None or member == group]


def _use(composition: Composition, component: Component, length_s: int) -> CellUse:
    """Which cells can be used of a component: sums need no slices, unless a slice is left out where it is missing."""
    if composition.rule is not CompositeRule.SUM_OF:
        return CellUse(length_s=length_s, whole=False)
    return CellUse(length_s=None, whole=component.missing is MissingData.UNKNOWN and len(composition.components) > 1)


def _counts(rows: Sequence[int], slots: Slots, *, ends: Floats, length_s: int, use: CellUse) -> ComponentCounts:
    interval_s = slots.ledger.interval_s
    each = length_s // interval_s
    columns = np.zeros((3, len(rows), len(ends), each))
    if len(ends):
        last = round(float(ends[-1])) // interval_s
        for i, row in enumerate(rows):
            columns[:, i] = np.array(slots.of_row(row, last - len(ends) * each + 1, last, use)).reshape(3, -1, each)
    total, bad, measured_s = columns.sum(axis=3)
    known: Bools = measured_s >= MEASURED_SHARE * length_s
    began_s = np.fmin.reduce(slots.ledger.first_sample_s[rows], initial=np.inf)
    return ComponentCounts(total=total, bad=bad, known=known, began=ends > began_s)


def _filled(columns: _Columns, cells: PastSlots, *, first: int, interval_s: int, use: CellUse) -> _Columns:
    """The slots from number *first* on, and those that the ledger has measured more of from its cells."""
    each = COARSE_WIDTH_S // interval_s
    # Quarters of an hour, in which all cells begin and end.
    begin = -(first - 1) % each
    many = max((len(cells.total) - begin) // each, 0)
    inside = slice(begin, begin + many * each)
    measured_s, held_s = (column[inside].reshape(many, each).sum(axis=1) for column in (columns[2], cells.measured_s))
    width_s = cells.width_s[inside].reshape(many, each).max(axis=1, initial=0)
    usable = (held_s > measured_s + WHOLE_S) & (width_s > 0)
    held = np.array((cells.total[inside], cells.bad[inside], cells.measured_s[inside])).reshape(3, many, each)
    if use.length_s is None:
        # Their events add up, wherever in the cell they were; every slot has its share of what was measured.
        spread = width_s > interval_s
        held[2, spread] = (held_s[spread] / COARSE_WIDTH_S * interval_s)[:, None]
        # Where it is not known in which slots data is missing, samples know some of them.
        usable &= ~(spread & use.whole & (held_s < COARSE_WIDTH_S - WHOLE_S))
    else:
        usable &= use.length_s % np.maximum(width_s, 1) == 0
    filled = np.array(columns)
    filled[:, inside] = np.where(usable[:, None], held, filled[:, inside].reshape(3, many, each)).reshape(3, -1)
    return filled[0], filled[1], filled[2]
