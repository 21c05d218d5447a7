"""How many requests are worked on at once, and how much of their answers waits in memory for slow readers."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import problem

APART = frozenset(
    {
        "/-/healthy",
        "/-/ready",
        "/metrics",
        "/api/v1/status/health",
        "/api/v1/gate",
        "/api/v1/gate/hooks/flagger",
    }
)
"""What supervisors and pipelines ask: it costs little, and is answered however busy the rest is."""

# More than the reader threads can compute, so that none of them idles while an answer is sent.
_AT_ONCE = 8
_WAITING = 200
PATIENCE_S = 10.0
"""What waits for longer would be answered after most clients have given up."""
# The size in which uvicorn hands data to a socket; smaller pieces cost more calls.
_PIECE_BYTES = 64 * 1024
# More than this is held only by clients that do not read; without a bound they fill the memory.
_MOST_UNSENT_BYTES = 128 * 1024 * 1024
# A client that reads takes in any answer sooner; who takes longer is let go when another one needs the room...
_READ_WITHIN_S = 5.0
# ...which its connection is closed for within a second.
_ROOM_WITHIN_S = 3.0
# Answers below it are sent whole: they are gone before they could be counted.
_SMALL_BYTES = 256 * 1024


_leave: ContextVar[Callable[[], None]] = ContextVar("leave", default=lambda: None)


def leave_place() -> None:
    """Free the place of the request that this is called for: from now on it waits, and computes nothing."""
    _leave.get()()


class Admission:
    """Works on few requests at once and lets some more wait; others are refused with 503.

    Everything beyond would only make all of them slower, and evaluation, which shares the interpreter with them.

    Large answers are handed to the server in pieces, as the client takes them in, and are counted until then: the
    server would keep a copy of each whole answer in memory.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        at_once: int = _AT_ONCE,
        waiting: int = _WAITING,
        patience_s: float = PATIENCE_S,
        most_unsent: int = _MOST_UNSENT_BYTES,
        read_within_s: float = _READ_WITHIN_S,
        room_within_s: float = _ROOM_WITHIN_S,
    ) -> None:
        self._app = app
        self._places = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._most_waiting = waiting
        self._patience_s = patience_s
        self._unsent = _UnsentAnswers(most_unsent, read_within_s=read_within_s, room_within_s=room_within_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] in APART:
            await self._app(scope, receive, self._unsent.in_pieces(scope, send))
        elif await self._enter():
            await self._answer(scope, receive, send)
        else:
            await _refusal(scope, receive, send)

    async def _enter(self) -> bool:
        if self._waiting >= self._most_waiting:
            return False
        self._waiting += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience_s):
                    return await self._places.acquire()
            return False
        finally:
            self._waiting -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        holds = True

        def leave() -> None:
            nonlocal holds
            if holds:
                self._places.release()
            holds = False

        _leave.set(leave)
        sends = self._unsent.in_pieces(scope, send)

        async def leave_and_send(message: Message) -> None:
            # The work is done when the answer begins; a client that reads slowly does not delay others.
            leave()
            await sends(message)

        try:
            await self._app(scope, receive, leave_and_send)
        finally:
            leave()


@dataclass(eq=False, slots=True)
class _UnsentAnswer:
    """A large answer that is being sent: its body, since when (monotonic seconds), and the scope of its request."""

    body: bytes
    since_s: float
    scope: Scope


class _UnsentAnswers:
    """The bytes of large answers that clients have not taken in; one that is sent to several at once counts once.

    Where there are too many, those of clients that have read for longest are given up, so that a few that do not read
    keep no scraper from its page.
    """

    def __init__(self, most: int, *, read_within_s: float, room_within_s: float) -> None:
        self._most = most
        self._read_within_s = read_within_s
        self._room_within_s = room_within_s
        # By the body that they share, each in the order in which they began.
        self._under_way: dict[int, list[_UnsentAnswer]] = {}
        self._ended = asyncio.Event()

    def in_pieces(self, scope: Scope, send: Send) -> Send:
        """A way to send an answer that hands over large bodies bit by bit, or says 503 where too much is under way."""
        begun: Message | None = None

        async def send_pieces(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = message
                return
            start, begun = begun, None
            body = message.get("body", b"")
            if start is None or message.get("more_body", False) or len(body) <= _SMALL_BYTES:
                if start is not None:
                    await send(start)
                await send(message)
            elif not await self._has_room(body):
                await _refusal(scope, _nothing, send)
            else:
                with self._counted(body, scope):
                    await send(start)
                    for first in range(0, len(body), _PIECE_BYTES):
                        last = first + _PIECE_BYTES >= len(body)
                        piece = body[first : first + _PIECE_BYTES]
                        await send({"type": "http.response.body", "body": piece, "more_body": not last})

        return send_pieces

    async def _has_room(self, body: bytes) -> bool:
        """Whether a body may be sent, once slow clients have been let go if it needs their room."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._room_within_s):
                while not self._fits(body):
                    if not self._let_go(body):
                        return False
                    self._ended.clear()
                    await self._ended.wait()
                return True
        return False

    def _fits(self, body: bytes) -> bool:
        # One that is under way already takes no more room.
        return id(body) in self._under_way or self._over_with(body) <= 0

    def _over_with(self, body: bytes) -> int:
        """By how many bytes there would be too much with one more body."""
        return sum(len(answers[0].body) for answers in self._under_way.values()) + len(body) - self._most

    def _let_go(self, body: bytes) -> bool:
        """Give up the answers of clients that have read for too long, as many as are needed; whether that is enough."""
        before_s = time.monotonic() - self._read_within_s
        over = self._over_with(body)
        # A body is freed by its last reader.
        slow = [answers for answers in self._under_way.values() if answers[-1].since_s < before_s]
        for answers in sorted(slow, key=lambda answers: answers[-1].since_s):
            if over <= 0:
                break
            over -= len(answers[0].body)
            for one in answers:
                one.scope.setdefault("state", {})["unwanted"] = True
        return over <= 0

    @contextmanager
    def _counted(self, body: bytes, scope: Scope) -> Iterator[None]:
        one = _UnsentAnswer(body, time.monotonic(), scope)
        answers = self._under_way.setdefault(id(body), [])
        answers.append(one)
        try:
            yield
        finally:
            answers.remove(one)
            if not answers:
                del self._under_way[id(body)]
            self._ended.set()


async def _refusal(scope: Scope, receive: Receive, send: Send) -> None:
    detail = "too many requests are under way; ask again in a moment"
    answer = problem(scope, HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"})
    await answer(scope, receive, send)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
