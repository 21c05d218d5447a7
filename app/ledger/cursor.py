"""How far the counters have been read: the last sample of each, and when each target and row was last seen."""

from dataclasses import dataclass

import numpy as np

from app.ledger.registry import Registry
from app.slo.arrays import Floats, Ints


@dataclass(slots=True, kw_only=True)
class Cursor:
    """Columns that grow with the registry; NaN is *never seen*. Times are unix seconds.

    *time* and *value* by counter, *target* (newest sample of any of its counters) by target, *row* (newest sample of a
    total counter) by row.
    """

    time: Floats
    value: Floats
    target: Floats
    row: Floats

    @classmethod
    def empty(cls) -> "Cursor":
        """A cursor that has seen nothing."""
        return cls(time=np.empty(0), value=np.empty(0), target=np.empty(0), row=np.empty(0))

    def grow(self, sizes: tuple[int, int, int]) -> None:
        """Make room for all rows, targets and counters of a registry of these *sizes*."""
        rows, targets, counters = sizes
        self.time = _grown(self.time, counters)
        self.value = _grown(self.value, counters)
        self.target = _grown(self.target, targets)
        self.row = _grown(self.row, rows)

    def sized_rows(self, size: int) -> Floats:
        """The *row* column for *size* rows, whatever was grown so far."""
        return _grown(self.row, size)[:size]

    def copy(self) -> "Cursor":
        """An independent copy."""
        return Cursor(time=self.time.copy(), value=self.value.copy(), target=self.target.copy(), row=self.row.copy())

    def absorb(self, older: "Cursor") -> None:
        """Take over what only *older* has seen, so that a counter that comes back after days is recognised."""
        for name in ("time", "value", "target", "row"):
            mine, other = getattr(self, name), getattr(older, name)
            shared = min(len(mine), len(other))
            mine[:shared] = np.where(np.isnan(mine[:shared]), other[:shared], mine[:shared])

    def take(self, other: "Cursor", rows: Ints, registry: Registry) -> None:
        """Take over what *other* says of *rows*, their targets and their counters."""
        other.grow(registry.sizes)
        self.grow(registry.sizes)
        arrays = registry.arrays
        counters = np.flatnonzero(np.isin(arrays.row, rows))
        targets = np.flatnonzero(np.isin(arrays.target_row, rows))
        self.time[counters] = other.time[counters]
        self.value[counters] = other.value[counters]
        self.target[targets] = other.target[targets]
        self.row[rows] = other.row[rows]


def _grown(column: Floats, size: int) -> Floats:
    if len(column) >= size:
        return column
    # Half as much again, so that ten thousand counters that appear one by one are not ten thousand copies.
    grown = np.full(max(size, len(column) * 3 // 2), np.nan)
    grown[: len(column)] = column
    return grown
