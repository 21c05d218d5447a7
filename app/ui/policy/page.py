"""The pages ``/policy`` and ``/policy/decisions``: what changes may go ahead now, and what the gate has answered."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from app.gate import LONGEST_EXCEPTION_REASON, LONGEST_EXCEPTION_VALUE, Gate
from app.policy import (
    DEFAULT_POLICY,
    BudgetPolicy,
    GateDecision,
    GateException,
    GateQuestion,
    GateVerdict,
    PolicyState,
    rule_sentence,
    state_conditions,
)
from app.slo import SloId
from app.store import StoreError
from app.ui.filters import sent_by_a_form
from app.ui.forms import Refusal, may_change
from app.ui.incident.notes import rendered_note
from app.ui.policy.exceptions import LENGTHS, add_exception_forms
from app.ui.policy.query import DecisionsQuery, ServicesQuery
from app.ui.policy.services import ServiceGate, ServiceVerdicts
from app.ui.rendering import Renderer

_SERVICES_A_PAGE = 25
# With more SLOs in all, those of a service are shown once it is opened.
_MOST_OPEN = 40
_MOST_SLOS = 200
_DECISIONS_A_PAGE = 50
_MOST_CHANGES = 20
_MOST_ENDED = 20
STATUS_OF_DECISION = {
    GateDecision.ALLOW: "meeting",
    GateDecision.WARN: "at_risk",
    GateDecision.DENY: "exhausted",
    GateDecision.UNKNOWN: "unknown",
}
"""A decision has the colour and the shape of a status."""


@dataclass(frozen=True, slots=True)
class PolicyData:
    """Where the pages get what they show."""

    gate: Gate
    services: ServiceGate = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "services", ServiceGate(self.gate))

    def verdict(self, slo: SloId) -> GateVerdict:
        """What the gate answers of one SLO or group for a change of no kind in no environment."""
        return self.gate.verdict(GateQuestion(slos=(slo,)), at=self.gate.clock.now())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Policy:
    """A policy with its states in words and how many SLOs are in each, and its rules as HTML."""

    policy: BudgetPolicy
    states: Sequence[tuple[PolicyState, tuple[str, str, str], int]]
    rules: Sequence[Markup]
    slos: int


def policy_pages(renderer: Renderer, data: PolicyData) -> APIRouter:
    """The routes ``/policy`` and ``/policy/decisions``."""
    router = APIRouter(include_in_schema=False)

    def shown(request: Request, refused: Refusal | None = None, form: Mapping[str, str] | None = None) -> Response:
        query = ServicesQuery.parse(request.query_params.multi_items())
        return renderer.page(
            request,
            "policy/policy.html",
            status=HTTPStatus.OK if refused is None else refused.status,
            query=query,
            refused=refused,
            form=form or {},
            lengths=tuple(LENGTHS),
            longest_reason=LONGEST_EXCEPTION_REASON,
            longest_value=LONGEST_EXCEPTION_VALUE,
            may_change=may_change(request),
            **_context(data, query),
        )

    # Plain functions run in worker threads: no reader of the database holds up the event loop.
    @router.get("/policy")
    def policy(request: Request) -> Response:
        if sent_by_a_form(request):
            query = ServicesQuery.parse(request.query_params.multi_items())
            return RedirectResponse(f"{renderer.prefix}/policy{query.with_changes()}", HTTPStatus.SEE_OTHER)
        return shown(request)

    add_exception_forms(router, renderer, data.gate, shown)

    @router.get("/policy/decisions")
    def decisions(request: Request) -> Response:
        query = DecisionsQuery.parse(request.query_params.multi_items())
        if sent_by_a_form(request):
            return RedirectResponse(f"{renderer.prefix}/policy/decisions{query.with_changes()}", HTTPStatus.SEE_OTHER)
        found = data.gate.decisions(query.decisions, limit=_DECISIONS_A_PAGE + 1, before=query.decision_before)
        return renderer.page(
            request,
            "policy/decisions.html",
            query=query,
            decisions=[record for _, record in found[:_DECISIONS_A_PAGE]],
            older=query.older(found, _DECISIONS_A_PAGE),
            states=STATUS_OF_DECISION,
        )

    return router


def _context(data: PolicyData, query: ServicesQuery) -> dict[str, Any]:
    gate = data.gate
    at = gate.clock.now()
    known, decision = data.services.verdicts(at), query.chosen_decision
    chosen = [
        (name, verdict)
        for name, verdict in known.services
        if (not query.service or name == query.service) and (decision is None or verdict.decision is decision)
    ]
    pages = max(1, -(-len(chosen) // _SERVICES_A_PAGE))
    page = min(query.page_number, pages)
    shown = chosen[(page - 1) * _SERVICES_A_PAGE : page * _SERVICES_A_PAGE]
    exceptions = gate.exceptions()
    return {
        "services": shown,
        "is_open": len(shown) == 1 or sum(len(verdict.slos) for _, verdict in shown) <= _MOST_OPEN,
        "most_slos": _MOST_SLOS,
        "count": len(chosen),
        "total": len(known.services),
        "page": page,
        "pages": pages,
        "slos": known.slos,
        "states": STATUS_OF_DECISION,
        "active": [one for one in exceptions if one.is_active(at)],
        "coming": [one for one in exceptions if at < one.starts_at and at < one.until],
        "ended": [one for one in exceptions if one.until <= at][:_MOST_ENDED],
        "policies": _policies(gate, known),
        "changes": _changes(gate, query.service),
        "scope_of": _scope_words,
    }


def _policies(gate: Gate, verdicts: ServiceVerdicts) -> list[_Policy]:
    slos: Counter[str] = Counter()
    for (name, _), count in verdicts.states.items():
        slos[name] += count
    known = [*gate.policies, *([DEFAULT_POLICY] if DEFAULT_POLICY.name in slos else [])]
    return [
        _Policy(
            policy=policy,
            states=[
                (state, state_conditions(state), verdicts.states.get((policy.name, state.name), 0))
                for state in policy.states
            ],
            rules=[rendered_note(rule_sentence(rule)) for rule in policy.rules],
            slos=slos[policy.name],
        )
        for policy in known
    ]


def _changes(gate: Gate, service: str) -> Sequence[Any] | None:
    """The newest changes of states; None while they cannot be read, which keeps nothing else from being shown."""
    try:
        found = gate.changes(services=(service,) if service else (), slos=(), limit=_MOST_CHANGES)
    except StoreError:
        return None
    return [change for _, change in found]


def _scope_words(exception: GateException) -> str:
    """What an exception is about, in words."""
    given = (
        ("services", exception.services),
        ("environments", exception.environments),
        ("changes", exception.changes),
        ("SLOs", exception.slos),
    )
    return "; ".join(f"{name}: {', '.join(values)}" for name, values in given if values) or "everything"
