"""SLIs of services that answer how many events there were in each interval: Datadog, New Relic."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from app.count_queries import faceted
from app.sli.errors import NotExpressibleError
from app.sli.evaluations import OfEvaluations
from app.sli.key import key_of
from app.sli.sample_events import SampleValues
from app.sli.weights import BAD, GOOD, TOTAL, TOTAL_UNLESS_GOOD
from app.slo import (
    DEFAULT_SOURCE,
    Contribution,
    CountQueries,
    EmptyIntervals,
    Evaluated,
    Events,
    GroupKey,
    SliKind,
    SourceKind,
    Weights,
    format_duration,
)

SHORTEST_INTERVAL = timedelta(minutes=1)
"""The interval of counts without another one: what both services have of any age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalCounts(OfEvaluations):
    """Events that the queries *total* and *part* count in intervals *every* so far apart; *part* are the *shares*.

    The queries are in the *language* of the source, as `app.count_queries` normalises them.
    """

    language: SourceKind
    total: str
    part: str
    shares: Events
    every: timedelta = SHORTEST_INTERVAL
    empty: EmptyIntervals = EmptyIntervals.MISSING
    by: tuple[str, ...] = ()
    source: str = DEFAULT_SOURCE

    @property
    def kind(self) -> SliKind:
        """Counts of intervals."""
        return SliKind.INTERVAL_COUNTS

    @property
    def key(self) -> str:
        """A hash of the queries, of the interval, of what nothing means, and of the groups."""
        lines = (
            f"counts of {self.language} {self.total}",
            f"{self.shares} {self.part}",
            format_duration(self.every),
            f"empty {self.empty}",
        )
        return key_of(*lines, by=self.by, source=self.source)

    @property
    def evaluated(self) -> Evaluated:
        """The queries and their interval."""
        total, part = (self._of_groups(query) for query in (self.total, self.part))
        counts = CountQueries(total=total, part=part, shares=self.shares, empty=self.empty)
        return Evaluated(counts=counts, every=self.every)

    def _of_groups(self, query: str) -> str:
        """A query for each group: those of Datadog say by themselves what they are grouped by."""
        return faceted(query, self.by) if self.language is SourceKind.NEWRELIC else query

    @property
    def query(self) -> str:
        """The query of all events."""
        return self.total

    @property
    def description(self) -> tuple[tuple[str, str], ...]:
        """The queries, and for which intervals they are asked."""
        empty = () if self.empty is EmptyIntervals.MISSING else (("empty intervals", "without events"),)
        counted = f"in intervals of {format_duration(self.every)}"
        return (Events.TOTAL.words, self.total), (self.shares.words, self.part), ("counted", counted), *empty

    def from_source(self, source: str) -> Self:
        """The same counts of another source."""
        return replace(self, source=source)

    def contributions(self, labels: Mapping[str, str]) -> tuple[Contribution, ...]:  # noqa: ARG002  all of them
        """All events, and the good or bad ones among them."""
        total, part = (TOTAL_UNLESS_GOOD, GOOD) if self.shares is Events.GOOD else (TOTAL, BAD)
        events = SampleValues()
        return (
            Contribution(name="total", weights=total, events=events),
            Contribution(name="part", weights=part, events=events),
        )

    def event_queries(self, group: GroupKey, window: timedelta) -> tuple[tuple[str, Weights], ...]:  # noqa: ARG002
        """None: there is no Prometheus to ask."""
        return ()

    def in_slice(self, length: timedelta) -> tuple[tuple[str, Weights], ...]:  # noqa: ARG002  of none
        """None: no Prometheus knows the events."""
        raise ValueError("slices of counts of intervals")

    def error_ratio(self, window: timedelta) -> str:  # noqa: ARG002  for none
        """None: no rule of Prometheus can say it.

        Raises:
            NotExpressibleError: always.
        """
        raise NotExpressibleError(f"counts events of {self.language}", "leave its rules to Sloburn")
