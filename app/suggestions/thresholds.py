"""Latency thresholds and other bounds from history: only bounds that exist, so that counts at them are exact."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import floor, log10

import numpy as np

from app.slo.arrays import Floats
from app.suggestions.objectives import LEAST_LEFT, DailyCounts, day_figures

TARGETS = (0.99, 0.95, 0.9)
"""The share of fast requests that a threshold is chosen for: the first that some bound reached."""
_PERCENTILES = (50.0, 90.0, 95.0, 99.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketCounts:
    """Cumulative counts of a histogram by day: *good* has shape (days, bounds), in the order of *bounds*.

    *all_events* has what is below infinity, shape (days,).
    """

    bounds: tuple[float, ...]
    good: Floats
    all_events: DailyCounts

    def at(self, bound: float) -> DailyCounts:
        """All events, and as bad those above a bound."""
        good = self.good[:, self.bounds.index(bound)]
        return replace(self.all_events, bad=np.maximum(self.all_events.total - good, 0.0))

    def percentiles(self) -> tuple[tuple[float, float | None], ...]:
        """Percentiles of all events, each as the least bound that it is not above; None above the largest."""
        shares = np.nansum(self.good, axis=0) / max(self.all_events.events, 1e-12)
        found = []
        for percentile in _PERCENTILES:
            above = np.flatnonzero(shares >= percentile / 100.0 - 1e-9)
            found.append((percentile, self.bounds[int(above[0])] if len(above) else None))
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A bound and its daily counts; *others* are bounds with the share of events within them.

    *is_kept*: whether history had as many events within it as thresholds are chosen for.
    """

    bound: float
    counts: DailyCounts
    others: tuple[tuple[float, float], ...] = ()
    is_kept: bool = True


def latency_threshold(buckets: BucketCounts) -> Threshold | None:
    """The least bound within which history had 99% of the events, or less where there is none; None without bounds."""
    bounds = [bound for bound in buckets.bounds if np.isfinite(bound) and bound > 0]
    if not bounds:
        return None
    days = {bound: buckets.at(bound) for bound in bounds}
    kept = next((bound for target in TARGETS for bound in bounds if _keeps(days[bound], target)), None)
    bound = bounds[-1] if kept is None else kept
    others = tuple((other, days[other].ratio) for other in _neighbours(bounds, bound))
    return Threshold(bound=bound, counts=days[bound], others=others, is_kept=kept is not None)


def _keeps(counts: DailyCounts, target: float) -> bool:
    """Whether history reached a target, with a part of its budget left."""
    reached = min(day_figures(counts).percentile, counts.ratio)
    return bool(reached >= target) and counts.budget_left(target) >= LEAST_LEFT


def _neighbours(bounds: Sequence[float], bound: float) -> list[float]:
    """The bounds nearest to one: two below and one above."""
    place = bounds.index(bound)
    return [*bounds[max(place - 2, 0) : place], *bounds[place + 1 : place + 2]]


def upper_bound(values: Floats, bounds: Sequence[float]) -> float:
    """The least of *bounds* above the 99th percentile of *values*; without bounds, twice that percentile, rounded up.

    >>> upper_bound(np.array([0.1, 0.2, 0.6]), (0.5, 0.8, 0.9))
    0.8
    >>> upper_bound(np.array([3.0, 700.0]), ())
    2000.0
    """
    high = float(np.percentile(values, 99))
    if bounds:
        return next((bound for bound in bounds if high < bound), bounds[-1])
    return max(-_rounded_down(-2.0 * high), 1.0)


def lower_bound(values: Floats) -> float:
    """Half of the first percentile of *values*, rounded down to one digit.

    >>> lower_bound(np.array([12.0, 15.0, 18.0]))
    6.0
    """
    return _rounded_down(float(np.percentile(values, 1)) / 2.0)


def _rounded_down(value: float) -> float:
    """To one digit, towards minus infinity."""
    if value == 0:
        return 0.0
    digit = 10.0 ** floor(log10(abs(value)))
    return float(f"{floor(value / digit + 1e-9) * digit:.6g}")
