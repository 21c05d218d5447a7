"""Routes by which people mark incidents and add notes; they need the token."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body, Depends

from app.api.incidents.documents import note_document
from app.api.incidents.models import MarkModel, NewNoteModel, NoteModel
from app.api.incidents.routes import IncidentId, unknown_incident
from app.api.openapi import answers, problem_answers
from app.api.operations import NOT_AUTHORISED, bearer_of
from app.api.problems import ProblemError, invalid
from app.api.responses import JsonResponse
from app.status import IncidentLog
from app.store.incident_notes import TooManyNotesError
from app.wording.plain_text import one_line, visible


def incident_change_routes(log: IncidentLog, token: str | None) -> APIRouter:
    """The routes below ``/api/v1/incidents`` that write, for the bearer of *token* only."""
    router = APIRouter(
        prefix="/api/v1/incidents",
        tags=["incidents"],
        default_response_class=JsonResponse,
        dependencies=[Depends(bearer_of(token))],
    )

    @router.put(
        "/{id}/mark",
        operation_id="markIncident",
        responses=answers(MarkModel, "It is marked", **NOT_AUTHORISED, not_found="No such incident"),
    )
    def mark_incident(id: IncidentId, given: Annotated[MarkModel, Body()]) -> JsonResponse:  # noqa: A002  the contract's name
        """Say whether the notifications of an incident were useful or noise."""
        if not log.set_mark(id, given["mark"]):
            raise unknown_incident(id)
        return JsonResponse(given)

    @router.post(
        "/{id}/notes",
        operation_id="addNote",
        status_code=HTTPStatus.CREATED,
        responses={
            201: {"model": NoteModel, "description": "The note"},
            **problem_answers(
                **NOT_AUTHORISED, not_found="No such incident", conflict="It has as many notes as it may have"
            ),
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
