"""Series, days and contributors as JSON values; NaN stays NaN here and is written as null."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from app.api.charts.models import (
    BurnRuleModel,
    ContributorModel,
    ContributorsModel,
    DayModel,
    DaysModel,
    GroupModel,
    RangeSeriesModel,
    RangesModel,
)
from app.api.documents import event_count
from app.api.responses import utc
from app.slo import Slo, SloId, format_duration
from app.status import (
    ContributorShare,
    ContributorsInRange,
    DaySummary,
    HealthState,
    RangeMark,
    RangeSeries,
    Snapshot,
    summed_group,
)


def ranges_document(
    start: datetime | None, end: datetime | None, step: timedelta | None, series: Sequence[RangeSeriesModel]
) -> RangesModel:
    """The past of some SLOs over a range."""
    return {
        "from": utc(start),
        "to": utc(end),
        "step": None if step is None else format_duration(step),
        "series": [*series],
    }


def range_series_document(
    slo: Slo, series: RangeSeries, marks: Sequence[RangeMark], *, members: int
) -> RangeSeriesModel:
    """The past of one SLO, or of all members of its group."""
    return {
        "id": series.id,
        "objective": slo.objective,
        "members": members,
        "from": series.since,
        "at": [*series.at],
        "good": [event_count(events) for events in series.good],
        "bad": [event_count(events) for events in series.bad],
        "total": [event_count(events) for events in series.total],
        "sli": [*series.sli],
        "budget_remaining_ratio": [*series.budget_remaining],
        "coverage": [*series.coverage],
        "burn_rates": [
            {"window": format_duration(window), "highest": [*highest]} for window, highest in series.burn_rates.items()
        ],
        "rules": _rules(slo),
        "marks": [
            {"at": utc(mark.at), "until": utc(mark.until), "kind": mark.kind, "title": mark.title, "href": mark.path}
            for mark in marks
        ],
    }


def group_document(members: Sequence[Snapshot]) -> GroupModel:
    """A whole group as one."""
    group = summed_group(members)
    return {
        "id": group.slo.id,
        "service": group.slo.service,
        "name": group.slo.name,
        "objective": group.slo.objective,
        "by": [*group.slo.sli.by],
        "as_of": utc(group.as_of),
        "coverage": group.coverage,
        "status": group.status,
        "statuses": {state.value: group.counts[state] for state in HealthState},
        "sli": group.sli,
        "events": {
            "good": event_count(group.good),
            "bad": event_count(group.bad),
            "total": event_count(group.total),
        },
        "budget_remaining_ratio": group.budget_remaining,
        "members": [
            {
                "id": one.id,
                "group": dict(one.group),
                "status": one.health,
                "budget_remaining_ratio": one.budget.remaining_ratio,
            }
            for one in sorted(members, key=lambda one: (nan_last(one.budget.remaining_ratio), one.id))
        ],
    }


def nan_last(ratio: float) -> float:
    """A ratio to sort by: what is not known comes last."""
    return math.inf if math.isnan(ratio) else ratio


def days_document(slo_id: SloId, timezone: str, days: Sequence[DaySummary]) -> DaysModel:
    """The days of an SLO."""
    return {"id": slo_id, "timezone": timezone, "days": [_day(day) for day in days]}


def contributors_document(slo_id: SloId, found: ContributorsInRange) -> ContributorsModel:
    """What burned the budget of an SLO in a range."""
    return {
        "id": slo_id,
        "state": found.state,
        "problem": found.problem,
        "from": utc(found.start),
        "to": utc(found.end),
        "by": [*found.by],
        "bad": found.bad,
        "total": found.total,
        "shared": dict(found.shared),
        "labels": [*found.labels],
        "items": [_contributor(item) for item in found.items],
        "more": found.more,
    }


def _rules(slo: Slo) -> list[BurnRuleModel]:
    return [
        {
            "severity": policy.severity,
            "tier": rule.name,
            "long": format_duration(rule.long),
            "short": format_duration(rule.short),
            "factor": rule.factor,
        }
        for policy in slo.alerting.policies
        for rule in policy.rules
    ]


def _day(day: DaySummary) -> DayModel:
    return {
        "date": day.date,
        "start": day.start,
        "end": day.end,
        "over": day.over,
        "good": event_count(day.good),
        "bad": event_count(day.bad),
        "total": event_count(day.total),
        "sli": day.sli,
        "burn_rate": day.burn_rate,
        "budget_spent_ratio": day.budget_spent,
        "coverage": day.coverage,
    }


def _contributor(item: ContributorShare) -> ContributorModel:
    return {
        "labels": dict(item.values),
        "slo": item.slo,
        "bad": item.bad,
        "total": item.total,
        "share_of_bad": item.share_of_bad,
        "share_of_total": item.share_of_total,
        "stands_out": item.stands_out,
    }
