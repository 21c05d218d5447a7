"""The label that tells series of several sources apart: it is added to answers, and never asked for (ADR-0091)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.ingest.ports import Source
from app.prometheus import Matrix
from app.slo import DEFAULT_SOURCE, SOURCE_LABEL

# Of 200 SLIs each, as `SeriesIndex` keeps them.
_ANSWERS_KEPT = 256
_Labels = tuple[Mapping[str, str], ...]


@dataclass(slots=True)
class LabelledSource:
    """A source whose series have its name as a label: two sources may have series that are alike in all others."""

    source: Source
    name: str
    # Answers that come slot after slot keep the identity of their label sets, by which their series are found.
    _known: dict[int, tuple[_Labels, _Labels]] = field(default_factory=dict)

    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        """As in `Source`."""
        return self._labelled(await self.source.instant(expr, at, deadline=deadline))

    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        """As in `Source`."""
        return self._labelled(await self.source.range(expr, start, end, step, deadline=deadline))

    def _labelled(self, matrix: Matrix) -> Matrix:
        histograms = tuple(replace(series, labels=self._with_name(series.labels)) for series in matrix.histograms)
        return replace(matrix, labels=self._labels(matrix), histograms=histograms)

    def _labels(self, matrix: Matrix) -> _Labels:
        known = self._known.get(id(matrix.labels))
        if known is not None and known[0] is matrix.labels:
            return known[1]
        labels = tuple(map(self._with_name, matrix.labels))
        if matrix.known:
            if len(self._known) >= _ANSWERS_KEPT:
                self._known.clear()
            self._known[id(matrix.labels)] = matrix.labels, labels
        return labels

    def _with_name(self, labels: Mapping[str, str]) -> Mapping[str, str]:
        return {**labels, SOURCE_LABEL: self.name}


def labelled(source: Source, name: str) -> Source:
    """The source as its series are to be registered: the default one as it is."""
    return source if name == DEFAULT_SOURCE else LabelledSource(source, name)


def without_source(labels: Mapping[str, str]) -> tuple[str, Mapping[str, str]]:
    """The source of a series, and its labels as that has them."""
    source = labels.get(SOURCE_LABEL)
    if source is None:
        return DEFAULT_SOURCE, labels
    return source, {label: value for label, value in labels.items() if label != SOURCE_LABEL}
