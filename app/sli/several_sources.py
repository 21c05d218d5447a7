"""One SLI that is counted from several sources, whose events are added up."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from app.sli.errors import NotExpressibleError
from app.sli.key import key_of
from app.slo import (
    DEFAULT_SOURCE,
    CellFunction,
    Component,
    CompositeRule,
    Composition,
    Contribution,
    Evaluated,
    GroupKey,
    Selector,
    Sli,
    SliKind,
    Term,
    Weights,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeveralSources:
    """The same SLI *of* several sources: each counts its own, and the events of all are added, member by member."""

    of: Sli
    sources: tuple[str, ...]

    @property
    def each(self) -> tuple[Sli, ...]:
        """The SLI of each source, in the order of the sources."""
        return tuple(self.of.from_source(source) for source in self.sources)

    @property
    def by(self) -> tuple[str, ...]:
        """The groups of the SLI; a member is the same one in every source."""
        return self.of.by

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of the SLI."""
        return self.of.terms

    @property
    def query(self) -> str:
        """What each source is asked for."""
        return self.of.query

    @property
    def key(self) -> str:
        """A hash of what is counted of all sources; their order does not matter."""
        return key_of(*sorted(f"added {one.key}" for one in self.each), by=self.by)

    @property
    def source(self) -> str:
        """None: its parts have theirs."""
        return DEFAULT_SOURCE

    @property
    def queries(self) -> tuple[Selector, ...]:
        """None: its parts are asked for."""
        return ()

    @property
    def buckets(self) -> tuple[Selector, ...]:
        """The buckets of the SLI."""
        return self.of.buckets

    @property
    def native(self) -> tuple[Selector, ...]:
        """None: its parts are asked for."""
        return ()

    @property
    def kind(self) -> SliKind:
        """What the events of each source are."""
        return self.of.kind

    @property
    def samples_are_events(self) -> bool:
        """As each source has them."""
        return self.of.samples_are_events

    @property
    def evaluated(self) -> Evaluated:
        """Nothing is asked for it: the events are those of its parts."""
        components = tuple(
            Component(slo=source, key=one.key) for source, one in zip(self.sources, self.each, strict=True)
        )
        composition = Composition(
            rule=CompositeRule.SUM_OF, components=components, length=timedelta(seconds=1), of_sources=True
        )
        return Evaluated(composition=composition)

    @property
    def cell_functions(self) -> tuple[CellFunction, ...]:
        """None: its history is that of its parts."""
        return ()

    @property
    def description(self) -> tuple[tuple[str, str], ...]:
        """What is counted, and of which sources."""
        return *self.of.description, ("sources", f"{', '.join(self.sources)}, added up")

    def from_source(self, source: str) -> Sli:
        """The SLI of one source."""
        return self.of.from_source(source)

    def contributions(self, labels: Mapping[str, str]) -> tuple[Contribution, ...]:  # noqa: ARG002  of no series
        """None: series count for its parts."""
        return ()

    def event_queries(self, group: GroupKey, window: timedelta) -> tuple[tuple[str, Weights], ...]:
        """What each source is asked for."""
        return self.of.event_queries(group, window)

    def in_slice(self, length: timedelta) -> tuple[tuple[str, Weights], ...]:  # noqa: ARG002  of none
        """None: no Prometheus knows the events of all sources."""
        raise ValueError("slices of an SLI of several sources")

    def including_native(self) -> Self:
        """The SLI with PromQL that reads native histograms too; itself where it counts none."""
        of = self.of.including_native()
        return self if of is self.of else replace(self, of=of)

    def error_ratio(self, window: timedelta) -> str:  # noqa: ARG002  for none
        """None: rules of one Prometheus cannot say it.

        Raises:
            NotExpressibleError: always.
        """
        raise NotExpressibleError("adds the events of several sources", "write an SLO for each source")
