"""Slots at one resolution: a ring of cells for each row.

Rows that came together and keep equally long histories (a 7-day SLO needs no year) are a block: cell by cell, of each
the rows side by side, so that an evaluation writes few pages (ADR-0061). Cells are numbered by their end: cell n holds
(n - 1, n] x width, in unix time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.ledger.edge_slots import EdgeSlots
from app.slo.arrays import Bools, Floats, Ints, each_once

# Adding and subtracting fractions of events leaves 1e-10; the smallest share of a hole is far larger.
_ROUNDING_EVENTS = 1e-6
# Late samples and what is provisional change the newest cells in each evaluation, hardly any older one.
_YOUNG_CELLS = 8
# Each combination of rows and window is one; nine windows at two resolutions, with some to spare.
_SUMS_KEPT = 32
# A day of slots of so many rows is 6 MB: the cells are gathered before they are summed.
_ROWS_AT_ONCE = 256
# If one in so many rows of a block is wanted, summing all of them takes less time than gathering those.
_DENSE = 8
# Sums of sums of so many cells lose fewer of the last digits than one long sum.
_CELLS_AT_ONCE = 64
# A dictionary is quicker than to sort columns of so few.
_FEW = 250
# Less than a page of the kernel's would be looked at and copied one after another for nothing.
_COPIED_AT_ONCE = 4096
# Notes are short arrays, most of the same places: united before they take more memory than the places.
_NOTES_KEPT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Sums over one window: total and bad events, and how many seconds were measured; shape (rows,)."""

    total: Floats
    bad: Floats
    measured_s: Floats


