"""Routes that read incidents and transitions."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import PlainTextResponse, Response

from app.alerting import TransitionKind
from app.api.defaults import no_values
from app.api.documents import transition_document
from app.api.filters import parse_label, selection
from app.api.incidents.documents import incident_detail, incident_document
from app.api.incidents.models import IncidentDetailModel, IncidentListModel, TransitionsModel
from app.api.openapi import answers, problem_answers, text_answer
from app.api.paging import decode_id, decode_time_and_id, encode_time_and_id, numbered_page
from app.api.parameters import DEFAULT_LIMIT, ID_PATTERN, Cursor, LabelPairs, Limit, Services, SlosById, Time
from app.api.problems import ProblemError, not_found
from app.api.responses import JsonResponse
from app.api.timespans import parse_range
from app.slo import Severity, SloId
from app.status import Board, IncidentLog, IncidentState, Selection, live_incidents, live_record, postmortem_of
from app.store.alerts import TransitionFilter
from app.store.incident_notes import IncidentMark, MarkFilter
from app.store.incidents import IncidentFilter, IncidentRecord
from app.wording.links import incident_page

IncidentId = Annotated[
    str, Path(pattern=ID_PATTERN, examples=["5f2d7c01a9b3e468"], description="The id of the incident.")
]
_Severities = Annotated[list[Severity], Query(default_factory=no_values, description="Only those of any of these.")]
_Kinds = Annotated[
    list[TransitionKind], Query(default_factory=no_values, description="Only those of any of these kinds.")
]
_States = Annotated[
    list[IncidentState], Query(default_factory=no_values, description="Only those in any of these states.")
]
_From = Annotated[Time, Query(alias="from", description="RFC 3339 or Unix seconds; only what was under way since.")]
_To = Annotated[Time, Query(alias="to", description="RFC 3339 or Unix seconds; only what began until then.")]
_Incident = Annotated[
    Annotated[str, Field(pattern=ID_PATTERN)] | SkipJsonSchema[None],
    Query(description="Only those of this incident."),
]
_Marks = Annotated[
    list[MarkFilter],
    Query(default_factory=no_values, description="Only those with any of these marks; `none`: without."),
]


def incident_routes(
    board: Board, log: IncidentLog, *, external_url: str, alertmanager_url: Callable[[], str | None]
) -> APIRouter:
    """The routes below ``/api/v1/incidents`` and ``/api/v1/transitions`` that read.

    *external_url* is where people reach us, *alertmanager_url* gives where they reach Alertmanager.
    """
    router = APIRouter(prefix="/api/v1", tags=["incidents"], default_response_class=JsonResponse)
    _add_list(router, board, log, external_url)

    def find(incident: str) -> IncidentRecord:
        record = live_record(incident, log.find(incident), board.current)
        if record is None:
            raise unknown_incident(incident)
        return record

    # Plain functions run in worker threads: no reader of the database holds up the event loop.
    @router.get(
        "/incidents/{id}/postmortem",
        operation_id="getPostmortem",
        response_class=PlainTextResponse,
        responses={
            **text_answer("text/markdown", "A draft in Markdown"),
            **problem_answers(not_found="No such incident"),
        },
    )
    def get_postmortem(id: IncidentId) -> Response:  # noqa: A002  the contract's name
        """A draft of a postmortem in Markdown, with what is known filled in."""
        draft = postmortem_of(find(id), url=incident_page(external_url, id))
        return PlainTextResponse(draft, media_type="text/markdown")

    @router.get(
        "/incidents/{id}",
        operation_id="getIncident",
        responses=answers(IncidentDetailModel, "The incident", not_found="No such incident"),
    )
    def get_incident(id: IncidentId) -> JsonResponse:  # noqa: A002  the contract's name
        """One incident with its transitions, deliveries and notes."""
        record = find(id)
        is_active = record.incident.ended_at is None
        return JsonResponse(
            incident_detail(
                record,
                external_url=external_url,
                alertmanager_url=alertmanager_url(),
                silence=board.current.silence_of(record.incident.notification) if is_active else None,
            )
        )

    return router


def _add_list(router: APIRouter, board: Board, log: IncidentLog, external_url: str) -> None:
    @router.get(
        "/incidents",
        operation_id="listIncidents",
        responses=answers(IncidentListModel, "One page of incidents", not_found="No such page"),
    )
    def list_incidents(
        *,
        service: Services,
        label: LabelPairs,
        slo: SlosById,
        severity: _Severities,
        state: _States,
        mark: _Marks,
        start: _From = None,
        end: _To = None,
        limit: Limit = DEFAULT_LIMIT,
        next: Cursor = "",  # noqa: A002  the contract's name
    ) -> JsonResponse:
        """Incidents, the newest first."""
        since, until = parse_range(start, end)
        wanted = IncidentFilter(
            services=frozenset(service),
            slos=frozenset(slo),
            labels=frozenset(map(parse_label, label)),
            severities=frozenset(severity),
            active=None if len({*state}) != 1 else state[0] is IncidentState.ACTIVE,
            marks=frozenset(IncidentMark(each) for each in mark if each is not MarkFilter.NONE),
            unmarked=MarkFilter.NONE in mark,
            since=since,
            until=until,
        )
        found = log.listed(wanted, limit=limit + 1, before=decode_time_and_id(next))
        items = live_incidents(found[:limit], board.current)
        cursor = encode_time_and_id(items[-1].started_at, items[-1].id) if len(found) > limit else None
        return JsonResponse(
            IncidentListModel(items=[incident_document(item, external_url=external_url) for item in items], next=cursor)
        )


def transition_routes(board: Board, log: IncidentLog) -> APIRouter:
    """The route ``/api/v1/transitions``."""
    router = APIRouter(prefix="/api/v1", tags=["incidents"], default_response_class=JsonResponse)

    @router.get(
        "/transitions",
        operation_id="listTransitions",
        responses=answers(TransitionsModel, "One page of transitions", not_found="No such page"),
    )
    def list_transitions(
        *,
        service: Services,
        label: LabelPairs,
        slo: SlosById,
        severity: _Severities,
        kind: _Kinds,
        incident: _Incident = None,
        start: _From = None,
        end: _To = None,
        limit: Limit = DEFAULT_LIMIT,
        next: Cursor = "",  # noqa: A002  the contract's name
    ) -> JsonResponse:
        """Changes of alerts, the newest first; by service and label those of SLOs that are there now."""
        since, until = parse_range(start, end)
        wanted = TransitionFilter(
            slos=_slos(board, selection(service=service, status=(), label=label), slo),
            severities=frozenset(severity),
            kinds=frozenset(kind),
            incident=incident,
            since=since,
            until=until,
        )
        items, cursor = numbered_page(log.transitions(wanted, limit=limit + 1, before_id=decode_id(next)), limit)
        return JsonResponse(TransitionsModel(items=[*map(transition_document, items)], next=cursor))

    return router


def unknown_incident(incident: str) -> ProblemError:
    """No incident has this id."""
    return not_found(f"no incident has the id {incident!r}, or it ended too long ago")


def _slos(board: Board, chosen: Selection, slos: list[str]) -> frozenset[SloId] | None:
    """The ids that transitions may have; None if all."""
    named = frozenset(map(SloId, slos))
    if not chosen:
        return named or None
    found = chosen.of(board.current.snapshots)
    ids = frozenset(one.id for one in found) | frozenset(one.slo.id for one in found)
    return ids & named if named else ids
