"""Native histograms into a Prometheus by remote write, which takes them without a target that speaks protobuf.

Source: https://github.com/prometheus/prometheus/blob/main/prompb/types.proto
"""

import math
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import httpx2
import numpy as np
from numpy.typing import NDArray

from testbed.servers import Server

FLAGS = ("--web.enable-remote-write-receiver", "--enable-feature=native-histograms")
"""What a Prometheus is to be started with; 3.x takes histograms from remote write without the feature too."""
_CUSTOM = -53
"""The schema of histograms whose bounds are chosen."""
_MOST_AT_ONCE = 500
_LITERAL_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """One sample: how many observations lie in which bucket, by its index; *bounds* of custom buckets, else a schema.

    Bucket i of a schema ends at 2^(i / 2^schema), bucket i of *bounds* at the bound with that index.
    """

    time_ms: int
    buckets: Mapping[int, int]
    schema: int = _CUSTOM
    bounds: tuple[float, ...] = ()
    zero: int = 0
    zero_threshold: float = 2.0**-128

    @property
    def count(self) -> int:
        """All observations."""
        return self.zero + sum(self.buckets.values())


Sample = Histogram | tuple[int, float]
"""A histogram, or a time in milliseconds and a value."""


def exponential(time_ms: int, observed: NDArray[np.float64], schema: int) -> Histogram:
    """A histogram of positive observations by a schema."""
    indexes = np.ceil(np.log2(observed) * 2.0**schema - 1e-9).astype(np.int64)
    found, counts = np.unique(indexes, return_counts=True)
    buckets = dict(zip(found.tolist(), counts.tolist(), strict=True))
    return Histogram(time_ms=time_ms, buckets=buckets, schema=schema)


def remote_write(server: Server, series: Iterable[tuple[Mapping[str, str], Sequence[Sample]]]) -> None:
    """Send series of histograms, or of pairs of a time in milliseconds and a value."""
    headers = {"Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}
    # What is an hour older than the newest sample of any series is refused.
    every = sorted(
        ((_time_ms(one), number, labels, one) for number, (labels, samples) in enumerate(series) for one in samples),
        key=lambda entry: entry[:2],
    )
    with httpx2.Client(base_url=server.url, timeout=180, trust_env=False) as client:
        for first in range(0, len(every), _MOST_AT_ONCE):
            batch = sorted(every[first : first + _MOST_AT_ONCE], key=lambda entry: (entry[1], entry[0]))
            members = [list(group) for _, group in groupby(batch, key=lambda entry: entry[1])]
            body = b"".join(_field(1, _series(group[0][2], [entry[3] for entry in group])) for group in members)
            client.post("/api/v1/write", content=_snappy(body), headers=headers).raise_for_status()


def _time_ms(sample: Sample) -> int:
    return sample.time_ms if isinstance(sample, Histogram) else sample[0]


def _series(labels: Mapping[str, str], samples: Sequence[Sample]) -> bytes:
    pairs = (_field(1, name.encode()) + _field(2, value.encode()) for name, value in sorted(labels.items()))
    return b"".join(_field(1, pair) for pair in pairs) + b"".join(map(_sample, samples))


def _sample(sample: Sample) -> bytes:
    if isinstance(sample, Histogram):
        return _field(4, _histogram(sample))
    time_ms, value = sample
    return _field(2, _double(1, value) + _integer(2, time_ms))


def _histogram(one: Histogram) -> bytes:
    runs = list(_runs(one.buckets))
    ends = [0, *(last for _, last in runs)]
    spans = [
        _integer(1, _zigzag(first - before)) + _integer(2, last - first)
        for (first, last), before in zip(runs, ends, strict=False)
    ]
    counts = np.array([one.buckets[index] for first, last in runs for index in range(first, last)], dtype=np.int64)
    deltas = b"".join(_varint(_zigzag(delta)) for delta in np.diff(counts, prepend=0).tolist())
    return b"".join(
        (
            _integer(1, one.count),
            _double(3, math.nan),
            _integer(4, _zigzag(one.schema)),
            b"" if one.bounds else _double(5, one.zero_threshold) + _integer(6, one.zero),
            *(_field(11, span) for span in spans),
            _field(12, deltas),
            _integer(15, one.time_ms),
            _field(16, struct.pack(f"<{len(one.bounds)}d", *one.bounds)) if one.bounds else b"",
        )
    )


def _runs(buckets: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """Runs of buckets that follow each other, as [first, last)."""
    for _, members in groupby(enumerate(sorted(buckets)), lambda pair: pair[1] - pair[0]):
        run = [index for _, index in members]
        yield run[0], run[-1] + 1


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _integer(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _double(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _snappy(body: bytes) -> bytes:
    """The block format of Snappy, without compression.

    Source: https://github.com/google/snappy/blob/main/format_description.txt
    """
    parts = [_varint(len(body))]
    for first in range(0, len(body), _LITERAL_BYTES):
        literal = body[first : first + _LITERAL_BYTES]
        parts.append(b"\xf4" + struct.pack("<H", len(literal) - 1) + literal)
    return b"".join(parts)