class Resolution:
    """Cells of *width_s* seconds; each row keeps as many as it was given when it was added."""

    def __init__(self, width_s: int) -> None:
        self.width_s = width_s
        self.newest = 0
        self._filled_s = 0.0
        # By row: the place of its cell 0, how far apart its cells are, how many there are, and its block.
        self._offset = np.empty(0, dtype=np.int64)
        self._step = np.empty(0, dtype=np.int64)
        self._length = np.empty(0, dtype=np.int64)
        self._block = np.empty(0, dtype=np.int64)
        # By block: its first place, where its rows begin in `_rows`, and how many there are.
        self._starts = np.empty(0, dtype=np.int64)
        self._first_rows = np.empty(0, dtype=np.int64)
        self._widths = np.empty(0, dtype=np.int64)
        self._rows = np.empty(0, dtype=np.int64)
        self._size = 0
        self._events = np.zeros((1, 2))
        self._measured = np.zeros(1, dtype=np.float32)
        self._changed_places: list[Ints] = []
        self._settled_sums: dict[tuple[bytes, int], tuple[Floats, ...]] = {}

    def add_rows(self, lengths: Ints) -> None:
        """Add rows that keep *lengths* cells each."""
        known, size = len(self._length), self._size
        offset, step, block = (np.empty(len(lengths), dtype=np.int64) for _ in range(3))
        for length in np.unique(lengths).tolist():
            alike = np.flatnonzero(lengths == length)
            offset[alike], step[alike] = size + np.arange(len(alike)), len(alike)
            block[alike] = len(self._starts)
            self._starts = np.append(self._starts, size)
            self._first_rows = np.append(self._first_rows, len(self._rows))
            self._widths = np.append(self._widths, len(alike))
            self._rows = np.append(self._rows, known + alike)
            size += length * len(alike)
        self._offset, self._step = np.append(self._offset, offset), np.append(self._step, step)
        self._length, self._block = np.append(self._length, lengths), np.append(self._block, block)
        if size >= len(self._measured):
            # Half as much again, so that rows that come one by one are not as many copies; what is not used yet
            # takes no memory.
            room = size * 3 // 2 + 1
            self._events, self._measured = (
                _grown(column, self._size, room) for column in (self._events, self._measured)
            )
        self._size = size

    def _at(self, row: Ints, cell: Ints) -> Ints:
        """The places of cells that lie within their rows' rings; shapes are broadcast."""
        at: Ints = self._offset[row] + cell % self._length[row] * self._step[row]
        return at

    @property
    def _total(self) -> Floats:
        return self._events[:, 0]

    @property
    def _bad(self) -> Floats:
        return self._events[:, 1]

    def advance(self, filled_s: float) -> None:
        """Go on to the cell that holds *filled_s*; cells that fall out of a ring are forgotten, new ones are empty."""
        self._filled_s = max(self._filled_s, filled_s)
        newest = int(np.ceil(filled_s / self.width_s))
        longest = int(self._length.max(initial=0))
        if newest - self.newest >= longest:
            # Nothing of before is left; and zeros that were never written take no memory.
            self._events = np.zeros(self._events.shape)
            self._measured = np.zeros(self._measured.shape, dtype=np.float32)
            self._settled_sums.clear()
            self.newest = newest
        for cell in range(self.newest + 1, newest + 1):
            at = self._at(self._rows, np.array(cell))
            self._events[at] = 0.0
            self._measured[at] = 0.0
        self.newest = max(self.newest, newest)

    def add(self, row: Ints, cell: Ints, total: Floats, bad: Floats, *, to_save: bool = True) -> None:
        """Add events to cells; what is older than a row's ring is left out. Only those *to_save* count as changed."""
        inside = self.holds(row, cell)
        row, cell = row[inside], cell[inside]
        at = self._at(row, cell)
        np.add.at(self._total, at, total[inside])
        np.add.at(self._bad, at, bad[inside])
        self._drop_older_sums(cell)
        if to_save:
            self._mark_changed(at)

    def subtract(self, row: Ints, cell: Ints, total: Floats, bad: Floats, *, to_save: bool = True) -> None:
        """Take back what was added."""
        self.add(row, cell, -total, -bad, to_save=to_save)
        inside = self.holds(row, cell)
        at = self._at(row[inside], cell[inside])
        # What rounding leaves of nothing would be a window of all bad events.
        for column in (self._total, self._bad):
            column[at] = np.where(np.abs(column[at]) < _ROUNDING_EVENTS, 0.0, column[at])

    def mark_changed(self, row: Ints, cell: Ints) -> None:
        """Mark cells as changed."""
        inside = self.holds(row, cell)
        self._mark_changed(self._at(row[inside], cell[inside]))

    def measure(self, row: Ints, cell: Ints, seconds: Floats) -> None:
        """Note that so many more *seconds* of cells were measured, never more than all of them."""
        inside = self.holds(row, cell)
        row, cell = row[inside], cell[inside]
        at = self._at(row, cell)
        np.add.at(self._measured, at, seconds[inside].astype(np.float32))
        self._measured[at] = np.clip(self._measured[at], 0.0, self.width_s)
        self._drop_older_sums(cell)
        self._mark_changed(at)

    def holds(self, row: Ints, cell: Ints) -> Bools:
        """Whether cells lie within their rows' rings."""
        held: Bools = (cell <= self.newest) & (cell > self.newest - self._length[row])
        return held

    def clear(self, row: Ints, after: int) -> None:
        """Empty the cells of *row* that end after cell *after*."""
        self._drop_older_sums(np.array([after + 1]))
        for cell in range(after + 1, self.newest + 1):
            kept = row[self.holds(row, np.full(len(row), cell))]
            at = self._at(kept, np.array(cell))
            self._events[at] = 0.0
            self._measured[at] = 0.0
            self._mark_changed(at)

    def clear_until(self, row: int, last: int) -> None:
        """Empty the cells of a row up to cell *last*."""
        cells = np.arange(self.newest - self._length[row] + 1, min(last, self.newest) + 1)
        if not len(cells):
            return
        self._drop_older_sums(cells)
        at = self._at(np.array(row), cells)
        self._events[at] = 0.0
        self._measured[at] = 0.0
        self._mark_changed(at)

    def read(self, row: int, first: int, last: int) -> tuple[Floats, Floats, Floats]:
        """Total, bad and measured seconds of a row's cells *first* to *last*; zeros outside its ring."""
        many, length, step = max(last - first + 1, 0), int(self._length[row]), int(self._step[row])
        events, measured = np.zeros((many, 2)), np.zeros(many)
        cell, end = max(first, self.newest - length + 1), min(last, self.newest)
        while cell <= end:
            # A range that goes over the end of the ring goes on at its beginning.
            several = min(end - cell + 1, length - cell % length)
            start = int(self._offset[row]) + cell % length * step
            places, into = slice(start, start + (several - 1) * step + 1, step), cell - first
            events[into : into + several] = self._events[places]
            measured[into : into + several] = self._measured[places]
            cell += several
        return events[:, 0], events[:, 1], measured

    def read_many(self, rows: Ints, first: Ints, last: Ints) -> tuple[Floats, Floats, Floats]:
        """What `read` gives of cells *first* to *last* of each of *rows*, one row after another."""
        row, cells = each_cell(rows, first, last)
        inside = self.holds(row, cells)
        at = self._at(row, cells)
        return (
            np.where(inside, self._total[at], 0.0),
            np.where(inside, self._bad[at], 0.0),
            np.where(inside, self._measured[at].astype(np.float64), 0.0),
        )

    def write(self, row: int, first: int, total: Floats, bad: Floats, measured_s: Floats) -> None:
        """Put back a row's cells from *first* on, as `read` gave them."""
        cells = np.arange(first, first + len(total))
        inside = self.holds(np.full(len(cells), row), cells)
        at = self._at(np.array(row), cells[inside])
        self._drop_older_sums(cells)
        self._total[at] = total[inside]
        self._bad[at] = bad[inside]
        self._measured[at] = measured_s[inside].astype(np.float32)

    def changed_chunks(self, until_s: Floats, each: int) -> tuple[Ints, Ints]:
        """Rows and numbers of the chunks of *each* cells with cells that changed since they were last taken.

        Cells that end after their row's *until_s* are taken later.
        """
        if not self._changed_places:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        changed = each_once(np.concatenate(self._changed_places))
        block = np.searchsorted(self._starts, changed, side="right") - 1
        place, beside = np.divmod(changed - self._starts[block], self._widths[block])
        row = self._rows[self._first_rows[block] + beside]
        length = self._length[row]
        # The newest cell that ends at or before `newest` and lies at this place of the ring.
        cell = self.newest - (self.newest - place) % length
        ripe = cell * self.width_s <= until_s[row]
        self._changed_places = [changed[~ripe]]
        if not ripe.any():
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        # Both in one number: pairs are sorted ten times as slowly.
        chunk = (cell[ripe] - 1) // each
        first, many = int(chunk.min()), int(np.ptp(chunk)) + 1
        rows, chunks = np.divmod(each_once(row[ripe] * many + (chunk - first)), many)
        return rows, chunks + first

    def _mark_changed(self, at: Ints) -> None:
        """Note that cells at these places differ from what was taken last."""
        self._changed_places.append(at)
        if len(self._changed_places) > _NOTES_KEPT:
            self._changed_places = [each_once(np.concatenate(self._changed_places))]

    def length(self, row: int) -> int:
        """How many cells a row keeps."""
        return int(self._length[row])

    def sums(
        self,
        rows: Ints,
        start_s: Floats,
        end_s: Floats,
        *,
        filled_s: Floats | None = None,
        edge_slots: EdgeSlots | None = None,
    ) -> Sums:
        """Sums over (start, end] of each row; a cell that is cut counts by the share that lies inside.

        Shapes (len(rows),); what is older than a row's ring counts as empty. *filled_s* is up to where each row has
        been counted: what its newest cell holds happened before that. *edge_slots* know some cells better.
        """
        filled_s = np.full(len(rows), self._filled_s) if filled_s is None else np.fmin(filled_s, self._filled_s)
        first = np.floor(start_s / self.width_s).astype(np.int64) + 1
        last = np.minimum(np.ceil(end_s / self.width_s).astype(np.int64), self.newest)
        oldest = self.newest - self._length[rows] + 1
        cut_at_first = np.where(first >= oldest, self._share(first, start_s, filled_s), 0.0)
        cut_at_last = 1.0 - self._share(last, np.minimum(end_s, filled_s), filled_s)
        first = np.maximum(first, oldest)
        some = first <= last
        rows, first, last = rows[some], first[some], last[some]
        at_first, at_last = self._at(rows, first), self._at(rows, last)
        begin_s = ((first - 1) * self.width_s).astype(np.float64)
        partial = None if edge_slots is None else edge_slots.before(rows, begin_s, start_s[some])
        columns: tuple[tuple[NDArray[np.floating], Floats | None], ...] = (
            (self._total, None if partial is None else partial.total),
            (self._bad, None if partial is None else partial.bad),
            (self._measured, None),
        )
        result = []
        whole = self._whole(rows, first, last)
        for (column, exact), ranges in zip(columns, whole, strict=True):
            summed = np.zeros(len(some))
            first_part = cut_at_first[some] * column[at_first]
            if partial is not None and exact is not None:
                first_part = np.where(partial.known & (cut_at_first[some] > 0), exact, first_part)
            summed[some] = ranges - first_part - cut_at_last[some] * column[at_last]
            result.append(summed)
        return Sums(total=result[0], bad=result[1], measured_s=result[2])

    def _whole(self, rows: Ints, first: Ints, last: Ints) -> tuple[Floats, ...]:
        """Total, bad and measured seconds of cells *first* to *last* of each row.

        Most of a long window is the same from one evaluation to the next: its older cells are summed once and kept
        until one of them changes or another becomes old.
        """
        young = np.clip(self.newest - _YOUNG_CELLS + 1, first, last + 1)
        # Windows that end before the young cells may begin with the same cell and end with others.
        key = blake2b(rows.tobytes() + first.tobytes() + young.tobytes(), digest_size=16).digest(), self.newest
        old = self._settled_sums.get(key)
        if old is None:
            if len(self._settled_sums) >= _SUMS_KEPT:
                self._settled_sums.clear()
            old = self._settled_sums[key] = self._sums_of(rows, first, young - 1)
        return tuple(np.add(*parts) for parts in zip(old, self._sums_of(rows, young, last), strict=True))

    def _sums_of(self, rows: Ints, first: Ints, last: Ints) -> tuple[Floats, ...]:
        """Total, bad and measured seconds of cells *first* to *last* of each row; alike rows are summed together."""
        events, measured = np.zeros((len(rows), 2)), np.zeros(len(rows))
        for (length, begin, end), alike in _alike(self._length[rows], first, last):
            if begin > end:
                continue
            single = alike
            # Fewer rows fill no block so far that all of it is worth summing.
            if len(alike) * _DENSE >= _ROWS_AT_ONCE:
                block = self._block[rows[alike]]
                wanted = np.bincount(block)
                dense = np.flatnonzero(wanted * _DENSE >= np.maximum(self._widths[: len(wanted)], _ROWS_AT_ONCE))
                for number in dense.tolist():
                    some = alike[block == number]
                    of_events, of_measured = self._sums_of_block(number, length, begin, end)
                    beside = self._offset[rows[some]] - self._starts[number]
                    events[some], measured[some] = of_events[beside], of_measured[beside]
                single = alike[~np.isin(block, dense)] if len(dense) else alike
            for start in range(0, len(single), _ROWS_AT_ONCE):
                some = single[start : start + _ROWS_AT_ONCE]
                at = self._at(rows[some, None], np.arange(begin, end + 1))
                # Cells one behind the other are summed in pairs, which loses fewest of the last digits.
                for column in (0, 1):
                    events[some, column] = self._events[at, column].sum(axis=1)
                measured[some] = self._measured[at].sum(axis=1, dtype=np.float64)
        return events[:, 0], events[:, 1], measured

    def _sums_of_block(self, block: int, length: int, begin: int, end: int) -> tuple[Floats, Floats]:
        """Sums of cells *begin* to *end* of all rows of a block: of events, shape (rows, 2), and of seconds."""
        width, start = int(self._widths[block]), int(self._starts[block])
        events, measured = np.zeros((width, 2)), np.zeros(width)
        first, several = begin % length, end - begin + 1
        # A range that goes over the end of the ring goes on at its beginning.
        for since, until in ((first, min(first + several, length)), (0, first + several - length)):
            for cell in range(since, until, _CELLS_AT_ONCE):
                cells = min(_CELLS_AT_ONCE, until - cell)
                places = slice(start + cell * width, start + (cell + cells) * width)
                events += self._events[places].reshape(cells, width, 2).sum(axis=0)
                measured += self._measured[places].reshape(cells, width).sum(axis=0, dtype=np.float64)
        return events, measured

    def _drop_older_sums(self, cell: Ints) -> None:
        """Forget what was summed, if a cell that is not young has changed."""
        if self._settled_sums and len(cell) and int(cell.min()) <= self.newest - _YOUNG_CELLS:
            self._settled_sums.clear()

    def _share(self, cell: Ints, at_s: Floats, filled_s: Floats) -> Floats:
        """Which share of a cell lies before a time inside it; the newest cell holds only what has passed."""
        begin = (cell - 1) * float(self.width_s)
        # Both bounds by hand: `np.clip` takes three times as long for a few rows, and this is most of their sums.
        end = np.minimum(np.maximum(filled_s, begin + 1.0), begin + self.width_s)
        share: Floats = np.minimum(np.maximum((at_s - begin) / (end - begin), 0.0), 1.0)
        return share


