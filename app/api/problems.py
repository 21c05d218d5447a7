"""Errors as problem details.

Source: https://www.rfc-editor.org/rfc/rfc9457
"""

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from app.access import hide_tokens
from app.api.models import ProblemModel
from app.api.responses import SECURITY_HEADERS, ProblemResponse
from app.store import StoreError, StoreLockedError, StoreUnavailableError
from app.wording.plain_text import shortened

# A body may be a megabyte; its beginning shows what was given.
_SHOWN_CHARS = 200
# What programs read is the same for everybody, also for somebody who looks at it in a browser.
_FOR_PROGRAMS = ("/api/", "/-/", "/metrics")

PROBLEM_DETAIL = "problem_detail"
"""The key of the state of a request: why it was not answered, for the audit."""
ProblemPage = Callable[[Request, ProblemModel], Response]
"""Shows problem details to people."""


class ProblemError(Exception):
    """A request that cannot be answered, and why in words."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        errors: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = headers


def not_found(detail: str) -> ProblemError:
    """What was asked for does not exist."""
    return ProblemError(HTTPStatus.NOT_FOUND, detail)


def invalid(detail: str) -> ProblemError:
    """A parameter has a value that cannot be used."""
    return ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


def problem(
    scope: Scope,
    status: int,
    detail: str,
    *,
    errors: Sequence[str] = (),
    code: Literal["database_unavailable"] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response for one problem with the request of *scope*: a page for a browser that asks for one."""
    detail = hide_tokens(detail)
    scope.setdefault("state", {})[PROBLEM_DETAIL] = detail
    content: ProblemModel = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        # A URI reference, so characters that are not allowed in one are percent-encoded.
        "instance": quote(hide_tokens(scope["path"]), safe="/:@!$&'()*+,;=~"),
    }
    if errors:
        content["errors"] = [hide_tokens(one) for one in errors]
    if code is not None:
        content["code"] = code
    page = _page_for(scope)
    if page is None:
        return ProblemResponse(content, status_code=status, headers=headers)
    response = page(Request(scope), content)
    for name, value in (headers or {}).items():
        response.headers.setdefault(name, value)
    return response


def show_problems_to_browsers(app: FastAPI, page: ProblemPage) -> None:
    """Answer browsers that ask for a page with *page*; programs and paths of programs get problem details."""
    app.state.problem_page = page


def handle_problems(app: FastAPI) -> None:
    """Answer every error of *app* with problem details."""

    @app.exception_handler(ProblemError)
    async def own(request: Request, error: ProblemError) -> Response:
        return problem(request.scope, error.status, error.detail, errors=error.errors, headers=error.headers)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            headers = {"Allow": _allowed(request)}
        return problem(request.scope, error.status_code, _detail(request, error), headers=headers)

    @app.exception_handler(RequestValidationError)
    async def validation(request: Request, error: RequestValidationError) -> Response:
        errors = [_wrong(item) for item in error.errors()]
        return problem(request.scope, HTTPStatus.UNPROCESSABLE_ENTITY, "; ".join(errors), errors=errors)

    @app.exception_handler(StoreUnavailableError)
    @app.exception_handler(StoreLockedError)
    async def without_database(request: Request, error: StoreError) -> Response:
        # The status says why, to those who may read it.
        del error
        detail = "the database cannot be used now; what is kept in memory is shown elsewhere, and alerts go on"
        status, headers = HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "5"}
        return problem(request.scope, status, detail, code="database_unavailable", headers=headers)

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> Response:
        # No one reads the answer; without one the server would log a traceback for each client that goes away.
        del error
        return problem(request.scope, HTTPStatus.BAD_REQUEST, "the connection ended before the body did")

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        # The server logs it with its traceback; a caller gets no inner workings. Nothing sets headers further out.
        del error
        detail = "something went wrong inside Sloburn; its log says what"
        return problem(request.scope, HTTPStatus.INTERNAL_SERVER_ERROR, detail, headers=SECURITY_HEADERS)


def _page_for(scope: Scope) -> ProblemPage | None:
    """The page that shows problems, if the request is that of a browser for a page."""
    app = scope.get("app")
    accepted = ", ".join(Headers(scope=scope).getlist("accept"))
    if app is None or "text/html" not in accepted or scope["path"].startswith(_FOR_PROGRAMS):
        return None
    page: ProblemPage | None = getattr(app.state, "problem_page", None)
    return page


def _wrong(item: Mapping[str, Any]) -> str:
    name = _parameter(item["loc"])
    # Its input is all that was sent.
    return f"{name} is missing" if item["type"] == "missing" else f"{name}={_shown(item['input'])}: {item['msg']}"


def _parameter(location: tuple[int | str, ...]) -> str:
    """The name of a parameter, without its place among repeated ones."""
    return ".".join(part for part in location[1:] if isinstance(part, str)) or str(location[0])


def _shown(given: object) -> str:
    return shortened(repr(given), _SHOWN_CHARS)


def _allowed(request: Request) -> str:
    """Every method that has a route at the path of a request: Starlette knows those of one of them."""
    path = request.scope["path"]
    # Those of routers that are included, too.
    routes = [
        context.route
        for context in iter_route_contexts(request.app.routes)
        if isinstance(context.route, Route) and context.route.path_regex.match(path)
    ]
    # `/adjustments/import` is no adjustment, although `/adjustments/{id}` matches it.
    closest = min((len(route.param_convertors) for route in routes), default=0)
    found = {method for route in routes if len(route.param_convertors) == closest for method in route.methods or ()}
    # `Guard` answers HEAD wherever there is a GET.
    return ", ".join(sorted(found | ({"HEAD"} if "GET" in found else set())))


def _detail(request: Request, error: HTTPException) -> str:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return f"there is nothing at {request.scope['path']}; /docs lists what there is"
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.method} is not allowed here: use {_allowed(request)}"
    return error.detail
