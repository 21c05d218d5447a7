"""Series of bad events that end while others of their target go on: what happens to them is unknown from then on."""

from collections.abc import Sequence

import numpy as np

from app.ledger import NEAR_EVENTS, PACE_GRID_S, LastSamples, Registry
from app.slo.arrays import Floats, Ints

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
        for counter in self._unexplained(ended, cursor, registry):
            row = int(arrays.row[counter])
            missing[row] = np.fmin(missing[row], time[counter])
        of_rows: Floats = missing[rows]
        return of_rows

    def _unexplained(self, ended: Ints, cursor: LastSamples, registry: Registry) -> list[int]:
        """Those of the *ended* counters whose target goes on and that none of its others goes on from.

        Codes may be merged or split: then those that appeared are together no lower than those that ended.
        """
        arrays, found = registry.arrays, []
        for target in np.unique(arrays.target[ended]).tolist():
            others = np.flatnonzero(arrays.target == target)
            alive = cursor.time[others] > cursor.target[target] - PACE_GRID_S
            of_target = ended[arrays.target[ended] == target]
            # Of those that are there some were seen before it vanished.
            gone = [
                int(counter) for counter in of_target if (alive & (self._first_s[others] < cursor.time[counter])).any()
            ]
            for weight in np.unique(arrays.bad[gone]).tolist() if gone else ():
                alike = [counter for counter in gone if arrays.bad[counter] == weight]
                since_s = float(cursor.time[alike].min())
                appeared = others[(arrays.bad[others] == weight) & (self._first_s[others] > since_s)]
                found += _not_reached(cursor.value[alike], self._first_value[appeared], alike)
        return found

    def _note(self, time: Floats, value: Floats) -> None:
        if len(self._first_s) < len(time):
            more = np.full(len(time) - len(self._first_s), np.nan)
            self._first_s, self._first_value = np.append(self._first_s, more), np.append(self._first_value, more)
        new = np.flatnonzero(np.isnan(self._first_s[: len(time)]) & ~np.isnan(time))
        self._first_s[new], self._first_value[new] = time[new], value[new]


def _not_reached(values: Floats, first_values: Floats, counters: Sequence[int]) -> list[int]:
    """Those of *counters*, which ended at *values*, that none of the first values, shape (n,), goes on from."""
    if first_values.sum() >= values.sum() - NEAR_EVENTS:
        return []
    left, found = sorted(first_values.tolist()), []
    for place in np.argsort(-values).tolist():
        # The highest has the fewest that it may go on as.
        fitting = next((value for value in left if value >= values[place] - NEAR_EVENTS), None)
        if fitting is None:
            found.append(counters[place])
        else:
            left.remove(fitting)
    return found
