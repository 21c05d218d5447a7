"""The names of the metrics that show SLOs."""

from enum import StrEnum


class MetricNames(StrEnum):
    """Under which names the SLOs are exposed: our own, or those of Sloth beside them."""

    SLOBURN = "sloburn"
    SLOTH = "sloth"
