"""The one message of remote write 1.0: series with samples, as protobuf in one block of snappy.

Source: https://prometheus.io/docs/specs/prw/remote_write_spec/
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from app.metrics.labels import Label

HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
_NAME_LABEL = "__name__"


class WireSeries(NamedTuple):
    """One series: its labels with the metric's name, sorted, and its samples in order of time."""

    labels: Sequence[Label]
    at_ms: Sequence[int]
    values: Sequence[float]

    @classmethod
    def of(cls, name: str, labels: Iterable[Label], at_ms: Sequence[int], values: Sequence[float]) -> "WireSeries":
        """The series of a metric; a label without a value is no label."""
        named: list[Label] = [(_NAME_LABEL, name), *((label, value) for label, value in labels if value)]
        return cls(sorted(named), at_ms, values)


def encode(series: Iterable[WireSeries]) -> bytes:
    """The body of a request."""
    request = write_request_class()()
    for one in series:
        added = request.timeseries.add()
        for name, text in one.labels:
            added.labels.add(name=name, value=text)
        for at, value in zip(one.at_ms, one.values, strict=True):
            added.samples.add(value=value, timestamp=at)
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


@cache
def write_request_class() -> Any:
    """The class of `prometheus.WriteRequest`, as far as it is used.

    Source: https://github.com/prometheus/prometheus/blob/main/prompb/remote.proto and types.proto
    """
    kind = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="sloburn/remote_write.proto", package="prometheus", syntax="proto3")
    messages: dict[str, list[tuple[str, int, Any, str | None]]] = {
        "Label": [("name", 1, kind.TYPE_STRING, None), ("value", 2, kind.TYPE_STRING, None)],
        "Sample": [("value", 1, kind.TYPE_DOUBLE, None), ("timestamp", 2, kind.TYPE_INT64, None)],
        "TimeSeries": [("labels", 1, kind.TYPE_MESSAGE, "Label"), ("samples", 2, kind.TYPE_MESSAGE, "Sample")],
        "WriteRequest": [("timeseries", 1, kind.TYPE_MESSAGE, "TimeSeries")],
    }
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, number, of, message_name in fields:
            message.field.add(
                name=field,
                number=number,
                type=of,
                type_name=None if message_name is None else f".prometheus.{message_name}",
                label=kind.LABEL_OPTIONAL if message_name is None else kind.LABEL_REPEATED,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("prometheus.WriteRequest"))
