"""The route of the audit: who changed what and when, and which changes were refused."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field, with_config
from typing_extensions import TypedDict

from app.access import AccessScope, AuditEntry, AuditOutcome, IdentityKind
from app.api.defaults import no_values
from app.api.needs import needs
from app.api.openapi import answers
from app.api.paging import decode_id, numbered_page
from app.api.parameters import DEFAULT_LIMIT, MAX_SEARCH, Cursor, Limit, Since, Until
from app.api.responses import JsonResponse
from app.api.shapes import ANSWER
from app.api.timespans import parse_range
from app.status import AuditLog, words_of
from app.store.audit import AuditFilter

_MOST_CHARS = 500
_Texts = list[Annotated[str, Field(max_length=_MOST_CHARS)]]
_Actors = Annotated[_Texts, Query(default_factory=no_values, description="Only by any of these.")]
_Actions = Annotated[_Texts, Query(default_factory=no_values, description="Only any of these actions.")]
_Targets = Annotated[_Texts, Query(default_factory=no_values, description="Only of any of these ids or paths.")]
_Outcomes = Annotated[list[AuditOutcome], Query(default_factory=no_values, description="Only with any of these.")]
_Search = Annotated[
    str,
    Query(max_length=MAX_SEARCH, description="Only with all of these words, in any part but before and after."),
]


@with_config(ANSWER)
class AuditEntryModel(TypedDict):
    """One change, or one that was refused."""

    at: datetime
    actor: Annotated[str, Field(description="Empty for who proved nothing, and for the service.", examples=["ci"])]
    actor_kind: IdentityKind
    address: Annotated[str, Field(examples=["10.0.0.9"])]
    action: Annotated[str, Field(description="As in this description.", examples=["markIncident"])]
    target: Annotated[str, Field(description="The id; of what was refused, the path.", examples=["5f2d7c01"])]
    outcome: AuditOutcome
    detail: Annotated[str, Field(description="Why it was refused.")]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@with_config(ANSWER)
class AuditModel(TypedDict):
    """A page of the audit; *next* is null on the last one."""

    items: list[AuditEntryModel]
    next: str | None


def audit_routes(log: AuditLog) -> APIRouter:
    """The route ``/api/v1/audit``."""
    router = APIRouter(
        prefix="/api/v1/audit",
        tags=["access"],
        default_response_class=JsonResponse,
        dependencies=[needs(AccessScope.ADMIN)],
    )

    # A plain function runs in a worker thread: no reader of the database holds up the event loop.
    @router.get(
        "", operation_id="listAudit", responses=answers(AuditModel, "One page of the audit", not_found="No such page")
    )
    def list_audit(
        *,
        actor: _Actors,
        action: _Actions,
        target: _Targets,
        outcome: _Outcomes,
        q: _Search = "",
        start: Since = None,
        end: Until = None,
        limit: Limit = DEFAULT_LIMIT,
        next: Cursor = "",  # noqa: A002  the contract's name
    ) -> JsonResponse:
        """Who changed what, from what to what, and which changes were refused, newest first."""
        since, until = parse_range(start, end)
        wanted = AuditFilter(
            actors=actor,
            actions=action,
            targets=target,
            outcomes=outcome,
            words=words_of(q),
            since=since,
            until=until,
        )
        items, cursor = numbered_page(log.listed(wanted, limit=limit + 1, before=decode_id(next)), limit)
        return JsonResponse(AuditModel(items=[*map(audit_document, items)], next=cursor))

    return router


def audit_document(entry: AuditEntry) -> AuditEntryModel:
    """An entry as the API and the command line show it."""
    return {
        "at": entry.at,
        "actor": entry.actor.name,
        "actor_kind": entry.actor.kind,
        "address": entry.actor.address,
        "action": entry.action,
        "target": entry.target,
        "outcome": entry.outcome,
        "detail": entry.detail,
        "before": None if entry.before is None else dict(entry.before),
        "after": None if entry.after is None else dict(entry.after),
    }
