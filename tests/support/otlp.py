"""What a collector of traces got over OTLP, or an exporter in memory."""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi.telemetry import TelemetryConfig
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.metrics import BuildInfo, Instruments
from app.service.otel import recorded_by
from app.service.otel.export import BoundedProcessor, WaitingSpans
from tests.support.scripted_server import Request


@dataclass(frozen=True, slots=True)
class SeenSpan:
    """A span with ids in hex; *parent* is empty at the beginning of a trace, *links* are ids of traces."""

    name: str
    trace: str
    id: str
    parent: str
    links: Sequence[str]
    attributes: Mapping[str, str]
    failed: bool


def bodies(requests: Sequence[Request]) -> list[bytes]:
    """What was posted to `/v1/traces`, unpacked."""
    return [
        gzip.decompress(one.body) if one.headers.get("content-encoding") == "gzip" else one.body
        for one in tuple(requests)
        if one.path == "/v1/traces"
    ]


def received(requests: Sequence[Request]) -> tuple[list[SeenSpan], dict[str, str]]:
    """The spans that a collector got, and the attributes of the resource that sent them."""
    found, resource = [], {}
    for body in bodies(requests):
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = {each.key: each.value.string_value for each in of_resource.resource.attributes}
            found += [
                SeenSpan(
                    name=span.name,
                    trace=span.trace_id.hex(),
                    id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    links=[link.trace_id.hex() for link in span.links],
                    attributes={each.key: each.value.string_value for each in span.attributes},
                    failed=span.status.code == span.status.STATUS_CODE_ERROR,
                )
                for scope in of_resource.scope_spans
                for span in scope.spans
            ]
    return found, resource


class Recorded:
    """Spans that an exporter in memory got."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.telemetry: TelemetryConfig = {}

    @property
    def spans(self) -> list[SeenSpan]:
        """Those that have ended, in that order."""
        return [
            SeenSpan(
                name=span.name,
                trace=f"{span.context.trace_id:032x}",
                id=f"{span.context.span_id:016x}",
                parent="" if span.parent is None else f"{span.parent.span_id:016x}",
                links=[f"{link.context.trace_id:032x}" for link in span.links],
                attributes={name: str(value) for name, value in (span.attributes or {}).items()},
                failed=not span.status.is_unset and not span.status.is_ok,
            )
            for span in self.exporter.get_finished_spans()
            if span.context is not None
        ]

    def tree(self, root: SeenSpan) -> dict[str, object]:
        """The names below a span; of those that are alike, one."""
        return {one.name: self.tree(one) for one in self.spans if one.parent == root.id}


@contextmanager
def recording() -> Iterator[Recorded]:
    """Record the spans of this process until the end of the block."""
    recorded = Recorded()
    provider = TracerProvider(shutdown_on_exit=False)
    waiting = WaitingSpans(10_000, Instruments(build=BuildInfo.current()))
    provider.add_span_processor(BoundedProcessor(SimpleSpanProcessor(recorded.exporter), waiting))
    with recorded_by(provider) as telemetry:
        recorded.telemetry = telemetry
        yield recorded
