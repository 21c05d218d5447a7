"""Incidents as JSON values."""

from app.alerting import AlertSilence
from app.api.documents import event_count, silence_document, transition_document
from app.api.incidents.models import (
    DeliveryModel,
    IncidentDetailModel,
    IncidentFactsModel,
    IncidentModel,
    NoteModel,
    WrittenPostmortemModel,
)
from app.api.responses import utc
from app.policy import WrittenPostmortem
from app.status import state_of, timeline
from app.store.deliveries import Delivery
from app.store.incident_notes import IncidentNote
from app.store.incidents import Incident, IncidentRecord
from app.wording.annotations import annotations
from app.wording.links import incident_page, silence_link
from app.wording.sentences import incident_title


def incident_document(incident: Incident, *, external_url: str) -> IncidentModel:
    """One incident of a list."""
    return {**_facts(incident, external_url), "notes": incident.notes}


def incident_detail(
    record: IncidentRecord, *, external_url: str, alertmanager_url: str | None, silence: AlertSilence | None
) -> IncidentDetailModel:
    """One incident with all that is kept of it; *alertmanager_url* is where people reach Alertmanager."""
    notification = record.incident.notification
    said = annotations(notification)
    return {
        **_facts(record.incident, external_url),
        "notes": [note_document(note) for note in record.notes],
        "postmortem": postmortem_document(record.postmortem),
        "summary": said["summary"],
        "description": said["description"],
        "budget_remaining": notification.budget_remaining,
        "exhausted_at": utc(notification.exhausted_at),
        "runbook_url": said.get("runbook_url"),
        "dashboard": said.get("dashboard"),
        "silence_url": None if alertmanager_url is None else silence_link(alertmanager_url, notification),
        "silence": silence_document(silence),
        "transitions": [transition_document(change) for change in record.transitions],
        "deliveries": [_delivery(delivery) for delivery in record.deliveries],
        "timeline": [{"at": utc(entry.at), "kind": entry.kind, "text": entry.text} for entry in timeline(record)],
    }


def postmortem_document(written: WrittenPostmortem | None) -> WrittenPostmortemModel | None:
    """A postmortem; null if it is not written."""
    if written is None:
        return None
    return {"written_at": utc(written.written_at), "author": written.author, "url": written.url}


def note_document(note: IncidentNote) -> NoteModel:
    """One note."""
    return {"id": note.id, "at": utc(note.at), "author": note.author, "text": note.text}


def _facts(incident: Incident, external_url: str) -> IncidentFactsModel:
    notification, ended_at, began = incident.notification, incident.ended_at, incident.first_bad_at
    return {
        "id": incident.id,
        "url": incident_page(external_url, incident.id),
        "title": incident_title(notification),
        "slo": incident.slo,
        "service": incident.service,
        "name": notification.name,
        "group": dict(notification.group),
        "labels": dict(notification.labels),
        "objective": notification.objective,
        "window": notification.window,
        "severity": incident.severity,
        "cause": notification.cause,
        "state": state_of(incident),
        "started_at": utc(incident.started_at),
        "ended_at": utc(ended_at),
        "duration_seconds": None if ended_at is None else (ended_at - incident.started_at).total_seconds(),
        "first_bad_at": utc(began),
        "last_bad_at": utc(incident.last_bad_at),
        "detection_seconds": None if began is None else (incident.started_at - began).total_seconds(),
        "bad_events": None if incident.bad_events is None else event_count(incident.bad_events),
        "budget_spent_ratio": incident.spent,
        "top_contributors": notification.top_contributors or None,
        "end_code": None if ended_at is None else notification.end_code,
        "reason": None if ended_at is None else notification.reason,
        "mark": incident.mark,
    }


def _delivery(delivery: Delivery) -> DeliveryModel:
    return {
        "receiver": delivery.receiver,
        "alert": delivery.alert_key,
        "severity": delivery.severity,
        "status": delivery.status,
        "state": delivery.state,
        "created_at": utc(delivery.created_at),
        "failing_since": utc(delivery.failing_since),
        "fallback_notified_at": utc(delivery.fallback_notified_at),
        "ended_at": utc(delivery.ended_at),
        "attempts": delivery.attempts,
        "error": delivery.error,
        "held": delivery.held,
    }
