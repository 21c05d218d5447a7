"""What a composite is made of: other SLOs, and how their events become its own."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from app.slo.slices import WithoutEvents


class CompositeRule(StrEnum):
    """How the components of a composite decide; also the key in a document."""

    ALL_OF = "all_of"
    """A slice is good if each component meets its target in it."""
    WORST_OF = "worst_of"
    """A slice is bad by the largest share of bad events that any component has in it."""
    WEIGHTED = "weighted"
    """A slice is bad by the weighted mean of the components' shares of bad events."""
    SUM_OF = "sum_of"
    """The events are those of all components, each multiplied by its weight."""


class MissingData(StrEnum):
    """What a slice is for a composite in which a component has no data."""

    UNKNOWN = "unknown"
    """The slice is not measured."""
    IGNORED = "ignored"
    """The other components decide."""
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One SLO of a composite, or a member of its group.

    *key* is that of its SLI; *group* identifies the member, None is the SLO itself, or all members of its group.
    *target* is the ratio of good events from which on a slice of it is good.
    """

    slo: str
    key: str
    group: tuple[tuple[str, str], ...] | None = None
    weight: float = 1.0
    target: float | None = None
    missing: MissingData = MissingData.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """How slices of *length* are made of those of the components.

    *without_events* is a slice in which no component had events. With a *target*, a slice is good if its ratio of good
    events is as much. Until *patience* has passed, data of a component that is missing may still come.
    *of_sources*: the components are one SLI of several sources, by the names of these, and there are no slices: their
    events are added slot by slot, member by member.
    """

    rule: CompositeRule
    components: tuple[Component, ...]
    length: timedelta
    without_events: WithoutEvents = WithoutEvents.IGNORED
    target: float | None = None
    patience: timedelta = timedelta(0)
    of_sources: bool = False
