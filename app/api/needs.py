"""What each route needs, and the refusal of requests that have none of it."""

import math
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute

from app.access import (
    AccessRefusal,
    AccessScope,
    Identity,
    Needs,
    access_in,
    credentials_in,
    identity_in,
    is_safe,
    scope_list,
)
from app.api.problems import ProblemError

_ONLY_ASK = frozenset({AccessScope.READ, AccessScope.GATE, AccessScope.METRICS})
_READ = Needs([AccessScope.READ])
# A route that changes something and declares nothing is a mistake, which must not open it.
_UNDECLARED = Needs([AccessScope.ADMIN])


def needs(*scopes: AccessScope, otherwise: str = "", is_checked_by_route: bool = False) -> Any:
    """A dependency of routes that any of *scopes* is needed for; see `Needs`."""
    return Depends(Needs(scopes, otherwise=otherwise, is_checked_by_route=is_checked_by_route))


def open_route() -> Any:
    """A dependency of routes that everybody may ask under any settings."""
    return Depends(Needs([]))


def needs_of(route: BaseRoute) -> Needs:
    """What a route needs: what it declares, else `read` for one that only answers GET, and `admin` for others."""
    given: Sequence[Dependency] = route.dependencies if isinstance(route, APIRoute) else ()
    declared = [one.dependency for one in given if isinstance(one.dependency, Needs)]
    if declared:
        return declared[-1]
    methods = getattr(route, "methods", None) or {"GET"}
    return _READ if methods <= {"GET", "HEAD"} else _UNDECLARED


def is_change(method: str, scopes: Sequence[AccessScope]) -> bool:
    """Whether what needs any of *scopes* may change something: what needs `gate` or `read` asks, by any method."""
    return not is_safe(method) and (not scopes or not _ONLY_ASK.issuperset(scopes))


# Not a plain function, which would wait for a thread before who asks is known.
async def authorise(request: Request) -> None:
    """Let a request pass that has what its route needs.

    Raises:
        ProblemError: 401 if it has to prove an identity, 403 if the one that it has may not.
    """
    wanted = needs_of(request.scope["route"])
    if wanted.scopes and not wanted.is_checked_by_route:
        check_allowed(identity_of(request), request, *wanted.scopes, otherwise=wanted.otherwise)


def identity_of(request: Request) -> Identity:
    """Who sends a request.

    Raises:
        ProblemError: what it sent to prove it is not accepted.
    """
    found = identity_in(request.scope)
    if isinstance(found, AccessRefusal):
        raise refused(found)
    return found


def refused(found: AccessRefusal) -> ProblemError:
    """The answer to a request whose proof of an identity is not accepted."""
    if found.status is HTTPStatus.TOO_MANY_REQUESTS:
        return _too_many(found.detail, found.wait_s)
    if found.status is HTTPStatus.UNAUTHORIZED:
        return unauthorised(found.detail)
    return ProblemError(found.status, found.detail)


def unauthorised(detail: str) -> ProblemError:
    """A request has to prove who sends it, and has not."""
    return ProblemError(HTTPStatus.UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})


def check_allowed(identity: Identity, request: Request, *scopes: AccessScope, otherwise: str = "") -> Identity:
    """The identity of a request that needs any of *scopes*; *otherwise* is what to do instead of sending a token.

    Raises:
        ProblemError: it has none of them, makes too many changes, or its tenant too many requests.
    """
    access = access_in(request.scope)
    tenant, wait_s = access.requested(identity)
    if wait_s:
        raise _too_many(f"the tenant {tenant} makes too many requests a minute", wait_s)
    if identity.allows(*scopes):
        wait_s = access.changed(identity) if is_change(request.method, scopes) else 0.0
        if wait_s:
            raise _too_many(f"{identity.name} makes too many changes a minute", wait_s)
        return identity
    wanted = " or ".join(scope_list(scopes))
    if identity.name:
        has = ", ".join(scope_list(identity.scopes)) or "nothing"
        raise ProblemError(HTTPStatus.FORBIDDEN, f"{identity.name} may {has}; this needs {wanted}")
    sent = credentials_in(request.scope)
    # A bearer of another kind, such as that of a proxy, is no failure before something needs a token.
    too_many = access.failed(sent.address) if sent.authorization else None
    if too_many is not None:
        raise refused(too_many)
    if sent.authorization and access.has_credentials:
        raise unauthorised(f"the token is not known; send one with the scope {wanted}")
    if not access.has_credentials and AccessScope.READ not in scopes:
        detail = "changes over HTTP are off: make a token with `sloburn token create`, or set SLOBURN_API_TOKEN"
        raise ProblemError(HTTPStatus.FORBIDDEN, f"{detail}; {otherwise}" if otherwise else detail)
    raise unauthorised(f"send a token with the scope {wanted} as 'Authorization: Bearer <token>', or sign in")


def _too_many(detail: str, wait_s: float) -> ProblemError:
    return ProblemError(HTTPStatus.TOO_MANY_REQUESTS, detail, headers={"Retry-After": str(math.ceil(wait_s))})


def check_service(identity: Identity, *services: str) -> None:
    """Make sure that an identity that is limited to services asks about these only.

    Raises:
        ProblemError: it does not, or names none.
    """
    if identity.services and not (services and all(map(identity.allows_service, services))):
        limits = ", ".join(identity.services)
        raise ProblemError(
            HTTPStatus.FORBIDDEN, f"{identity.name} may do this for the services {limits} only: name one"
        )


def declared_needs(app: FastAPI) -> Iterator[tuple[str, str, Needs]]:
    """The path, the method in lower case, and what it needs, of every route."""
    for context in iter_route_contexts(app.routes):
        route = context.original_route
        for method in context.methods or ():
            yield context.path_format or "", method.lower(), needs_of(route)
