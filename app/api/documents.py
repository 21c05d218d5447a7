"""SLOs, alerts and history as JSON values; NaN stays NaN here and is written as null."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.alerting import AlertSilence, Notification, Transition
from app.api.forecasts.documents import forecast_document
from app.api.models import (
    ActiveAlertModel,
    AlertModel,
    AlertSilenceModel,
    BackfillModel,
    BudgetModel,
    BurnRateModel,
    CalendarWindowModel,
    HistoryModel,
    HistoryPointModel,
    NotifiedModel,
    RollingWindowModel,
    SlaOutlookModel,
    SloModel,
    SloProblemModel,
    TransitionModel,
)
from app.api.responses import utc
from app.sli import sources_of_sli
from app.slo import CalendarWindow, SloId, format_duration
from app.status import AlertView, BudgetView, HistoryPoint, Problem, Progress, Snapshot, WindowView
from app.wording.annotations import annotations
from app.wording.links import page_of
from app.wording.sentences import end_words, spent_by_incident

# Above it a float, which is what most clients read numbers into, does not hold every whole number.
_EXACT = 2.0**53


def slo_document(snapshot: Snapshot) -> SloModel:
    """One SLO, or one member of its group, by its newest snapshot."""
    slo = snapshot.slo
    return {
        "id": snapshot.id,
        "service": slo.service,
        "name": slo.name,
        "description": slo.description,
        "labels": dict(slo.labels),
        "group": dict(snapshot.group),
        "objective": slo.objective,
        "window": _window(snapshot),
        "as_of": utc(snapshot.as_of),
        "data": snapshot.data,
        "problem": snapshot.problem,
        "problems": [_problem(problem) for problem in snapshot.problems],
        "backfill": _backfill(snapshot.backfill),
        "data_since": utc(snapshot.data_since),
        "coverage": snapshot.coverage,
        "status": snapshot.health,
        "sli_kind": slo.sli.kind,
        "sources": list(sources_of_sli(slo.sli)),
        "sli": snapshot.sli,
        "events": {
            "good": event_count(snapshot.good),
            "bad": event_count(snapshot.bad),
            "total": event_count(snapshot.total),
        },
        "budget": _budget(snapshot.budget),
        "sla": _sla(snapshot),
        "burn_rates": [_burn_rate(view) for view in snapshot.windows],
        "alerts": [_alert(view) for view in snapshot.alerts],
        "forecast": forecast_document(snapshot.forecast),
    }


def alert_document(
    snapshot: Snapshot,
    alert: AlertView,
    sent: Notification | None,
    *,
    owner: SloId,
    external_url: str,
    silence: AlertSilence | None = None,
) -> ActiveAlertModel:
    """One alert with its *owner*, an SLO or a member of its group, and its notification, if one was sent."""
    return {
        "slo": owner,
        "service": snapshot.slo.service,
        "name": snapshot.slo.name,
        "group": dict(snapshot.group) if owner == snapshot.id else {},
        **_alert(alert),
        "url": page_of(external_url, owner),
        "silence": silence_document(silence),
        **(_NO_NOTIFICATION if sent is None else _notification(sent)),
    }


def silence_document(silence: AlertSilence | None) -> AlertSilenceModel | None:
    """What keeps an Alertmanager from notifying; null if nothing is known to."""
    if silence is None:
        return None
    return {
        "state": "inhibited" if silence.is_inhibited else "silenced",
        "receiver": silence.receiver or None,
        "id": silence.id or None,
        "until": utc(silence.until),
        "created_by": silence.created_by or None,
        "comment": silence.comment or None,
        "read_at": utc(silence.read_at),
    }


def transition_document(transition: Transition) -> TransitionModel:
    """One change of an alert's state."""
    return {
        "at": utc(transition.at),
        "slo": transition.slo,
        "severity": transition.severity,
        "cause": transition.cause,
        "kind": transition.kind,
        "incident": transition.incident,
        "tier": transition.tier,
        "reason": transition.reason if transition.end is None else end_words(transition.end),
        "end_code": transition.end_code,
    }


def history_document(
    slo_id: SloId, start: datetime | None, end: datetime | None, step: timedelta, points: Sequence[HistoryPoint]
) -> HistoryModel:
    """The past of one SLO, oldest first."""
    return {
        "id": slo_id,
        "from": utc(start),
        "to": utc(end),
        "step": format_duration(step),
        "points": [_point(point) for point in points],
    }


