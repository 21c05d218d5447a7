"""Which environment an SLO is about, by its labels."""

from collections.abc import Iterable

# As OpenTelemetry, Datadog and most clusters name it.
_LABELS = frozenset({"environment", "env", "deployment_environment", "deployment_environment_name"})


def is_in_environment(labels: Iterable[tuple[str, str]], environment: str) -> bool:
    """Whether an SLO with these labels may be about an environment; an empty one is any."""
    own = environments_of(labels)
    return not environment or not own or environment in own


def environments_of(labels: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The environments that labels name; none means any."""
    return frozenset(value for name, value in labels if name in _LABELS)
