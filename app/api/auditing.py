"""Notes in the audit which changes were refused, and those that no transaction has noted."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus

from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access import (
    AccessRefusal,
    Actor,
    AuditEntry,
    AuditOutcome,
    AuditTrail,
    Deed,
    IdentityKind,
    begin_deed,
    credentials_in,
    identity_in,
)
from app.api.needs import is_change, needs_of
from app.api.problems import PROBLEM_DETAIL
from app.slo import Tenants

REFUSED_STATUSES = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS)
"""What requests are answered that are refused for who sends them."""


class Auditing:
    """Begins a deed for each request: each change is noted under the name of who sends it.

    *refused* is called with the status of each request that is refused for who sends it.
    """

    def __init__(
        self, app: ASGIApp, *, trail: AuditTrail, now: Callable[[], datetime], refused: Callable[[int], None]
    ) -> None:
        self._app = app
        self._trail = trail
        self._now = now
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        deed = begin_deed(_actor(scope), tenants=_tenants(scope))

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._note(scope, deed, message["status"])
                if message["status"] in REFUSED_STATUSES:
                    self._refused(message["status"])
            await send(message)

        await self._app(scope, receive, send_noted)

    def _note(self, scope: Scope, deed: Deed, status: int) -> None:
        route = scope.get("route")
        changes = route is not None and is_change(scope["method"], needs_of(route).scopes)
        is_refused = status in REFUSED_STATUSES and (changes or isinstance(identity_in(scope), AccessRefusal))
        is_unnoted = changes and status < HTTPStatus.BAD_REQUEST and not deed.is_recorded and deed.actor.name
        if not (is_refused or is_unnoted):
            return
        operation = route.operation_id if isinstance(route, APIRoute) else None
        path = route.path_format if isinstance(route, APIRoute) else scope["path"]
        entry = AuditEntry(
            at=self._now(),
            actor=deed.actor,
            action=operation or f"{scope['method']} {path}",
            target=scope["path"],
            outcome=AuditOutcome.REFUSED if is_refused else AuditOutcome.CHANGED,
            detail=scope["state"].get(PROBLEM_DETAIL, "") if is_refused else "",
        )
        self._trail.note(entry)


def _tenants(scope: Scope) -> Tenants | None:
    found = identity_in(scope)
    return frozenset() if isinstance(found, AccessRefusal) else found.tenants


def _actor(scope: Scope) -> Actor:
    address, found = credentials_in(scope).address, identity_in(scope)
    if isinstance(found, AccessRefusal):
        return Actor(kind=IdentityKind.ANONYMOUS, address=address)
    return Actor(kind=found.kind, name=found.name, address=address)
