"""Reading in parts what is too large for one answer: which labels there are to part it by."""

from dataclasses import dataclass
from datetime import datetime

from app.ingest.ports import Source
from app.prometheus import Matrix, TooLargeError
from app.promql.halving import halves, halving_pattern
from app.promql.metric_names import NAME
from app.promql.samples import any_series, series_by_value
from app.promql.selector_text import render
from app.slo import SOURCE_LABEL, Selector

# Halves so even need no better label: each further one costs a query over all series.
_GOOD_SHARE = 0.6
# Labels that part most metrics evenly, tried first.
_LIKELY = ("instance", "pod")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelQueries:
    """Asks how many series there are of each value of a label, in the time that is to be read."""

    source: Source
    at: datetime
    span_ms: int
    deadline: float | None

    async def halve(self, selector: Selector) -> tuple[Selector, Selector] | None:
        """Two selectors that together select the same; None where no label tells its series apart.

        Raises:
            PrometheusError: Prometheus does not say which labels there are.
        """
        best: tuple[float, tuple[Selector, Selector]] | None = None
        for label in await self._labels(selector):
            try:
                counted = await self._ask(series_by_value(selector, label, self.span_ms))
            except TooLargeError:
                continue
            names = [labels.get(label, "") for labels in counted.labels]
            pattern, share = halving_pattern(dict(zip(names, counted.values.tolist(), strict=True)))
            if share < (1.0 if best is None else best[0]):
                best = share, halves(selector, label, pattern)
            if share <= _GOOD_SHARE:
                break
        return None if best is None else best[1]

    async def _labels(self, selector: Selector) -> list[str]:
        try:
            example = await self._ask(any_series(selector, self.span_ms))
        except TooLargeError:
            # One series that is too large, or a server that answers something else: there is nothing to part it by.
            return []
        names = {name for labels in example.labels for name in labels} - {NAME, SOURCE_LABEL}
        return sorted(names, key=lambda name: (name not in _LIKELY, name))

    async def _ask(self, expr: str) -> Matrix:
        return await self.source.instant(expr, self.at, deadline=self.deadline)


def too_large(selector: Selector, parts: int) -> TooLargeError:
    """The error of a selector whose series cannot be read even in parts."""
    return TooLargeError(
        f"{render(selector)} selects too many series to be read in one slot, even in {parts} parts; "
        "write a narrower selector, or count a recording rule that sums labels such as pod or path away"
    )
