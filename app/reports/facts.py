"""What a report is made from: how SLOs were defined at the time, sums of days, and incidents."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import NamedTuple

from app.reports.periods import ReportPeriod
from app.slo import GroupKey, Labels, Severity, Sla, SloId, day_starts


@dataclass(frozen=True, slots=True, kw_only=True)
class SloDefinition:
    """What a document said of an SLO from *since_s* to *until_s*, unix seconds; None while it still does."""

    slo: SloId
    since_s: int
    until_s: int | None = None
    sli: str
    service: str
    name: str
    objective: float
    sla: Sla | None = None
    timezone: str = "UTC"
    labels: Labels = ()


class DayRange(NamedTuple):
    """Whole days of a time zone in a row, from *start_s* to *end_s* in unix seconds."""

    timezone: str
    start_s: int
    end_s: int

    @property
    def days(self) -> list[tuple[int, int]]:
        """Start and length of each day, in seconds."""
        starts = day_starts(self.timezone, self.start_s + 1, self.end_s)
        return [(start, end - start) for start, end in pairwise(starts)]


class DaySums(NamedTuple):
    """Days of one member of an SLI added up: events, seconds measured, and seconds from its first sample on."""

    group: GroupKey
    total: float
    bad: float
    measured_s: float
    length_s: float
    end_s: int


class Segment(NamedTuple):
    """The days of a period in which one definition held; *removed* is whether no document has the SLO any more."""

    definition: SloDefinition
    days: DayRange
    removed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFacts:
    """An incident as reports count it; *useful* is its mark, None without one; *spent* is a share of the budget.

    *change* is the last change of the service before the errors, in words; empty if there was none shortly before.
    """

    id: str
    slo: SloId
    severity: Severity
    started_at: datetime
    ended_at: datetime | None
    first_bad_at: datetime | None
    bad_events: float | None
    spent: float | None
    useful: bool | None = None
    change: str = ""
    last_bad_at: datetime | None = None

    @property
    def detected_after(self) -> timedelta | None:
        """From the first bad event to the first notification; None where the former is not known."""
        return None if self.first_bad_at is None else max(self.started_at - self.first_bad_at, timedelta())

    @property
    def resolved_after(self) -> timedelta | None:
        """From the first bad event, or the first notification, to the end; None while it goes on."""
        return None if self.ended_at is None else self.ended_at - (self.first_bad_at or self.started_at)


def segments(definitions: Iterable[SloDefinition], period: ReportPeriod) -> Iterator[Segment]:
    """Which definition held on which days of a period, SLO by SLO in the order of their ids.

    A day has the definition that held last on it. What was counted before an SLO was known, as by the backfill, has
    the first one.
    """
    in_order = sorted(definitions, key=lambda one: (one.slo, one.since_s))
    for _, versions in groupby(in_order, key=lambda one: one.slo):
        known = list(versions)
        for place, one in enumerate(known):
            start_s, end_s = (round(bound.timestamp()) for bound in period.bounds(one.timezone))
            if place > 0:
                start_s = max(start_s, _day_of(one.timezone, one.since_s)[0])
            if one.until_s is not None:
                starts, ends = _day_of(one.timezone, one.until_s)
                follows = known[place + 1 : place + 2]
                is_followed = bool(follows) and _day_of(one.timezone, follows[0].since_s)[0] == starts
                end_s = min(end_s, starts if is_followed else ends)
            if start_s < end_s:
                yield Segment(one, DayRange(one.timezone, start_s, end_s), known[-1].until_s is not None)


def slis_by_days(found: Iterable[Segment]) -> dict[DayRange, set[str]]:
    """The SLIs of each range of days, which are read at once."""
    ranges: dict[DayRange, set[str]] = {}
    for one in found:
        ranges.setdefault(one.days, set()).add(one.definition.sli)
    return ranges


def _day_of(timezone: str, at_s: int) -> tuple[int, int]:
    """Start and end of the day with an instant, in unix seconds."""
    start, end, *_ = day_starts(timezone, at_s, at_s + 1)
    return start, end
