"""Cells of history of series whose samples are events: what Prometheus says of all samples of a cell at once.

Where that says how many events they are, and no sample seems to be missing, the cell counts by it; the other cells are
read sample by sample, so that the sums are those of the live service (ADR-0040).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from app.ledger import Registry, Samples
from app.slo import CellFunction, EventsOfSamples
from app.slo.arrays import Bools, Floats, Ints

# A cell with less missing, beside another one with as little, has no hole that is said to be one.
_MISSING_S = 60.0
# Prometheus keeps times in milliseconds: no sample lies between an edge and this.
_JUST_AFTER_S = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCells:
    """Events and samples of series in cells; shape (series, cells), NaN where there are no samples.

    *events* is NaN too where only the samples tell them. *row*, shape (series,), is the ledger's row of each.
    """

    counter: Ints
    row: Ints
    edges: Floats
    events: Floats
    samples: Floats

    @classmethod
    def of(
        cls,
        answers: Mapping[CellFunction, Samples],
        registry: Registry,
        events_of: Callable[[int], EventsOfSamples | None],
        *,
        edges: Floats,
    ) -> "SampleCells":
        """Cells between *edges*, from values that lie on the end of each; one of the functions is the count."""
        counter = np.unique(np.concatenate([samples.counter for samples in answers.values()]))
        tables = {function: _dense(samples, counter, edges) for function, samples in answers.items()}
        events = np.full((len(counter), len(edges) - 1), np.nan)
        for place, one in enumerate(counter.tolist()):
            found = events_of(one)
            if found is not None:
                events[place] = found.in_cells({function: table[place] for function, table in tables.items()})
        samples = tables[CellFunction.COUNT]
        return cls(
            counter=counter,
            row=registry.arrays.row[counter],
            edges=edges,
            events=np.where(np.isnan(samples), np.nan, events),
            samples=samples,
        )

    def broken(self, rows: int) -> Bools:
        """Cells that are to be read sample by sample, shape (rows, cells): samples are missing, or tell more."""
        there = ~np.isnan(self.samples)
        usual = np.nanmedian(np.where(there.any(axis=1, keepdims=True), self.samples, 0.0), axis=1, keepdims=True)
        width_s = self.edges[1] - self.edges[0]
        missing = np.maximum(usual - self.samples, 0.0) * width_s / np.maximum(usual, 1.0) > _MISSING_S
        beside_nothing = np.zeros_like(there)
        beside_nothing[:, 1:] |= there[:, 1:] & ~there[:, :-1]
        beside_nothing[:, :-1] |= there[:, :-1] & ~there[:, 1:]
        odd = there & (np.isnan(self.events) | missing | beside_nothing)
        broken = np.zeros((rows, len(self.edges) - 1), dtype=bool)
        np.logical_or.at(broken, self.row, odd)
        return broken

    def inner(self) -> "SampleCells":
        """The cells without the first and the last one, which only show whether those beside them are whole."""
        return replace(self, edges=self.edges[1:-1], events=self.events[:, 1:-1], samples=self.samples[:, 1:-1])

    def regular(self, broken: Bools) -> Samples:
        """The events of the cells that are not broken, as one sample at the end of each.

        Just after the beginning of the first of several there is a sample of no events: what is measured begins there.
        """
        whole = ~broken[self.row] & ~np.isnan(self.events)
        first = whole & ~np.concatenate([np.zeros((len(whole), 1), dtype=bool), whole[:, :-1]], axis=1)
        which, cell = np.nonzero(whole)
        first_which, first_cell = np.nonzero(first)
        return Samples(
            counter=np.append(self.counter[which], self.counter[first_which]),
            time=np.append(self.edges[cell + 1], self.edges[first_cell] + _JUST_AFTER_S),
            value=np.append(self.events[which, cell], np.zeros(len(first_which))),
            steady=np.append(np.ones(len(which), dtype=bool), np.zeros(len(first_which), dtype=bool)),
        )

    def only_of_broken(self, raw: Samples, row: Ints, broken: Bools) -> Samples:
        """Raw samples without those in cells that count as a whole; *row*: the row of each sample."""
        cell = np.ceil((raw.time - self.edges[0]) / (self.edges[1] - self.edges[0])).astype(np.int64) - 1
        inside = (cell >= 0) & (cell < broken.shape[1]) & (row < broken.shape[0])
        keep = ~inside
        keep[inside] = broken[row[inside], cell[inside]]
        return raw.only(keep)


def _dense(samples: Samples, counter: Ints, edges: Floats) -> Floats:
    table = np.full((len(counter), len(edges) - 1), np.nan)
    column = np.rint((samples.time - edges[0]) / (edges[1] - edges[0])).astype(np.int64) - 1
    inside = (column >= 0) & (column < table.shape[1])
    table[np.searchsorted(counter, samples.counter[inside]), column[inside]] = samples.value[inside]
    return table
