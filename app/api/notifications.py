"""Routes of notifications: what was given up, and another try for it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path

from app.alerting import NotificationStatus
from app.api.models import DeadLetterModel, DeadLettersModel, RetriedModel
from app.api.openapi import answers
from app.api.operations import NOT_AUTHORISED, bearer_of
from app.api.parameters import DEFAULT_LIMIT, Limit
from app.api.problems import ProblemError
from app.api.responses import JsonResponse, utc
from app.status import DeadLetterBox

# The largest id that a database holds; a larger one would be an error of its driver.
_MOST = 2**63 - 1


def notification_routes(box: DeadLetterBox, token: str | None) -> APIRouter:
    """The routes below ``/api/v1/notifications``; a retry answers to the bearer of *token* only."""
    router = APIRouter(prefix="/api/v1/notifications", tags=["alerts"], default_response_class=JsonResponse)

    @router.get("/dead", operation_id="listDeadLetters", responses=answers(DeadLettersModel, "Dead letters"))
    async def dead(limit: Limit = DEFAULT_LIMIT) -> JsonResponse:
        """Notifications that were given up, newest first."""
        items = [
            DeadLetterModel(
                id=letter.id,
                receiver=letter.receiver,
                alert=letter.alert_key,
                status=NotificationStatus(letter.status),
                created_at=utc(letter.created_at),
                ended_at=utc(letter.ended_at),
                attempts=letter.attempts,
                error=letter.error,
            )
            for letter in await box.letters(limit)
        ]
        return JsonResponse(DeadLettersModel(items=items))

    @router.post(
        "/dead/{letter}/retry",
        operation_id="retryDeadLetter",
        dependencies=[Depends(bearer_of(token))],
        responses=answers(
            RetriedModel,
            "It is tried again",
            **NOT_AUTHORISED,
            not_found="Nothing with this id was given up, or it is out of date",
        ),
    )
    async def retry(letter: Annotated[int, Path(ge=0, le=_MOST)]) -> JsonResponse:
        """Try a notification again that was given up."""
        if not await box.retry(letter):
            raise ProblemError(
                HTTPStatus.NOT_FOUND,
                f"nothing with the id {letter} was given up, or a newer notification of its alert has been delivered",
            )
        return JsonResponse(RetriedModel(id=letter))

    return router
