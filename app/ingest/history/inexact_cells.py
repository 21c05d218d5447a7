"""Cells of history at whose edges the counters' values are known: which of them say everything, and which do not."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from app.ledger import LOOKBACK_S, Registry, Samples, united
from app.slo.arrays import Bools, Floats, Ints

# Raw samples of six hours are 1,440 of each series at 15 s: an answer of the usual limit holds those of hundreds of
# series.
_LONGEST_REPAIR_S = 6 * 3600
# In a cell of five minutes: of targets that are scraped more seldom, one sample more or less says nothing.
_FEWEST_SAMPLES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Values and resets of counters on a grid of edges.

    *values*, shape (counters, cells + 1): the newest value within a look-back of each edge, NaN where there is none.
    *resets*, shape (counters, cells): resets within each cell and a look-back before it, NaN without samples there.
    *jumps*, shape (counters, cells): whether the value at the end of a cell is not to be counted from that at its
    beginning, as where the buckets of a native histogram have become wider.
    *samples*, shape (counters, cells + 2): how many samples there are in each cell, in the one before and in the one
    after; None where that was not asked. *reaches_on*, shape (counters,): whether there is a value at the edge after
    the last one, too.
    *row*, shape (counters,): the ledger's row of each counter.
    """

    counter: Ints
    row: Ints
    edges: Floats
    values: Floats
    resets: Floats
    jumps: Bools
    reaches_on: Bools
    samples: Floats | None

    @classmethod
    def of(
        cls,
        values: Samples,
        resets: Samples,
        registry: Registry,
        *,
        since_s: float,
        until_s: float,
        width_s: int,
        counts: Samples | None = None,
    ) -> "Cells":
        """Cells of *width_s* from *since_s* to *until_s*, from samples that lie on the edges and on the one after."""
        values, resets = united(values, registry), united(resets, registry)
        edges = np.arange(since_s, until_s + 1.5 * width_s, width_s)
        counter = np.unique(np.concatenate([values.counter, resets.counter]))
        at_edges = _dense(values, counter, edges)
        return cls(
            counter=counter,
            row=registry.arrays.row[counter],
            edges=edges[:-1],
            values=at_edges[:, :-1],
            resets=_dense(resets, counter, edges)[:, 1:-1],
            jumps=~np.isnan(_dense(replace(values, value=values.levels), counter, edges)[:, 1:-1]),
            reaches_on=~np.isnan(at_edges[:, -1]),
            samples=None if counts is None else _counts(united(counts, registry), counter, edges),
        )

    def broken(self, rows: int) -> Bools:
        """Cells in which a counter was reset, appeared or vanished, shape (rows, cells).

        So is the cell before one that a counter does not reach the end of: its last sample may lie a look-back before
        the edge between them, and the hole begins there.
        """
        there = ~np.isnan(self.values)
        seen = ~np.isnan(self.resets)
        odd = (self.resets > 0) | (seen & ~(there[:, 1:] & there[:, :-1])) | (there[:, 1:] & ~seen) | self.jumps
        odd |= there[:, 1:] & ~np.column_stack([there[:, 2:], self.reaches_on])
        if self.samples is not None:
            odd |= seen & self._beside_holes(self.samples)
        broken = np.zeros((rows, len(self.edges) - 1), dtype=bool)
        np.logical_or.at(broken, self.row, odd)
        return broken

    def _beside_holes(self, samples: Floats) -> Bools:
        """Cells that lack so many samples, with a neighbour, that there may be a hole which no edge shows."""
        width_s = float(self.edges[1] - self.edges[0])
        there = samples > 0
        usual = np.nanmedian(
            np.where(there | ~there.any(axis=1, keepdims=True), samples, np.nan), axis=1, keepdims=True
        )
        lacking = 2.0 * usual - (samples[:, 1:] + samples[:, :-1])
        holes = (lacking > usual * LOOKBACK_S / width_s - 1.0) & (usual >= _FEWEST_SAMPLES)
        beside: Bools = holes[:, 1:] | holes[:, :-1]
        return beside

    def regular(self, broken: Bools) -> Samples:
        """The values at the edges of the cells that are not broken, as samples."""
        whole = ~broken[self.row]
        after = np.concatenate([np.zeros((len(whole), 1), dtype=bool), whole], axis=1)
        before = np.concatenate([whole, np.zeros((len(whole), 1), dtype=bool)], axis=1)
        at = ~np.isnan(self.values) & (before | after)
        which, edge = np.nonzero(at)
        return Samples(
            counter=self.counter[which],
            time=self.edges[edge],
            value=self.values[which, edge],
            steady=after[which, edge],
        )

    def mark(self, raw: Samples, row: Ints, broken: Bools) -> Samples:
        """Raw samples, those in cells that are not broken marked as steady; *row*: the row of each sample."""
        cell = np.ceil((raw.time - self.edges[0]) / (self.edges[1] - self.edges[0])).astype(np.int64) - 1
        inside = (cell >= 0) & (cell < broken.shape[1]) & (row < broken.shape[0])
        steady = np.zeros(len(cell), dtype=bool)
        steady[inside] = ~broken[row[inside], cell[inside]]
        return replace(raw, steady=steady)


def stretches(edges: Floats, broken: Bools) -> Iterator[tuple[float, float]]:
    """Runs of broken cells of one row, shape (cells,), as (since, until], none too long for one query."""
    flags = np.concatenate([[False], broken, [False]])
    starts = np.flatnonzero(flags[1:] & ~flags[:-1])
    ends = np.flatnonzero(~flags[1:] & flags[:-1])
    for start, end in zip(starts, ends, strict=True):
        since, until = float(edges[start]), float(edges[end])
        while since < until:
            stop = min(until, since + _LONGEST_REPAIR_S)
            yield since, stop
            since = stop


def _counts(samples: Samples, counter: Ints, edges: Floats) -> Floats:
    """How many samples of each counter there are in cells that end at *edges*; of series that are one, the most."""
    samples = samples.only(np.isin(samples.counter, counter))
    return np.nan_to_num(_dense(samples, counter, edges))


def _dense(samples: Samples, counter: Ints, edges: Floats) -> Floats:
    table = np.full((len(counter), len(edges)), np.nan)
    column = np.rint((samples.time - edges[0]) / (edges[1] - edges[0])).astype(np.int64)
    # Series that are one counter may both be there: the larger value is the newer one.
    np.fmax.at(table, (np.searchsorted(counter, samples.counter), column), samples.value)
    return table
