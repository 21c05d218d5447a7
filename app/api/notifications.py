"""Routes of notifications: what was given up, and another try for it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Path

from app.api.models import DeadLettersModel, RevivedModel
from app.api.openapi import answers, problem_answers
from app.api.operations import authorise
from app.api.ports import DeadLetterBox
from app.api.problems import ProblemError
from app.api.responses import JsonResponse, utc
from app.api.slos import DEFAULT_LIMIT, Limit

_MOST = 2**63 - 1


def notification_routes(box: DeadLetterBox, token: str | None) -> APIRouter:
    """The routes below ``/api/v1/notifications``; reviving answers to the bearer of *token* only."""
    router = APIRouter(prefix="/api/v1/notifications", tags=["alerts"], default_response_class=JsonResponse)
    problems = problem_answers(
        {
            "unauthorized": "No token, or a wrong one",
            "forbidden": "No token is configured",
            "not_found": "Nothing with this id was given up, or it is out of date",
            "unprocessable_entity": "An id that is no number",
        }
    )

    @router.get("/dead", responses=answers(DeadLettersModel, "Dead letters", unprocessable_entity="A bad parameter"))
    async def dead(limit: Limit = DEFAULT_LIMIT) -> JsonResponse:
        """Notifications that were given up, newest first."""
        items = [
            {
                "id": letter.id,
                "receiver": letter.receiver,
                "alert": letter.alert_key,
                "status": letter.status,
                "created_at": utc(letter.created_at),
                "ended_at": utc(letter.ended_at),
                "attempts": letter.attempts,
                "error": letter.error,
            }
            for letter in await box.letters(limit)
        ]
        return JsonResponse({"items": items})

    @router.post("/dead/{letter}/revive", responses=answers(RevivedModel, "It is tried again") | problems)
    async def revive(
        letter: Annotated[int, Path(ge=0, le=_MOST)], authorization: Annotated[str, Header()] = ""
    ) -> JsonResponse:
        """Try a notification again that was given up."""
        authorise(authorization, token)
        if not await box.revive(letter):
            raise ProblemError(
                HTTPStatus.NOT_FOUND,
                f"nothing with the id {letter} was given up, or newer news of its alert has been delivered",
            )
        return JsonResponse({"id": letter})

    return router
