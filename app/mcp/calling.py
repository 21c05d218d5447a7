"""Requests of tools to our own API, in this process, in the name of the client that calls the tool."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx
from mcp.server.mcpserver.exceptions import ToolError
from starlette.requests import Request
from starlette.types import ASGIApp

from app.tracing import trace_headers

# About 15,000 tokens: more fills the context of an assistant, which then knows less than before.
_MOST_BYTES = 60_000
# Of the body of the client's own request, or of its connection; all others are sent on, so that who asks, and through
# which proxy, is decided by what it sent.
_OF_THE_OUTER_REQUEST = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "expect", "host", "transfer-encoding"}
)
Query = Mapping[str, str | int | Sequence[str] | None]


class ApiCaller:
    """Sends requests to an application in this process."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def get(self, request: Request, path: str, query: Query | None = None) -> dict[str, Any]:
        """The JSON of a route, in the name of *request*; parameters without a value are left out.

        Raises:
            ToolError: it was refused, or is too large.
        """
        given = {name: value for name, value in (query or {}).items() if value not in (None, "", [])}
        return await self._send(request, "GET", path, params=given)

    async def post(self, request: Request, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """What a route answers to a JSON body, in the name of *request*.

        Raises:
            ToolError: it was refused.
        """
        return await self._send(request, "POST", path, json=body)

    async def _send(self, request: Request, method: str, path: str, **how: Any) -> dict[str, Any]:
        client = request.client
        transport = httpx.ASGITransport(
            app=self._app, raise_app_exceptions=False, client=("", 0) if client is None else (client.host, client.port)
        )
        headers = [(name, text) for name, text in request.headers.items() if name not in _OF_THE_OUTER_REQUEST]
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{_host(request)}") as http:
            answer = await http.request(method, path, headers=[*headers, *trace_headers().items()], **how)
        if answer.is_error:
            raise ToolError(_problem(answer))
        if len(answer.content) > _MOST_BYTES:
            detail = f"the answer has {len(answer.content)} bytes, of which at most {_MOST_BYTES} are given to tools"
            raise ToolError(f"{detail}: ask for fewer items, a shorter time, or fewer points")
        document: dict[str, Any] = answer.json()
        return document


def _host(request: Request) -> str:
    return request.headers.get("host") or "localhost"


def _problem(answer: httpx.Response) -> str:
    """The status and the problem details; an answer that has none is named by its status."""
    try:
        document = answer.json()
        detail = str(document["detail"])
    except (ValueError, KeyError, TypeError):
        detail = HTTPStatus(answer.status_code).phrase
    return f"{answer.status_code}: {detail}"
