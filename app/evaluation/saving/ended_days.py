"""Which days of which rows are to be written: those that have ended and have changed since they were written last.

The ledger forgets a day when no window reaches back to it; its totals stay in the store (ADR-0066). A day is written
once its last cell is final, and again whenever one of its cells is counted again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from app.ingest.series.tracked_slis import TrackedSli
from app.ledger import COARSE_WIDTH_S, Ledger
from app.slo import day_starts
from app.slo.arrays import Bools, Floats, Ints
from app.store.daily_totals import DailyTotal

_DAY_S = 86_400
# A day of coarse cells of so many rows is 2 MB.
_DAYS_AT_ONCE = 1_024


class EndedDays:
    """The days that a save has to write; what was not committed is found again by the next one."""

    def __init__(self, ledger: Ledger, tracked_slis: Sequence[TrackedSli]) -> None:
        self._ledger = ledger
        self._zones_of_sli = {
            tracked.key: tuple(sorted({slo.window.timezone for slo in tracked.slos})) for tracked in tracked_slis
        }
        self._zones_of_row: list[tuple[str, ...]] = []
        self._settled_s = self._saved_settled_s = np.empty(0)

    def loaded(self) -> None:
        """Note that the days up to where rows are settled have been written."""
        self._settled_s = self._saved_settled_s = self._ledger.settled_s.copy()

    def committed(self) -> None:
        """Note that the days that were given last have been written."""
        self._settled_s = self._saved_settled_s

    def totals(self, row_ids: Sequence[int], changed: Collection[tuple[int, int]]) -> Iterator[DailyTotal]:
        """The days to write; *changed* are rows and UTC days with coarse cells that differ from what was written."""
        settled_s = self._ledger.settled_s
        # A new row has no day that ended before it began to be counted.
        before_s = np.append(self._settled_s, settled_s[len(self._settled_s) :])
        # Nor one that ended before its first sample: that of a row that has just been settled began in 1970.
        first_s = self._ledger.first_sample_s
        before_s = np.where(np.isnan(first_s), settled_s, np.fmax(before_s, first_s))
        self._saved_settled_s = settled_s.copy()
        if not len(settled_s) or not (changed or self._some_ended(before_s, settled_s)):
            return
        by_zone: dict[str, list[tuple[int, int]]] = {}
        for row, day in changed:
            for zone in self._zones(row):
                by_zone.setdefault(zone, []).append((row, day))
        for zone, rows in self._rows_by_zone().items():
            found = self._days_of(zone, rows, by_zone.get(zone, ()), before_s)
            for start in range(0, len(found), _DAYS_AT_ONCE):
                yield from self._sums(row_ids, found[start : start + _DAYS_AT_ONCE])

    def _some_ended(self, before_s: Floats, settled_s: Floats) -> bool:
        """Whether a quarter of an hour has ended in which a day may end; days of all zones begin with one."""
        return bool((before_s // COARSE_WIDTH_S < settled_s // COARSE_WIDTH_S).any())

    def _days_of(self, zone: str, rows: Ints, changed: Collection[tuple[int, int]], before_s: Floats) -> Ints:
        """Row, start and end of the days in one zone that are to be written, each once; shape (days, 3)."""
        settled_s = self._ledger.settled_s
        pairs = np.array([*changed], dtype=np.int64).reshape(-1, 2)
        since_s = min(float(before_s[rows].min()), float(pairs[:, 1].min(initial=2**40)) * _DAY_S)
        starts = np.array(day_starts(zone, since_s, float(settled_s[rows].max()) + 1.0), dtype=np.int64)
        row, day = pairs[:, 0], pairs[:, 1]
        first = np.searchsorted(starts, day * _DAY_S, side="right") - 1
        last = np.searchsorted(starts, (day + 1) * _DAY_S, side="left") - 1
        # A day of a zone touches two days of UTC at most, or three.
        found = [np.stack([row, first + more], axis=1)[first + more <= last] for more in range(3)]
        # Where nothing was measured up to the end of a day, no cell has changed when it ends.
        for number in range(len(starts) - 1):
            end_s = starts[number + 1]
            ended = rows[(before_s[rows] < end_s) & (end_s <= settled_s[rows])]
            found.append(np.stack([ended, np.full(len(ended), number)], axis=1))
        row, number = np.unique(np.concatenate(found), axis=0).T
        inside = (number >= 0) & (number < len(starts) - 1)
        row, number = row[inside], number[inside]
        days = np.stack([row, starts[number], starts[number + 1]], axis=1)
        return days[self._is_whole(days)]

    def _is_whole(self, days: Ints) -> Bools:
        """Whether days have ended, after the first sample, and the ledger still has all of them."""
        row, start_s, end_s = days.T
        ledger = self._ledger
        ended = (end_s <= ledger.settled_s[row]) & (end_s > ledger.first_sample_s[row])
        whole: Bools = ended & ledger.coarse.holds(row, start_s // COARSE_WIDTH_S + 1)
        return whole

    def _sums(self, row_ids: Sequence[int], days: Ints) -> Iterator[DailyTotal]:
        row, start_s, end_s = days.T
        first, last = start_s // COARSE_WIDTH_S + 1, end_s // COARSE_WIDTH_S
        columns = self._ledger.read_final(self._ledger.coarse, row, first, last)
        lengths = last - first + 1
        begins = np.cumsum(lengths) - lengths
        total, bad, measured_s = (np.add.reduceat(column, begins).tolist() for column in columns)
        for place, (of_row, start, end) in enumerate(days.tolist()):
            yield DailyTotal(row_ids[of_row], start, end - start, total[place], bad[place], measured_s[place])

    def _rows_by_zone(self) -> Mapping[str, Ints]:
        by_zone: dict[str, list[int]] = {}
        for row in range(len(self._ledger.settled_s)):
            for zone in self._zones(row):
                by_zone.setdefault(zone, []).append(row)
        return {zone: np.array(rows, dtype=np.int64) for zone, rows in by_zone.items()}

    def _zones(self, row: int) -> tuple[str, ...]:
        keys = self._ledger.registry.rows
        while len(self._zones_of_row) < len(keys):
            self._zones_of_row.append(self._zones_of_sli[keys[len(self._zones_of_row)].sli])
        return self._zones_of_row[row]
