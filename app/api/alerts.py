"""The route of alerts."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence

from fastapi import APIRouter

from app.alerting import Transition, alert_key
from app.api.documents import alert_document, transition_document
from app.api.filters import selection
from app.api.models import ActiveAlertModel, AlertsModel
from app.api.openapi import answers
from app.api.paging import SortKey, page
from app.api.parameters import DEFAULT_LIMIT, Cursor, LabelPairs, Limit, Services, States
from app.api.ports import AlertLog
from app.api.responses import JsonResponse
from app.status import AlertView, Board, BoardContent, Snapshot


def alert_routes(board: Board, alerts: AlertLog, *, external_url: str) -> APIRouter:
    """The route ``/api/v1/alerts``; *external_url* is where people reach us."""
    router = APIRouter(tags=["alerts"], default_response_class=JsonResponse)

    @router.get(
        "/api/v1/alerts",
        operation_id="listAlerts",
        responses=answers(AlertsModel, "One page of alerts", not_found="No such page"),
    )
    async def list_alerts(
        service: Services,
        label: LabelPairs,
        status: States,
        limit: Limit = DEFAULT_LIMIT,
        next: Cursor = "",  # noqa: A002  the contract's name
    ) -> JsonResponse:
        """Alerts that are not inactive, the shortest time to exhaustion first.

        The first page also has the newest transitions, at most `limit`.
        """
        wanted = selection(service=service, status=status, label=label)
        known = board.current
        chosen = wanted.of(known.snapshots)
        ids = {one.id for one in chosen}
        items, cursor = page(
            _each_once(known, (pair for pair in known.active if pair[0].id in ids)),
            key=_urgency,
            limit=limit,
            cursor=next,
        )
        # Words may come from templates, and of thousands of alerts they take a while.
        active = await asyncio.to_thread(_documents, known, items, external_url)
        lately: Sequence[Transition] = ()
        if not next:
            # A transition of an SLO that is gone has no labels to choose it by.
            slos = ids | {one.slo.id for one in chosen} if wanted else None
            lately = await alerts.recent(limit, slos)
        return JsonResponse(
            AlertsModel(items=active, transitions=[transition_document(each) for each in lately], next=cursor)
        )

    return router


def _documents(
    known: BoardContent, active: Iterable[tuple[Snapshot, AlertView]], external_url: str
) -> list[ActiveAlertModel]:
    sent = ((snapshot, alert, known.notification_of(snapshot, alert)) for snapshot, alert in active)
    return [
        alert_document(
            snapshot,
            alert,
            notification,
            owner=known.owner_of(snapshot, alert),
            external_url=external_url,
            silence=known.silence_of(notification),
        )
        for snapshot, alert, notification in sent
    ]


def _each_once(
    known: BoardContent, active: Iterable[tuple[Snapshot, AlertView]]
) -> Iterator[tuple[Snapshot, AlertView]]:
    """The alerts, those of a whole group with the first of its members only."""
    seen = set()
    for snapshot, alert in active:
        key = alert_key(known.owner_of(snapshot, alert), alert.severity, alert.cause)
        if key not in seen:
            seen.add(key)
            yield snapshot, alert


def _urgency(active: tuple[Snapshot, AlertView]) -> SortKey:
    """The order of `BoardContent.active`, unique for every alert."""
    snapshot, alert = active
    return snapshot.budget.lasts_until_s, alert.severity, snapshot.id, alert.cause
