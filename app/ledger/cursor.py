"""How far the counters have been read: the last sample of each, and when each target and row was last seen."""

from dataclasses import dataclass, field

import numpy as np

from app.ledger.registry import Registry
from app.ledger.runs import Runs, Sighting
from app.slo.arrays import Bools, Floats, Ints


def _no_runs() -> Runs:
    return Runs(np.empty(0), np.empty(0), np.empty(0))


@dataclass(slots=True, kw_only=True)
class Cursor:
    """Columns that grow with the registry; NaN is *never seen*. Times are unix seconds.

    The value of a counter that was not seen again since its target restarted is NaN too. *time* and *value* by
    counter, *target* (newest sample of any of its counters) by target, *runs* (samples of its total counters) by row.
    """

    time: Floats = field(default_factory=lambda: np.empty(0))
    value: Floats = field(default_factory=lambda: np.empty(0))
    target: Floats = field(default_factory=lambda: np.empty(0))
    runs: Runs = field(default_factory=_no_runs)

    @classmethod
    def empty(cls) -> "Cursor":
        """A cursor that has seen nothing."""
        return cls()

    @property
    def row(self) -> Floats:
        """The newest sample of any total counter, by row."""
        return self.runs.last

    def grow(self, sizes: tuple[int, int, int]) -> None:
        """Make room for all rows, targets and counters of a registry of these *sizes*."""
        rows, targets, counters = sizes
        self.time = _grown(self.time, counters)
        self.value = _grown(self.value, counters)
        self.target = _grown(self.target, targets)
        self.runs = Runs(*(_grown(column, rows) for column in (self.runs.last, self.runs.run, self.runs.earlier)))

    def sized_rows(self, size: int) -> tuple[Floats, Floats, Floats]:
        """The columns of *runs* for *size* rows, whatever was grown so far."""
        last, run, earlier = (
            _grown(column, size)[:size] for column in (self.runs.last, self.runs.run, self.runs.earlier)
        )
        return last, run, earlier

    def copy(self) -> "Cursor":
        """An independent copy."""
        runs = Runs(self.runs.last.copy(), self.runs.run.copy(), self.runs.earlier.copy())
        return Cursor(time=self.time.copy(), value=self.value.copy(), target=self.target.copy(), runs=runs)

    def sighting(self, row: int) -> Sighting:
        """When a row was seen."""
        return self.runs.of(row)

    def sight(self, row: Ints, time: Floats, steady: Bools) -> None:
        """Note samples of total counters of rows."""
        self.runs.extend(row, time, steady)

    def forget(self, target: Ints, since: Floats, registry: Registry) -> None:
        """Note that a *target* restarted after *since*: what of it has not been seen again will begin at zero."""
        if not len(target):
            return
        restarted = set(zip(target.tolist(), since.tolist(), strict=True))
        of_counter = registry.arrays.target
        near = np.flatnonzero(np.isin(of_counter, target))
        seen = zip(of_counter[near].tolist(), self.time[near].tolist(), strict=True)
        self.value[near[[one in restarted for one in seen]]] = np.nan

    def absorb(self, older: "Cursor") -> None:
        """Take over what only *older* has seen, so that a counter that comes back after days is recognised."""
        counters, targets = min(len(self.time), len(older.time)), min(len(self.target), len(older.target))
        unseen = np.flatnonzero(np.isnan(self.time[:counters]))
        self.time[unseen], self.value[unseen] = older.time[unseen], older.value[unseen]
        unseen = np.flatnonzero(np.isnan(self.target[:targets]))
        self.target[unseen] = older.target[unseen]
        size = max(len(self.runs.last), len(older.runs.last))
        self.runs = Runs(*(_grown(column, size) for column in (self.runs.last, self.runs.run, self.runs.earlier)))
        self.runs.join(Runs(*older.sized_rows(size)))

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
        self.runs.last[rows] = other.runs.last[rows]
        self.runs.run[rows] = other.runs.run[rows]
        self.runs.earlier[rows] = other.runs.earlier[rows]


def _grown(column: Floats, size: int) -> Floats:
    if len(column) >= size:
        return column
    # Half as much again, so that ten thousand counters that appear one by one are not ten thousand copies.
    grown = np.full(max(size, len(column) * 3 // 2), np.nan)
    grown[: len(column)] = column
    return grown
