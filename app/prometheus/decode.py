"""Bytes of the HTTP API into values, without IO.

Two formats arrive: Prometheus's own and VictoriaMetrics's, which adds `isPartial` and may send null values.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from itertools import chain
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from app.prometheus.errors import BadAnswerError, PartialDataError, UnsupportedResultError, excerpt
from app.prometheus.fast_samples import fast_samples
from app.prometheus.histograms import HistogramSeries, histogram_series
from app.prometheus.known_series import KnownSeries
from app.prometheus.matrix import Matrix

# The keys of native histograms in a vector and in a matrix.
_HISTOGRAM, _HISTOGRAMS = "histogram", "histograms"
_IN_TEXT = b'"histogram'
"""What both begin with in JSON; inside a string the quote would be escaped."""
# Thanos sends one warning for each store that is down; there may be hundreds.
_WARNINGS_SHOWN = 3

# PostgreSQL stores no NUL, and no encoder takes half a surrogate pair; both may be in values of labels.
_UNSTORABLE = (rb"\u0000", rb"\ud", rb"\uD")
_ESCAPES = re.compile(
    rb"(?<!\\)((?:\\\\)*)"
    rb"(?:(\\u0000)|\\u[dD][89aAbB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2}))"
)

# Exporters count in unsigned integers of 64 bits. One sample of 1e308 in the ledger would outweigh all others for good.
_LARGEST_VALUE = 2.0**64
_LATEST_TIME = 2.0**38  # seconds, ten thousand years: an answer is not relied on to stay in the range of a datetime


class PartialPolicy(StrEnum):
    """What to do with an answer that says that data is missing.

    *provisional*: hand it out marked as not whole; *accept*: as if it were whole; *reject*: raise.
    """

    PROVISIONAL = "provisional"
    ACCEPT = "accept"
    REJECT = "reject"


def decode_matrix(
    body: bytes,
    *,
    content_type: str = "application/json",
    partial: PartialPolicy = PartialPolicy.REJECT,
    query: str | None = None,
    known: KnownSeries | None = None,
) -> Matrix:
    """The samples in an answer of status 200 to a query.

    Args:
        body: the answer, decompressed.
        content_type: used to say what came instead of JSON.
        partial: what becomes of an answer with warnings.
        query: the expression asked, for the texts of errors.
        known: the series of earlier answers.

    Raises:
        PrometheusError: one of the tree in `errors`, and no other exception for any bytes.
    """
    # Series of native histograms have no array of samples, or one more.
    fast = None if _IN_TEXT in body else fast_samples(body)
    if fast is not None and known is not None and (found := known.find(fast.rest)) is not None:
        return replace(_finite(found, fast.lengths, fast.samples, ()), known=True)
    envelope = success_envelope(fast.rest if fast else body, content_type)
    warnings = _warnings(envelope)
    if warnings and partial is PartialPolicy.REJECT:
        raise partial_data(warnings, query)
    try:
        kind, result = envelope["data"]["resultType"], envelope["data"]["result"]
        result, histograms = _apart(kind, result)
        if kind == "matrix" and fast is not None:
            labels = _labels(result)
            if len(labels) != len(fast.lengths):
                raise BadAnswerError("Prometheus answers a matrix with samples outside its series")
            lengths, samples = fast.lengths, fast.samples
            if known is not None and not warnings:
                labels = known.note(fast.rest, labels)
        else:
            labels, lengths, samples = _series(kind, result, query)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        raise BadAnswerError(f"Prometheus answers JSON of an unknown shape: {error!r:.200}") from None
    matrix = _finite(labels, lengths, samples, warnings)
    return replace(matrix, whole=not warnings or partial is PartialPolicy.ACCEPT, histograms=histograms)


def decode_names(
    body: bytes, *, content_type: str = "application/json", partial: PartialPolicy = PartialPolicy.REJECT
) -> tuple[str, ...]:
    """The names of labels, or the values of one, in an answer of status 200.

    Raises:
        PrometheusError: the answer is not a list of strings, or is partial and *partial* rejects that.
    """
    envelope = success_envelope(body, content_type)
    warnings = _warnings(envelope)
    if warnings and partial is PartialPolicy.REJECT:
        raise partial_data(warnings, None)
    # Some servers answer null for an empty list.
    data = envelope.get("data") or []
    if not isinstance(data, list) or not all(isinstance(name, str) for name in data):
        raise BadAnswerError("Prometheus answers something else than a list of names")
    return tuple(data)


def _apart(kind: str, result: Any) -> tuple[Any, tuple[HistogramSeries, ...]]:
    """The series of numbers in a result, and those of native histograms; a series may be both, at different times."""
    key = {"matrix": _HISTOGRAMS, "vector": _HISTOGRAM}.get(kind)
    if key is None or not any(key in series for series in result):
        return result, ()
    found = [series for series in result if key in series]
    _labels(found)
    histograms = tuple(
        histogram_series(series["metric"], series[key] if kind == "matrix" else (series[key],)) for series in found
    )
    return [series for series in result if "value" in series or "values" in series], histograms


def not_expected(histograms: Sequence[HistogramSeries], query: str | None) -> UnsupportedResultError:
    """The error of native histograms where numbers are expected."""
    return UnsupportedResultError(
        f"Prometheus answers native histograms, such as {excerpt(str(dict(histograms[0].labels)))}; "
        "write histogram: and threshold:, or histogram_count() in an expression",
        query=query,
    )


def partial_data(warnings: Sequence[str], query: str | None) -> PartialDataError:
    """The error of an answer with these warnings, where one that is not whole is of no use."""
    return PartialDataError(f"Prometheus answers with partial data: {_joined(warnings)}", query=query)


def success_envelope(body: bytes, content_type: str) -> dict[str, Any]:
    """The JSON object around the data of a successful answer.

    Raises:
        BadAnswerError: the body is not JSON, or not an object that says success.
    """
    try:
        envelope = orjson.loads(_storable(body))
    except orjson.JSONDecodeError:
        raise BadAnswerError(_not_json(body, content_type)) from None
    if not isinstance(envelope, dict) or envelope.get("status") != "success":
        raise BadAnswerError("Prometheus answers 200 with JSON that does not say success")
    return envelope


def _storable(body: bytes) -> bytes:
    r"""JSON whose texts every database and encoder takes: no NUL, which becomes U+2400, and no half surrogate pairs.

    >>> _storable(rb'["a\u0000b", "\\\\u0000", "\ud83d\ude00", "\ud83d"]')
    b'["a\\u2400b", "\\\\\\\\u0000", "\\ud83d\\ude00", "\\ufffd"]'
    """
    if not any(escape in body for escape in _UNSTORABLE):
        return body
    return _ESCAPES.sub(_storable_escape, body)


def _storable_escape(found: re.Match[bytes]) -> bytes:
    slashes, nul, half = found.groups()
    if nul:
        return slashes + rb"\u2400"
    return slashes + rb"\ufffd" if half else found.group()


def _not_json(body: bytes, content_type: str) -> str:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return f"Prometheus answers truncated or broken JSON ({len(body)} bytes)"
    what = f"{excerpt(kind, 50)} instead of JSON" if kind else "something that is not JSON"
    return f"the server answers {what}; is this the address of a Prometheus API?"


def _warnings(envelope: Mapping[str, Any]) -> tuple[str, ...]:
    """What says that data is missing: warnings, unless they are remarks on the expression, and `isPartial`."""
    found = envelope.get("warnings") or ()
    if not isinstance(found, list | tuple):
        raise BadAnswerError("Prometheus answers with warnings that are not a list")
    # Prometheus 2.48 to 2.53 sends infos ("metric might not be a counter") among the warnings.
    said = tuple(str(text) for text in found if not str(text).startswith("PromQL info:"))
    return (*said, "isPartial is set") if envelope.get("isPartial") is True else said


def _joined(warnings: Sequence[str]) -> str:
    shown = "; ".join(excerpt(text) for text in warnings[:_WARNINGS_SHOWN])
    more = len(warnings) - _WARNINGS_SHOWN
    return f"{shown}; and {more} more" if more > 0 else shown


def _series(
    kind: str, result: list[Any], query: str | None
) -> tuple[tuple[Mapping[str, str], ...], NDArray[np.int64], NDArray[np.float64]]:
    match kind:
        case "matrix":
            labels = _labels(result)
            samples = [series["values"] for series in result]
        case "vector":
            labels = _labels(result)
            samples = [(series["value"],) for series in result]
        case "scalar":
            labels = ({},)
            samples = [(result,)]
        case _:
            raise UnsupportedResultError(f"Prometheus answers a {excerpt(str(kind), 50)}, not samples", query=query)
    lengths = np.fromiter(map(len, samples), np.int64, count=len(samples))
    flat = _numbers(chain.from_iterable(samples))
    if len(flat) != 2 * lengths.sum():
        raise ValueError("a sample is not a pair")
    return labels, lengths, flat


def _numbers(pairs: Iterable[Sequence[Any]]) -> NDArray[np.float64]:
    """Time and value of each pair in turn; null is NaN."""
    flat = list(chain.from_iterable(pairs))
    try:
        return np.fromiter(map(float, flat), np.float64, count=len(flat))
    except TypeError:
        return np.fromiter((np.nan if x is None else float(x) for x in flat), np.float64, count=len(flat))


def _labels(result: list[Any]) -> tuple[Mapping[str, str], ...]:
    labels = tuple(series["metric"] for series in result)
    if not set(map(type, labels)) <= {dict}:
        raise TypeError("a label set is not an object")
    if not set(map(type, chain.from_iterable(map(dict.values, labels)))) <= {str}:
        raise TypeError("a label value is not a string")
    return labels


def _finite(
    labels: tuple[Mapping[str, str], ...],
    lengths: NDArray[np.int64],
    samples: NDArray[np.float64],
    warnings: tuple[str, ...],
) -> Matrix:
    times, values = samples[0::2].copy(), samples[1::2].copy()
    # Comparisons with NaN are False.
    valid = (np.abs(values) <= _LARGEST_VALUE) & (np.abs(times) <= _LATEST_TIME)
    invalid = len(valid) - int(np.count_nonzero(valid))
    impossible: tuple[int, ...] = ()
    negative: tuple[int, ...] = ()
    broken: tuple[int, ...] = ()
    nan_series, nan_times = np.empty(0, dtype=np.int64), np.empty(0)
    if invalid or (values < 0).any():
        owner = np.repeat(np.arange(len(labels)), lengths)
        impossible = tuple(np.unique(owner[np.abs(values) > _LARGEST_VALUE]).tolist())
        negative = tuple(np.unique(owner[valid & (values < 0)]).tolist())
        newest = np.flatnonzero(np.append(owner[1:] != owner[:-1], True))
        not_counted = (np.abs(values[newest]) > _LARGEST_VALUE) | (values[newest] < 0)
        broken = tuple(owner[newest[not_counted]].tolist())
        is_nan = np.isnan(values) & (np.abs(times) <= _LATEST_TIME)
        nan_series, nan_times = owner[is_nan], times[is_nan]
        lengths = np.bincount(owner[valid], minlength=len(labels)).astype(np.int64)
        times, values = times[valid], values[valid]
    return Matrix(
        labels=labels,
        lengths=lengths,
        times=times,
        values=values,
        warnings=warnings,
        invalid=invalid,
        impossible=impossible,
        negative=negative,
        broken=broken,
        nan_series=nan_series,
        nan_times=nan_times,
    )
