"""Samples of many series as columns: the shape of every decoded answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from app.prometheus.histograms import HistogramSeries


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Series with their samples laid end to end, in the order of the answer.

    A vector has one sample for each series; a scalar is one series without labels. Label sets may repeat.

    Attributes:
        labels: the label set of each series, shape (n,); the metric name is under ``__name__``.
        lengths: samples of each series, shape (n,), int64; their sum is the length of `times`.
        times: unix seconds, shape (m,), ascending within a series.
        values: shape (m,), always finite and within 64 bits.
        warnings: what the server said about missing data.
        whole: False if it said that data is missing, and that was not accepted.
        invalid: samples left out because they were NaN, null, infinite or beyond 64 bits.
        impossible: positions of the series of which samples were left out that are infinite or beyond 64 bits.
        nan_series, nan_times: positions of the series that the samples of NaN or null belong to, and their times; these
            are left out above.
        negative: positions of the series that have samples below zero, which gauges can have and counters cannot.
        broken: positions of the series whose newest sample is one of `impossible` or `negative`.
        histograms: the series of native histograms, which are in none of the columns.
        known: whether `labels` is the very tuple of an earlier answer, with the same series in the same order.
    """

    labels: tuple[Mapping[str, str], ...]
    lengths: NDArray[np.int64]
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    warnings: tuple[str, ...] = ()
    invalid: int = 0
    impossible: tuple[int, ...] = ()
    negative: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()
    whole: bool = True
    known: bool = False
    nan_series: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    nan_times: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    histograms: tuple[HistogramSeries, ...] = ()

    @property
    def without_numbers(self) -> list[int]:
        """Positions of the series all of whose samples were left out as NaN or null."""
        if not self.invalid:
            return []
        emptied = np.flatnonzero(self.lengths == 0)
        return [position for position in emptied.tolist() if position not in self.impossible]

    def __len__(self) -> int:
        return len(self.labels)
