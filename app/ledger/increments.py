"""Increments: events between neighbouring samples, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.ledger.runs import LOOKBACK_S
from app.slo.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Increments:
    """Events between neighbouring samples, as columns: those in (*since*, *at*] of *row*.

    *steady* is False across a hole, whose events have no known time: they are spread over it. *seen* is True where a
    counter of all events shows that the row was being measured from *since* to *at*.
    """

    row: Ints
    since: Floats
    at: Floats
    total: Floats
    bad: Floats
    steady: Bools
    seen: Bools

    @property
    def rows_seen(self) -> tuple[Ints, Floats]:
        """Rows that were measured, and since when."""
        return self.row[self.seen], self.since[self.seen]

    @property
    def times_seen(self) -> tuple[Ints, Floats, Floats]:
        """Rows that were measured, since when and until when."""
        return self.row[self.seen], self.since[self.seen], self.at[self.seen]

    def only(self, keep: Bools | Ints) -> "Increments":
        """Some of the increments."""
        return Increments(
            row=self.row[keep],
            since=self.since[keep],
            at=self.at[keep],
            total=self.total[keep],
            bad=self.bad[keep],
            steady=self.steady[keep],
            seen=self.seen[keep],
        )

    @classmethod
    def of(cls, rows: Sequence["tuple[int, float, float, float, float]"]) -> "Increments":
        """Increments from (row, since, at, total, bad); for the few that are not computed in bulk."""
        table = np.array(rows, dtype=np.float64).reshape(-1, 5)
        since, at = table[:, 1], table[:, 2]
        steady = at - since <= LOOKBACK_S
        return cls(
            row=table[:, 0].astype(np.int64),
            since=since,
            at=at,
            total=table[:, 3],
            bad=table[:, 4],
            steady=steady,
            seen=np.zeros(len(table), dtype=bool),
        )

    @classmethod
    def joined(cls, parts: Sequence["Increments"]) -> "Increments":
        """All of several."""
        return cls(
            row=np.concatenate([part.row for part in parts]),
            since=np.concatenate([part.since for part in parts]),
            at=np.concatenate([part.at for part in parts]),
            total=np.concatenate([part.total for part in parts]),
            bad=np.concatenate([part.bad for part in parts]),
            steady=np.concatenate([part.steady for part in parts]),
            seen=np.concatenate([part.seen for part in parts]),
        )
