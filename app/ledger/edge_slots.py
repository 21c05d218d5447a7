"""Slots of single hours of the past, for the cells that the starts of windows cut.

A burst of errors that leaves a 30-day window leaves it at once, but the cell it lies in leaves over a quarter of an
hour. Kept are only the hours in which some window starts now; a row whose slots do not add up to its cells, because
Prometheus has forgotten them, is left out, and its cell counts by share.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.slo.arrays import Bools, Floats, Ints

HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialCell:
    """What lies in a cell before the start of a window: events, shape (rows,), where that is *known*."""

    total: Floats
    bad: Floats
    known: Bools


@dataclass(slots=True, kw_only=True)
class _Hour:
    """Running sums over the slots of one hour, shape (rows, slots + 1)."""

    total: Floats
    bad: Floats
    known: Bools


class EdgeSlots:
    """Hours by number; hour n holds (n - 1, n] x 3600 in unix time."""

    def __init__(self, interval_s: int) -> None:
        self._interval_s = interval_s
        self._slots = HOUR_S // interval_s
        self._hours: dict[int, _Hour] = {}

    def enter(self, hour: int, rows: Ints, *, row: Ints, cell: Ints, total: Floats, bad: Floats) -> None:
        """Learn the slots of *rows* in an hour from events: the *row*, fine *cell*, *total* and *bad* of each."""
        size = int(rows.max(initial=-1)) + 1
        known = self._hours.get(hour) or _Hour(
            total=np.zeros((0, self._slots + 1)), bad=np.zeros((0, self._slots + 1)), known=np.zeros(0, dtype=bool)
        )
        known.total, known.bad = _taller(known.total, size), _taller(known.bad, size)
        known.known = np.append(known.known, np.zeros(max(0, size - len(known.known)), dtype=bool))
        slot = cell - (hour - 1) * self._slots
        inside = (slot >= 1) & (slot <= self._slots)
        for column, events in ((known.total, total), (known.bad, bad)):
            slots = np.zeros_like(column)
            np.add.at(slots, (row[inside], slot[inside]), events[inside])
            column[rows] = np.cumsum(slots[rows], axis=1)
        known.known[rows] = True
        self._hours[hour] = known

    def add_up(self, row: int, rows: Sequence[int]) -> None:
        """Make the slots of a row the sums of those of others, in the hours in which all of them are known."""
        parts = np.array(rows, dtype=np.int64)
        for hour in self._hours.values():
            known = len(rows) > 0 and int(parts.max()) < len(hour.known) and bool(hour.known[parts].all())
            if known:
                hour.total, hour.bad = _taller(hour.total, row + 1), _taller(hour.bad, row + 1)
                hour.known = np.append(hour.known, np.zeros(max(0, row + 1 - len(hour.known)), dtype=bool))
                hour.total[row], hour.bad[row] = hour.total[parts].sum(axis=0), hour.bad[parts].sum(axis=0)
            if row < len(hour.known):
                hour.known[row] = known

    def forget(self, hour: int, rows: Ints) -> None:
        """Leave out rows whose slots in an hour proved incomplete."""
        self._hours[hour].known[rows] = False

    def keep(self, hours: set[int]) -> None:
        """Forget all other hours."""
        for hour in self._hours.keys() - hours:
            del self._hours[hour]

    def sums(self, hour: int, rows: Ints, width_s: int) -> tuple[Floats, Floats]:
        """Total and bad events of *rows* in the cells of an hour, shape (rows, cells)."""
        each = width_s // self._interval_s
        of_hour = self._hours[hour]
        return np.diff(of_hour.total[rows][:, ::each], axis=1), np.diff(of_hour.bad[rows][:, ::each], axis=1)

    def before(self, rows: Ints, begin_s: Floats, start_s: Floats) -> PartialCell:
        """The events of *rows* in (begin, start], which must lie in one hour; shapes (rows,)."""
        cut = PartialCell(total=np.zeros(len(rows)), bad=np.zeros(len(rows)), known=np.zeros(len(rows), dtype=bool))
        hours = np.floor(begin_s / HOUR_S).astype(np.int64) + 1
        for number in np.unique(hours):
            hour = self._hours.get(int(number))
            if hour is None:
                continue
            mine = np.flatnonzero((hours == number) & (rows < len(hour.known)))
            mine = mine[hour.known[rows[mine]]]
            origin = (number - 1) * HOUR_S
            first, last = (
                np.clip(np.rint((at[mine] - origin) / self._interval_s).astype(np.int64), 0, self._slots)
                for at in (begin_s, start_s)
            )
            cut.total[mine] = hour.total[rows[mine], last] - hour.total[rows[mine], first]
            cut.bad[mine] = hour.bad[rows[mine], last] - hour.bad[rows[mine], first]
            cut.known[mine] = True
        return cut


def _taller(column: Floats, size: int) -> Floats:
    if len(column) >= size:
        return column
    return np.concatenate([column, np.zeros((size - len(column), column.shape[1]))])