def event_count(events: float) -> float:
    """A number of events: a whole number where it is one, so that clients need not read `470.0`.

    >>> event_count(470.0), event_count(0.5)
    (470, 0.5)
    """
    return int(events) if abs(events) < _EXACT and float(events).is_integer() else events


def _window(snapshot: Snapshot) -> RollingWindowModel | CalendarWindowModel:
    window = snapshot.slo.window
    start, end = utc(snapshot.window_start), utc(snapshot.window_end)
    if isinstance(window, CalendarWindow):
        return {"kind": "calendar", "unit": window.unit, "timezone": window.timezone, "start": start, "end": end}
    return {"kind": "rolling", "duration": format_duration(window.duration), "start": start, "end": end}


def _sla(snapshot: Snapshot) -> SlaOutlookModel | None:
    sla = snapshot.slo.sla
    if sla is None:
        return None
    return {
        "contract": sla.contract,
        "penalty_below": sla.penalty_below,
        "buffer": sla.buffer(snapshot.slo.objective),
        "remaining_ratio": sla.remaining_ratio(bad=snapshot.bad, total=snapshot.total),
    }


def _problem(problem: Problem) -> SloProblemModel:
    return {"code": problem.code, "level": problem.level, "detail": problem.detail}


def _backfill(progress: Progress | None) -> BackfillModel | None:
    if progress is None:
        return None
    return {"done_hours": progress.done_hours, "wanted_hours": progress.wanted_hours, "ratio": progress.ratio}


def _budget(budget: BudgetView) -> BudgetModel:
    return {
        "total_events": budget.total_events,
        "consumed_ratio": budget.consumed_ratio,
        "remaining_ratio": budget.remaining_ratio,
        "remaining_events": budget.remaining_events,
        "exhausted_at": utc(budget.exhausted_at),
    }


def _burn_rate(view: WindowView) -> BurnRateModel:
    return {
        "window": format_duration(view.window),
        "burn_rate": view.burn_rate,
        "sli": view.sli,
        "good": event_count(view.good),
        "bad": event_count(view.bad),
        "total": event_count(view.total),
        "coverage": view.coverage,
    }


def _alert(alert: AlertView) -> AlertModel:
    return {
        "severity": alert.severity,
        "state": alert.state,
        "since": utc(alert.since),
        "tier": alert.tier,
        "reason": alert.reason,
        "cause": alert.cause,
        "last_end": None
        if alert.ended is None
        else {"at": utc(alert.ended_at), "code": alert.ended.code, "reason": end_words(alert.ended)},
    }


def _notification(notification: Notification) -> NotifiedModel:
    said = annotations(notification)
    return {
        "incident": notification.incident,
        "summary": said["summary"],
        "description": said["description"],
        "burn_rate_long": notification.burn_rate_long,
        "burn_rate_short": notification.burn_rate_short,
        "good": event_count(notification.good),
        "bad": event_count(notification.bad),
        "incident_spent": spent_by_incident(notification),
        "budget_remaining": notification.budget_remaining,
        "exhausted_at": utc(notification.exhausted_at),
        "first_bad_at": utc(notification.first_bad_at),
        "last_bad_at": utc(notification.last_bad_at),
        "top_contributors": notification.top_contributors or None,
        "runbook_url": said.get("runbook_url"),
        "dashboard": said.get("dashboard"),
    }


_NO_NOTIFICATION: NotifiedModel = {
    "incident": None,
    "summary": None,
    "description": None,
    "burn_rate_long": None,
    "burn_rate_short": None,
    "good": None,
    "bad": None,
    "incident_spent": None,
    "budget_remaining": None,
    "exhausted_at": None,
    "first_bad_at": None,
    "last_bad_at": None,
    "top_contributors": None,
    "runbook_url": None,
    "dashboard": None,
}


def _point(point: HistoryPoint) -> HistoryPointModel:
    return {
        "at": point.at,
        "good": event_count(point.good),
        "bad": event_count(point.bad),
        "total": event_count(point.total),
        "sli": point.sli,
        "burn_rate": point.burn_rate,
        "budget_remaining_ratio": point.budget_remaining_ratio,
        "coverage": point.coverage,
    }
