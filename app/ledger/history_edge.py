"""What reaches over the edge of the history of each row: counts and measured time before it, of samples behind it.

History that is taken back, to be counted again, does not bring them back: the samples that show them are counted
already. So they are kept until the history around them is counted for good.
"""

import numpy as np

from app.slo.arrays import Bools, Floats, Ints


class HistoryEdge:
    """The counts of all rows before their edges, and columns by row, unix seconds.

    *until_s* is the edge, up to which history is not counted for good; *measured_from_s* since when the time up to it
    was measured (infinity: it was not).
    """

    def __init__(self) -> None:
        self.until_s = np.empty(0)
        self.measured_from_s = np.empty(0)
        self._counts = np.empty((0, 4))

    def add_rows(self, many: int) -> None:
        """Add rows without an edge."""
        self.until_s = np.append(self.until_s, np.full(many, -np.inf))
        self.measured_from_s = np.append(self.measured_from_s, np.full(many, np.inf))

    @property
    def counts(self) -> Floats:
        """Counts before the edges: row, slot, total, bad; shape (n, 4)."""
        return self._counts

    def move(self, rows: Ints, until_s: float, *, interval_s: int) -> None:
        """Note up to where the history of *rows* is not counted for good."""
        self.until_s[rows] = until_s
        self.measured_from_s[rows[self.measured_from_s[rows] >= until_s]] = np.inf
        if len(self._counts):
            mine = np.isin(self._counts[:, 0], rows)
            self._counts = self._counts[~mine | (self._counts[:, 1] * interval_s <= until_s)]

    def note(self, row: Ints, slot: Ints, total: Floats, bad: Floats, *, interval_s: int) -> None:
        """Note final counts, of which those before the edges are kept."""
        before: Bools = slot * interval_s <= self.until_s[row]
        if before.any():
            self.add(row[before], slot[before], total[before], bad[before])

    def add(self, row: Ints, slot: Ints, total: Floats, bad: Floats) -> None:
        """Keep counts before the edges, or put back what `counts` gave."""
        self._counts = np.concatenate([self._counts, np.stack([row, slot, total, bad], axis=1)])

    def note_measured(self, row: Ints, since: Floats, at: Floats) -> None:
        """Note times that were measured, of which those that reach over the edges are kept."""
        until_s = self.until_s[row]
        over = (since < until_s) & (at > until_s)
        np.minimum.at(self.measured_from_s, row[over], since[over])

    def forget(self, row: int) -> None:
        """Forget what reaches over the edge of a row: it is counted again, too."""
        self.measured_from_s[row] = np.inf
        self._counts = self._counts[self._counts[:, 0] != row]
