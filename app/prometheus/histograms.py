"""Native histograms in answers: each sample has a count and buckets, of which empty ones are left out.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/#native-histograms
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.slo.arrays import Floats

_LARGEST_COUNT = 2.0**64
"""As in `decode.py`: no counter of events is larger."""
_FINEST, _COARSEST = 8, -4
"""Schemas of exponential buckets: 2^schema of them lie between a power of two and the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramSample:
    """One sample of a native histogram; its buckets are in the order of their bounds, shape (buckets,).

    A bucket holds what lies in (lower, upper]; buckets that hold nothing may be left out.
    """

    time: float
    count: float
    lower: Floats
    upper: Floats
    counts: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramSeries:
    """The samples of one native histogram in the order of time; *custom*: its bounds are chosen, not exponential."""

    labels: Mapping[str, str]
    samples: tuple[HistogramSample, ...]
    custom: bool


def histogram_series(labels: Mapping[str, str], pairs: Sequence[Sequence[Any]]) -> HistogramSeries:
    """One series of an answer from its pairs of a time and a histogram; samples that are not sound are left out.

    Raises:
        ValueError, KeyError, TypeError: these are no histograms.
    """
    samples = tuple(found for pair in pairs if (found := _sample(*pair)) is not None)
    return HistogramSeries(labels=labels, samples=samples, custom=any(map(_is_custom, samples)))


def _sample(time: float, histogram: Mapping[str, Any]) -> HistogramSample | None:
    buckets = histogram.get("buckets") or ()
    table = np.array([[float(number) for number in bucket[1:]] for bucket in buckets]).reshape(-1, 3)
    lower, upper, counts = table.T
    count = float(histogram["count"])
    sound = 0 <= count <= _LARGEST_COUNT and bool(((counts >= 0) & (counts <= _LARGEST_COUNT)).all())
    if not sound or np.isnan(lower).any() or np.isnan(upper).any():
        return None
    order = np.argsort(upper, kind="stable")
    return HistogramSample(time=float(time), count=count, lower=lower[order], upper=upper[order], counts=counts[order])


def _is_custom(sample: HistogramSample) -> bool:
    """Whether the bounds of the buckets are no powers of one base, as those of exponential buckets are.

    Answers do not say the schema. A few buckets may look like either; then they are taken for exponential.
    """
    lower, upper = sample.lower, sample.upper
    if (np.isinf(lower) | np.isinf(upper)).any():
        return True
    # The bucket around zero has bounds of its own.
    apart = (lower > 0) | (upper < 0)
    if not apart.any():
        return False
    widths = np.abs(np.log2(np.abs(upper[apart] / lower[apart])))
    schema = np.rint(-np.log2(widths))
    if (schema != schema[0]).any() or not _COARSEST <= schema[0] <= _FINEST:
        return True
    return not (_is_whole(np.log2(np.abs(upper[apart])) * 2.0 ** schema[0]) & _is_whole(widths * 2.0**schema)).all()


def _is_whole(numbers: Floats) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = np.abs(numbers - np.rint(numbers)) < 1e-6 * np.maximum(1.0, np.abs(numbers))
    return near
