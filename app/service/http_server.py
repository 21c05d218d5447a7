"""The HTTP server: uvicorn with bounds on connections, which it lacks (ADR-0025).

However many connections are opened, and however slowly they send or read, evaluation and delivery keep the files and
the memory that they need, and `/-/healthy` and `/metrics` answer.
"""

import asyncio
import heapq
import math
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from types import FrameType
from typing import cast

import h11
import structlog
import uvicorn
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.api.problems import problem
from app.api.responses import SECURITY_HEADERS

_log = structlog.get_logger(__name__)
# As many as Prometheus allows by default; a low limit on open files lowers it to no less than 16, with which a scraper,
# a UI and probes still find room.
_MOST_CONNECTIONS = 512
_FEWEST_CONNECTIONS = 16
# Share of the connections that is closed at once where one is too many: to look through all of them for each new one
# would cost more than the new one.
_MADE_ROOM = 1 / 16
# Connections accepted before the first of them is counted: asyncio accepts as many in a row as it asked the kernel to
# queue, also those that the protocol closes at once.
_ACCEPTED_AT_ONCE = 64
# Connections that the kernel keeps until they are accepted; one that finds no room is tried again after a second.
_QUEUED = 1024
# Closed connections come by the thousand when they come: one line a minute has their number.
_LOGGED_EVERY_S = 60.0
# How often slow clients are looked for, and the `Date` of answers is renewed: it has whole seconds.
_TICK_S = 1.0


