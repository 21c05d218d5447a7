"""Formats of trace context that the environment names and that are not installed."""

from collections.abc import MutableMapping
from importlib.metadata import entry_points

VARIABLE = "OTEL_PROPAGATORS"


def leave_out_unknown_propagators(environment: MutableMapping[str, str]) -> None:
    """Leave only formats in `OTEL_PROPAGATORS` that are installed.

    OpenTelemetry refuses to be imported otherwise, FastAPI imports it, and operators of clusters set the variable for
    all containers alike: a service that pages people must start all the same.
    """
    named = [name.strip() for name in environment.get(VARIABLE, "").split(",")]
    if not any(named):
        return
    known = {"none", *(entry.name for entry in entry_points(group="opentelemetry_propagator"))}
    environment[VARIABLE] = ",".join(name for name in named if name in known) or "none"
