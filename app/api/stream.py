"""Server-sent events: each evaluation is sent to clients that keep a connection open.

Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query, Request
from pydantic.json_schema import SkipJsonSchema
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send
from typing_extensions import TypedDict, override

from app.access import access_in, credentials_in, identity_in
from app.api.guard import IS_HEAD
from app.api.openapi import problem_answers
from app.api.problems import ProblemError
from app.api.responses import utc
from app.slo import AlertState
from app.status import Board, BoardContent, HealthState, alert_states

# More than people look at dashboards at once; each costs a connection.
_MOST_CLIENTS = 32
# Proxies close what is silent for a minute, or for half of it.
_HEARTBEAT_S = 15.0
# History that is read publishes figures several times a second.
_AT_MOST_EVERY_S = 1.0
_MEDIA_TYPE = "text/event-stream"
_HEADERS = {"X-Accel-Buffering": "no"}
_EXAMPLE = """retry: 5000

id: 2026-03-01T12:00:00Z
event: state
data: {"as_of": "2026-03-01T12:00:00Z", "slos": 3, "status": {"meeting": 3, "at_risk": 0}, "alerting": 0}

event: heartbeat
data: {}

id: 2026-03-01T12:00:30Z
event: evaluated
data: {"as_of": "2026-03-01T12:00:30Z", "slos": 3, "status": {"meeting": 2, "at_risk": 1}, "alerting": 1}

