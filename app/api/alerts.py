"""The route of alerts."""

from fastapi import APIRouter

from app.api.documents import alert_document, transition_document
from app.api.models import AlertsModel
from app.api.openapi import answers
from app.api.ports import AlertLog
from app.api.responses import JsonResponse
from app.api.slos import DEFAULT_LIMIT, Limit
from app.slo import AlertState
from app.status import Board


def alert_routes(board: Board, alerts: AlertLog) -> APIRouter:
    """The route ``/api/v1/alerts``."""
    router = APIRouter(tags=["alerts"], default_response_class=JsonResponse)

    @router.get("/api/v1/alerts", responses=answers(AlertsModel, "Alerts", unprocessable_entity="A bad parameter"))
    async def list_alerts(limit: Limit = DEFAULT_LIMIT) -> JsonResponse:
        """Alerts that are not inactive or are held back, and the newest transitions (at most `limit`)."""
        active = [
            alert_document(snapshot, alert)
            for snapshot in board.snapshots
            for alert in snapshot.alerts
            if alert.state is not AlertState.INACTIVE or alert.reason is not None
        ]
        lately = [transition_document(transition) for transition in await alerts.recent(limit)]
        return JsonResponse({"items": active, "transitions": lately})

    return router
