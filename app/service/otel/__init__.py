"""Traces by OpenTelemetry, where the environment asks for them: `configure.py` decides, `export.py` bounds what waits.

Imported only then: the SDK takes time and memory that a service without traces has better use for.
"""

from app.service.otel.configure import NO_TELEMETRY, open_tracing, recorded_by, tracer_provider

__all__ = ["NO_TELEMETRY", "open_tracing", "recorded_by", "tracer_provider"]
