"""The shapes of incidents, as in `app.api.models`."""

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from app.alerting import EndCode, NotificationStatus
from app.api.models import KnownSilence, TransitionModel
from app.api.shapes import ANSWER, answer_like
from app.changes import LONGEST_URL
from app.slo import Cause, Severity
from app.status import IncidentState, TimelineKind
from app.store.incident_notes import LONGEST_AUTHOR, LONGEST_NOTE, POSTMORTEM_URL, IncidentMark
from app.store.outbox import EntryState

_INCIDENT_EXAMPLE: JsonDict = {
    "id": "5f2d7c01a9b3e468",
    "url": "https://slo.example.org/incidents/5f2d7c01a9b3e468",
    "title": "checkout availability burned its error budget",
    "slo": "checkout-availability",
    "service": "checkout",
    "name": "availability",
    "group": {},
    "labels": {"team": "payments"},
    "objective": 0.999,
    "window": "30d",
    "severity": "page",
    "cause": "burn",
    "state": "resolved",
    "started_at": "2026-03-01T11:48:30Z",
    "ended_at": "2026-03-01T12:09:00Z",
    "duration_seconds": 1230.0,
    "first_bad_at": "2026-03-01T11:41:00Z",
    "last_bad_at": "2026-03-01T12:01:00Z",
    "detection_seconds": 450.0,
    "bad_events": 2_400,
    "budget_spent_ratio": 0.028,
    "top_contributors": 'route="/pay": 82% of the errors, 9% of the traffic',
    "end_code": "burn_stopped",
    "reason": None,
    "mark": "useful",
    "notes": 1,
}
_DETAIL_EXAMPLE: JsonDict = {
    **_INCIDENT_EXAMPLE,
    "notes": [{"id": 1, "at": "2026-03-01T12:20:00Z", "author": "ada", "text": "Rolled back **v42**."}],
    "summary": "checkout availability is no longer burning its error budget",
    "description": "The errors lasted 20m, from 2026-03-01 11:41 to 12:01 UTC; the alert fired for 20m.",
    "budget_remaining": 0.4,
    "exhausted_at": None,
    "runbook_url": "https://runbooks.example.org/checkout",
    "dashboard": None,
    "silence": {
        "state": "silenced",
        "receiver": None,
        "id": "f2b02d44-113c-499b-ab1d-8595bd8e133c",
        "until": "2026-03-01T13:00:00Z",
        "created_by": "ana",
        "comment": "Rolling back payments 4.2",
        "read_at": "2026-03-01T12:00:10Z",
    },
    "silence_url": "https://alertmanager.example.org/#/silences/new?filter=%7Bslo%3D%22checkout-availability%22%7D",
    "transitions": [
        {
            "at": "2026-03-01T11:48:30Z",
            "slo": "checkout-availability",
            "severity": "page",
            "cause": "burn",
            "kind": "fired",
            "incident": "5f2d7c01a9b3e468",
            "tier": "1h/5m",
            "reason": None,
            "end_code": None,
        }
    ],
    "deliveries": [
        {
            "receiver": "pager",
            "alert": "checkout-availability/page",
            "severity": "page",
            "status": "firing",
            "state": "done",
            "created_at": "2026-03-01T11:48:30Z",
            "failing_since": None,
            "fallback_notified_at": None,
            "ended_at": "2026-03-01T11:48:31Z",
            "attempts": 1,
            "error": None,
            "held": False,
        }
    ],
    "postmortem": None,
    "timeline": [{"at": "2026-03-01T11:48:30Z", "kind": "transition", "text": "The page fires (1h/5m)"}],
}
_POSTMORTEM_REQUEST: JsonDict = {"author": "ada", "url": "https://wiki.example.org/postmortems/42"}
_NOTE_REQUEST: JsonDict = {"text": "Rolled back **v42**.", "author": "ada"}


@with_config(ANSWER)
class IncidentFactsModel(TypedDict):
    """What is known of an incident, in a list and alone."""

    id: Annotated[str, Field(description="Stays the same for good; also in notifications and transitions.")]
    url: Annotated[str, Field(description="The page of the incident.")]
    title: str
    slo: str
    service: str
    name: str
    group: dict[str, str]
    labels: Annotated[dict[str, str], Field(description="The labels of its alerts, as last sent.")]
    objective: float
    window: Annotated[str, Field(examples=["30d"])]
    severity: Annotated[Severity, Field(description="That of its most urgent alert.")]
    cause: Cause
    state: IncidentState
    started_at: Annotated[datetime, Field(description="When its first alert fired.")]
    ended_at: Annotated[datetime | None, Field(description="When its last alert was resolved; null while one fires.")]
    duration_seconds: Annotated[float | None, Field(description="From its first alert to its end; null before.")]
    first_bad_at: Annotated[datetime | None, Field(description="The start of its first slot with errors.")]
    last_bad_at: Annotated[datetime | None, Field(description="The end of its newest slot with errors.")]
    detection_seconds: Annotated[float | None, Field(description="From its first errors to its first alert.")]
    bad_events: Annotated[float | None, Field(description="Bad events from `first_bad_at` to `last_bad_at`.")]
    budget_spent_ratio: Annotated[float | None, Field(description="Share of the error budget that they spent.")]
    top_contributors: Annotated[
        str | None, Field(description="Label values that most errors shared, as they were sent.")
    ]
    end_code: Annotated[EndCode | None, Field(description="Why it ended; null while an alert fires.")]
    reason: Annotated[str | None, Field(description="The same in words; null where its alert has recovered.")]
    mark: Annotated[IncidentMark | None, Field(description="What people say of its notifications; null if nothing.")]


