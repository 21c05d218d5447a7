"""The page of an incident: first what somebody who was paged needs, then what a review needs."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Protocol
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.access import AccessScope
from app.alerting import Notification
from app.changes import LONGEST_URL
from app.policy import WrittenPostmortem
from app.slo import SloId
from app.status import (
    Board,
    BoardContent,
    DataState,
    HistoryPoint,
    IncidentLog,
    KnownIncidents,
    has_muted_alert,
    live_record,
    postmortem_of,
    read_or_known,
    timeline,
)
from app.store import StoreError, StoreUnavailableError
from app.store.incident_notes import (
    LONGEST_AUTHOR,
    LONGEST_NOTE,
    POSTMORTEM_URL,
    IncidentMark,
    TooManyNotesError,
)
from app.store.incidents import Incident, IncidentRecord
from app.ui.forms import Refusal, SentForm, by_form, chosen_value, may_change, refusal, unknown_choice, unwritten
from app.ui.incident.chart import HEIGHT, WIDTH, IncidentChart, chart_span, incident_chart
from app.ui.incident.earlier import earlier_incidents
from app.ui.incident.notes import rendered_note
from app.ui.incidents import around
from app.ui.rendering import Renderer
from app.ui.views import falling_words
from app.wording.annotations import annotations
from app.wording.links import elsewhere, incident_page
from app.wording.plain_text import one_line, visible
from app.wording.sentences import event_words, incident_title, normal_clause, share, span, subject, why_stale


class IncidentHistory(Protocol):
    """The past of an SLO; called in a worker thread."""

    def history(
        self, slo_id: SloId, start: datetime, end: datetime, step: timedelta, *, adjusted: bool = True
    ) -> Sequence[HistoryPoint] | None:
        """One point for each step that ends in (start, end], oldest first; None if the SLO is not known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentData:
    """Where the pages of incidents and alerts get what is not on the board.

    *alertmanager_url* gives where people reach Alertmanager.
    """

    log: IncidentLog
    history: IncidentHistory
    external_url: str
    alertmanager_url: Callable[[], str | None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A form that was refused, with what was typed."""

    refused: Refusal
    text: str = ""
    author: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """An incident; *known* is what is known without the database, if that cannot be read."""

    record: IncidentRecord
    is_kept: bool
    known: KnownIncidents | None


def _find(log: IncidentLog, incident: str, board: BoardContent) -> _Found | None:
    """An incident with its newest figures; None if there is none.

    Raises:
        StoreUnavailableError: it may well be in the database, which cannot be read.
    """
    kept, known = read_or_known(log, lambda past: past.find(incident))
    record = live_record(incident, kept, board)
    if record is not None:
        return _Found(record=record, is_kept=kept is not None, known=known)
    if known is not None:
        raise StoreUnavailableError(f"without the database, incident {incident} is not known")
    return None


def incident_page_routes(board: Board, renderer: Renderer, data: IncidentData) -> APIRouter:
    """The routes below ``/incidents``."""
    router = APIRouter(include_in_schema=False)

    def shown(request: Request, incident: str, draft: _Draft | None = None) -> Response:
        found = _find(data.log, incident, board.current)
        if found is None:
            return renderer.page(request, "incident_missing.html", status=HTTPStatus.NOT_FOUND, id=incident)
        status = HTTPStatus.OK if draft is None else draft.refused.status
        record = found.record
        snapshot = board.current.find(record.incident.slo)
        return renderer.page(
            request,
            "incident.html",
            status=status,
            draft=draft,
            is_adjusted=snapshot is not None and snapshot.counted is not None,
            lately="" if snapshot is None else falling_words(snapshot),
            may_change=may_change(request),
            known=found.known,
            is_kept=found.is_kept,
            **_silenced(record, board.current),
            has_ended=found.known is not None and _has_ended(record, board.current),
            **_context(record, renderer.clock.now(), data),
        )

    def back(incident: str, place: str) -> Response:
        return RedirectResponse(f"{renderer.prefix}/incidents/{quote(incident)}#{place}", HTTPStatus.SEE_OTHER)

    # Plain functions run in worker threads: no reader of the database holds up the event loop.
    @router.get("/incidents/{id}")
    def one_incident(request: Request, id: str) -> Response:  # noqa: A002  as in the API
        return shown(request, id)

    # A refused form is shown at its own address, which the page refreshes itself from.
    @router.get("/incidents/{id}/mark")
    @router.get("/incidents/{id}/notes")
    @router.get("/incidents/{id}/postmortem")
    def after_a_refusal(request: Request, id: str) -> Response:  # noqa: A002  as in the API
        return back(id, request.url.path.rpartition("/")[2])

    @router.post("/incidents/{id}/mark", dependencies=[by_form(AccessScope.ADJUST)])
    def mark(request: Request, id: str, form: SentForm) -> Response:  # noqa: A002  as in the API
        chosen = form.get("mark", "")
        refused = refusal(request, AccessScope.ADJUST) or unknown_choice(IncidentMark, chosen)
        if refused is not None:
            return shown(request, id, _Draft(refused=refused))
        refused = unwritten(lambda: data.log.set_mark(id, chosen_value(IncidentMark, chosen)))
        return back(id, "mark") if refused is None else shown(request, id, _Draft(refused=refused))

    @router.post("/incidents/{id}/notes", dependencies=[by_form(AccessScope.ADJUST)])
    def add_note(request: Request, id: str, form: SentForm) -> Response:  # noqa: A002  as in the API
        text, author = visible(form.get("text", "")).strip(), one_line(form.get("author", ""))
        refused = refusal(request, AccessScope.ADJUST) or _unusable(text, author) or _add(data.log, id, text, author)
        if refused is None:
            return back(id, "notes")
        return shown(request, id, _Draft(refused=refused, text=text, author=author))

    _add_postmortem_form(router, renderer, data, shown, back)
    return router


def _add_postmortem_form(
    router: APIRouter,
    renderer: Renderer,
    data: IncidentData,
    shown: Callable[[Request, str, _Draft | None], Response],
    back: Callable[[str, str], Response],
) -> None:
    @router.post("/incidents/{id}/postmortem", dependencies=[by_form(AccessScope.ADJUST)])
    def note_postmortem(request: Request, id: str, form: SentForm) -> Response:  # noqa: A002  as in the API
        url, author = form.get("url", "").strip(), one_line(form.get("author", ""))
        refused = refusal(request, AccessScope.ADJUST) or _unusable_postmortem(url, author)
        if refused is not None:
            return shown(request, id, _Draft(refused=refused, author=author, url=url))
        written = WrittenPostmortem(written_at=renderer.clock.now(), author=author, url=url)
        refused = unwritten(lambda: data.log.set_postmortem(id, None if form.get("written") == "no" else written))
        if refused is not None:
            return shown(request, id, _Draft(refused=refused, author=author, url=url))
        return back(id, "postmortem")


def _add(log: IncidentLog, incident: str, text: str, author: str) -> Refusal | None:
    """Add a note; why that cannot be done, if so. Where there is no such incident the page says that."""
    try:
        return unwritten(lambda: log.add_note(incident, text, author=author or None))
    except TooManyNotesError as error:
        return Refusal(status=HTTPStatus.CONFLICT, problem=f"The note was not added: {error}.")


def _unusable(text: str, author: str) -> Refusal | None:
    if not text:
        return Refusal(status=HTTPStatus.UNPROCESSABLE_ENTITY, problem="The note is empty; write what is to be noted.")
    if len(text) > LONGEST_NOTE or len(author) > LONGEST_AUTHOR:
        problem = f"A note may have {LONGEST_NOTE:,} characters, and its author {LONGEST_AUTHOR}."
        return Refusal(status=HTTPStatus.UNPROCESSABLE_ENTITY, problem=problem)
    return None


def _unusable_postmortem(url: str, author: str) -> Refusal | None:
    if len(url) > LONGEST_URL or len(author) > LONGEST_AUTHOR or not re.fullmatch(POSTMORTEM_URL, url):
        problem = f"Nothing was noted: write an http or https URL, or none, and a name of {LONGEST_AUTHOR} characters."
        return Refusal(status=HTTPStatus.UNPROCESSABLE_ENTITY, problem=problem)
    return None


def _context(record: IncidentRecord, now: datetime, data: IncidentData) -> Mapping[str, object]:
    incident, notification = record.incident, record.incident.notification
    said = annotations(notification)
    return {
        "incident": incident,
        "active": incident.ended_at is None,
        "title": incident_title(notification) if incident.ended_at is not None else said["summary"],
        # While it goes on, of the alert that fires: a page that has resolved leaves its ticket.
        "severity": incident.severity if incident.ended_at is not None else notification.severity,
        "subject": subject(notification),
        "description": notification.slo_description.strip(),
        "suffering": _suffering(incident),
        "stale": why_stale(notification),
        "budget": _budget(notification),
        "exhausted_at": notification.exhausted_at if incident.ended_at is None else None,
        "lasted": None if incident.ended_at is None else span(incident.ended_at - incident.started_at),
        "detection": None if incident.first_bad_at is None else span(incident.started_at - incident.first_bad_at),
        "bad_events": None if incident.bad_events is None else event_words(incident.bad_events),
        "spent": None if incident.spent is None else share(incident.spent),
        "contributors_query": around(incident.first_bad_at or incident.started_at, incident.ended_at or now),
        "links": elsewhere(said),
        "deliveries": record.deliveries,
        "timeline": timeline(record),
        "stored": bool(record.transitions),
        "earlier": earlier_incidents(data.log, incident),
        "notes": [(note, rendered_note(note.text)) for note in record.notes],
        "postmortem": postmortem_of(record, url=incident_page(data.external_url, incident.id)),
        "chart": _chart(incident, now, data.history),
        "chart_size": (WIDTH, HEIGHT),
        "longest_note": LONGEST_NOTE,
        "longest_author": LONGEST_AUTHOR,
        "longest_url": LONGEST_URL,
        "written": record.postmortem,
    }


def _silenced(record: IncidentRecord, known: BoardContent) -> Mapping[str, object]:
    """What is kept from notifying: by a page, or by an Alertmanager; and whether one of those did not answer."""
    return {
        "muted": has_muted_alert(record, known),
        "silenced": known.silence_of(record.incident.notification),
        "alertmanager_away": bool(known.silences.unanswered),
    }


def _has_ended(record: IncidentRecord, known: BoardContent) -> bool:
    """Whether no alert of an incident fires any more although that is not stored, by figures that are not old."""
    snapshot = known.find(record.incident.slo)
    if record.incident.ended_at is not None or snapshot is None or snapshot.data is DataState.STALE:
        return False
    return all(one.incident != record.incident.id for one in known.by_key.values())


def _suffering(incident: Incident) -> str:
    """How many events are bad: of the rule's window while it lasts, of the whole incident afterwards."""
    notification = incident.notification
    total = notification.good + notification.bad
    if incident.ended_at is None and total > 0:
        bad = f"{event_words(notification.bad)} of {event_words(total)} events failed in the last {notification.long}"
        return f"{share(notification.bad / total)}: {bad}{normal_clause(notification)}"
    if incident.bad_events is not None:
        return f"{event_words(incident.bad_events)} events failed"
    return notification.condition


def _budget(notification: Notification) -> str | None:
    left = notification.budget_remaining
    if math.isnan(left):
        return None
    return share(left) if left > 0 else f"none, overspent by {share(-left)}" if left < 0 else "none"


def _chart(incident: Incident, now: datetime, history: IncidentHistory) -> IncidentChart | None:
    shown = chart_span(incident, now)
    try:
        points = history.history(incident.slo, shown.start, shown.end, shown.step)
    except (StoreError, TimeoutError):
        # Who was paged needs the rest of the page, most of all while something is wrong.
        return None
    return None if points is None else incident_chart(points, incident, shown, now)