class ClosingCause(StrEnum):
    """Why the server closes a connection by itself."""

    SLOW = "slow"
    CROWDED = "crowded"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What readers may take.

    Attributes:
        connections: open at once; above it, those that wait for a request are closed, the oldest first.
        request_s: seconds to send a whole request, counted from the connection or from the answer before.
        answer_s: seconds to take in an answer once the application has begun it.
    """

    connections: int = _MOST_CONNECTIONS
    request_s: float = 10.0
    answer_s: float = 30.0

    @classmethod
    def within(cls, open_files: int) -> "ConnectionLimits":
        """Limits that leave at least half of the process's files to evaluation, delivery and the database."""
        return cls(connections=max(_FEWEST_CONNECTIONS, min(_MOST_CONNECTIONS, open_files // 2 - _ACCEPTED_AT_ONCE)))


@dataclass(slots=True)
class ClosedConnections:
    """Counts what the server has closed by itself, tells *closed* of each, and logs them once a minute at most."""

    closed: Callable[[str], None] = lambda _cause: None
    counts: Counter[ClosingCause] = field(default_factory=Counter)
    _logged: Counter[ClosingCause] = field(default_factory=Counter)
    _logged_at: float = float("-inf")

    def count(self, cause: ClosingCause) -> None:
        """One more was closed."""
        self.counts[cause] += 1
        self.closed(cause.value)

    def log(self, now: float) -> None:
        """Say what was closed since the last time."""
        if self.counts == self._logged or now - self._logged_at < _LOGGED_EVERY_S:
            return
        since = self.counts - self._logged
        _log.warning(
            "connections closed: their clients send or read too slowly, or there were too many",
            **{cause.value: since[cause] for cause in ClosingCause},
        )
        self._logged, self._logged_at = Counter(self.counts), now


class BoundedConnection(H11Protocol):
    """One connection of a client, which knows since when it waits, and for what."""

    def __init__(
        self,
        config: "BoundedConfig",
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = config.connection_limits
        self._closed = config.closed
        self._since = time.monotonic()
        self._noted_cycle: object = None
        self._sends_no_more = False

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in H11Protocol
        super().connection_made(transport)
        # Otherwise the body of each answer on a kept connection waits 40 ms until the client acknowledges its head;
        # asyncio sees to it only where the listening socket names its protocol.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._since = time.monotonic()
        if len(self.connections) > self._limits.connections:
            everyone = cast("Iterable[BoundedConnection]", self.connections)
            for one in _least_needed(everyone, newest=self, most=math.ceil(self._limits.connections * _MADE_ROOM)):
                one.abort(ClosingCause.CROWDED)

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._note_request()

    @override
    def eof_received(self) -> bool:  # type: ignore[override]  # H11Protocol has None for false
        """Whether the connection stays: for the answer to a client that has closed its half of it, as `nc` does."""
        self._sends_no_more = True
        request = self._request
        return request is not None and not request.more_body

    @override
    def on_response_complete(self) -> None:
        self._since = time.monotonic()
        super().on_response_complete()
        # A pipelined request may have begun.
        self._note_request()
        if self._sends_no_more and self._request is None:
            self.transport.close()

    @override
    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP with problem details, as the API answers everything else."""
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.close()
            return
        # uvicorn calls this while it handles the error, which knows a better status than 400.
        error = sys.exception()
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else HTTPStatus.BAD_REQUEST
        answer = problem(
            {"path": "", "headers": []}, status, f"{msg} {error}" if error else msg, headers=SECURITY_HEADERS
        )
        head = h11.Response(status_code=status, headers=[*answer.raw_headers, (b"connection", b"close")])
        for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _note_request(self) -> None:
        if self.cycle is not self._noted_cycle:
            self._noted_cycle, self._since = self.cycle, time.monotonic()

    @property
    def host(self) -> str:
        """The address of the client."""
        return self.client[0] if self.client else ""

    @property
    def waits_for_request(self) -> bool:
        """Whether nothing is to be done for the client until it has sent a request."""
        return self._request is None and not self.reads_slowly

    @property
    def reads_slowly(self) -> bool:
        """Whether an answer is there and the client has not taken it in."""
        return self.transport.get_write_buffer_size() > 0

    @property
    def _request(self) -> RequestResponseCycle | None:
        """The request that the application works on."""
        cycle: RequestResponseCycle | None = self.cycle
        return None if cycle is None or cycle.response_complete else cycle

    @property
    def since(self) -> float:
        """When it began to wait for what it waits for now, by the monotonic clock."""
        return self._since

    def is_overdue(self, now: float) -> bool:
        """Whether the client has taken too long."""
        request = self._request
        if request is not None and request.scope["state"].get("unwanted"):
            # Another client needs the room that its answer takes.
            return True
        if request is not None and request.response_started and request.scope["state"].get("endless"):
            # An answer that does not end is waited for as long as the client takes in what there is.
            self._since = self._since if self.reads_slowly else now
        waited = now - self._since
        if self.reads_slowly or (request is not None and request.response_started):
            return waited > self._limits.answer_s
        # While the application works on a whole request, it is not the client who takes long.
        return waited > self._limits.request_s and (request is None or request.more_body)

    def abort(self, cause: ClosingCause) -> None:
        """Close at once, without sending the rest."""
        if not self.transport.is_closing():
            self._closed.count(cause)
        self.transport.abort()
        # It is counted no more from now on, not only once the loop has closed it.
        self.connections.discard(self)


def _least_needed(
    connections: Iterable[BoundedConnection], *, newest: BoundedConnection, most: int
) -> list[BoundedConnection]:
    """Connections to close for a new one: of the clients with the most, those that have waited longest."""
    others = [one for one in connections if one is not newest]
    idle = [one for one in others if one.waits_for_request] or [one for one in others if one.reads_slowly]
    if not idle:
        return [newest]
    crowd = Counter(one.host for one in idle)
    return heapq.nlargest(most, idle, key=lambda one: (crowd[one.host], -one.since))


class BoundedConfig(uvicorn.Config):
    """The configuration of a server whose connections are bounded; *stopping* is called when it begins to stop."""

    def __init__(
        self,
        app: object,
        *,
        connection_limits: ConnectionLimits,
        closed: ClosedConnections | None = None,
        stopping: Callable[[], object] = lambda: None,
    ) -> None:
        super().__init__(
            app,  # type: ignore[arg-type]  # uvicorn's own types of ASGI are not Starlette's
            http=BoundedConnection,
            ws="none",
            backlog=_ACCEPTED_AT_ONCE,
            # Its lines go where all others go, and are limited as all others are.
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            # By X-Forwarded-For any process of this host could give itself any address, around the bounds of each.
            proxy_headers=False,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=3,
        )
        self.connection_limits = connection_limits
        self.closed = closed or ClosedConnections()
        self.stopping = stopping


class BoundedServer(uvicorn.Server):
    """A server that closes the connections of clients that take too long."""

    def __init__(self, config: BoundedConfig) -> None:
        super().__init__(config)
        self._closed = config.closed
        self._stopping = config.stopping
        self._wake: Callable[[], object] = lambda: None

    def stop(self) -> None:
        """Stop as soon as possible; for handlers of signals and other threads, before and while it serves."""
        self.should_exit = True
        self._wake()

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self._wake()

    @override
    async def main_loop(self) -> None:
        """Tick once a second, and at once to stop; uvicorn wakes ten times a second to see whether it is to stop."""
        loop, woken = asyncio.get_running_loop(), asyncio.Event()
        self._wake = partial(loop.call_soon_threadsafe, woken.set)
        try:
            while not await self.on_tick(0):
                with suppress(TimeoutError):
                    await asyncio.wait_for(woken.wait(), _TICK_S)
        finally:
            # The loop may be closed when the next signal comes.
            self._wake = lambda: None

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listening in sockets or ():
            listening.listen(_QUEUED)

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Answers that do not end by themselves would be waited for.
        self._stopping()
        await super().shutdown(sockets)

    @override
    async def on_tick(self, counter: int) -> bool:
        now = time.monotonic()
        for connection in cast("list[BoundedConnection]", list(self.server_state.connections)):
            if connection.is_overdue(now):
                connection.abort(ClosingCause.SLOW)
        self._closed.log(now)
        return await super().on_tick(counter)
