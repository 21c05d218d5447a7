"""Routes of notifications: how receivers take them, what was given up, and another try for it."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from app.access import AccessScope
from app.alerting import NotificationStatus
from app.api.models import DeadLetterModel, DeadLettersModel, ReceiverStatusListModel, ReceiverStatusModel, RetriedModel
from app.api.needs import needs
from app.api.openapi import answers
from app.api.paging import decode_id, encode_id
from app.api.parameters import DEFAULT_LIMIT, Cursor, Limit
from app.api.problems import ProblemError
from app.api.responses import JsonResponse, utc
from app.status import DeliveryLog, ReceiverStatus
from app.store.dead_letters import MOST_ID


def notification_routes(log: DeliveryLog) -> APIRouter:
    """Receivers, and the routes below ``/api/v1/notifications``."""
    router = APIRouter(prefix="/api/v1", tags=["alerts"], default_response_class=JsonResponse)

    @router.get("/receivers", operation_id="listReceivers", responses=answers(ReceiverStatusListModel, "All of them"))
    async def receivers() -> JsonResponse:
        """When each receiver last accepted a notification, and what waits for it or was given up."""
        return JsonResponse(ReceiverStatusListModel(items=[_receiver(each) for each in await log.receivers()]))

    @router.get(
        "/notifications/dead",
        operation_id="listDeadLetters",
        responses=answers(DeadLettersModel, "Dead letters", not_found="No such page"),
    )
    async def dead(limit: Limit = DEFAULT_LIMIT, next: Cursor = "") -> JsonResponse:  # noqa: A002  the contract's name
        """Notifications that were given up in the last 30 days, newest first."""
        found = await log.dead_letters(limit + 1, before=decode_id(next))
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
            for letter in found[:limit]
        ]
        return JsonResponse(DeadLettersModel(items=items, next=encode_id(items[-1]["id"]) if found[limit:] else None))

    @router.post(
        "/notifications/dead/{letter}/retry",
        operation_id="retryDeadLetter",
        dependencies=[needs(AccessScope.RELOAD)],
        responses=answers(
            RetriedModel,
            "It is tried again",
            not_found="Nothing with this id was given up, or it is out of date",
        ),
    )
    async def retry(letter: Annotated[int, Path(ge=0, le=MOST_ID)]) -> JsonResponse:
        """Try a notification again that was given up."""
        if not await log.retry(letter):
            raise ProblemError(
                HTTPStatus.NOT_FOUND,
                f"nothing with the id {letter} was given up, or a newer notification of its alert has been delivered",
            )
        return JsonResponse(RetriedModel(id=letter))

    return router


def _receiver(status: ReceiverStatus) -> ReceiverStatusModel:
    return ReceiverStatusModel(
        name=status.name,
        configured=status.is_configured,
        last_success_at=utc(status.record.last_success_at),
        failing_since=utc(status.record.failing_since),
        error=status.record.error,
        waiting=status.record.waiting,
        dead_letters=status.record.dead_letters,
        accepted=status.accepted,
        failures=dict(status.failures),
    )