@with_config(answer_like(_INCIDENT_EXAMPLE))
class IncidentModel(IncidentFactsModel):
    """One stretch in which alerts of an SLO fire, from the first that fires to the end of the last."""

    notes: Annotated[int, Field(description="How many notes it has.")]


@with_config(ANSWER)
class IncidentListModel(TypedDict):
    """One page of incidents, newest first."""

    items: list[IncidentModel]
    next: Annotated[str | None, Field(description="Cursor of the next page; null on the last.")]


@with_config(ANSWER)
class DeliveryModel(TypedDict):
    """One notification for one receiver."""

    receiver: Annotated[str, Field(examples=["pager"])]
    alert: Annotated[str, Field(examples=["checkout-availability/page"])]
    severity: Severity
    status: Annotated[NotificationStatus, Field(description="Whether it says that the alert fires or is resolved.")]
    state: Annotated[EntryState, Field(description="done: accepted by the receiver; dead: given up.")]
    created_at: Annotated[datetime, Field(description="When it was put into the outbox.")]
    failing_since: Annotated[datetime | None, Field(description="The first failed attempt.")]
    fallback_notified_at: datetime | None
    ended_at: Annotated[datetime | None, Field(description="When it was accepted or given up.")]
    attempts: int
    error: Annotated[str | None, Field(description="The last error.")]
    held: Annotated[bool, Field(description="Whether it waits for fresh data to confirm its alert.")]


@with_config(ANSWER)
class TimelineEntryModel(TypedDict):
    """One thing that happened."""

    at: datetime
    kind: TimelineKind
    text: str


@with_config(ANSWER)
class NoteModel(TypedDict):
    """A note of people, in Markdown."""

    id: int
    at: datetime
    author: str | None
    text: str


@with_config(ANSWER)
class WrittenPostmortemModel(TypedDict):
    """A postmortem that is written."""

    written_at: datetime
    author: str
    url: Annotated[str, Field(description="Where it is; empty if that is not known.")]


@with_config(answer_like(_DETAIL_EXAMPLE))
class IncidentDetailModel(IncidentFactsModel):
    """All that is kept of an incident."""

    notes: Annotated[list[NoteModel], Field(description="Oldest first.")]
    postmortem: Annotated[WrittenPostmortemModel | None, Field(description="Null until it is written.")]
    summary: Annotated[str, Field(description="The newest summary of its most urgent alert, as sent.")]
    description: str
    budget_remaining: Annotated[float | None, Field(description="Unspent share of the budget, as last sent.")]
    exhausted_at: datetime | None
    runbook_url: str | None
    dashboard: str | None
    silence_url: Annotated[
        str | None,
        Field(description="Where a silence of the alert is made in Alertmanager; null without an Alertmanager."),
    ]
    silence: KnownSilence
    transitions: Annotated[list[TransitionModel], Field(description="Oldest first; at most the newest 1,000.")]
    deliveries: Annotated[list[DeliveryModel], Field(description="Who was notified, oldest first.")]
    timeline: Annotated[
        list[TimelineEntryModel], Field(description="Transitions, deliveries, errors and notes in words, oldest first.")
    ]


@with_config(ANSWER)
class TransitionsModel(TypedDict):
    """One page of transitions, newest first."""

    items: list[TransitionModel]
    next: Annotated[str | None, Field(description="Cursor of the next page; null on the last.")]


@with_config(ConfigDict(extra="forbid", json_schema_extra={"examples": [{"mark": "useful"}]}))
class MarkModel(TypedDict):
    """Whether the notifications of an incident were useful or noise; null takes the mark away."""

    mark: IncidentMark | None


@with_config(ConfigDict(extra="forbid", json_schema_extra={"examples": [_POSTMORTEM_REQUEST]}))
class NewPostmortemModel(TypedDict):
    """A postmortem that is done: who wrote it, and where it is."""

    author: Annotated[str, Field(max_length=LONGEST_AUTHOR)]
    url: Annotated[str, Field(max_length=LONGEST_URL, pattern=POSTMORTEM_URL)]


@with_config(ConfigDict(extra="forbid", json_schema_extra={"examples": [_NOTE_REQUEST]}))
class NewNoteModel(TypedDict):
    """A note to add, in Markdown, and who writes it."""

    text: Annotated[str, Field(min_length=1, max_length=LONGEST_NOTE)]
    author: Annotated[str | None, Field(max_length=LONGEST_AUTHOR)]
