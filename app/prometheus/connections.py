"""Connections to one server: a pool of fixed size, each connection for one request at a time."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import httpx
from typing_extensions import override

from app.http import FollowedContext, ResolvingTransport
from app.prometheus.errors import TimedOutError

# Above the longest evaluation interval, so that an evaluation finds its connections open.
_KEEP_ALIVE_S = 330.0


class Connection(httpx.AsyncBaseTransport):
    """One connection, which is replaced after a request that was cancelled.

    A pool may lose the place of a connection whose request is cancelled while it connects, for good: with its only
    place gone, nothing would ever be answered again (https://github.com/encode/httpcore/issues/1093).
    """

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport], tls: FollowedContext | None) -> None:
        self._make = make
        self._tls = tls
        self._verify = None if tls is None else tls.context
        self._transport = make()

    async def follow_tls_files(self) -> None:
        """Connect again once a certificate has been replaced."""
        verify = None if self._tls is None else await self._tls.current()
        if verify is not self._verify:
            self._verify = verify
            await self.renew()

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._transport.handle_async_request(request)

    async def renew(self) -> None:
        """Leave the connection and what it is stuck in."""
        left, self._transport = self._transport, self._make()
        with suppress(Exception):
            await left.aclose()

    @override
    async def aclose(self) -> None:
        await self._transport.aclose()


class ConnectionPool:
    """At most *count* requests at once, each over a connection of its own; the one used last is used next.

    One pool of eight connections would look after all of them at every request, which takes as long as the request.
    """

    def __init__(
        self, make: Callable[[], httpx.AsyncBaseTransport], *, count: int, tls: FollowedContext | None = None
    ) -> None:
        self._all = tuple(Connection(make, tls) for _ in range(count))
        self._free: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        for connection in self._all:
            self._free.put_nowait(connection)

    @asynccontextmanager
    async def one(self, until: float) -> AsyncIterator[Connection]:
        """A connection for us alone.

        Args:
            until: when to give up waiting, in the time of the event loop.

        Raises:
            TimedOutError: none came free in time.
        """
        try:
            async with asyncio.timeout_at(until):
                connection = await self._free.get()
        except TimeoutError:
            raise TimedOutError("no turn came in time: earlier queries take too long") from None
        try:
            await connection.follow_tls_files()
            yield connection
        finally:
            self._free.put_nowait(connection)

    async def aclose(self) -> None:
        """Close every connection."""
        for connection in self._all:
            await connection.aclose()


def http_transport(verify: ssl.SSLContext) -> httpx.AsyncHTTPTransport:
    """A transport with one connection, without retries, redirects, proxies or anything from the environment."""
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEEP_ALIVE_S)
    return ResolvingTransport(verify, limits=limits)
