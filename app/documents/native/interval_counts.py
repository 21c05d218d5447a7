"""Counts that a service answers for intervals, in a native document: queries of Datadog, or NRQL."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema
from typing_extensions import override

from app.count_queries import CountQueryError, label_of_tag, read_datadog, read_nrql
from app.documents.native.fields import Duration, Text
from app.documents.native.scalars import read_empty_intervals
from app.documents.native.sli_model import DocumentPart, SliModel
from app.sli import SHORTEST_INTERVAL, IntervalCounts
from app.slo import EmptyIntervals, Events, Sli, SourceKind, format_duration
from app.yamldoc.findings import FieldFinding

# Both services have whole minutes of any age; a longer rest would look like missing data.
_LONGEST_MINUTES = 5


class CountsModel(DocumentPart):
    """Queries of the numbers of events in each interval."""

    total: Text
    """The query of all events."""
    bad: Text | None = None
    """The query of the bad events; or good:."""
    good: Text | None = None
    """The query of the good events; or bad:."""
    every: Duration = SHORTEST_INTERVAL
    """How long an interval is: whole minutes up to 5m."""
    empty_intervals: Annotated[
        EmptyIntervals,
        PlainValidator(read_empty_intervals),
        WithJsonSchema({"enum": [str(one) for one in EmptyIntervals]}),
    ] = EmptyIntervals.MISSING
    """What an interval is for which the service has no number: missing data, or one without events."""

    @property
    def part(self) -> tuple[Events, str]:
        """The part of the events that is counted beside all, and which it is."""
        return (Events.BAD, self.bad) if self.bad is not None else (Events.GOOD, self.good or "")

    def problems(self, key: str) -> Iterator[FieldFinding]:
        """What is wrong with the interval, or with the choice of good and bad events, below *key*."""
        if (self.bad is None) == (self.good is None):
            problem = "needs bad or good events" if self.bad is None else "bad and good exclude each other"
            yield FieldFinding(("sli", key), problem, "write one of bad: and good:")
        minutes, rest = divmod(self.every, timedelta(minutes=1))
        if rest or not 1 <= minutes <= _LONGEST_MINUTES:
            problem = f"{format_duration(self.every)} is not between 1m and 5m, in whole minutes"
            yield FieldFinding(("sli", key, "every"), problem, "write every: 1m")

    def queries(self) -> Iterator[tuple[str, str]]:
        """The queries that are given, with their keys."""
        for name in ("total", "bad", "good"):
            text = getattr(self, name)
            if text is not None:
                yield name, text

    def counts(self, language: SourceKind, total: str, part: str, by: tuple[str, ...]) -> IntervalCounts:
        """The SLI of queries in the form that they are asked in."""
        return IntervalCounts(
            language=language,
            total=total,
            part=part,
            shares=self.part[0],
            every=self.every,
            empty=self.empty_intervals,
            by=by,
        )


class DatadogSliModel(SliModel):
    """Events that metric queries of Datadog count."""

    datadog: CountsModel = Field(
        examples=[
            {
                "total": "sum:trace.http.request.hits{service:shop}.as_count()",
                "bad": "sum:trace.http.request.errors{service:shop}.as_count()",
            }
        ]
    )
    """Metric queries with as_count()."""

    @override
    def sli(self, by: tuple[str, ...]) -> Sli:
        """What is counted."""
        total, part = (read_datadog(text).text for text in (self.datadog.total, self.datadog.part[1]))
        return self.datadog.counts(SourceKind.DATADOG, total, part, by)

    @override
    def findings(self, by: tuple[str, ...]) -> Iterator[FieldFinding]:
        """What makes the queries unusable, or others than the groups need."""
        yield from self.datadog.problems("datadog")
        for name, text in self.datadog.queries():
            path = ("sli", "datadog", name)
            try:
                found = read_datadog(text)
            except CountQueryError as error:
                yield FieldFinding(path, error.problem, error.remedy)
                continue
            labels = {label_of_tag(tag) for tag in found.by}
            if labels != set(by):
                problem = f"is grouped by {_listed(found.by)}, and the SLO by {_listed(by)}"
                yield FieldFinding(path, problem, "write the same tags in by {...} of the query and by: of the SLO")


class NewRelicSliModel(SliModel):
    """Events that NRQL counts."""

    newrelic: CountsModel = Field(
        examples=[
            {
                "total": "SELECT count(*) FROM Transaction WHERE appName = 'shop'",
                "bad": "SELECT count(*) FROM Transaction WHERE appName = 'shop' AND error IS true",
            }
        ]
    )
    """NRQL with count, sum or filter, without a time."""

    @override
    def sli(self, by: tuple[str, ...]) -> Sli:
        """What is counted; the groups become facets."""
        total, part = (read_nrql(text).text for text in (self.newrelic.total, self.newrelic.part[1]))
        return self.newrelic.counts(SourceKind.NEWRELIC, total, part, by)

    @override
    def findings(self, by: tuple[str, ...]) -> Iterator[FieldFinding]:
        """What makes the queries unusable."""
        yield from self.newrelic.problems("newrelic")
        for name, text in self.newrelic.queries():
            try:
                read_nrql(text)
            except CountQueryError as error:
                yield FieldFinding(("sli", "newrelic", name), error.problem, error.remedy)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"
