"""The page of the audit: who changed what, and what was refused."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.access import AccessScope, AuditEntry, AuditOutcome, Needs
from app.status import AuditLog, words_of
from app.store.audit import AuditFilter
from app.ui.filters import FilterQuery
from app.ui.forms import chosen_number
from app.ui.rendering import Renderer
from app.wording.plain_text import shortened, visible

_MOST_ENTRIES = 50
_LONGEST_VALUE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery(FilterQuery):
    """What the address of the page filters by."""

    choices: ClassVar[Mapping[str, Sequence[str]]] = {"outcome": tuple(AuditOutcome)}
    longest: ClassVar[int | None] = 200
    q: str = ""
    outcome: str = ""
    before: str = ""


def audit_page(renderer: Renderer, log: AuditLog) -> APIRouter:
    """The route ``/audit``, for who may do everything."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(Needs([AccessScope.ADMIN]))])

    # A plain function runs in a worker thread: no reader of the database holds up the event loop.
    @router.get("/audit")
    def audit(request: Request) -> Response:
        query = AuditQuery.parse(request.query_params.multi_items())
        wanted = AuditFilter(words=words_of(query.q), outcomes=(AuditOutcome(query.outcome),) if query.outcome else ())
        found = log.listed(wanted, limit=_MOST_ENTRIES + 1, before=chosen_number(query.before))
        return renderer.page(
            request,
            "audit.html",
            query=query,
            entries=[(entry, _changed(entry)) for _, entry in found[:_MOST_ENTRIES]],
            outcomes=[(one.value, one.value) for one in AuditOutcome],
            older=query.older(found, _MOST_ENTRIES),
        )

    return router


def _changed(entry: AuditEntry) -> Sequence[tuple[str, str, str]]:
    """The fields that an entry changed, each with its texts before and after."""
    before, after = entry.before or {}, entry.after or {}
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [(name, _text(before.get(name)), _text(after.get(name))) for name in names]


def _text(value: object) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return shortened(visible(text), _LONGEST_VALUE)
