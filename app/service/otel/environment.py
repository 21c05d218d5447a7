"""What the `OTEL_*` variables say about traces.

Names and meanings: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from collections.abc import Mapping
from dataclasses import dataclass

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"
_QUEUE = "OTEL_BSP_MAX_QUEUE_SIZE"
# As the specification has it.
_DEFAULT_QUEUE = 2048


@dataclass(frozen=True, slots=True)
class TraceEnvironment:
    """Whether traces are wanted, what keeps them from being exported, and how many spans may wait for that."""

    wanted: bool
    problem: str | None = None
    most_waiting: int = _DEFAULT_QUEUE


def read_trace_environment(environment: Mapping[str, str]) -> TraceEnvironment:
    """Traces are wanted where an endpoint is given, or `otlp` as the exporter of traces."""
    given = {name: value.strip() for name, value in environment.items() if name.startswith("OTEL_") and value.strip()}
    exporter = given.get("OTEL_TRACES_EXPORTER", "").lower()
    endpoint = any(name in given for name in _ENDPOINTS)
    if given.get("OTEL_SDK_DISABLED", "").lower() == "true" or exporter == "none" or not (exporter or endpoint):
        return TraceEnvironment(wanted=False)
    if exporter not in {"", "otlp"}:
        return TraceEnvironment(wanted=True, problem=f"OTEL_TRACES_EXPORTER: {exporter!r:.40} is not otlp or none")
    protocol = next((given[name] for name in _PROTOCOLS if name in given), _PROTOCOL)
    if protocol != _PROTOCOL:
        why = f"OTEL_EXPORTER_OTLP_PROTOCOL: {protocol!r:.40} is not supported; write {_PROTOCOL}, usually to port 4318"
        return TraceEnvironment(wanted=True, problem=why)
    queue = given.get(_QUEUE, str(_DEFAULT_QUEUE))
    if not queue.isdecimal() or not int(queue):
        return TraceEnvironment(wanted=True, problem=f"{_QUEUE}: must be a whole number above 0")
    return TraceEnvironment(wanted=True, most_waiting=int(queue))
