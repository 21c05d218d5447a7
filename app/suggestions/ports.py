"""What suggestions need of a Prometheus; raises `app.prometheus.PrometheusError`."""

from datetime import datetime, timedelta
from typing import Protocol

from app.prometheus import Matrix, MetricSource


class MetricExplorer(MetricSource, Protocol):
    """Answers PromQL, and says which metrics and labels there are."""

    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        """The value of an expression at every *step* from *start* to *end*, both included."""
        ...

    async def label_values(
        self, label: str, selector: str | None, start: datetime, end: datetime, *, deadline: float | None = None
    ) -> tuple[str, ...]:
        """The values that a label has had between two times, of the series of a selector or of all."""
        ...
