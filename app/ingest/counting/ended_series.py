"""Series of bad events that end while others of their target go on: what happens to them is unknown from then on."""

import numpy as np

from app.ledger import NEAR_EVENTS, PACE_GRID_S, LastSamples, Registry
from app.slo.arrays import Bools, Floats, Ints

# As long as counters are remembered (`ledger_writer.py`): after that nothing tells an end from a label never seen
# again.
_REMEMBERED_S = 7 * 86_400.0


class EndedSeries:
    """Knows when each counter was first seen, and which of bad events are missing.

    A series that stood still before it vanished has expired, as exporters let idle label sets do: it has no errors. If
    no other series of its target is as old, the process was replaced in place, and its counters began again. One that
    another goes on from, such as under the code that it got while nothing was scraped, is not missing.
    """

    def __init__(self) -> None:
        self._first_s = np.empty(0)
        self._first_value = np.empty(0)

    def know(self, size: int) -> None:
        """Take the first counters, as many as *size*, for older than any other."""
        self._first_s = np.full(size, -np.inf)
        self._first_value = np.full(size, np.nan)

    def ended_s(self, rows: Ints, cursor: LastSamples, registry: Registry) -> Floats:
        """Since when a series of each row is missing, NaN if none is; shape (rows,)."""
        arrays, size = registry.arrays, registry.sizes[2]
        time = cursor.time[:size]
        self._note(time, cursor.value[:size])
        missing = np.full(registry.sizes[0], np.nan)
        silent_s = cursor.target[arrays.target] - time if size else time
        grew = (cursor.pace[:size] > 0) | (cursor.run[:size] > 0)
        there = (arrays.bad > 0) & ~np.isnan(cursor.value[:size]) & grew
        ended = np.flatnonzero(there & (silent_s > PACE_GRID_S) & (silent_s < _REMEMBERED_S))
        successors: set[int] = set()
        # The highest has the fewest that it may go on as.
        for counter in ended[np.argsort(-cursor.value[ended])].tolist():
            others = np.flatnonzero(arrays.target == arrays.target[counter])
            newest_s = cursor.target[arrays.target[counter]]
            # Those that were seen before it vanished, and still are.
            if not ((self._first_s[others] < time[counter]) & (time[others] > newest_s - PACE_GRID_S)).any():
                continue
            goes_on = others[self._may_be(counter, others, cursor, registry)]
            goes_on = goes_on[~np.isin(goes_on, list(successors))]
            if len(goes_on):
                successors.add(int(goes_on[np.argmin(self._first_value[goes_on])]))
                continue
            row = int(arrays.row[counter])
            missing[row] = np.fmin(missing[row], time[counter])
        of_rows: Floats = missing[rows]
        return of_rows

    def _may_be(self, counter: int, others: Ints, cursor: LastSamples, registry: Registry) -> Bools:
        """Which of *others* may be the *counter* under other labels: they appeared since, no lower, and count alike."""
        arrays = registry.arrays
        alike = (arrays.total[others] == arrays.total[counter]) & (arrays.bad[others] == arrays.bad[counter])
        appeared = self._first_s[others] > cursor.time[counter]
        no_lower = self._first_value[others] >= cursor.value[counter] - NEAR_EVENTS
        may_be: Bools = alike & appeared & no_lower
        return may_be

    def _note(self, time: Floats, value: Floats) -> None:
        more = np.full(max(len(time) - len(self._first_s), 0), np.nan)
        self._first_s, self._first_value = np.append(self._first_s, more), np.append(self._first_value, more)
        new = np.flatnonzero(np.isnan(self._first_s[: len(time)]) & ~np.isnan(time))
        self._first_s[new], self._first_value[new] = time[new], value[new]
