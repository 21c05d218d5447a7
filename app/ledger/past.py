"""The past of one row as an immutable copy, so that readers share no arrays with evaluations.

The cells of all resolutions lie in one sequence, each stretch of time in the finest that still reaches back to it.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from app.ledger.adjusted_time import AdjustedTime
from app.slo.arrays import Floats


@dataclass(frozen=True, kw_only=True)
class RowPast:
    """Cells of one row, oldest first: *edges_s* are their bounds, shape (n + 1,), the other columns have shape (n,).

    *total* and *bad* are events, *measured_s* seconds; *first_sample_s* is NaN if there is none, *complete_from_s* how
    far back history has been counted, *watermark_s* the end of the newest measured slot (NaN before the first sample).
    """

    edges_s: Floats
    total: Floats
    bad: Floats
    measured_s: Floats
    first_sample_s: float
    complete_from_s: float
    watermark_s: float

    def adjusted(self, time: AdjustedTime) -> "RowPast":
        """The same cells with adjusted time left out or counted as good; a cell that is cut counts by its share.

        What was measured stays so: it is known, and not wanted.
        """
        if not time:
            return self
        total, bad = time.shares(self.edges_s)
        return replace(self, total=self.total * (1.0 - total), bad=self.bad * (1.0 - bad))

    def floor(self, at_s: Floats) -> Floats:
        """The newest edge of a cell at or before each time; the oldest edge for what is older."""
        index = np.searchsorted(self.edges_s, at_s, side="right") - 1
        edges: Floats = self.edges_s[np.maximum(index, 0)]
        return edges

    def counted_before(self, at_s: Floats) -> tuple[Floats, Floats, Floats]:
        """Total events, bad events and measured seconds from the oldest edge up to each time, shape (len(at_s),).

        Exact at an edge; within a cell its events are spread evenly.
        """
        total, bad, measured = (np.interp(at_s, self.edges_s, column) for column in self._cumulated)
        return total, bad, measured

    @cached_property
    def _cumulated(self) -> tuple[Floats, Floats, Floats]:
        total, bad, measured = (
            np.concatenate([[0.0], np.cumsum(column)]) for column in (self.total, self.bad, self.measured_s)
        )
        return total, bad, measured
