"""Requests to the API server of Kubernetes: pages of a list, the stream of a watch, and a status."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx

from app.http.client_options import ClientOptions
from app.http.dates import retry_after
from app.http.failures import AttemptError
from app.http.request_options import HttpOptions, Login, TlsOptions
from app.http.secrets import FileSecret
from app.http.sending import Sender
from app.kubernetes.objects import DEEPEST

# Objects are 1.5 MiB at most, and a page has a hundred.
_PAGE = 100
_LARGEST_ANSWER = 192 * 1024 * 1024
_LARGEST_LINE = 4 * 1024 * 1024
_REQUEST_WITHIN = timedelta(seconds=30)
_LONGEST_WAIT_S = 3600.0
# A server ends a watch in time; where nothing comes for this much longer, the connection is dead.
_WATCH_SLACK = timedelta(seconds=15)
# Brackets, and texts as wholes, which may have some.
_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]')
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "sloburn"}


class ApiServerError(Exception):
    """A request failed; *status* is that of the answer, None where there was none.

    *retry_after* is how long the server asks to wait.
    """

    def __init__(self, detail: str, *, status: int | None = None, retry_after: timedelta | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.retry_after = retry_after


class ExpiredVersionError(ApiServerError):
    """The server no longer knows the version from which a list or a watch was to go on: 410 Gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiServer:
    """Where the API server is, and how to log in there.

    Attributes:
        url: its base URL.
        token_file: read for every request, since Kubernetes replaces the token each hour; None for no login.
        ca_file: certificates to trust; None for the usual ones.
        watch_for: how long one watch lasts.
    """

    url: str
    token_file: Path | None = None
    ca_file: Path | None = None
    watch_for: timedelta = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectPage:
    """A part of a list; *onward* is what the next part is asked with, empty for the last."""

    items: Sequence[Mapping[str, Any]]
    version: str
    onward: str


