"""Spans of the service's own work; while nothing records them, each costs one function call.

Nothing here imports OpenTelemetry: `app/service/otel` does, where the environment asks for traces. Start at `spans.py`.
"""

from app.tracing.spans import (
    Span,
    SpanRecorder,
    TraceContext,
    current_trace,
    exemplar,
    record_spans,
    trace_child,
    trace_headers,
    trace_span,
)

__all__ = [
    "Span",
    "SpanRecorder",
    "TraceContext",
    "current_trace",
    "exemplar",
    "record_spans",
    "trace_child",
    "trace_headers",
    "trace_span",
]
