"""What Prometheus's `increase()` answers, computed from samples: the figure that Sloburn must never be worse than.

Source: https://github.com/prometheus/prometheus/blob/main/promql/functions.go (extrapolatedRate)
"""

from collections.abc import Iterable
from typing import Final

import numpy as np

from app.slo.arrays import Floats
from testbed.traces import Samples

_EXTRAPOLATION_LIMIT: Final = 1.1
"""A window's edge is extrapolated to if it lies within so many average intervals of the nearest sample."""


def increase(times: Floats, values: Floats, *, at: float, window_s: float, version: int = 3) -> float:
    """`increase(series[window])` at a time, in events; NaN where Prometheus has no answer.

    *times* in seconds, ascending, and *values*, both of shape (samples,). The window is (at - window_s, at] as in
    Prometheus 3, also for *version* 2, which includes a sample that lies exactly on its left edge.
    """
    first, last = np.searchsorted(times, [at - window_s, at], side="right")
    if last - first < 2:
        return float("nan")
    times, values = times[first:last], values[first:last]
    steps = np.diff(values)
    result = float(values[-1] - values[0] + values[:-1][steps < 0].sum())
    sampled_s = float(times[-1] - times[0])
    interval_s = sampled_s / (len(times) - 1)
    to_start = float(times[0]) - (at - window_s)
    to_end = _reach(at - float(times[-1]), interval_s)
    # A counter is never below zero: it cannot have begun earlier than this.
    to_zero = sampled_s * float(values[0]) / result if result > 0 else float("inf")
    # Version 2 takes zero for an edge that may be reached; since version 3 it is a bound on what is extrapolated.
    to_start = (
        _reach(min(to_start, to_zero), interval_s) if version == 2 else min(_reach(to_start, interval_s), to_zero)
    )
    return result * (sampled_s + to_start + to_end) / sampled_s


def summed_increase(samples: Iterable[Samples], *, at: float, window_s: float, version: int = 3) -> float:
    """`sum(increase(selector[window]))` over the series that a selector matches; 0 where it answers nothing."""
    found = [
        increase(one.times_ms / 1000, one.values.astype(np.float64), at=at, window_s=window_s, version=version)
        for one in joined(samples)
    ]
    return float(np.nansum([0.0, *found]))


def joined(samples: Iterable[Samples]) -> list[Samples]:
    """One entry for each series: several runs of one series follow each other, in the order of time."""
    parts: dict[str, list[Samples]] = {}
    for one in samples:
        parts.setdefault(one.text, []).append(one)
    return [_one_series(of_one) for of_one in parts.values()]


def _one_series(parts: list[Samples]) -> Samples:
    if len(parts) == 1:
        return parts[0]
    times = np.concatenate([part.times_ms for part in parts])
    values = np.concatenate([part.values for part in parts])
    # Of two samples of one time, a server keeps the first that arrives.
    times, kept = np.unique(times, return_index=True)
    return Samples(metric=parts[0].metric, labels=parts[0].labels, times_ms=times, values=values[kept])


def _reach(gap_s: float, interval_s: float) -> float:
    return gap_s if gap_s < _EXTRAPOLATION_LIMIT * interval_s else interval_s / 2
