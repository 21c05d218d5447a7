"""The routes of the page of alerts."""

from collections import Counter
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from app.access import AccessScope
from app.alerting import TransitionKind
from app.slo import Severity
from app.status import Board, BoardContent, IncidentState, PastAlerts, live_incidents, read_or_known
from app.store.incident_notes import IncidentMark
from app.ui.alerts.active import sections
from app.ui.alerts.query import TRANSITIONS, UNMARKED, HistoryQuery
from app.ui.alerts.reached import reached_receivers
from app.ui.filters import sent_by_a_form
from app.ui.forms import Refusal, SentForm, by_form, chosen_value, may_change, refusal, unknown_choice, unwritten
from app.ui.incident import IncidentData
from app.ui.rendering import Renderer
from app.wording.sentences import event_words, incident_title
from app.wording.timeline import transition_words

_PAGE = 50


def alerts_page(board: Board, renderer: Renderer, data: IncidentData) -> APIRouter:
    """The route ``/alerts``, and that of its marks."""
    router = APIRouter(include_in_schema=False)

    def shown(request: Request, query: HistoryQuery, refused: Refusal | None = None) -> Response:
        known = board.current
        # What fires is on the board, and who was paged needs it also while the database is away.
        context, memory = read_or_known(data.log, lambda past: _history(past, query, known))
        return renderer.page(
            request,
            "alerts.html",
            status=HTTPStatus.OK if refused is None else refused.status,
            sections=sections(known),
            evaluated=bool(known.snapshots),
            query=query,
            refused=refused,
            may_change=may_change(request),
            severities=tuple(Severity),
            states=tuple(IncidentState),
            mark_choices=(*IncidentMark, UNMARKED),
            kinds=tuple(TransitionKind),
            known=memory,
            **(_WORDS | context),
        )

    # Plain functions run in worker threads: no reader of the database holds up the event loop.
    @router.get("/alerts")
    def alerts(request: Request) -> Response:
        if sent_by_a_form(request):
            return _back(renderer, request)
        return shown(request, HistoryQuery.parse(request.query_params.multi_items()))

    # A refused form is shown at its own address, which the page refreshes itself from.
    router.add_api_route("/alerts/mark", partial(_back, renderer))

    @router.post("/alerts/mark", dependencies=[by_form(AccessScope.ADJUST)])
    def mark(request: Request, form: SentForm) -> Response:
        query = HistoryQuery.parse(request.query_params.multi_items())
        chosen, _, incident = form.get("mark", "").partition(" ")
        refused = refusal(request, AccessScope.ADJUST) or unknown_choice(IncidentMark, chosen)
        refused = refused or unwritten(lambda: data.log.set_mark(incident, chosen_value(IncidentMark, chosen)))
        if refused is not None:
            return shown(request, query, refused)
        return _back(renderer, request)

    return router


def _history(past: PastAlerts, query: HistoryQuery, known: BoardContent) -> dict[str, object]:
    context: dict[str, object] = {
        "incidents": (),
        "transitions": (),
        "older": None,
        "notified": {},
        "marks": Counter[object](),
    }
    if query.view == TRANSITIONS:
        found = past.transitions(query.transitions, limit=_PAGE + 1, before_id=query.transition_before)
        context["transitions"] = [(change, transition_words(change)) for _, change in found[:_PAGE]]
        context["older"] = query.older(found, _PAGE)
        return context
    listed = past.listed(query.incidents, limit=_PAGE + 1, before=query.incident_before)
    items = context["incidents"] = live_incidents(listed[:_PAGE], known)
    deliveries = past.deliveries(items)
    context["notified"] = {item.id: reached_receivers(deliveries.get(item.id, ())) for item in items}
    context["marks"] = Counter(item.mark for item in items)
    if len(listed) > _PAGE:
        last = items[-1]
        context["older"] = query.with_changes(before=f"{last.started_at.timestamp()!r} {last.id}")
    return context


def _back(renderer: Renderer, request: Request) -> Response:
    """To the page with the filters of a request, and without those that are empty."""
    query = HistoryQuery.parse(request.query_params.multi_items())
    address = f"{renderer.prefix}/alerts{query.with_changes(before=query.before)}#history"
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


_WORDS = {"incident_title": incident_title, "events": event_words}
