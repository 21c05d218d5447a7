"""Routes that read adjustments."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from app.adjustments import AdjustedMember, AdjustedMembers, occurrences
from app.adjustments.calendars import write_calendar
from app.api.adjustments.changes import change_routes, known_adjustment
from app.api.adjustments.documents import MONTH, adjustment_document, audited_document
from app.api.adjustments.models import AdjustmentDetailModel, AdjustmentListModel
from app.api.defaults import no_values
from app.api.openapi import answers, text_answer
from app.api.paging import page
from app.api.parameters import DEFAULT_LIMIT, Cursor, Limit, Time
from app.api.problems import invalid
from app.api.responses import JsonResponse
from app.api.timespans import parse_range
from app.slo import ungrouped_id
from app.status import AdjustmentLog, Board, Contributors, Snapshot

_LONGEST_RANGE = timedelta(days=3 * 366)
_MOST_MATCHES = 1_000
_Slo = Annotated[
    list[str], Query(default_factory=no_values, description="Only those that mean any of these SLOs, by id.")
]
_Service = Annotated[
    list[str], Query(default_factory=no_values, description="Only those that mean SLOs of these services.")
]
_From = Annotated[Time, Query(alias="from", description="Of occurrences; by default 30 days ago.")]
_To = Annotated[Time, Query(alias="to", description="Of occurrences; by default in 30 days.")]
_Withdrawn = Annotated[bool, Query(description="Whether those that were withdrawn are listed, too.")]
_Occurring = Annotated[bool, Query(description="Whether only those with an occurrence in the range are listed.")]


def adjustment_routes(
    board: Board,
    log: AdjustmentLog,
    *,
    contributors: Contributors,
    now: Callable[[], datetime],
    external_url: str,
) -> Sequence[APIRouter]:
    """The routes below ``/api/v1/adjustments``: those that read, and those that write; *now* gives the present."""
    router = APIRouter(prefix="/api/v1", tags=["adjustments"], default_response_class=JsonResponse)
    _add_list(router, board, log, now)

    @router.get(
        "/adjustments.ics",
        operation_id="getAdjustmentsCalendar",
        response_class=Response,
        responses=text_answer("text/calendar", "A calendar"),
    )
    def calendar() -> Response:
        """The adjustments that were not withdrawn, as an iCalendar feed."""
        current = [one for one in log.listed() if one.withdrawn_at is None]
        text = write_calendar(current, url=f"{external_url.rstrip('/')}/adjustments")
        return Response(text, media_type="text/calendar; charset=utf-8")

    @router.get(
        "/adjustments/{id}",
        operation_id="getAdjustment",
        responses=answers(AdjustmentDetailModel, "The adjustment", not_found="No such adjustment"),
    )
    def get_adjustment(id: str, start: _From = None, end: _To = None) -> JsonResponse:  # noqa: A002  the contract's name
        """One adjustment with its audit, and the SLOs that it means now."""
        since, until = _span(start, end, now())
        found = known_adjustment(log, id)
        matches = [str(member.id) for member in _members(board.current.snapshots) if found.means(member)]
        document: AdjustmentDetailModel = {
            **adjustment_document(found, since, until),
            "matches": sorted(matches)[:_MOST_MATCHES],
            "audit": [audited_document(entry) for entry in log.audit(id)],
        }
        return JsonResponse(document)

    return router, change_routes(log, now, contributors)


def _add_list(router: APIRouter, board: Board, log: AdjustmentLog, now: Callable[[], datetime]) -> None:
    @router.get(
        "/adjustments",
        operation_id="listAdjustments",
        responses=answers(AdjustmentListModel, "One page", not_found="No such page"),
    )
    def list_adjustments(
        *,
        slo: _Slo,
        service: _Service,
        start: _From = None,
        end: _To = None,
        withdrawn: _Withdrawn = False,
        occurring: _Occurring = False,
        limit: Limit = DEFAULT_LIMIT,
        next: Cursor = "",  # noqa: A002  the contract's name
    ) -> JsonResponse:
        """Adjustments by their first start, the newest first, with the occurrences in a range."""
        since, until = _span(start, end, now())
        is_chosen = bool(slo or service)
        known = _members(board.current.snapshots) if is_chosen else ()
        chosen = [one for one in known if {one.id, ungrouped_id(one.id)} & {*slo} or one.service in service]
        found = [
            one
            for one in log.listed()
            if (withdrawn or one.withdrawn_at is None)
            and (not is_chosen or any(map(one.means, chosen)))
            and (not occurring or occurrences(one, since, until))
        ]
        items, cursor = page(
            found, key=lambda one: (one.start.isoformat(), one.id), limit=limit, cursor=next, descending=True
        )
        documents = [adjustment_document(one, since, until) for one in items]
        return JsonResponse(AdjustmentListModel(items=documents, next=cursor))


def _members(snapshots: Sequence[Snapshot]) -> list[AdjustedMember]:
    """SLOs, and members of groups, as adjustments see them."""
    all_slos = AdjustedMembers([one.slo for one in snapshots])
    return [all_slos.member(one.id, one.slo, one.group) for one in snapshots]


def _span(start: str | None, end: str | None, now: datetime) -> tuple[datetime, datetime]:
    since, until = parse_range(start, end)
    since, until = since or now - MONTH, until or now + MONTH
    if not since < until <= since + _LONGEST_RANGE:
        raise invalid("from must be before to, at most three years")
    return since, until
