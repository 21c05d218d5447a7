"""The one message of remote write 1.0: series with samples, as protobuf in one block of snappy.

Source: https://prometheus.io/docs/specs/prw/remote_write_spec/
"""

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Any

from app.metrics.labels import Label

HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
_NAME_LABEL = "__name__"


class RequestBody:
    """A request that is filled series by series; nothing of them is kept beside the message.

    Attributes:
        samples: how many it has.
    """

    def __init__(self) -> None:
        self.samples = 0
        self._message = write_request_class()()

    def add(self, name: str, labels: Iterable[Label], at_ms: Sequence[int], values: Sequence[float]) -> None:
        """Add a series of a metric, with its samples in order of time; a label without a value is no label."""
        added = self._message.timeseries.add()
        named = sorted([(_NAME_LABEL, name), *labels])
        # Labels of a message are its parts one after another, and most of them were written before.
        added.MergeFromString(b"".join([_label_bytes(label, value) for label, value in named if value]))
        for at, value in zip(at_ms, values, strict=True):
            added.samples.add(value=value, timestamp=at)
        self.samples += len(values)

    @classmethod
    def of(cls, series: Iterable[Any]) -> "RequestBody":
        """A body with some series of another one."""
        found = cls()
        found._message.timeseries.extend(series)
        found.samples = sum(len(one.samples) for one in found._message.timeseries)
        return found

    def encoded(self) -> bytes:
        """The bytes to send."""
        import cramjam  # noqa: PLC0415  megabytes that only services with receivers need

        return bytes(cramjam.snappy.compress_raw(self._message.SerializeToString()))


def halved_body(body: bytes) -> tuple[RequestBody, ...]:
    """The series of an encoded request in two bodies; nothing if there is one series only."""
    import cramjam  # noqa: PLC0415  megabytes that only services with receivers need

    series = write_request_class().FromString(bytes(cramjam.snappy.decompress_raw(body))).timeseries
    middle = len(series) // 2
    return tuple(RequestBody.of(some) for some in (series[:middle], series[middle:])) if middle else ()


@lru_cache(maxsize=16_384)
def _label_bytes(name: str, value: str) -> bytes:
    """One label as a part of a series."""
    series = write_request_class()().timeseries.add()
    series.labels.add(name=name, value=value)
    return bytes(series.SerializeToString())


@cache
def write_request_class() -> Any:
    """The class of `prometheus.WriteRequest`, as far as it is used.

    Source: https://github.com/prometheus/prometheus/blob/main/prompb/remote.proto and types.proto
    """
    # Megabytes that only services with receivers need.
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # noqa: PLC0415

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
