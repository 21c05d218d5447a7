"""Incidents for those who display: with the figures of this moment, and as a timeline."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from app.alerting import Notification, TransitionKind
from app.changes import change_title
from app.policy import PastIncident
from app.status.board import BoardContent
from app.store.deliveries import Delivery
from app.store.incidents import Incident, IncidentRecord, with_firing
from app.store.outbox import EntryState
from app.wording.postmortem import PostmortemFacts, postmortem
from app.wording.timeline import failing_words, fallback_words, given_up_words, sent_words, transition_words


class IncidentState(StrEnum):
    """Whether an alert of an incident notifies."""

    ACTIVE = "active"
    RESOLVED = "resolved"


class TimelineKind(StrEnum):
    """What an entry of a timeline is about."""

    ERRORS = "errors"
    TRANSITION = "transition"
    DELIVERY = "delivery"
    NOTE = "note"
    CHANGE = "change"


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One thing that happened in an incident."""

    at: datetime
    kind: TimelineKind
    text: str


def state_of(incident: Incident) -> IncidentState:
    """Whether an alert of the incident notifies."""
    return IncidentState.ACTIVE if incident.ended_at is None else IncidentState.RESOLVED


def live_incidents(incidents: Iterable[Incident], known: BoardContent) -> list[Incident]:
    """Incidents with the newest figures of those whose alerts fire."""
    firing = _firing(known)
    return [with_firing(each, firing.get(each.id, ())) or each for each in incidents]


def live_past(incidents: Iterable[PastIncident], known: BoardContent) -> list[PastIncident]:
    """Incidents with what those whose alerts fire have spent by now."""
    firing = _firing(known)
    return [
        replace(each, ended_at=None, spent=_most_spent(firing[each.id], each.spent)) if each.id in firing else each
        for each in incidents
    ]


def _most_spent(firing: Iterable[Notification], known: float | None) -> float | None:
    spent = [known or 0.0, *(each.spent for each in firing if math.isfinite(each.spent))]
    return None if known is None and len(spent) == 1 else max(spent)


def live_record(incident: str, kept: IncidentRecord | None, known: BoardContent) -> IncidentRecord | None:
    """What is *kept* of an incident, with the newest figures; None if it is neither kept nor under way.

    Of one that began while the database could not be written there are only its alerts.
    """
    live = with_firing(None if kept is None else kept.incident, _firing(known).get(incident, ()))
    if live is None:
        return None
    return IncidentRecord(incident=live) if kept is None else replace(kept, incident=live)


def has_muted_alert(record: IncidentRecord, known: BoardContent) -> bool:
    """Whether an alert of the incident still fires in silence."""
    snapshot = known.find(record.incident.slo)
    if snapshot is None:
        return False
    muted = {(alert.severity, alert.cause, alert.since) for alert in snapshot.alerts if alert.muted}
    return any(
        change.kind is TransitionKind.FIRED and (change.severity, change.cause, change.at) in muted
        for change in record.transitions
    )


def timeline(record: IncidentRecord) -> tuple[TimelineEntry, ...]:
    """All that happened, oldest first."""
    entries = [*_errors(record.incident), *_changes(record)]
    for delivery in record.deliveries:
        entries += _delivered(delivery)
    return tuple(sorted(entries, key=lambda entry: entry.at))


def postmortem_of(record: IncidentRecord, *, url: str) -> str:
    """A draft of the postmortem in Markdown."""
    incident = record.incident
    return postmortem(
        PostmortemFacts(
            url=url,
            notification=incident.notification,
            started_at=incident.started_at,
            ended_at=incident.ended_at,
            first_bad_at=incident.first_bad_at,
            last_bad_at=incident.last_bad_at,
            bad_events=incident.bad_events,
            spent=incident.spent,
            timeline=[(entry.at, entry.text) for entry in timeline(record)],
        )
    )


def _firing(known: BoardContent) -> Mapping[str, list[Notification]]:
    firing: dict[str, list[Notification]] = {}
    for notification in known.by_key.values():
        firing.setdefault(notification.incident, []).append(notification)
    return firing


def _errors(incident: Incident) -> Iterator[TimelineEntry]:
    if incident.first_bad_at is not None:
        yield TimelineEntry(at=incident.first_bad_at, kind=TimelineKind.ERRORS, text="The errors begin")
    if incident.last_bad_at is not None and incident.ended_at is not None:
        yield TimelineEntry(at=incident.last_bad_at, kind=TimelineKind.ERRORS, text="The errors end")


def _changes(record: IncidentRecord) -> Iterator[TimelineEntry]:
    for transition in record.transitions:
        yield TimelineEntry(at=transition.at, kind=TimelineKind.TRANSITION, text=transition_words(transition))
    for change in record.changes:
        yield TimelineEntry(at=change.started_at, kind=TimelineKind.CHANGE, text=change_title(change))
    for note in record.notes:
        text = "A note was added" if note.author is None else f"{note.author} added a note"
        yield TimelineEntry(at=note.at, kind=TimelineKind.NOTE, text=text)


def _delivered(delivery: Delivery) -> Iterator[TimelineEntry]:
    def entry(at: datetime, text: str) -> TimelineEntry:
        return TimelineEntry(at=at, kind=TimelineKind.DELIVERY, text=text)

    receiver, status = delivery.receiver, delivery.status
    if delivery.failing_since is not None:
        yield entry(delivery.failing_since, failing_words(receiver, status, error=delivery.error))
    if delivery.fallback_notified_at is not None:
        yield entry(delivery.fallback_notified_at, fallback_words(receiver))
    if delivery.ended_at is None:
        return
    if delivery.state is EntryState.DONE:
        yield entry(delivery.ended_at, sent_words(receiver, status, attempts=delivery.attempts))
    else:
        words = given_up_words(receiver, status, attempts=delivery.attempts, error=delivery.error)
        yield entry(delivery.ended_at, words)
