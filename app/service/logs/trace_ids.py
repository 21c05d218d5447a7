"""Log lines name the trace in which they were written."""

from collections.abc import MutableMapping
from typing import Any

from app.tracing import current_trace


def add_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the ids as OpenTelemetry names them in logs of other formats; none outside of a trace."""
    context = current_trace()
    if context is not None:
        event["trace_id"], event["span_id"] = context.trace_id, context.span_id
    return event
