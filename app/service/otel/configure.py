"""Turns traces on as the environment says, and off at the end."""

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import structlog
from fastapi.telemetry import TelemetryConfig

from app.extras import is_installed
from app.metrics import BuildInfo, Instruments
from app.service.otel.environment import read_trace_environment
from app.store import trace_statements
from app.tracing import record_spans

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

_log = structlog.get_logger(__name__)
NO_TELEMETRY: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI's own traces, metrics and logs are off, under any environment."""
_INSTALL = "what exports traces is not installed; install sloburn[otel]"
# What supervisors, scrapers and browsers ask for again and again, and answers that go on for hours.
_NOT_TRACED = ("/-/healthy", "/-/ready", "/metrics", "/api/v1/status/health", "/api/v1/stream", "/llms.txt")
_FILES = "/static/"
# Of a stop: a collector that does not answer delays no restart for longer.
_FLUSHED_WITHIN_S = 2.0


@contextmanager
def open_tracing(environment: Mapping[str, str], instruments: Instruments) -> Iterator[TelemetryConfig]:
    """Export traces until the end of the block, where the environment asks for it; how FastAPI traces requests.

    What keeps traces from being exported is a warning: a service that pages people starts without them.
    """
    wanted = read_trace_environment(environment)
    provider = None
    if wanted.wanted:
        provider, problem = None, wanted.problem or _missing_library()
        if problem is None:
            try:
                provider = _provider(instruments, wanted.most_waiting)
            except ValueError as error:
                problem = str(error)
        if problem is not None:
            _log.warning("traces are not exported", reason=problem)
    if provider is None:
        yield NO_TELEMETRY
        return
    with recorded_by(provider) as telemetry:
        yield telemetry


@contextmanager
def recorded_by(provider: "TracerProvider") -> Iterator[TelemetryConfig]:
    """Let a provider record spans until the end of the block; how FastAPI traces requests with it."""
    from app.service.otel.recorder import OtelRecorder  # noqa: PLC0415  imports OpenTelemetry

    record_spans(OtelRecorder(provider.get_tracer("sloburn", BuildInfo.current().version)))
    try:
        with trace_statements():
            yield {
                **NO_TELEMETRY,
                "tracing": True,
                "tracer_provider": provider,
                "operation_spans": False,
                "exclude": _is_not_traced,
            }
    finally:
        record_spans(None)
        # In a thread: exporters wait for collectors that do not answer.
        ending = Thread(target=provider.shutdown, name="end of tracing", daemon=True)
        ending.start()
        ending.join(_FLUSHED_WITHIN_S)


def tracer_provider(exporter: "SpanExporter", instruments: Instruments, most_waiting: int) -> "TracerProvider":
    """A provider that exports in batches, from a thread of its own, what waits in a bounded queue.

    Raises:
        ValueError: a variable cannot be used.
    """
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    from app.service.otel.export import BoundedProcessor, CountingExporter, WaitingSpans  # noqa: PLC0415

    given = OTELResourceDetector().detect().attributes
    own = {
        "service.name": "sloburn",
        "service.version": BuildInfo.current().version,
        "service.instance.id": str(uuid4()),
    }
    resource = Resource.create({name: value for name, value in own.items() if name not in given})
    waiting = WaitingSpans(most_waiting, instruments)
    batches = BatchSpanProcessor(CountingExporter(exporter, waiting), max_queue_size=most_waiting)
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BoundedProcessor(batches, waiting))
    return provider


def _provider(instruments: Instruments, most_waiting: int) -> "TracerProvider":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    return tracer_provider(OTLPSpanExporter(), instruments, most_waiting)


def _missing_library() -> str | None:
    return None if is_installed("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http") else _INSTALL


def _is_not_traced(scope: MutableMapping[str, Any]) -> bool:
    path = str(scope.get("path", ""))
    # A proxy may put a prefix before each path.
    return path.endswith(_NOT_TRACED) or _FILES in path