class KubernetesClient:
    """Sends requests to one API server."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        login = None if server.token_file is None else Login(secret=FileSecret(server.token_file))
        http = HttpOptions(login=login, tls=TlsOptions(ca_file=server.ca_file))
        self._http = http
        self._sender = Sender(ClientOptions(deadline=_REQUEST_WITHIN, http=http))
        # One that waits for events for as long as a watch lasts.
        self._watcher = Sender(ClientOptions(deadline=server.watch_for + _WATCH_SLACK, http=http))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._sender.aclose()
        await self._watcher.aclose()

    async def list_page(self, path: str, *, label: str | None, onward: str = "") -> ObjectPage:
        """A part of a list, from its beginning or *onward*.

        Raises:
            ExpiredVersionError: the rest of the list is no longer known.
            ApiServerError: the request failed.
        """
        query = _given(limit=_PAGE, labelSelector=label, **{"continue": onward})
        answer: Mapping[str, Any] = await self._ask("GET", path, query, _whole)
        metadata = answer.get("metadata") or {}
        version, items = metadata.get("resourceVersion"), answer.get("items") or []
        if not version or not isinstance(items, list):
            raise ApiServerError(f"{path} was not answered with a list of Kubernetes")
        return ObjectPage(items=items, version=version, onward=metadata.get("continue") or "")

    async def watch(
        self, path: str, *, label: str | None, version: str, on_event: Callable[[str, Mapping[str, Any]], None]
    ) -> None:
        """Hand on every event after *version*, until the server ends the stream.

        Raises:
            ExpiredVersionError: the version is no longer known.
            ApiServerError: the request or the stream failed.
        """
        seconds = round(self._server.watch_for.total_seconds())
        query = _given(
            watch="1",
            resourceVersion=version,
            allowWatchBookmarks="true",
            timeoutSeconds=seconds,
            labelSelector=label,
        )

        async def receive(response: httpx.Response) -> None:
            await _refuse_errors(response)
            async for line in _lines(response):
                event = _parsed(line)
                kind, content = event.get("type"), event.get("object")
                if not isinstance(content, Mapping):
                    raise ApiServerError("an event of a watch has no object")
                if kind == "ERROR":
                    raise _error_of(content, fallback=None)
                on_event(str(kind), content)

        await self._exchange(self._watcher, "GET", path, query, receive)

    async def patch_status(self, path: str, content: Mapping[str, Any]) -> None:
        """Write a status.

        Raises:
            ApiServerError: it is not written; by its status 409 where the object has changed meanwhile.
        """
        kind = {"Content-Type": "application/merge-patch+json"}
        await self._ask("PATCH", path, "", _refuse_errors, content=json.dumps(content).encode(), headers=kind)

    async def _ask(
        self, method: str, path: str, query: str, receive: Callable[[httpx.Response], Any], **sent: Any
    ) -> Any:
        """As `_exchange`, of a request whose whole answer comes at once."""
        try:
            async with asyncio.timeout(_REQUEST_WITHIN.total_seconds()):
                return await self._exchange(self._sender, method, path, query, receive, **sent)
        except TimeoutError:
            raise ApiServerError(f"no whole answer within {_REQUEST_WITHIN.total_seconds():g} s") from None

    async def _exchange(
        self,
        sender: Sender,
        method: str,
        path: str,
        query: str,
        receive: Callable[[httpx.Response], Any],
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        target = httpx.URL(f"{self._server.url}{path}{'?' if query else ''}{query}")
        try:
            own = await self._http.own_headers()
            every = {**_HEADERS, **(headers or {}), **own}
            return await sender.send(method, target, receive, content=content, headers=every)
        except AttemptError as error:
            raise ApiServerError(str(error)) from error
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            raise ApiServerError(f"the API server cannot be reached: {said}") from error


def _given(**fields: str | int | None) -> str:
    return urlencode({name: value for name, value in fields.items() if value})


async def _whole(response: httpx.Response) -> Mapping[str, Any]:
    await _refuse_errors(response)
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _LARGEST_ANSWER:
            raise ApiServerError(f"the answer is larger than {_LARGEST_ANSWER // 1024 // 1024} MiB")
    return _parsed(bytes(body))


async def _refuse_errors(response: httpx.Response) -> None:
    """Raise what an answer says that is not a success."""
    if response.is_success:
        return
    start = bytearray()
    async for chunk in response.aiter_bytes():
        start += chunk
        if len(start) > 1 << 16:
            break
    try:
        content = _parsed(bytes(start))
    except ApiServerError:
        # A proxy on the way has answered.
        content = {}
    seconds = retry_after(response.headers.get("retry-after"), date=response.headers.get("date"))
    wait = None if seconds is None else timedelta(seconds=min(seconds, _LONGEST_WAIT_S))
    raise _error_of(content, fallback=response.status_code, wait=wait)


async def _lines(response: httpx.Response) -> AsyncIterator[bytes]:
    rest = bytearray()
    async for chunk in response.aiter_bytes():
        *lines, last = chunk.split(b"\n")
        for line in lines:
            whole = bytes(rest + line)
            rest.clear()
            if whole.strip():
                yield whole
        rest += last
        if len(rest) > _LARGEST_LINE:
            raise ApiServerError(f"an event of a watch is larger than {_LARGEST_LINE // 1024 // 1024} MiB")
    if rest.strip():
        raise ApiServerError("the stream of a watch ended within an event")


def _parsed(text: bytes) -> Mapping[str, Any]:
    try:
        value = _loaded(text)
    except (ValueError, RecursionError):
        raise ApiServerError("the answer is not JSON") from None
    if not isinstance(value, Mapping):
        raise ApiServerError("the answer is not a JSON object")
    return value


def _loaded(text: bytes) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        # An API server takes 10,000 levels: one such object must not keep all others from being read.
        return json.loads(_shallow(text))


def _shallow(text: bytes) -> bytes:
    """JSON with null for what is deeper than any document."""
    kept: list[bytes] = []
    depth = begin = 0
    for found in _BRACKET.finditer(text):
        if found[0] in b"[{":
            depth += 1
            if depth == DEEPEST + 1:
                kept += (text[begin : found.start()], b"null")
        elif found[0] in b"]}":
            if depth == DEEPEST + 1:
                begin = found.end()
            depth -= 1
    return b"".join((*kept, text[begin:]))


def _error_of(content: Mapping[str, Any], *, fallback: int | None, wait: timedelta | None = None) -> ApiServerError:
    """The error in an answer or an event: an object of the kind Status."""
    code = content.get("code")
    status = code if isinstance(code, int) else fallback
    said = str(content.get("message") or content.get("reason") or "no reason given")[:500]
    if status == HTTPStatus.GONE:
        return ExpiredVersionError(said, status=status)
    return ApiServerError(f"{status}: {said}", status=status, retry_after=wait)
