"""Samples of counters as columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.slo.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Samples of many counters as columns of equal length, in any order.

    *counter* is a registry index, *time* unix seconds; *steady* says that the sample is known to follow its
    predecessor without a hole, however far apart they are (the edges of a coarse cell). *level* is what a sample is to
    be counted from where that is not the value of its predecessor, NaN elsewhere; None is nowhere.
    """

    counter: Ints
    time: Floats
    value: Floats
    steady: Bools
    level: Floats | None = None

    @classmethod
    def of_counter(cls, counter: int, time: Floats, value: Floats) -> "Samples":
        """Samples of one counter, shape (n,)."""
        size = len(time)
        return cls(counter=np.full(size, counter), time=time, value=value, steady=np.zeros(size, dtype=bool))

    @classmethod
    def joined(cls, parts: Sequence["Samples"]) -> "Samples":
        """All samples of several answers; a sample that is there twice counts once."""
        if not parts:
            empty = np.empty(0)
            return cls(counter=empty.astype(np.int64), time=empty, value=empty, steady=empty.astype(bool))
        return cls(
            counter=np.concatenate([part.counter for part in parts]),
            time=np.concatenate([part.time for part in parts]),
            value=np.concatenate([part.value for part in parts]),
            steady=np.concatenate([part.steady for part in parts]),
            level=np.concatenate([part.levels for part in parts])
            if any(part.level is not None for part in parts)
            else None,
        )

    @property
    def levels(self) -> Floats:
        """The *level* of each sample."""
        return np.full(len(self.counter), np.nan) if self.level is None else self.level

    def until(self, time: float) -> "Samples":
        """The samples up to a time."""
        return self.only(self.time <= time)

    def after(self, time: float) -> "Samples":
        """The samples behind a time."""
        return self.only(self.time > time)

    def of_counters(self, wanted: Bools) -> "Samples":
        """The samples of *wanted* counters, shape (counters,)."""
        return self.only(wanted[self.counter])

    def only(self, keep: Bools | Ints) -> "Samples":
        """Some of the samples."""
        if keep.dtype == np.bool_ and keep.all():
            # Most answers lie in their range as a whole: a piece of history has hundreds of thousands of samples.
            return self
        return Samples(
            counter=self.counter[keep],
            time=self.time[keep],
            value=self.value[keep],
            steady=self.steady[keep],
            level=None if self.level is None else self.level[keep],
        )
