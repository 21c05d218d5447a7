"""What is sent: the samples of live figures and of the past, cut into requests of a bounded size."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np

from app.evaluation import ExposedPast, past_figures
from app.metrics.labels import Label
from app.metrics.slo_samples import SloSample
from app.past_metrics import PastSeries, Recorded, past_series, with_added
from app.remote_write.messages import RequestBody, halved_body
from app.remote_write.options import RemoteWriteOptions
from app.slo.arrays import Floats, Ints
from app.store.remote_write import RemoteWritePart

PROBE = "sloburn_remote_write_probe"
"""The series that is sent first, to see whether old samples are accepted."""
# Prometheus refuses a second value for a time: what is counted again becomes series of their own.
_REVISION = "slo_revision"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRequest:
    """A body, how many samples it has, and up to which time (Unix seconds) it goes."""

    body: bytes
    samples: int
    until_s: float


def probe_request(at_s: float, labels: Sequence[Label]) -> WriteRequest:
    """One sample of a series that is only used to test the receiver."""
    body = RequestBody()
    body.add(PROBE, labels, [_milliseconds(at_s)], [1.0])
    return _request(body, at_s)


def live_requests(
    samples: Iterable[SloSample], at: datetime, labels: Sequence[Label], *, most_samples: int
) -> Iterator[WriteRequest]:
    """The figures of an evaluation, as `/metrics` shows them."""
    at_s = at.timestamp()
    stamp, body = [_milliseconds(at_s)], RequestBody()
    for sample in samples:
        body.add(sample.family.name, with_added(sample.labels, labels), stamp, [sample.value])
        if body.samples >= most_samples:
            yield _request(body, at_s)
            body = RequestBody()
    if body.samples:
        yield _request(body, at_s)


def _request(body: RequestBody, until_s: float) -> WriteRequest:
    return WriteRequest(body=body.encoded(), samples=body.samples, until_s=until_s)


def unsent_since_s(part: RemoteWritePart, options: RemoteWriteOptions) -> float:
    """From when on a part is still to be sent, in Unix seconds; no longer ago than the history that is wanted."""
    return max(part.sent_s, part.until_s - options.history.total_seconds())


def past_requests(
    exposed: ExposedPast,
    part: RemoteWritePart,
    options: RemoteWriteOptions,
    *,
    recorded: Recorded,
    most_samples: int,
) -> Iterator[WriteRequest]:
    """What is left of a part of the past, the oldest first."""
    left = _left_of(exposed, part, options, recorded)
    if not left.series:
        return
    each = max(1, most_samples // len(left.series))
    for first in range(0, len(left.chosen), each):
        some = left.chosen[first : first + each]
        body = RequestBody()
        _fill(body, left, some)
        if body.samples:
            yield _request(body, float(left.at_s[some[-1]]))


def joint_request(
    pasts: Iterable[tuple[ExposedPast, RemoteWritePart, Recorded]], options: RemoteWriteOptions, *, most_samples: int
) -> tuple[WriteRequest | None, list[RemoteWritePart]]:
    """All that is left of as many parts as fit into one request, and these parts; None where it has no samples.

    After an outage there are few samples of each of thousands of SLOs: a request for each would take longer than the
    outage.
    """
    body, fitting = RequestBody(), list[RemoteWritePart]()
    for exposed, part, recorded in pasts:
        left = _left_of(exposed, part, options, recorded)
        if body.samples + len(left.series) * len(left.chosen) > most_samples:
            break
        _fill(body, left, left.chosen)
        fitting.append(part)
    until_s = max((part.until_s for part in fitting), default=0.0)
    return _request(body, until_s) if body.samples else None, fitting


def halved_request(request: WriteRequest) -> tuple[WriteRequest, ...]:
    """The request in two, by series; nothing if it has one series only."""
    bodies = halved_body(request.body)
    return tuple(_request(body, request.until_s) for body in bodies)


class _Left(NamedTuple):
    """The series of a part, the times that they have values at, and which of those are to be sent."""

    series: list[tuple[PastSeries, list[Label]]]
    at_s: Floats
    chosen: Ints


def _left_of(exposed: ExposedPast, part: RemoteWritePart, options: RemoteWriteOptions, recorded: Recorded) -> _Left:
    at_s = _times(exposed, part, options)
    figures = past_figures(exposed, at_s, recorded=recorded.budgets)
    if figures is None:
        return _Left([], at_s, np.empty(0, dtype=np.int64))
    # What Prometheus scraped itself begins where the live counters do.
    wanted = np.ones(len(at_s), dtype=bool) if options.live else ~figures.is_live
    added = [*options.labels, *([(_REVISION, str(part.revision))] if part.revision > 1 else [])]
    series = [
        (one, [*with_added(one.labels, added)])
        for one in past_series(exposed, figures, recorded)
        if not np.isnan(one.values).all()
    ]
    return _Left(series, at_s, np.flatnonzero(wanted))


def _fill(body: RequestBody, left: _Left, some: Ints) -> None:
    stamps = np.round(left.at_s[some] * 1000).astype(np.int64)
    for one, labels in left.series:
        values = one.values[some]
        known = ~np.isnan(values)
        if known.any():
            body.add(one.family.name, labels, stamps[known].tolist(), values[known].tolist())


def _times(exposed: ExposedPast, part: RemoteWritePart, options: RemoteWriteOptions) -> Floats:
    """The multiples of the step that are known and were not sent yet, in Unix seconds; of a gap its end, too.

    Live figures go on right after it: without its end, Prometheus might have no sample for more than five minutes.
    """
    step_s = options.step.total_seconds()
    oldest_s = max(unsent_since_s(part, options), exposed.known_from_s)
    first, last = int(oldest_s // step_s) + 1, int(part.until_s // step_s)
    at_s = np.arange(first, last + 1, dtype=np.float64) * step_s
    ends_between = part.is_gap and part.until_s > max(oldest_s, last * step_s)
    return np.append(at_s, part.until_s) if ends_between else at_s


def _milliseconds(at_s: float) -> int:
    return round(at_s * 1000)
