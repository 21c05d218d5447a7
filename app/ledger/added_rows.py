"""Rows that add up others: one SLI as several sources count it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from app.ledger.ledger import Ledger
from app.ledger.resolutions import Resolution
from app.slo.arrays import Bools, Floats, Ints


class SourceRows:
    """All rows that one source has of an SLI; what they show together is found once for all members.

    *answers*: the source has answered, so that before its first sample, at *began_s*, there was nothing.
    """

    def __init__(self, ledger: Ledger, rows: Iterable[int], *, answers: bool) -> None:
        self._rows = np.array([*rows], dtype=np.int64)
        self.began_s = np.fmin.reduce(ledger.first_sample_s[self._rows], initial=np.inf) if answers else -np.inf
        self._measured_s: dict[tuple[int, int, int], Floats] = {}

    def measured_s(self, resolution: Resolution, first: int, last: int) -> Floats:
        """How many seconds of the cells *first* to *last* were measured of any row."""
        place = resolution.width_s, first, last
        if place not in self._measured_s:
            found = np.zeros(last - first + 1)
            for row in self._rows.tolist():
                np.maximum(found, resolution.read(row, first, last)[2], out=found)
            self._measured_s[place] = found
        return self._measured_s[place]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addend:
    """What one *source* counts of a row: its *row*, None if it has none."""

    row: int | None
    source: SourceRows


def add_up(ledger: Ledger, row: int, addends: Sequence[Addend], *, since_s: float) -> None:
    """Make the cells of a row after *since_s* the sums of those of its *addends*, at every resolution.

    Of a cell so much is measured as of all sources on average: one of two that is missing is half of what is expected.
    """
    rows = [one.row for one in addends if one.row is not None]
    for resolution in ledger.resolutions:
        first = resolution.newest - resolution.length(row) + 1
        if since_s > first * resolution.width_s:
            first = int(since_s // resolution.width_s) + 1
        last = resolution.newest
        if first > last:
            continue
        parts = [resolution.read(each, first, last) for each in rows]
        total, bad = (sum((part[column] for part in parts), np.zeros(last - first + 1)) for column in (0, 1))
        measured_s = _measured(ledger, resolution, addends, np.arange(first, last + 1))
        before = resolution.read(row, first, last)
        # Measured seconds are kept as single floats.
        columns = total, bad, measured_s.astype(np.float32).astype(np.float64)
        differ = np.any([new != old for new, old in zip(columns, before, strict=True)], axis=0)
        changed = np.flatnonzero(differ)
        if not len(changed):
            continue
        begin, cells = int(changed[0]), changed + first
        resolution.write(row, first + begin, *(column[begin:] for column in columns))
        resolution.mark_changed(np.full(len(cells), row), cells)
        begin_s = (float(cells[0]) - 1.0) * resolution.width_s
        ledger.changed_from_s[row] = min(float(ledger.changed_from_s[row]), begin_s)
    ledger.edge_slots.add_up(row, rows)
    _add_columns(ledger, row, rows)


def _measured(ledger: Ledger, resolution: Resolution, addends: Sequence[Addend], cells: Ints) -> Floats:
    """How many seconds of some cells were measured."""
    width_s = float(resolution.width_s)
    sources = [(_measured_of(ledger, resolution, one, cells), one.source.began_s) for one in addends]
    return measured_of_sources(sources, cells.astype(np.float64) * width_s, width_s)


def measured_of_sources(sources: Iterable[tuple[Floats, float]], ends_s: Floats, width_s: float) -> Floats:
    """How many seconds of cells of *width_s* that end at *ends_s* were measured, as the mean of the sources that count.

    Each has its measured seconds, and when it began: before it had anything to count, nothing was missing.
    """
    seconds, counting = np.zeros(len(ends_s)), np.zeros(len(ends_s))
    for measured_s, began_s in sources:
        before_s = np.clip(began_s - (ends_s - width_s), 0.0, width_s)
        counts: Bools = ends_s > began_s
        seconds += np.where(counts, np.minimum(measured_s + before_s, width_s), 0.0)
        counting += counts
    return np.divide(seconds, counting, out=np.zeros(len(ends_s)), where=counting > 0)


def _measured_of(ledger: Ledger, resolution: Resolution, addend: Addend, cells: Ints) -> Floats:
    """The measured seconds of one source: of its row, and, while that is not there, of the others of its group.

    A member that is in one source only, or has left one, is not missing there as long as its group is measured.
    """
    first, last = int(cells[0]), int(cells[-1])
    if addend.row is None:
        return addend.source.measured_s(resolution, first, last)
    own = resolution.read(addend.row, first, last)[2]
    ends_s, began_s = cells * float(resolution.width_s), ledger.first_sample_s[addend.row]
    there = (ends_s > began_s) & (ends_s - resolution.width_s < ledger.covered_s[addend.row])
    return own if there.all() else np.where(there, own, addend.source.measured_s(resolution, first, last))


def _add_columns(ledger: Ledger, row: int, rows: Sequence[int]) -> None:
    """Make what is known of a row, besides its cells, what its parts come to."""
    if not rows:
        return
    several = np.array(rows, dtype=np.int64)
    good, bad = ledger.ever(several)
    ledger.ever_total[row], ledger.ever_bad[row] = ledger.ever_total[several].sum(), ledger.ever_bad[several].sum()
    # Sums of what never falls: Prometheus would take a fall for a restart.
    ledger.good_shown[row] = max(float(ledger.good_shown[row]), float(good.sum()))
    ledger.bad_shown[row] = max(float(ledger.bad_shown[row]), float(bad.sum()))
    ledger.covered_s[row] = ledger.covered_s[several].max()
    for column, least in (
        (ledger.first_sample_s, True),
        (ledger.ended_s, True),
        (ledger.dipped_s, False),
        (ledger.copied_s, False),
        (ledger.scrape_s, False),
    ):
        column[row] = (np.fmin if least else np.fmax).reduce(column[several])
