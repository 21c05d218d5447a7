"""Routes by which people mark incidents and add notes; they need `adjust`."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body
from starlette.responses import Response

from app.access import AccessScope
from app.api.incidents.documents import note_document, postmortem_document
from app.api.incidents.models import MarkModel, NewNoteModel, NewPostmortemModel, NoteModel, WrittenPostmortemModel
from app.api.incidents.routes import IncidentId, unknown_incident
from app.api.needs import needs
from app.api.openapi import answers, problem_answers
from app.api.problems import ProblemError, invalid
from app.api.responses import JsonResponse
from app.policy import WrittenPostmortem
from app.status import IncidentLog
from app.store.incident_notes import TooManyNotesError
from app.wording.plain_text import one_line, visible


def incident_change_routes(log: IncidentLog, *, now: Callable[[], datetime]) -> APIRouter:
    """The routes below ``/api/v1/incidents`` that write."""
    router = APIRouter(
        prefix="/api/v1/incidents",
        tags=["incidents"],
        default_response_class=JsonResponse,
        dependencies=[needs(AccessScope.ADJUST)],
    )

    @router.put(
        "/{id}/mark",
        operation_id="markIncident",
        responses=answers(MarkModel, "It is marked", not_found="No such incident"),
    )
    def mark_incident(id: IncidentId, given: Annotated[MarkModel, Body()]) -> JsonResponse:  # noqa: A002  the contract's name
        """Say whether the notifications of an incident were useful or noise."""
        if not log.set_mark(id, given["mark"]):
            raise unknown_incident(id)
        return JsonResponse(given)

    _add_postmortems(router, log, now)

    @router.post(
        "/{id}/notes",
        operation_id="addNote",
        status_code=HTTPStatus.CREATED,
        responses={
            201: {"model": NoteModel, "description": "The note"},
            **problem_answers(not_found="No such incident", conflict="It has as many notes as it may have"),
        },
    )
    def add_note(id: IncidentId, given: Annotated[NewNoteModel, Body()]) -> JsonResponse:  # noqa: A002  the contract's name
        """Add a note in Markdown to an incident."""
        text, author = visible(given["text"]).strip(), one_line(given["author"] or "")
        if not text:
            raise invalid("text is empty: write what is to be noted")
        try:
            note = log.add_note(id, text, author=author or None)
        except TooManyNotesError as error:
            raise ProblemError(HTTPStatus.CONFLICT, str(error)) from error
        if note is None:
            raise unknown_incident(id)
        return JsonResponse(note_document(note), status_code=HTTPStatus.CREATED)

    return router


def _add_postmortems(router: APIRouter, log: IncidentLog, now: Callable[[], datetime]) -> None:
    @router.put(
        "/{id}/postmortem",
        operation_id="notePostmortem",
        responses=answers(WrittenPostmortemModel, "It is noted", not_found="No such incident"),
    )
    def note_postmortem(id: IncidentId, given: Annotated[NewPostmortemModel, Body()]) -> JsonResponse:  # noqa: A002  the contract's name
        """Note that the postmortem of an incident is written."""
        written = WrittenPostmortem(written_at=now(), author=one_line(given["author"]), url=given["url"])
        if not log.set_postmortem(id, written):
            raise unknown_incident(id)
        return JsonResponse(postmortem_document(written))

    @router.delete(
        "/{id}/postmortem",
        operation_id="forgetPostmortem",
        status_code=HTTPStatus.NO_CONTENT,
        responses=problem_answers(not_found="No such incident"),
    )
    def forget_postmortem(id: IncidentId) -> Response:  # noqa: A002  the contract's name
        """Note that the postmortem of an incident is not written."""
        if not log.set_postmortem(id, None):
            raise unknown_incident(id)
        return Response(status_code=HTTPStatus.NO_CONTENT)
