"""A whole report: SLOs of a period, the worst first, by service or by a label."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from app.policy import PostmortemDue
from app.reports.facts import DayRange, DaySums, IncidentFacts, Segment, SloDefinition, segments
from app.reports.figures import PeriodVerdict, SloFigures, consumed_of, slo_figures
from app.reports.periods import ReportPeriod, read_period
from app.reports.toil import Toil, toil_of
from app.slo import SloId, Tenants, find_time_zone, tenant_of, ungrouped_id

BY_LABEL_PREFIX = "label:"
"""In front of the name of a label that SLOs are grouped by."""
BY_SERVICE_NAME = "service"
FIRST_YEAR, LAST_YEAR = 1972, 2199
"""Far from the ends of what dates hold."""
MOST_TRENDS = 10
"""SLOs that are named for having spent more than before."""
_ORDER = {PeriodVerdict.MISSED: 0, PeriodVerdict.UNKNOWN: 1, PeriodVerdict.MET: 2}
Sums = Mapping[tuple[str, DayRange], Sequence[DaySums]]
"""Sums of days by the key of an SLI and a range of days."""


class Adjust(Protocol):
    """What adjustments take from a report."""

    def days(self, segment: Segment, sums: Sequence[DaySums]) -> Sequence[DaySums]:
        """The sums of the days of a definition, without what has been adjusted of them."""
        ...

    def incidents(
        self, definition: SloDefinition, sums: Sequence[DaySums], incidents: Sequence[IncidentFacts]
    ) -> Sequence[IncidentFacts]:
        """The incidents of an SLO, with the bad events and the share of the budget that have not been adjusted."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportQuestion:
    """What a report is asked for: SLOs of any of the services, with all of the labels; nothing given means all.

    *by* is ``service``, or ``label:`` and the name of a label. Hours of the night are those of *timezone*. Only SLOs of
    *tenants* are known, if they are given.
    """

    period: ReportPeriod
    services: frozenset[str] = frozenset()
    labels: frozenset[tuple[str, str]] = frozenset()
    by: str = BY_SERVICE_NAME
    timezone: str = "UTC"
    tenants: Tenants | None = None

    def asks_for(self, definition: SloDefinition) -> bool:
        """Whether an SLO is wanted."""
        is_of_service = not self.services or definition.service in self.services
        is_known = self.tenants is None or tenant_of(definition.slo) in self.tenants
        return is_known and is_of_service and self.labels <= set(definition.labels)

    def group_of(self, slo: SloFigures) -> str:
        """The service, or the value of the label; empty where an SLO does not have it."""
        if self.by == BY_SERVICE_NAME:
            return slo.service
        return dict(slo.labels).get(self.by.removeprefix(BY_LABEL_PREFIX), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportGroup:
    """The SLOs of a service, or with the same value of a label."""

    name: str
    slos: Sequence[SloFigures]

    def count(self, verdict: PeriodVerdict) -> int:
        """SLOs with a verdict."""
        return sum(one.verdict is verdict for one in self.slos)

    @property
    def worst(self) -> SloFigures:
        """The SLO that comes first."""
        return self.slos[0]

    @property
    def compliance(self) -> float:
        """The share of the SLOs whose objective was met, of those that could be judged; NaN without one."""
        judged = len(self.slos) - self.count(PeriodVerdict.UNKNOWN)
        return self.count(PeriodVerdict.MET) / judged if judged else math.nan

    @property
    def incidents(self) -> list[IncidentFacts]:
        """The incidents of its SLOs."""
        return [incident for one in self.slos for incident in one.incidents]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectivesReport:
    """A period; *over* once it has ended, *until* is the end of the last day that was counted."""

    question: ReportQuestion
    made_at: datetime
    over: bool
    until: datetime | None
    slos: Sequence[SloFigures]
    groups: Sequence[ReportGroup]
    toil: Toil
    postmortems: Sequence[PostmortemDue] = ()
    verdicts: Counter[PeriodVerdict] = field(default_factory=Counter)

    @property
    def adjusted(self) -> int:
        """How many SLOs have figures that adjustments changed."""
        return sum(one.adjusted for one in self.slos)

    @property
    def incidents(self) -> list[IncidentFacts]:
        """All incidents, those that spent most first."""
        found = [incident for one in self.slos for incident in one.incidents]
        return sorted(found, key=lambda one: (-(one.spent or 0.0), one.started_at, one.id))

    @property
    def worst_trends(self) -> list[SloFigures]:
        """The SLOs that spent more of their budget than in the period before, the largest change first."""
        worse = [one for one in self.slos if one.change > 0]
        return sorted(worse, key=lambda one: (-one.change, one.slo))[:MOST_TRENDS]

    @property
    def marked(self) -> tuple[int, int]:
        """Incidents that people marked as useful, and as noise."""
        return sum(one.useful for one in self.slos), sum(one.noise for one in self.slos)

    @property
    def uncounted(self) -> list[IncidentFacts]:
        """Incidents that go on after the days that are counted: of them budgets have a part, or nothing."""
        until = self.until
        return [] if until is None else [one for one in self.incidents if one.ended_at is None or one.ended_at > until]

    @property
    def precision(self) -> float:
        """The share of marked incidents that were useful; NaN without a mark."""
        useful, noise = self.marked
        return useful / (useful + noise) if useful + noise else math.nan


def wanted_segments(
    question: ReportQuestion, definitions: Iterable[SloDefinition]
) -> tuple[list[Segment], list[Segment]]:
    """Which days of which definitions are to be added up: of the period, and of the one before."""
    known = [one for one in definitions if question.asks_for(one)]
    return [*segments(known, question.period)], [*segments(known, question.period.previous)]


def make_report(
    question: ReportQuestion,
    now_segments: Sequence[Segment],
    before: Sequence[Segment],
    sums: Sums,
    incidents: Iterable[IncidentFacts],
    *,
    at: datetime,
    adjust: Adjust | None = None,
    postmortems: Sequence[PostmortemDue] = (),
) -> ObjectivesReport:
    """The report of what was counted; *incidents* that began in the period, of any SLO.

    *adjust* takes what has been adjusted from days and incidents; without it they are as counted.
    """
    of_slo: dict[SloId, list[IncidentFacts]] = {}
    for incident in incidents:
        of_slo.setdefault(ungrouped_id(incident.slo), []).append(incident)
    earlier = {slo: consumed_of(parts) for slo, parts in _parts(before, sums, adjust).items()}
    counted = _parts(now_segments, sums, None)
    parts = counted if adjust is None else _parts(now_segments, sums, adjust)
    removed = {segment.definition.slo for segment in now_segments if segment.removed}
    slos = [
        slo_figures(
            own,
            _adjusted(own, of_slo.get(slo, ()), adjust),
            removed=slo in removed,
            consumed_before=earlier.get(slo, math.nan),
            adjusted=own != counted.get(slo),
        )
        for slo, own in parts.items()
    ]
    slos.sort(key=_rank)
    until_s = max((one.end_s for segment in now_segments for one in _sums(sums, segment)), default=None)
    end = question.period.bounds(question.timezone)[1]
    return ObjectivesReport(
        question=question,
        made_at=at,
        over=at >= end,
        until=None if until_s is None else datetime.fromtimestamp(until_s, at.tzinfo),
        slos=slos,
        groups=_groups(question, slos),
        toil=toil_of((incident for one in slos for incident in one.incidents), question.timezone),
        postmortems=postmortems,
        verdicts=Counter(one.verdict for one in slos),
    )


def _adjusted(
    parts: Sequence[tuple[SloDefinition, Sequence[DaySums]]], incidents: Sequence[IncidentFacts], adjust: Adjust | None
) -> Sequence[IncidentFacts]:
    if adjust is None or not incidents:
        return incidents
    return adjust.incidents(parts[-1][0], [one for _, sums in parts for one in sums], incidents)


def _parts(
    found: Sequence[Segment], sums: Sums, adjust: Adjust | None
) -> dict[SloId, list[tuple[SloDefinition, Sequence[DaySums]]]]:
    """By SLO its definitions, each with its days; an SLO of which nothing was counted in the period is left out."""
    parts: dict[SloId, list[tuple[SloDefinition, Sequence[DaySums]]]] = {}
    for segment in found:
        own = _sums(sums, segment)
        own = own if adjust is None else adjust.days(segment, own)
        parts.setdefault(segment.definition.slo, []).append((segment.definition, [*own]))
    return {slo: known for slo, known in parts.items() if any(own for _, own in known)}


def _sums(sums: Sums, segment: Segment) -> Sequence[DaySums]:
    return sums.get((segment.definition.sli, segment.days), ())


def _rank(one: SloFigures) -> tuple[int, float, str]:
    return _ORDER[one.verdict], -one.consumed if math.isfinite(one.consumed) else 0.0, one.slo


def _groups(question: ReportQuestion, slos: Sequence[SloFigures]) -> list[ReportGroup]:
    by_name: dict[str, list[SloFigures]] = {}
    for one in slos:
        by_name.setdefault(question.group_of(one), []).append(one)
    return [ReportGroup(name=name, slos=own) for name, own in by_name.items()]


def is_grouping(by: str) -> bool:
    """Whether SLOs can be grouped by this: ``service``, or ``label:`` and the name of a label."""
    return by == BY_SERVICE_NAME or len(by.removeprefix(BY_LABEL_PREFIX)) not in {0, len(by)}


class QuestionError(ValueError):
    """A report is asked for by something that cannot be used; the text says what, and what to write instead."""


def report_question(
    *,
    period: str,
    at: str | None,
    now: datetime,
    services: frozenset[str] = frozenset(),
    labels: frozenset[tuple[str, str]] = frozenset(),
    by: str = BY_SERVICE_NAME,
    timezone: str = "UTC",
) -> ReportQuestion:
    """The question that parameters ask; without a date that of the newest day that is over.

    Raises:
        QuestionError: one of them cannot be used.
    """
    if find_time_zone(timezone) is None:
        raise QuestionError(f"timezone={timezone!r} is not a time zone: write one such as Europe/Berlin")
    if not is_grouping(by):
        raise QuestionError(f"by={by!r} must be service, or label: and the name of a label")
    today = now.astimezone(UTC).date()
    try:
        day = today - timedelta(days=not period.endswith("d")) if at is None else date.fromisoformat(at)
    except ValueError as error:
        raise QuestionError(f"at={at!r} is not a date: write one such as 2026-02-11") from error
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise QuestionError(f"at={at!r} must be between {FIRST_YEAR} and {LAST_YEAR}")
    try:
        asked = read_period(period, day)
    except ValueError as error:
        raise QuestionError(f"period: {error}") from error
    return ReportQuestion(period=asked, services=services, labels=labels, by=by, timezone=timezone)
