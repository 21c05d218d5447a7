"""Routes of exceptions: to add and to end one needs `adjust`, not `gate`: a pipeline must not let itself pass."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query

from app.access import AccessScope
from app.api.gate.documents import exception_document
from app.api.gate.models import EndedByModel, ExceptionModel, ExceptionsModel, NewExceptionModel
from app.api.needs import needs
from app.api.openapi import answers, problem_answers
from app.api.parameters import DEFAULT_LIMIT, ID_PATTERN, Limit
from app.api.problems import ProblemError, invalid, not_found
from app.api.responses import JsonResponse
from app.clock import Clock
from app.gate import ExceptionRequest, Gate, InvalidExceptionError, checked_exception, written_line
from app.store import StoreError

_ExceptionId = Annotated[str, Path(pattern=ID_PATTERN, examples=["5f2d7c01"], description="The id.")]
_Active = Annotated[bool, Query(description="Only those that hold now.")]


def exception_routes(gate: Gate, *, clock: Clock) -> APIRouter:
    """The routes below ``/api/v1/gate/exceptions``."""
    router = APIRouter(prefix="/api/v1/gate/exceptions", tags=["gate"], default_response_class=JsonResponse)

    @router.get("", operation_id="listGateExceptions", responses=answers(ExceptionsModel, "Exceptions"))
    async def list_exceptions(*, active: _Active = False, limit: Limit = DEFAULT_LIMIT) -> JsonResponse:
        """Exceptions from policies, the newest first; those that are over are kept for half a year."""
        at = clock.now()
        found = gate.active_exceptions(at) if active else gate.exceptions()
        return JsonResponse(ExceptionsModel(items=[exception_document(one, at=at) for one in found[:limit]]))

    @router.post(
        "",
        operation_id="addGateException",
        dependencies=[needs(AccessScope.ADJUST)],
        status_code=HTTPStatus.CREATED,
        responses={
            201: {"model": ExceptionModel, "description": "The exception"},
            **problem_answers(service_unavailable="It cannot be written, and does not hold; or too many requests"),
        },
    )
    def add_exception(given: Annotated[NewExceptionModel, Body()]) -> JsonResponse:
        """Let changes go ahead for a time, without regard to policies.

        With `break_glass` it holds at once, also while nothing can be written, and receivers are notified of it.
        """
        wanted = _wanted(given, at=clock.now())
        try:
            exception = gate.add_exception(wanted)
        except StoreError as error:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, f"it cannot be written: {error}") from error
        return JsonResponse(exception_document(exception, at=clock.now()), status_code=HTTPStatus.CREATED)

    @router.post(
        "/{id}/end",
        operation_id="endGateException",
        dependencies=[needs(AccessScope.ADJUST)],
        responses=answers(
            ExceptionModel,
            "It is over",
            not_found="No such exception",
            service_unavailable="It cannot be written, and goes on; or too many requests",
        ),
    )
    def end_exception(id: _ExceptionId, given: Annotated[EndedByModel, Body()]) -> JsonResponse:  # noqa: A002  the contract's name
        """End an exception before its time."""
        try:
            exception = gate.end_exception(id, by=written_line(given["by"], "by"))
        except InvalidExceptionError as error:
            raise invalid(str(error)) from error
        except StoreError as error:
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, f"it cannot be written: {error}") from error
        if exception is None:
            raise not_found(f"no exception has the id {id!r}")
        return JsonResponse(exception_document(exception, at=clock.now()))

    return router


def _wanted(given: NewExceptionModel, *, at: datetime) -> ExceptionRequest:
    wanted = ExceptionRequest(
        reason=given["reason"],
        owner=given["owner"],
        starts_at=given.get("starts_at", at),
        ends_at=given["ends_at"],
        services=tuple(given.get("services", ())),
        environments=tuple(given.get("environments", ())),
        changes=tuple(given.get("changes", ())),
        slos=tuple(given.get("slos", ())),
        break_glass=given.get("break_glass", False),
    )
    try:
        return checked_exception(wanted, at=at)
    except InvalidExceptionError as error:
        raise invalid(str(error)) from error
