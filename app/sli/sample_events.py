"""How many events a sample of a gauge is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from app.sli.condition import Condition
from app.slo import CellFunction, EventsOfSamples
from app.slo.arrays import Floats


@dataclass(frozen=True, slots=True)
class EverySample(EventsOfSamples):
    """Each sample is one event."""

    @override
    def __str__(self) -> str:
        return "samples"

    @override
    def of(self, values: Floats) -> Floats:
        return np.ones(len(values))

    @override
    def in_cells(self, cells: Mapping[CellFunction, Floats]) -> Floats:
        return cells[CellFunction.COUNT]


@dataclass(frozen=True, slots=True)
class SamplesThat(EventsOfSamples):
    """Each sample that fulfils a condition is one event."""

    condition: Condition

    @override
    def __str__(self) -> str:
        return f"samples {self.condition}"

    @override
    def of(self, values: Floats) -> Floats:
        return self.condition.holds(values).astype(np.float64)

    @override
    def in_cells(self, cells: Mapping[CellFunction, Floats]) -> Floats:
        extremes = cells[CellFunction.MIN], cells[CellFunction.MAX]
        every, none = self.condition.holds_between(*extremes), self.condition.opposite.holds_between(*extremes)
        # Where some do and some do not, the extremes do not say how many.
        return np.where(every, cells[CellFunction.COUNT], np.where(none, 0.0, np.nan))


@dataclass(frozen=True, slots=True)
class SampleValues(EventsOfSamples):
    """Each sample is as many events as its value; less than none is none."""

    @override
    def __str__(self) -> str:
        return "sum of samples"

    @override
    def of(self, values: Floats) -> Floats:
        # Negative events would refill a budget.
        return np.maximum(values, 0.0)

    @override
    def in_cells(self, cells: Mapping[CellFunction, Floats]) -> Floats:
        # With a negative sample in the cell its sum says less than the samples, each of which counts from 0 on.
        return np.where(cells[CellFunction.MIN] >= 0, cells[CellFunction.SUM], np.nan)


@dataclass(frozen=True, slots=True)
class Shares(EventsOfSamples):
    """Each sample is a share of one event, from none to all of it; *of_good*: the rest of it is."""

    of_good: bool = False

    @override
    def of(self, values: Floats) -> Floats:
        shares: Floats = np.clip(values, 0.0, 1.0)
        return 1.0 - shares if self.of_good else shares

    @override
    def in_cells(self, cells: Mapping[CellFunction, Floats]) -> Floats:
        # Each share is clipped by itself, which no function over the samples of a cell tells.
        return np.full(len(cells[CellFunction.COUNT]), np.nan)