"""


async def _anybody() -> bool:
    return True


class EvaluatedModel(TypedDict):
    """The data of an event: how many SLOs there are in each state, and with an alert that fires."""

    as_of: datetime | None
    slos: int
    status: dict[str, int]
    alerting: int


class Stream:
    """Sends each change of the board to a bounded number of clients; the methods belong to one event loop."""

    def __init__(self, board: Board, *, most_clients: int = _MOST_CLIENTS, heartbeat_s: float = _HEARTBEAT_S) -> None:
        self._board = board
        self._most_clients = most_clients
        self._heartbeat_s = heartbeat_s
        # Replaced as a whole, since the engine's thread reads it.
        self._clients: tuple[tuple[asyncio.Event, asyncio.AbstractEventLoop], ...] = ()
        self._closed = False
        self._encoded: tuple[BoardContent, bytes, str] | None = None
        board.follow(self._changed)

    def through(self, board: Board) -> "Stream":
        """The same, which shows what its clients see of a *board*."""
        self._board = board
        return self

    def close(self) -> None:
        """End the answers of all clients: the server stops."""
        self._closed = True
        for changed, _ in self._clients:
            changed.set()

    @contextmanager
    def place(self, changed: asyncio.Event) -> Iterator[None]:
        """The place of one client while it is sent events; *changed* is set by each change of the board.

        Raises:
            ProblemError: 503 if all places are taken.
        """
        if len(self._clients) >= self._most_clients or self._closed:
            detail = f"{len(self._clients)} clients are connected already; poll /api/v1/slos instead"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "30"})
        self._clients = (*self._clients, (changed, asyncio.get_running_loop()))
        try:
            yield
        finally:
            self._clients = tuple(client for client in self._clients if client[0] is not changed)

    async def events(
        self,
        changed: asyncio.Event,
        *,
        most: int | None = None,
        last_id: str | None = None,
        is_allowed: Callable[[], Awaitable[bool]] = _anybody,
    ) -> AsyncGenerator[bytes]:
        """What the client of a `place` is sent: the state now, each change, and heartbeats in between.

        *last_id* is of the last event that it received; if that is not the newest, it has missed an evaluation.
        Before each further event *is_allowed* is asked, and the stream ends once the client may not have it.
        """
        content = self._board.current
        data, at = self._data(content)
        missed = last_id is not None and last_id != at
        yield b"retry: 5000\n\n" + _event("evaluated" if missed else "state", data, at)
        sent = 1
        while not self._closed and (most is None or sent < most):
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), self._heartbeat_s)
            is_silent = not changed.is_set()
            changed.clear()
            if not is_silent and self._board.current is content:
                continue
            if not await is_allowed():
                return
            if is_silent:
                yield _event("heartbeat", b"{}")
                continue
            content = self._board.current
            yield _event("evaluated", *self._data(content))
            sent += 1
            await asyncio.sleep(_AT_MOST_EVERY_S)

    def _changed(self) -> None:
        # Called in the engine's thread, which does not wait for anybody.
        for changed, loop in self._clients:
            # A loop that is closed has no client any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(changed.set)

    def _data(self, content: BoardContent) -> tuple[bytes, str]:
        """The data and the id of the event of a content, made once for all clients."""
        if self._encoded is None or self._encoded[0] is not content:
            health = Counter(found.health for found in content.snapshots)
            data = EvaluatedModel(
                as_of=utc(max((found.as_of for found in content.snapshots if found.as_of is not None), default=None)),
                slos=len(content.snapshots),
                status={str(state): health[state] for state in HealthState},
                alerting=sum(AlertState.FIRING in alert_states(found) for found in content.snapshots),
            )
            at = data["as_of"]
            event_id = "" if at is None else at.isoformat().replace("+00:00", "Z")
            self._encoded = content, orjson.dumps(data, option=orjson.OPT_UTC_Z), event_id
        return self._encoded[1:]


class _EventStream(StreamingResponse):
    """The events of one client, which has a place while they are sent."""

    def __init__(self, stream: Stream, request: Request, *, most: int | None) -> None:
        self._stream = stream
        self._changed = asyncio.Event()
        last_id = request.headers.get("last-event-id")
        is_allowed = partial(_is_still_who_asked, request.scope)
        events = stream.events(self._changed, most=most, last_id=last_id, is_allowed=is_allowed)
        super().__init__(events, media_type=_MEDIA_TYPE, headers=_HEADERS)

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Not only with the first event: until then others would be let in. Not sooner: an answer may never be sent.
        with self._stream.place(self._changed):
            await super().__call__(scope, receive, send)


def stream_routes(stream: Stream) -> APIRouter:
    """The route ``/api/v1/stream``."""
    router = APIRouter(tags=["slos"])

    @router.get(
        "/api/v1/stream",
        operation_id="streamEvaluations",
        response_class=StreamingResponse,
        responses={
            200: {
                "description": "Events: `state` at first, `evaluated` for each evaluation, `heartbeat` between them",
                "content": {_MEDIA_TYPE: {"schema": {"type": "string"}, "example": _EXAMPLE}},
            },
            **problem_answers(service_unavailable="All places of clients are taken"),
        },
    )
    async def stream_evaluations(
        request: Request,
        events: Annotated[
            int | SkipJsonSchema[None],
            Query(ge=1, le=1_000, description="End after so many events; heartbeats do not count. Without it: never."),
        ] = None,
    ) -> Response:
        """Server-sent events: the state now, then each evaluation as it ends.

        A client that reconnects with `Last-Event-ID` gets `evaluated` at once if it has missed an evaluation.
        """
        if request.scope.get(IS_HEAD):
            return Response(media_type=_MEDIA_TYPE, headers=_HEADERS)
        request.state.endless = True
        return _EventStream(stream, request, most=events)

    return router


async def _is_still_who_asked(scope: Scope) -> bool:
    """Whether what a request has sent still proves the same identity: tokens are revoked and sessions end meanwhile."""
    found = await access_in(scope).identify(credentials_in(scope), counts=False)
    return found == identity_in(scope)


def _event(kind: Literal["state", "evaluated", "heartbeat"], data: bytes, event_id: str = "") -> bytes:
    identified = f"id: {event_id}\n" if event_id else ""
    return f"{identified}event: {kind}\ndata: ".encode() + data + b"\n\n"
