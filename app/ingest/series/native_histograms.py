"""Native histograms as the counters that classic ones have: their count, and what is at most a threshold.

Exact where the threshold is a bound of the buckets, interpolated in the bucket around it elsewhere, as
`histogram_fraction` of Prometheus 3 does. Under the names of a classic histogram, so that a metric that is scraped as
both, or changes from one to the other, counts once (ADR-0052).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from app.ingest.series.brackets import Bracket
from app.prometheus import HistogramSample, HistogramSeries
from app.promql.metric_names import BUCKET, NAME
from app.slo.arrays import Bools, Floats

# Samples further apart are no neighbours: what lies between them is judged by the rules of counters.
_NEIGHBOURS_S = 330.0
# Counts of recorded histograms are not whole numbers.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class AsCounter:
    """A counter that a native histogram has; *levels* as in `app.ledger.Samples`, *bracket* of its newest sample."""

    labels: Mapping[str, str]
    times: Floats
    values: Floats
    levels: Floats
    bracket: Bracket | None = None


class LastHistograms:
    """The newest sample of each histogram, which the next one is compared with."""

    def __init__(self) -> None:
        self._last: dict[tuple[tuple[str, str], ...], tuple[HistogramSample, bool]] = {}

    def counters(self, series: HistogramSeries, bounds: Mapping[str, float]) -> Iterator[AsCounter]:
        """The count of a histogram, and what is at most each of the *bounds*, by how these are written."""
        if not series.samples:
            return
        before, custom = self._before(series)
        times = np.array([sample.time for sample in series.samples])
        count = np.array([sample.count for sample in series.samples])
        pairs = list(zip((before, *series.samples[:-1]), series.samples, strict=True))
        # A reset that the count does not show, since it has passed its old value: each began at zero.
        hidden = np.array([older is not None and _fell_unseen(older, newer) for older, newer in pairs])
        yield AsCounter(
            labels=_named(series.labels, "_count"), times=times, values=count, levels=np.where(hidden, 0.0, np.nan)
        )
        for text, bound in bounds.items():
            brackets = [_bracket(sample, bound, custom=custom) for sample in series.samples]
            values = np.array([_at_most(*one, bound) for one in zip(series.samples, brackets, strict=True)])
            levels = [
                _level(older, newer, bracket, bound, custom=custom)
                for (older, newer), bracket in zip(pairs, brackets, strict=True)
            ]
            yield AsCounter(
                labels={**_named(series.labels, "_bucket"), BUCKET: text},
                times=times,
                values=values,
                levels=np.where(hidden, 0.0, np.minimum(levels, values)),
                bracket=brackets[-1],
            )

    def _before(self, series: HistogramSeries) -> tuple[HistogramSample | None, bool]:
        """The sample before the first one, if it is known, and whether the bounds are chosen."""
        key = tuple(sorted(series.labels.items()))
        last, was_custom = self._last.get(key, (None, False))
        first, newest = series.samples[0], series.samples[-1]
        custom = series.custom or was_custom
        if last is None or newest.time >= last.time:
            self._last[key] = newest, custom
        is_neighbour = last is not None and 0 < first.time - last.time <= _NEIGHBOURS_S
        return last if is_neighbour else None, custom


def newest_bracket(series: HistogramSeries, bound: float) -> Bracket | None:
    """The bucket around a bound in the newest sample of a histogram; None where the bound is exact."""
    return _bracket(series.samples[-1], bound, custom=series.custom) if series.samples else None


def _named(labels: Mapping[str, str], suffix: str) -> dict[str, str]:
    return {**labels, NAME: f"{labels[NAME]}{suffix}"}


def _bracket(sample: HistogramSample, bound: float, *, custom: bool) -> Bracket | None:
    """The bucket around a bound; None where the bound is one of the histogram's, or nothing lies around it."""
    place = int(np.searchsorted(sample.upper, bound, side="left"))
    if math.isinf(bound) or place == len(sample.upper) or not sample.counts[place]:
        return None
    lower, upper = float(sample.lower[place]), float(sample.upper[place])
    if bound <= lower or _is_same(bound, upper) or _is_same(bound, lower):
        return None
    part = float(sample.counts[place]) / sample.count if sample.count else 0.0
    share = _share_below(bound, lower, upper, custom=custom, negative=bool((sample.upper <= 0).any()))
    return Bracket(lower=lower, upper=upper, share=share, part=part)


def _share_below(bound: float, lower: float, upper: float, *, custom: bool, negative: bool) -> float:
    """The share of a bucket that lies below a bound within it.

    Source: https://github.com/prometheus/prometheus/blob/main/promql/quantile.go, `HistogramFraction`
    """
    around_zero = lower <= 0 <= upper
    if around_zero and (custom or not negative):
        lower = 0.0
    if bound <= lower or math.isinf(upper):
        return 0.0
    if math.isinf(lower):
        return 1.0
    if custom or around_zero:
        return (bound - lower) / (upper - lower)
    of_lower, of_upper, of_bound = (math.log2(abs(number)) for number in (lower, upper, bound))
    return (of_bound - of_lower) / (of_upper - of_lower)


def _at_most(sample: HistogramSample, bracket: Bracket | None, bound: float) -> float:
    """How many events of a sample are at most *bound*, by the *bracket* of this sample or of one with wider buckets."""
    if math.isinf(bound):
        # Observations of NaN are in no bucket.
        return sample.count
    if bracket is None:
        return float(sample.counts[_is_at_most(sample.upper, bound)].sum())
    below = _is_at_most(sample.upper, bracket.lower)
    within = ~below & _is_at_most(sample.upper, bracket.upper)
    return float(sample.counts[below].sum()) + bracket.share * float(sample.counts[within].sum())


def _level(
    older: HistogramSample | None, newer: HistogramSample, bracket: Bracket | None, bound: float, *, custom: bool
) -> float:
    """What the older sample has by the buckets of the newer one, NaN where that is what it has by its own."""
    if older is None or newer.count < older.count:
        return math.nan
    plain, by_newer = (_at_most(older, one, bound) for one in (_bracket(older, bound, custom=custom), bracket))
    return math.nan if _is_same(plain, by_newer) else by_newer


def _fell_unseen(older: HistogramSample, newer: HistogramSample) -> bool:
    """Whether a bucket holds less than before, although the count does not: the histogram began again.

    Buckets may become wider, as where there would be too many; narrower ones are those of another process.
    """
    if newer.count < older.count:
        return False
    some = older.counts > 0
    if not some.any():
        return False
    place = np.searchsorted(newer.upper, older.upper[some], side="left")
    if (place == len(newer.upper)).any() or (newer.lower[place] > older.lower[some]).any():
        return True
    sums = np.zeros(len(newer.upper))
    np.add.at(sums, place, older.counts[some])
    return bool((sums > newer.counts * (1 + _ROUNDING)).any())


def _is_at_most(numbers: Floats, bound: float) -> Bools:
    near: Bools = numbers <= bound + abs(bound) * _ROUNDING
    return near


def _is_same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=_ROUNDING)
