"""Spans as OpenTelemetry records them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from opentelemetry import trace
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer
from typing_extensions import override

from app.tracing import Span, SpanRecorder, TraceContext
from app.tracing.spans import AttributeValue

# The parts of a traceparent: version, ids, flags.
_PARTS = 4
# More say nothing that these do not: a digest of an outage may have thousands of alerts.
_MOST_LINKS = 16


class _OtelSpan(Span):
    """A span that is current from its entry to its exit."""

    def __init__(self, entering: AbstractContextManager[trace.Span]) -> None:
        self._entering = entering
        self._span: trace.Span = trace.INVALID_SPAN

    def __enter__(self) -> Self:
        self._span = self._entering.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            self.fail(kind.__name__)
        self._entering.__exit__(kind, error, at)

    @override
    def add(self, attributes: Mapping[str, AttributeValue]) -> None:
        self._span.set_attributes(dict(attributes))

    @override
    def fail(self, error_type: str) -> None:
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(Status(StatusCode.ERROR))


class OtelRecorder(SpanRecorder):
    """Records with one tracer."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    @override
    def span(
        self, name: str, attributes: Mapping[str, AttributeValue], *, client: bool, links: Sequence[str]
    ) -> AbstractContextManager[Span]:
        return _OtelSpan(
            self._tracer.start_as_current_span(
                name,
                kind=SpanKind.CLIENT if client else SpanKind.INTERNAL,
                attributes=attributes,
                links=[Link(context) for context in map(_context_of, links[:_MOST_LINKS]) if context is not None],
                # Texts of errors may quote what was sent; their class is enough, and the log has the rest.
                record_exception=False,
                set_status_on_exception=False,
            )
        )

    @override
    def current(self) -> TraceContext | None:
        context = trace.get_current_span().get_span_context()
        if not context.is_valid:
            return None
        return TraceContext(
            trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id), context.trace_flags.sampled
        )


def _context_of(traceparent: str) -> SpanContext | None:
    parts = traceparent.split("-")
    if len(parts) != _PARTS:
        return None
    _, trace_id, span_id, flags = parts
    try:
        context = SpanContext(
            int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
        )
    except ValueError:
        return None
    return context if context.is_valid else None
