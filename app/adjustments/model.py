"""An adjustment: when, for which SLOs, what becomes of the events of that time, and why."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.slo import GroupKey, Labels, SloId, ungrouped_id

LONGEST = timedelta(days=92)
"""Of one occurrence: a quarter; more is no exception but another objective."""
LONGEST_REASON, LONGEST_AUTHOR = 1_000, 100
MOST_SELECTED = 1_000
"""SLOs, services or labels that one adjustment names."""
# Each occurrence is looked for among them.
MOST_EXDATES = 1_000


class AdjustmentEffect(StrEnum):
    """What becomes of the events: they are no events at all, or all of them are good."""

    EXCLUDE = "exclude"
    COUNT_AS_GOOD = "count_as_good"


class AdjustmentCategory(StrEnum):
    """What an adjustment is for."""

    MAINTENANCE = "maintenance"
    CORRECTION = "correction"
    DEPLOYMENT = "deployment"
    LOAD_TEST = "load_test"
    EXPERIMENT = "experiment"
    DEPENDENCY = "dependency"
    OUTSIDE_HOURS = "outside_hours"
    OTHER = "other"


class InvalidAdjustmentError(ValueError):
    """An adjustment that cannot be; the text says which field, and what to write instead."""


class AdjustedMember(NamedTuple):
    """An SLO, or a member of its group, that adjustments may mean; *labels* are those of the document.

    *parts* are the components of a composite whose time that is left out is left out of the composite, too.
    """

    id: SloId
    service: str
    labels: Labels
    group: GroupKey = ()
    parts: tuple["AdjustedMember", ...] = ()

    @property
    def all_parts(self) -> Iterator["AdjustedMember"]:
        """Its components, and theirs."""
        for part in self.parts:
            yield part
            yield from part.all_parts


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentSelector:
    """Which SLOs are meant: of those that are given, any of *slos*, any of *services*, and all *labels*.

    All SLOs if *everything*; an id of a group means all of its members.
    """

    slos: frozenset[SloId] = frozenset()
    services: frozenset[str] = frozenset()
    labels: Labels = ()
    everything: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is given."""
        return not (self.slos or self.services or self.labels or self.everything)

    def matches(self, member: "AdjustedMember") -> bool:
        """Whether an SLO, or a member of its group, is meant."""
        if self.is_empty:
            return False
        if self.slos and not self.slos & {member.id, ungrouped_id(member.id)}:
            return False
        if self.services and member.service not in self.services:
            return False
        return not self.labels or set(self.labels) <= {*member.labels, *member.group}

    def matches_part(self, member: "AdjustedMember") -> bool:
        """Whether a component of a composite is meant."""
        return any(self.matches(part) for part in member.all_parts)


class EventShare(NamedTuple):
    """The shares of all and of bad events in a time (unix seconds) that an adjustment of some events means."""

    since_s: float
    until_s: float
    total: float
    bad: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """Time that is adjusted: from *start* on for *duration*, and again by *rrule*, a rule of RFC 5545.

    *start* is wall-clock time in *timezone*, without an offset: a rule that recurs at two in the morning does so in
    summer and winter. *duration* is elapsed time. *exdates* are starts that are left out. *mute_alerts* says whether no
    alert begins meanwhile. With *events* only those with these label values are adjusted: *shares* of them were counted
    when it was made. *uid* is that of an imported calendar's event. One that
    was *withdrawn* has no effect, on the past either.
    """

    id: str
    effect: AdjustmentEffect
    category: AdjustmentCategory
    reason: str
    author: str
    start: datetime
    duration: timedelta
    timezone: str = "UTC"
    rrule: str = ""
    exdates: tuple[datetime, ...] = ()
    selector: AdjustmentSelector = field(default_factory=AdjustmentSelector)
    mute_alerts: bool = False
    created_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    updated_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    uid: str = ""
    withdrawn_at: datetime | None = None
    events: Labels = ()
    shares: tuple[EventShare, ...] = ()

    @property
    def reaches_composites(self) -> bool:
        """Whether it holds for the composites of the SLOs that it means.

        What is left out of a component cannot be judged in its composite. Events that count as good, or some events
        only, could be judged again by the slices, which are no longer known.
        """
        return self.effect is AdjustmentEffect.EXCLUDE and not self.events

    def means(self, member: AdjustedMember) -> bool:
        """Whether it holds for an SLO or a member of its group, by itself or by a component."""
        selector = self.selector
        return selector.matches(member) or (self.reaches_composites and selector.matches_part(member))

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of its wall clock."""
        return ZoneInfo(self.timezone)

    @property
    def starts_at(self) -> datetime:
        """When it begins first, in UTC."""
        return instant(self.start, self.zone)


def adjustment_title(adjustment: Adjustment) -> str:
    """The adjustment in one line."""
    done = "excluded" if adjustment.effect is AdjustmentEffect.EXCLUDE else "counted as good"
    return f"{adjustment.category.replace('_', ' ').capitalize()}: {adjustment.reason} ({done})"


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """A wall-clock time as an instant; one that the clock jumps over is taken by the offset before the jump.

    Of a time that the clock shows twice it is the first. Source: RFC 5545, section 3.3.5.

    >>> instant(datetime(2026, 3, 29, 2, 30), ZoneInfo("Europe/Berlin")).isoformat()
    '2026-03-29T01:30:00+00:00'
    """
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)
