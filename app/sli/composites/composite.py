"""Composites: SLIs whose events are those of other SLOs, such as the steps of a user journey."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from typing_extensions import override

from app.promql.composites import largest, mean, share_of_any
from app.promql.evaluations import mean_share
from app.sli.errors import NotExpressibleError
from app.sli.evaluations import OfEvaluations
from app.sli.key import key_of
from app.sli.sample_events import EverySample
from app.sli.weights import BAD, TOTAL
from app.slo import (
    DEFAULT_SOURCE,
    Component,
    CompositeRule,
    Composition,
    Contribution,
    Evaluated,
    GroupKey,
    MissingData,
    Sli,
    SliKind,
    SloId,
    Weights,
    WithoutEvents,
    format_duration,
    format_percent,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One SLO of a composite: *slo* is the SLO, *group* one member of its group; *sli* is None until it is resolved.

    *target* is the ratio of good events from which on a slice of it is good, in composites of the rule all_of.
    """

    slo: SloId
    group: GroupKey | None = None
    sli: Sli | None = None
    weight: float = 1.0
    target: float | None = None
    missing: MissingData = MissingData.UNKNOWN

    @property
    def key(self) -> str:
        """The key of its SLI."""
        return "" if self.sli is None else self.sli.key

    @property
    def member(self) -> str:
        """The values that identify the member; empty without one."""
        return ",".join(f"{label}={value}" for label, value in self.group or ())

    @property
    def is_whole(self) -> bool:
        """Whether it is all of an SLO, and nothing is said of it but its weight."""
        return replace(self, slo=SloId(""), sli=None, weight=1.0) == Part(slo=SloId(""))

    @property
    def words(self) -> str:
        """The SLO, or the member, by its id."""
        return f"{self.slo}:{self.member}" if self.group else str(self.slo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite(OfEvaluations):
    """An SLI of slices that are decided by those of other SLOs, or, by the rule sum_of, of the sum of their events."""

    rule: CompositeRule
    parts: tuple[Part, ...]
    length: timedelta = timedelta(minutes=1)
    without_events: WithoutEvents = WithoutEvents.IGNORED
    target: float | None = None
    patience: timedelta = timedelta(0)

    @property
    def by(self) -> tuple[str, ...]:
        """None: a composite is one."""
        return ()

    @property
    def source(self) -> str:
        """None: its components have theirs."""
        return DEFAULT_SOURCE

    @property
    def kind(self) -> SliKind:
        """A composite."""
        return SliKind.COMPOSITE

    @property
    def query(self) -> str:
        """The components, as people name them."""
        return f"{self.rule} {', '.join(part.words for part in self.parts)}"

    @property
    def key(self) -> str:
        """A hash of what the components count, of the rule, and of all that decides."""
        # Sorted, since the order of components in a document decides nothing.
        lines = sorted(
            f"{part.key} {part.member} {part.weight:.12g} {part.target} {part.missing}" for part in self.parts
        )
        decided = f"{format_duration(self.length)} {self.target} {self.without_events} {format_duration(self.patience)}"
        return key_of(f"composite {self.rule}", decided, *lines, by=())

    @property
    def evaluated(self) -> Evaluated:
        """How its slices are made."""
        components = tuple(
            Component(
                slo=part.words,
                key=part.key,
                group=part.group,
                weight=part.weight,
                target=part.target,
                missing=part.missing,
            )
            for part in self.parts
        )
        composition = Composition(
            rule=self.rule,
            components=components,
            length=self.length,
            without_events=self.without_events,
            target=self.target,
            patience=self.patience,
        )
        return Evaluated(composition=composition, every=self.length)

    @property
    def description(self) -> tuple[tuple[str, str], ...]:
        """The components with what they decide by, and the slices."""
        return *((str(self.rule), self._words_of(part)) for part in self.parts), ("slices", self._slices)

    def from_source(self, source: str) -> Self:  # noqa: ARG002  of no source
        """Itself: each component is counted from a source of its own."""
        return self

    def contributions(self, labels: Mapping[str, str]) -> tuple[Contribution, ...]:  # noqa: ARG002  all of them
        """All events, and the bad ones among them."""
        return (
            Contribution(name="total", weights=TOTAL, events=EverySample()),
            Contribution(name="bad", weights=BAD, events=EverySample()),
        )

    def event_queries(self, group: GroupKey, window: timedelta) -> tuple[tuple[str, Weights], ...]:  # noqa: ARG002
        """None: what contributes is known without asking Prometheus."""
        return ()

    def in_slice(self, length: timedelta) -> tuple[tuple[str, Weights], ...]:
        """None: there are no slices of composites."""
        raise ValueError(f"slices of {format_duration(length)} of a composite")

    def error_ratio(self, window: timedelta) -> str:
        """The mean of the bad shares of its slices, for Prometheus rules.

        Raises:
            NotExpressibleError: it adds the events of its components, or one has no rules.
        """
        if self.rule is CompositeRule.SUM_OF:
            raise NotExpressibleError("adds the events of other SLOs", "write one SLO with the sum of their counters")
        shares = [(part, part.sli.error_ratio(self.length)) for part in self.parts if part.sli is not None]
        if self.rule is CompositeRule.WEIGHTED:
            share = mean([(part.weight, ratio) for part, ratio in shares])
        elif self.rule is CompositeRule.WORST_OF:
            share = largest([ratio for _, ratio in shares])
        else:
            share = share_of_any([(1.0 - (part.target or 0.0), ratio) for part, ratio in shares])
        if self.target is not None:
            share = f"({share} > bool {1.0 - self.target:.12g})"
        return mean_share(share, window, self.length, ())

    @override
    def including_native(self) -> Self:
        """The composite of SLIs with PromQL that reads native histograms too; itself where they count none."""
        parts = tuple(
            part if part.sli is None else replace(part, sli=part.sli.including_native()) for part in self.parts
        )
        is_same = all(one.sli is other.sli for one, other in zip(parts, self.parts, strict=True))
        return self if is_same else replace(self, parts=parts)

    @property
    def unresolved(self) -> "Composite":
        """The composite without the SLIs of its components, as a document has it."""
        return self.with_parts(tuple(replace(part, sli=None) for part in self.parts))

    def with_parts(self, parts: tuple[Part, ...]) -> "Composite":
        """The composite of other components, such as those with their SLIs."""
        return replace(self, parts=parts)

    @property
    def _slices(self) -> str:
        length = f"of {format_duration(self.length)}"
        if self.rule is CompositeRule.SUM_OF:
            return f"{length}, each with the events of all"
        target = "" if self.target is None else f", good from {format_percent(self.target)} on"
        return f"{length}{target}; without events: {self.without_events}"

    def _words_of(self, part: Part) -> str:
        said = [part.words]
        if self.rule in {CompositeRule.WEIGHTED, CompositeRule.SUM_OF}:
            said.append(f"weight {part.weight:.10g}")
        elif self.rule is CompositeRule.ALL_OF and part.target is not None:
            said.append(f"good from {format_percent(part.target)} on")
        return ", ".join((*said, f"missing data: {part.missing}"))
