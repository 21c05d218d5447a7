"""Connections to one server: a fixed number of lanes, each with room for one request at a time."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import httpx

from app.prometheus.errors import TimedOutError

_KEEP_ALIVE_S = 330.0
"""Above the longest evaluation interval, so that a tick finds its connections open."""


class Lanes:
    """At most as many requests at once as there are transports; the one used last is used next.

    One pool of eight connections would look after all of them at every request, which takes as long as the request.
    """

    def __init__(self, transports: Iterable[httpx.AsyncBaseTransport]) -> None:
        self._all = tuple(transports)
        self._free: asyncio.LifoQueue[httpx.AsyncBaseTransport] = asyncio.LifoQueue()
        for transport in self._all:
            self._free.put_nowait(transport)

    @asynccontextmanager
    async def one(self, until: float) -> AsyncIterator[httpx.AsyncBaseTransport]:
        """A lane for us alone.

        Args:
            until: when to give up waiting, in the time of the event loop.

        Raises:
            TimedOutError: none came free in time.
        """
        try:
            async with asyncio.timeout_at(until):
                transport = await self._free.get()
        except TimeoutError:
            raise TimedOutError("no turn came in time: earlier queries take too long") from None
        try:
            yield transport
        finally:
            self._free.put_nowait(transport)

    async def aclose(self) -> None:
        """Close every connection."""
        for transport in self._all:
            await transport.aclose()


def http_transport(verify: ssl.SSLContext) -> httpx.AsyncHTTPTransport:
    """A transport with one connection, without retries, redirects, proxies or anything from the environment."""
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEEP_ALIVE_S)
    return httpx.AsyncHTTPTransport(verify=verify, trust_env=False, http2=False, limits=limits)
