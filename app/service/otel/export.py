"""The way of spans to the collector: bounded, and counted.

The processor of the SDK drops spans silently where its queue is full, and what an exporter could not send. Here both
are counted, and the bound is kept before the queue.
"""

from collections.abc import Sequence
from threading import Lock
from typing import Protocol

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from typing_extensions import override


class TraceInstruments(Protocol):
    """Counts spans."""

    def spans_exported(self, count: int) -> None:
        """The collector has accepted spans."""

    def spans_dropped(self, reason: str, count: int) -> None:
        """Spans are lost: `queue_full` before they were sent, or `export_failed`."""


class WaitingSpans:
    """How many spans wait to be exported, at most *most*."""

    def __init__(self, most: int, instruments: TraceInstruments) -> None:
        self._most = most
        self._waiting = 0
        self._lock = Lock()
        self.instruments = instruments

    def enter(self) -> bool:
        """Whether there is room for one more, which waits from now on."""
        with self._lock:
            if self._waiting < self._most:
                self._waiting += 1
                return True
        self.instruments.spans_dropped("queue_full", 1)
        return False

    def leave(self, count: int) -> None:
        """So many do not wait any more."""
        with self._lock:
            self._waiting -= count


class CountingExporter(SpanExporter):
    """Counts what another exporter sends, and what it fails to."""

    def __init__(self, exporter: SpanExporter, waiting: WaitingSpans) -> None:
        self._exporter = exporter
        self._waiting = waiting

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._waiting.leave(len(spans))
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            if result is SpanExportResult.SUCCESS:
                self._waiting.instruments.spans_exported(len(spans))
            else:
                self._waiting.instruments.spans_dropped("export_failed", len(spans))
        return result

    @override
    def shutdown(self) -> None:
        self._exporter.shutdown()

    @override
    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class BoundedProcessor(SpanProcessor):
    """Hands spans to a processor that exports them, as many as may wait, and without what may be a secret."""

    def __init__(self, processor: SpanProcessor, waiting: WaitingSpans) -> None:
        self._processor = processor
        self._waiting = waiting

    @override
    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        # Links to reports are signed in their query, and what is searched for may be anything.
        if span.attributes and "url.query" in span.attributes:
            span.set_attribute("url.query", "REDACTED")
        self._processor.on_start(span, parent_context)

    @override
    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled and self._waiting.enter():
            self._processor.on_end(span)

    @override
    def shutdown(self) -> None:
        self._processor.shutdown()

    @override
    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._processor.force_flush(timeout_millis)
