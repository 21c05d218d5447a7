"""Sources, that SLIs are counted from: their names, and what kinds there are."""

from enum import StrEnum
from typing import Final

DEFAULT_SOURCE: Final = "default"
"""The source of SLOs that name none."""
SOURCE_LABEL: Final = "__source__"
"""The label that series of other sources than the default one get when they are read, so that none are confused."""


class SourceKind(StrEnum):
    """What answers queries, and so the language that these are in."""

    PROMETHEUS = "prometheus"
    """Prometheus, or what has its HTTP API: Thanos, Mimir, Cortex, VictoriaMetrics."""
    DATADOG = "datadog"
    """The metrics of Datadog, which answers counts for intervals."""
    NEWRELIC = "newrelic"
    """The events of New Relic, by NRQL, which answers counts for intervals."""
