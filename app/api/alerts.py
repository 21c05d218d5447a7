"""The route of alerts."""

import asyncio

from fastapi import APIRouter

from app.api.documents import Document, alert_document, transition_document
from app.api.models import AlertsModel
from app.api.openapi import answers
from app.api.ports import AlertLog
from app.api.responses import JsonResponse
from app.api.slos import DEFAULT_LIMIT, Limit
from app.status import Board


def alert_routes(board: Board, alerts: AlertLog, *, external_url: str) -> APIRouter:
    """The route ``/api/v1/alerts``; *external_url* is where people reach us."""
    router = APIRouter(tags=["alerts"], default_response_class=JsonResponse)

    @router.get("/api/v1/alerts", responses=answers(AlertsModel, "Alerts", unprocessable_entity="A bad parameter"))
    async def list_alerts(limit: Limit = DEFAULT_LIMIT) -> JsonResponse:
        """Alerts that are not inactive, the shortest time to exhaustion first, and the newest `limit` transitions."""
        lately = [transition_document(transition) for transition in await alerts.recent(limit)]
        # Words may come from templates, and of thousands of alerts they take a while.
        active = await asyncio.to_thread(_active, board, external_url)
        return JsonResponse({"items": active, "transitions": lately})

    return router


def _active(board: Board, external_url: str) -> list[Document]:
    return [
        alert_document(snapshot, alert, board.told_of(snapshot, alert), external_url=external_url)
        for snapshot, alert in board.active
    ]
