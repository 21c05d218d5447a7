"""Intervals that are asked for, and what comes of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from app.prometheus import Matrix, PrometheusError

Answer = Matrix | PrometheusError
"""What came of one query of a request."""
# Beyond these a float has no whole number of events any more, and no service has so many.
_MOST_EVENTS = 2.0**63


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """The intervals that end at *first_end_s*, and *every_s* later, up to *last_end_s*; unix seconds, whole."""

    first_end_s: int
    last_end_s: int
    every_s: int

    @property
    def since_ms(self) -> int:
        """Where the first one begins, in unix milliseconds."""
        return (self.first_end_s - self.every_s) * 1000

    @property
    def until_ms(self) -> int:
        """Where the last one ends, in unix milliseconds; it does not include that moment."""
        return self.last_end_s * 1000

    @property
    def every(self) -> timedelta:
        """The length of one."""
        return timedelta(seconds=self.every_s)

    def pieces(self, most: int) -> Iterator["Intervals"]:
        """The same intervals, at most so many in each piece."""
        for first in range(self.first_end_s, self.last_end_s + 1, most * self.every_s):
            last = min(first + (most - 1) * self.every_s, self.last_end_s)
            yield Intervals(first_end_s=first, last_end_s=last, every_s=self.every_s)


@dataclass(frozen=True, slots=True)
class Counted:
    """The numbers of events of one group: *ends_s* are the ends of the intervals that have one."""

    labels: Mapping[str, str]
    ends_s: Sequence[float]
    values: Sequence[float]


def matrix_of(found: Sequence[Counted]) -> Matrix:
    """The numbers as an answer of a source; what is no number of events is left out."""
    ends = [np.asarray(one.ends_s, dtype=np.float64) for one in found]
    values = [np.asarray(one.values, dtype=np.float64) for one in found]
    kept = [np.isfinite(one) & (np.abs(one) < _MOST_EVENTS) for one in values]
    left_out = sum(int((~keep).sum()) for keep in kept)
    empty = np.empty(0)
    return Matrix(
        labels=tuple(one.labels for one in found),
        lengths=np.array([keep.sum() for keep in kept], dtype=np.int64),
        times=np.concatenate([empty, *(at[keep] for at, keep in zip(ends, kept, strict=True))]),
        values=np.concatenate([empty, *(value[keep] for value, keep in zip(values, kept, strict=True))]),
        invalid=left_out,
    )


def series_of_pieces(pieces: Sequence[Matrix]) -> Matrix:
    """The answers to pieces of a range, which follow each other, as one."""
    if len(pieces) == 1:
        return pieces[0]
    series: dict[tuple[tuple[str, str], ...], tuple[list[float], list[float]]] = {}
    for matrix in pieces:
        ends = np.cumsum(matrix.lengths).tolist()
        for labels, end, length in zip(matrix.labels, ends, matrix.lengths.tolist(), strict=True):
            times, values = series.setdefault(tuple(sorted(labels.items())), ([], []))
            times += matrix.times[end - length : end].tolist()
            values += matrix.values[end - length : end].tolist()
    return matrix_of([Counted(dict(labels), times, values) for labels, (times, values) in series.items()])
