"""Routes of error budget policies: what they are, where SLOs are in them, which postmortems they ask for."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import PlainTextResponse, Response

from app.api.gate.documents import due_document, policy_document
from app.api.gate.models import (
    PoliciesModel,
    PolicyChangeModel,
    PolicyChangesModel,
    PostmortemsModel,
)
from app.api.openapi import answers, problem_answers, text_answer
from app.api.paging import decode_id, numbered_page
from app.api.parameters import DEFAULT_LIMIT, Cursor, Limit, Services, SlosById
from app.api.problems import not_found
from app.api.responses import JsonResponse, utc
from app.clock import Clock
from app.gate import Gate
from app.policy import DEFAULT_POLICY, BudgetPolicy, policy_page, postmortems_due
from app.status import IncidentLog, live_past

# That of a tenant has a slash.
_Name = Annotated[str, Path(max_length=200, description="The name of the policy.", examples=["payments"])]
# As far back as incidents of one class are added up.
_LONGEST = timedelta(days=366)


def policy_routes(gate: Gate, incidents: IncidentLog, *, clock: Clock) -> APIRouter:
    """The routes below ``/api/v1/policies``, and ``/api/v1/gate/changes``."""
    router = APIRouter(prefix="/api/v1", tags=["gate"], default_response_class=JsonResponse)

    def find(name: str) -> BudgetPolicy:
        found = next((one for one in (*gate.policies, DEFAULT_POLICY) if one.name == name), None)
        if found is None:
            raise not_found(f"there is no policy {name!r}")
        return found

    @router.get("/policies", operation_id="listPolicies", responses=answers(PoliciesModel, "Every policy"))
    def list_policies() -> JsonResponse:
        """Error budget policies, with how many SLOs are in each of their states."""
        slos_in = defaultdict[str, Counter[str]](Counter)
        for _, policy, state in gate.current_states():
            slos_in[policy.name]["" if state is None else state.state] += 1
        known = [*gate.policies, *([DEFAULT_POLICY] if slos_in[DEFAULT_POLICY.name] else [])]
        return JsonResponse(PoliciesModel(items=[policy_document(one, slos_in[one.name]) for one in known]))

    @router.get(
        "/policies/{name:path}/page",
        operation_id="getPolicyPage",
        response_class=PlainTextResponse,
        responses={**text_answer("text/markdown", "A page in Markdown"), **problem_answers(not_found="No such policy")},
    )
    def get_page(name: _Name) -> Response:
        """A policy as a page in Markdown, for people."""
        return PlainTextResponse(policy_page(find(name)), media_type="text/markdown")

    _add_postmortems(router, gate, incidents, clock, find)
    _add_changes(router, gate)
    return router


def _add_postmortems(
    router: APIRouter, gate: Gate, incidents: IncidentLog, clock: Clock, find: Callable[[str], BudgetPolicy]
) -> None:
    @router.get(
        "/policies/{name:path}/postmortems",
        operation_id="listPostmortemsDue",
        responses=answers(PostmortemsModel, "The postmortems", not_found="No such policy"),
    )
    def list_postmortems(name: _Name) -> JsonResponse:
        """The postmortems that a policy asks for, for incidents of its SLOs in the last year."""
        policy, at = find(name), clock.now()
        own = {snapshot.id for snapshot, of_slo, _ in gate.current_states() if of_slo.name == policy.name}
        found = incidents.past(own, since=at - _LONGEST, label=policy.postmortem.class_label)
        past = live_past(found, gate.board.current)
        items = [due_document(one) for one in postmortems_due(policy.postmortem, past, at=at)]
        return JsonResponse(PostmortemsModel(items=items))


def _add_changes(router: APIRouter, gate: Gate) -> None:
    @router.get(
        "/gate/changes",
        operation_id="listPolicyChanges",
        responses=answers(PolicyChangesModel, "One page of changes", not_found="No such page"),
    )
    def list_changes(
        *,
        service: Services,
        slo: SlosById,
        limit: Limit = DEFAULT_LIMIT,
        next: Cursor = "",  # noqa: A002  the contract's name
    ) -> JsonResponse:
        """When SLOs have changed from one state of their policy to another, newest first."""
        found = gate.changes(services=service, slos=slo, limit=limit + 1, before_id=decode_id(next))
        changes, cursor = numbered_page(found, limit)
        items = [
            PolicyChangeModel(
                at=utc(one.at),
                slo=one.slo,
                service=one.service,
                policy=one.policy,
                before=one.before,
                state=one.state,
                budget_remaining=one.remaining,
            )
            for one in changes
        ]
        return JsonResponse(PolicyChangesModel(items=items, next=cursor))
