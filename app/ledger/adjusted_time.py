"""Time in which events are left out or count as good: an overlay on sums, which the ledger itself knows nothing of."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.slo.arrays import Bools, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustedTime:
    """Spans of time, oldest first and without overlaps, shape (spans,).

    *since_s* and *until_s* are unix seconds, *total* and *bad* the shares of all and of bad events that are left out.
    """

    since_s: Floats
    until_s: Floats
    total: Floats
    bad: Floats

    @classmethod
    def of(
        cls,
        excluded: Sequence[tuple[float, float]],
        *,
        good: Sequence[tuple[float, float]] = (),
        shares: Sequence[tuple[float, float, float, float]] = (),
    ) -> "AdjustedTime":
        """Spans that are *excluded*, others that count as *good*, and others with *shares* of total and bad events."""
        spans = sorted([*((*span, 1.0, 1.0) for span in excluded), *((*span, 0.0, 1.0) for span in good), *shares])
        since, until, total, bad = zip(*spans, strict=True) if spans else ((), (), (), ())
        return cls(
            since_s=np.array(since, dtype=np.float64),
            until_s=np.array(until, dtype=np.float64),
            total=np.array(total, dtype=np.float64),
            bad=np.array(bad, dtype=np.float64),
        )

    def __bool__(self) -> bool:
        return bool(len(self.since_s))

    def touches(self, start_s: Floats, end_s: Floats) -> Bools:
        """Whether some adjusted time lies in each (start, end]; shape of both."""
        # Spans have no overlaps: those that end behind the start and those that begin before the end are neighbours.
        touched: Bools = np.searchsorted(self.until_s, start_s, side="right") < np.searchsorted(self.since_s, end_s)
        return touched

    def within(self, start_s: float, end_s: float) -> "AdjustedTime":
        """What of it lies in (start, end]."""
        mine = (self.until_s > start_s) & (self.since_s < end_s)
        return AdjustedTime(
            since_s=np.maximum(self.since_s[mine], start_s),
            until_s=np.minimum(self.until_s[mine], end_s),
            total=self.total[mine],
            bad=self.bad[mine],
        )

    @property
    def fingerprint(self) -> int:
        """A number by which it is known again, also by another process; positive, of 63 bits."""
        columns = np.stack([self.since_s, self.until_s, self.total, self.bad])
        digest = hashlib.blake2b(columns.astype("<f8").tobytes(), digest_size=8).digest()
        return int.from_bytes(digest, "little") >> 1

    def shares(self, edges_s: Floats) -> tuple[Floats, Floats]:
        """Which share of all and of bad events of each cell between *edges_s* is left out; shape (n - 1,)."""
        width = np.diff(edges_s)
        both = []
        for share in (self.total, self.bad):
            mine = share > 0
            since, until = self.since_s[mine], self.until_s[mine]
            # Seconds of all spans before each edge, each by its share.
            points = np.stack([since, until], axis=1).ravel()
            covered = np.concatenate([[0.0], np.cumsum((until - since) * share[mine])])
            before = np.zeros(len(edges_s))
            if len(points):
                before = np.interp(edges_s, points, np.repeat(covered, 2)[1:-1], left=0.0, right=float(covered[-1]))
            both.append(np.divide(np.diff(before), width, out=np.zeros(len(width)), where=width > 0))
        return both[0], both[1]
