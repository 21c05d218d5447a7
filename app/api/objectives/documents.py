"""Reports as JSON values; NaN stays NaN here and is written as null."""

import math

from app.api.documents import event_count
from app.api.gate.documents import due_document
from app.api.objectives.models import (
    ReportGroupModel,
    ReportIncidentModel,
    ReportModel,
    ReportSlaModel,
    ReportSloModel,
    ToilModel,
)
from app.api.responses import utc
from app.reports import IncidentFacts, ObjectivesReport, PeriodVerdict, ReportGroup, SloFigures, Toil

_MOST_INCIDENTS = 100
_MARKS = {True: "useful", False: "noise", None: None}


def report_document(report: ObjectivesReport, *, limit: int) -> ReportModel:
    """A report with so many SLOs at most."""
    period, verdicts = report.question.period, report.verdicts
    useful, noise = report.marked
    met, judged = verdicts[PeriodVerdict.MET], verdicts[PeriodVerdict.MET] + verdicts[PeriodVerdict.MISSED]
    return {
        "period": {
            "kind": period.kind,
            "name": period.name,
            "from": period.first,
            "to": period.end,
            "over": report.over,
        },
        "counted_until": utc(report.until),
        "by": report.question.by,
        "timezone": report.question.timezone,
        "totals": {
            "slos": len(report.slos),
            "met": met,
            "missed": verdicts[PeriodVerdict.MISSED],
            "unknown": verdicts[PeriodVerdict.UNKNOWN],
            "compliance_ratio": met / judged if judged else None,
            "incidents": len(report.incidents),
            "marked_useful": useful,
            "marked_noise": noise,
            "precision_ratio": report.precision,
        },
        "toil": _toil(report.toil),
        "postmortems": [due_document(one) for one in report.postmortems],
        "groups": [_group(group) for group in report.groups],
        "items": [_slo(one) for one in report.slos[:limit]],
        "more": max(0, len(report.slos) - limit),
        "incidents": [_incident(one) for one in report.incidents[:_MOST_INCIDENTS]],
    }


def _toil(toil: Toil) -> ToilModel:
    return {
        "pages": toil.pages,
        "tickets": toil.tickets,
        "nights": toil.nights,
        "weekend_days": toil.weekend_days,
        "pages_at_night": toil.pages_at_night,
        "pages_at_weekends": toil.pages_at_weekends,
        "firing_s": toil.time_under_way.total_seconds(),
        "precision_by_burn_ratio": toil.precision_by_burn,
    }


def _group(group: ReportGroup) -> ReportGroupModel:
    return {
        "name": group.name,
        "slos": len(group.slos),
        "met": group.count(PeriodVerdict.MET),
        "missed": group.count(PeriodVerdict.MISSED),
        "unknown": group.count(PeriodVerdict.UNKNOWN),
        "compliance_ratio": group.compliance,
        "worst": group.worst.slo,
        "budget_spent_ratio": group.worst.consumed,
        "incidents": len(group.incidents),
        "pages": sum(one.pages for one in group.slos),
    }


def _slo(one: SloFigures) -> ReportSloModel:
    return {
        "id": one.slo,
        "service": one.service,
        "name": one.name,
        "labels": dict(one.labels),
        "objective": one.objective,
        "objective_changed": one.objective_changed,
        "adjusted": one.adjusted,
        "removed": one.removed,
        "verdict": one.verdict,
        "sli": one.sli,
        "events": {"good": event_count(one.good), "bad": event_count(one.bad), "total": event_count(one.total)},
        "coverage": one.coverage,
        "budget_spent": {
            "ratio": one.consumed,
            "by_incidents": one.by_incidents,
            "after_changes": one.after_changes,
            "otherwise": one.background,
            "before": one.consumed_before,
        },
        "members": one.members,
        "members_met": one.members_met,
        "incidents": len(one.incidents),
        "pages": one.pages,
        "marked_useful": one.useful,
        "marked_noise": one.noise,
        "sla": _sla(one),
    }


def _sla(one: SloFigures) -> ReportSlaModel | None:
    if one.sla is None:
        return None
    margin = one.sla_margin
    return {"contract": one.sla.contract, "margin": margin, "met": None if math.isnan(margin) else margin >= 0}


def _incident(one: IncidentFacts) -> ReportIncidentModel:
    detected, resolved = one.detected_after, one.resolved_after
    return {
        "id": one.id,
        "slo": one.slo,
        "severity": one.severity,
        "started_at": utc(one.started_at),
        "ended_at": utc(one.ended_at),
        "detected_after_s": None if detected is None else detected.total_seconds(),
        "resolved_after_s": None if resolved is None else resolved.total_seconds(),
        "bad_events": None if one.bad_events is None else event_count(one.bad_events),
        "budget_spent_ratio": one.spent,
        "change": one.change,
        "mark": _MARKS[one.useful],
    }
