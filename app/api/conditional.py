"""Conditional requests: an answer has an `ETag`, and a client that already has it gets 304 without a body.

Source: https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2
"""

import hashlib
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The answers whose bytes stay the same from one evaluation to the next. Metrics change with every scrape.
_TAGGED = ("application/json", "text/html")
# What a 304 must not repeat: it has no body, and the client keeps the type of the one it has.
# A 304 has no body, so what describes one is left out (RFC 9110, 15.4.5).
_OF_THE_BODY = ("content-length", "content-type")


class ConditionalGet:
    """Adds `ETag` to successful answers to GET, and answers 304 where `If-None-Match` names it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Answer(send, Headers(scope=scope).getlist("if-none-match")))


class _Answer:
    """Holds the head of an answer back until its body is there to be tagged."""

    def __init__(self, send: Send, known: list[str]) -> None:
        self._send = send
        self._known = known
        self._start: Message | None = None
        self._not_modified = False
        self._complete = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == HTTPStatus.OK:
            self._start = message
            return
        if self._start is not None:
            start, self._start = self._start, None
            self._tag(start, message)
            await self._send(start)
        if self._not_modified:
            message = {"type": "http.response.body", "body": b""}
        if not self._complete:
            self._complete = self._not_modified
            await self._send(message)

    def _tag(self, start: Message, body: Message) -> None:
        headers = MutableHeaders(scope=start)
        is_tagged_type = headers.get("content-type", "").startswith(_TAGGED)
        if "etag" not in headers and is_tagged_type and not body.get("more_body", False):
            digest = hashlib.blake2b(body.get("body", b""), digest_size=12).hexdigest()
            headers["ETag"] = f'"{digest}"'
            headers.setdefault("Cache-Control", "no-cache")
        if "etag" in headers and _names(self._known, headers["etag"]):
            start["status"] = HTTPStatus.NOT_MODIFIED.value
            for name in _OF_THE_BODY:
                del headers[name]
            self._not_modified = True


def _names(known: list[str], etag: str) -> bool:
    # Weak comparison: a proxy that compresses marks the tag as weak.
    tags = {tag.strip().removeprefix("W/") for line in known for tag in line.split(",")}
    return "*" in tags or etag.removeprefix("W/") in tags
