"""What a report has of one SLO: whether its objective was met, what spent its budget, and how good its alerts were."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.reports.facts import DaySums, IncidentFacts, SloDefinition
from app.slo import GroupKey, Labels, Severity, Sla, SloId

LEAST_COVERAGE = 0.9
"""With less of a period measured, what was good of it does not show that the objective was met."""


class PeriodVerdict(StrEnum):
    """Whether an objective was met; unknown where too little was measured, or there were no events."""

    MET = "met"
    MISSED = "missed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class SloFigures:
    """One SLO in a period; of a group all members added up.

    Ratios are NaN without events. *consumed* is the share of the error budget that its events allow, of which
    *by_incidents* was spent while alerts fired, and *after_changes* of that in incidents that a deploy or another
    change preceded. *consumed_before* is that of the period before. *objective* is the one that held, weighted by
    events where it changed. *adjusted* says that adjustments have changed its figures.
    """

    slo: SloId
    service: str
    name: str
    labels: Labels
    objective: float
    objective_changed: bool
    sla: Sla | None
    removed: bool
    total: float
    bad: float
    coverage: float
    verdict: PeriodVerdict
    members: int
    members_met: int
    incidents: Sequence[IncidentFacts]
    by_incidents: float
    after_changes: float
    consumed: float
    consumed_before: float
    adjusted: bool = False

    @property
    def good(self) -> float:
        """Good events."""
        return self.total - self.bad

    @property
    def sli(self) -> float:
        """The share of good events."""
        return _ratio(self.good, self.total)

    @property
    def background(self) -> float:
        """The share of the budget that was spent while no alert fired."""
        return self.consumed - self.by_incidents

    @property
    def change(self) -> float:
        """By how much more of the budget was spent than in the period before."""
        return self.consumed - self.consumed_before

    @property
    def sla_margin(self) -> float:
        """How far the SLI is above the contract, as a difference of ratios; NaN without a contract."""
        return math.nan if self.sla is None else self.sli - self.sla.contract

    @property
    def pages(self) -> int:
        """Incidents that paged."""
        return sum(one.severity is Severity.PAGE for one in self.incidents)

    @property
    def useful(self) -> int:
        """Incidents that people marked as useful."""
        return sum(one.useful is True for one in self.incidents)

    @property
    def noise(self) -> int:
        """Incidents that people marked as noise."""
        return sum(one.useful is False for one in self.incidents)


def slo_figures(
    parts: Sequence[tuple[SloDefinition, Sequence[DaySums]]],
    incidents: Sequence[IncidentFacts],
    *,
    removed: bool = False,
    consumed_before: float = math.nan,
    adjusted: bool = False,
) -> SloFigures:
    """The figures of an SLO from the definitions that held, each with the days on which it did."""
    newest = parts[-1][0]
    by_member: dict[GroupKey, list[tuple[float, DaySums]]] = {}
    for definition, sums in parts:
        for one in sums:
            by_member.setdefault(one.group, []).append((1.0 - definition.objective, one))
    every = [pair for pairs in by_member.values() for pair in pairs]
    total, bad, allowed, coverage = _added(every)
    verdicts = [_verdict(*_added(pairs)) for pairs in by_member.values()]
    # What an incident of today spent is in no day that is over.
    until_s = max((one.end_s for _, one in every), default=0.0)
    counted = [one for one in incidents if (one.first_bad_at or one.started_at).timestamp() < until_s]
    # A page and a ticket may count the same bad events: together they spent no more than all.
    in_incidents = min(sum(one.bad_events or 0.0 for one in counted), bad)
    after_changes = min(sum(one.bad_events or 0.0 for one in counted if one.change), bad)
    objectives = {definition.objective for definition, sums in parts if sums}
    return SloFigures(
        slo=newest.slo,
        service=newest.service,
        name=newest.name,
        labels=newest.labels,
        objective=newest.objective if len(objectives) <= 1 or not total else 1.0 - allowed / total,
        objective_changed=len(objectives) > 1,
        sla=newest.sla,
        removed=removed,
        total=total,
        bad=bad,
        coverage=coverage,
        verdict=_verdict(total, bad, allowed, coverage),
        members=len(verdicts),
        members_met=verdicts.count(PeriodVerdict.MET),
        incidents=incidents,
        by_incidents=_ratio(in_incidents, allowed),
        after_changes=_ratio(after_changes, allowed),
        consumed=_ratio(bad, allowed),
        consumed_before=consumed_before,
        adjusted=adjusted,
    )


def consumed_of(parts: Sequence[tuple[SloDefinition, Sequence[DaySums]]]) -> float:
    """The share of the budget that was spent, NaN without events."""
    _, bad, allowed, _ = _added([(1.0 - definition.objective, one) for definition, sums in parts for one in sums])
    return _ratio(bad, allowed)


def _added(pairs: Sequence[tuple[float, DaySums]]) -> tuple[float, float, float, float]:
    """Total, bad and allowed bad events, and the share that was measured, of sums each with an error budget."""
    total = sum(one.total for _, one in pairs)
    bad = sum(one.bad for _, one in pairs)
    allowed = sum(one.total * budget for budget, one in pairs)
    measured_s, length_s = sum(one.measured_s for _, one in pairs), sum(one.length_s for _, one in pairs)
    return total, bad, allowed, _ratio(measured_s, length_s)


def _verdict(total: float, bad: float, allowed: float, coverage: float) -> PeriodVerdict:
    # Rounded as the error budget is: a budget that is spent to the last event is met.
    if bad > allowed * (1.0 + 1e-9):
        return PeriodVerdict.MISSED
    return PeriodVerdict.MET if total > 0 and coverage >= LEAST_COVERAGE else PeriodVerdict.UNKNOWN


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else math.nan