def each_cell(rows: Ints, first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """Row and number of all cells from *first* to *last* of each of *rows*, one row after another."""
    lengths = np.maximum(last - first + 1, 0)
    starts = np.cumsum(lengths) - lengths
    return np.repeat(rows, lengths), np.arange(int(lengths.sum())) + np.repeat(first - starts, lengths)


def _alike(length: Ints, first: Ints, last: Ints) -> Iterator[tuple[tuple[int, int, int], Ints]]:
    """Each combination of ring length, first and last cell, with the rows that have it."""
    if not len(length):
        return
    # Most often all rows are alike, and seeing that takes a tenth of the time of sorting them.
    if all((column == column[0]).all() for column in (length, first, last)):
        yield (int(length[0]), int(first[0]), int(last[0])), np.arange(len(length))
        return
    if len(length) <= _FEW:
        places: dict[tuple[int, int, int], list[int]] = {}
        for place, like in enumerate(zip(length.tolist(), first.tolist(), last.tolist(), strict=True)):
            places.setdefault(like, []).append(place)
        yield from ((like, np.array(alike)) for like, alike in places.items())
        return
    kinds, kind = np.unique(np.stack([length, first, last], axis=1), axis=0, return_inverse=True)
    for number, (of_length, begin, end) in enumerate(kinds.tolist()):
        yield (of_length, begin, end), np.flatnonzero(kind.reshape(-1) == number)


def _grown(column: NDArray[Any], used: int, room: int) -> NDArray[Any]:
    """A larger copy, in which what is nothing but zeros takes no memory."""
    grown = np.zeros((room, *column.shape[1:]), dtype=column.dtype)
    for start in range(0, used, _COPIED_AT_ONCE):
        some = column[start : min(start + _COPIED_AT_ONCE, used)]
        if some.any():
            grown[start : start + len(some)] = some
    return grown
