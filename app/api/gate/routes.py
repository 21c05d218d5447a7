"""Routes that ask the gate, and that of the log of its decisions."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body, Query, Request
from pydantic import WithJsonSchema
from starlette.responses import PlainTextResponse, Response

from app.access import AccessScope, Identity, credentials_in
from app.api.defaults import no_values
from app.api.filters import parse_label
from app.api.gate.documents import decision_document, gate_document, is_ok
from app.api.gate.hooks import Invert, Word, hook_answers, hook_response, hook_sender, is_set, status_answers
from app.api.gate.models import LONGEST_NAME, DecisionsModel, FlaggerHookModel, GateModel
from app.api.needs import check_service, identity_of, needs
from app.api.openapi import answers
from app.api.paging import decode_id, numbered_page
from app.api.parameters import DEFAULT_LIMIT, MAX_SEARCH, Cursor, LabelPairs, Limit, Since, Until
from app.api.responses import JsonResponse
from app.api.timespans import parse_range
from app.gate import Gate, GateAnswer, GateCaller
from app.policy import GateDecision, GateQuestion
from app.status import words_of
from app.store.gate import DecisionFilter
from app.wording.plain_text import one_line

# An address of so many ids of usual length stays below the 8 KB that proxies take.
_MOST_SLOS = 100
# Who gives no name is known by its program.
_LONGEST_CALLER = 100
_Service = Annotated[Word, Query(description="The service that is to be changed.", examples=["checkout"])]
_Environment = Annotated[
    Word, Query(description="Where; SLOs with a label `environment` of another one are left out.", examples=["prod"])
]
_Change = Annotated[Word, Query(description="The kind of the change, as rules of policies name it.")]
_Slos = Annotated[
    list[Annotated[str, WithJsonSchema({"type": "string", "maxLength": LONGEST_NAME})]],
    Query(
        default_factory=no_values, max_length=_MOST_SLOS, description="Only these SLOs, by id; members of a group too."
    ),
]
_Caller = Annotated[
    str, Query(max_length=_LONGEST_CALLER, description="Who asks, for the log; the `User-Agent` if it is not given.")
]
_StatusCode = Annotated[
    bool,
    Query(description="Answer 403 for deny and 503 for unknown, for callers that read only the status."),
]
_UnknownPasses = Annotated[bool, Query(description="Whether the caller takes `unknown` for a yes.")]


def gate_routes(gate: Gate, *, external_url: str) -> APIRouter:
    """The route that asks: ``/api/v1/gate``."""
    router = APIRouter(prefix="/api/v1/gate", tags=["gate"], default_response_class=JsonResponse)

    # In the event loop: it takes a millisecond, and must not wait for the threads of those who read much.
    @router.get(
        "",
        operation_id="askGate",
        dependencies=[needs(AccessScope.READ, AccessScope.GATE)],
        responses={
            **answers(GateModel, "Whether the change may go ahead"),
            **status_answers(GateModel, no="deny", unknown="unknown"),
        },
    )
    async def ask_gate(
        request: Request,
        *,
        slo: _Slos,
        label: LabelPairs,
        service: _Service = "",
        environment: _Environment = "",
        change: _Change = "",
        caller: _Caller = "",
        status_code: _StatusCode = False,
        unknown_passes: _UnknownPasses = False,
    ) -> JsonResponse:
        """Whether a change may go ahead.

        The answer is 200 for any decision, `unknown` where data is missing or old; callers that read only the
        status ask with `status_code`. A change is described by the service, the SLOs or the labels that it may hurt.
        """
        question = GateQuestion(
            service=service,
            environment=environment,
            change=change,
            # As in `slo=`, which means all.
            slos=tuple(one for one in slo if one),
            labels=tuple(map(parse_label, label)),
        )
        _check_services(identity_of(request), question)
        answer = gate.ask(question, caller=_caller(request, caller))
        document = gate_document(answer, external_url=external_url, unknown_passes=unknown_passes)
        status = _status(answer, unknown_passes=unknown_passes) if status_code else HTTPStatus.OK
        return JsonResponse(document, status_code=status)

    return router


def flagger_routes(gate: Gate) -> APIRouter:
    """The hook of Flagger, which reads only the status."""
    router = APIRouter(prefix="/api/v1/gate/hooks", tags=["gate"])

    @router.post(
        "/flagger",
        operation_id="askGateFromFlagger",
        dependencies=[needs(AccessScope.READ, AccessScope.GATE, is_checked_by_route=True)],
        response_class=PlainTextResponse,
        responses=hook_answers(no="Do not go on; with `invert`: do not roll back", unknown="Not known"),
    )
    async def ask_from_flagger(
        request: Request,
        given: Annotated[FlaggerHookModel, Body()],
        *,
        service: _Service = "",
        environment: _Environment = "",
        change: _Change = "",
        invert: Invert = False,
        unknown_passes: _UnknownPasses = False,
    ) -> Response:
        """Whether a canary of Flagger may go on, by the status alone.

        What is not in the query is taken from the hook's `metadata`; the service is the canary's name otherwise.
        """
        metadata = given.get("metadata") or {}
        identity = await hook_sender(request, metadata)
        name, namespace = given.get("name", ""), given.get("namespace", "")
        question = GateQuestion(
            service=service or metadata.get("service", "") or name,
            environment=environment or metadata.get("environment", ""),
            change=change or metadata.get("change", ""),
            slos=tuple(filter(None, (metadata.get("slo", ""),))),
        )
        _check_services(identity, question)
        answer = gate.ask(question, caller=_caller(request, f"flagger {namespace}/{name}"))
        unknown_passes = unknown_passes or is_set(metadata, "unknown_passes")
        status = _status(answer, unknown_passes=unknown_passes)
        verdict = answer.verdict
        return hook_response(status, verdict.decision, verdict.reason, metadata=metadata, invert=invert)

    return router


def _check_services(identity: Identity, question: GateQuestion) -> None:
    # SLOs and labels may be those of any service.
    only = question.service and not question.slos and not question.labels
    check_service(identity, *([question.service] if only else []))


def _status(answer: GateAnswer, *, unknown_passes: bool) -> HTTPStatus:
    if is_ok(answer, unknown_passes=unknown_passes):
        return HTTPStatus.OK
    denied = answer.verdict.decision is GateDecision.DENY
    return HTTPStatus.FORBIDDEN if denied else HTTPStatus.SERVICE_UNAVAILABLE


def _caller(request: Request, name: str) -> GateCaller:
    given = one_line(name or request.headers.get("user-agent", ""))[:_LONGEST_CALLER]
    return GateCaller(name=given, address=credentials_in(request.scope).address)


_Services = Annotated[list[str], Query(default_factory=no_values, description="Only about any of these services.")]
_Environments = Annotated[
    list[str], Query(default_factory=no_values, description="Only about any of these environments.")
]
_Decisions = Annotated[list[GateDecision], Query(default_factory=no_values, description="Only any of these decisions.")]
_Search = Annotated[
    str, Query(max_length=MAX_SEARCH, description="Only with all of these words in service, caller, change or reason.")
]


def gate_log_routes(gate: Gate) -> APIRouter:
    """The route ``/api/v1/gate/decisions``."""
    router = APIRouter(prefix="/api/v1/gate", tags=["gate"], default_response_class=JsonResponse)

    # A plain function runs in a worker thread: no reader of the database holds up the event loop.
    @router.get(
        "/decisions",
        operation_id="listGateDecisions",
        responses=answers(DecisionsModel, "One page of decisions", not_found="No such page"),
    )
    def list_decisions(
        *,
        service: _Services,
        environment: _Environments,
        decision: _Decisions,
        q: _Search = "",
        start: Since = None,
        end: Until = None,
        limit: Limit = DEFAULT_LIMIT,
        next: Cursor = "",  # noqa: A002  the contract's name
    ) -> JsonResponse:
        """What the gate has decided, newest first: who asked, what was answered, on which figures."""
        since, until = parse_range(start, end)
        wanted = DecisionFilter(
            services=tuple(service),
            environments=tuple(environment),
            decisions=tuple(decision),
            words=words_of(q),
            since=since,
            until=until,
        )
        items, cursor = numbered_page(gate.decisions(wanted, limit=limit + 1, before=decode_id(next)), limit)
        return JsonResponse(DecisionsModel(items=[*map(decision_document, items)], next=cursor))

    return router
