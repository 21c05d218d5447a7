"""Series of bad events that end while others of their target go on: what happens to them is unknown from then on."""

import numpy as np

from app.ledger import PACE_GRID_S, LastSamples, Registry
from app.slo.arrays import Floats, Ints

# As long as counters are remembered (`ledger_writer.py`): after that nothing tells an end from a label never seen
# again.
_REMEMBERED_S = 7 * 86_400.0


class EndedSeries:
    """Knows when each counter was first seen, and which of bad events are missing.

    A series that stood still before it vanished has expired, as exporters let idle label sets do: it has no errors. If
    no other series of its target is as old, the process was replaced in place, and its counters began again.
    """

    def __init__(self) -> None:
        self._first_s = np.empty(0)

    def know(self, size: int) -> None:
        """Take the first counters, as many as *size*, for older than any other."""
        self._first_s = np.full(size, -np.inf)

    def ended_s(self, rows: Ints, cursor: LastSamples, registry: Registry) -> Floats:
        """Since when a series of each row is missing, NaN if none is; shape (rows,)."""
        arrays, size = registry.arrays, registry.sizes[2]
        time = cursor.time[:size]
        self._note(time)
        missing = np.full(registry.sizes[0], np.nan)
        silent_s = cursor.target[arrays.target] - time if size else time
        grew = (cursor.pace[:size] > 0) | (cursor.run[:size] > 0)
        there = (arrays.bad > 0) & ~np.isnan(cursor.value[:size]) & grew
        for counter in np.flatnonzero(there & (silent_s > PACE_GRID_S) & (silent_s < _REMEMBERED_S)).tolist():
            others = np.flatnonzero(arrays.target == arrays.target[counter])
            newest_s = cursor.target[arrays.target[counter]]
            # Those that were seen before it vanished, and still are.
            if ((self._first_s[others] < time[counter]) & (time[others] > newest_s - PACE_GRID_S)).any():
                row = int(arrays.row[counter])
                missing[row] = np.fmin(missing[row], time[counter])
        of_rows: Floats = missing[rows]
        return of_rows

    def _note(self, time: Floats) -> None:
        if len(self._first_s) < len(time):
            self._first_s = np.append(self._first_s, np.full(len(time) - len(self._first_s), np.nan))
        first = self._first_s[: len(time)]
        new = np.isnan(first) & ~np.isnan(time)
        first[new] = time[new]
