"""Connections of httpx whose names are looked up by a `Resolver`: once, with a deadline, not in asyncio's executor.

A resolver that checks the addresses pins the connection to them: the name is not looked up again, so an answer of the
name service that changes between the check and the connection changes nothing.
"""

import asyncio
from collections.abc import Iterable, Sequence
from ssl import SSLContext, SSLError

import httpcore
import httpx
from typing_extensions import override

from app.http.resolving import LOOKUP_S, IpAddress, NameLookupTimeoutError, Resolver, resolve_host

SocketOptions = Iterable[httpcore.SOCKET_OPTION]


class ResolvingBackend(httpcore.AsyncNetworkBackend):
    """Connects to the first address of a name that can be reached, each of several within *each_s* at most."""

    def __init__(self, resolver: Resolver = resolve_host, *, each_s: float | None = None) -> None:
        self._resolver = resolver
        self._each_s = each_s
        self._backend = httpcore.AnyIOBackend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions | None = None,
    ) -> httpcore.AsyncNetworkStream:
        async def connect(address: IpAddress, within_s: float | None) -> httpcore.AsyncNetworkStream:
            return await self._backend.connect_tcp(
                str(address), port, timeout=within_s, local_address=local_address, socket_options=socket_options
            )

        loop = asyncio.get_running_loop()
        until = None if timeout is None else loop.time() + timeout
        addresses = await self._addresses(host, port, LOOKUP_S if timeout is None else timeout)
        for left in range(len(addresses), 1, -1):
            # An address that does not answer leaves the others their share of the time.
            share = self._each_s if until is None else _least(max(until - loop.time(), 0.0) / left, self._each_s)
            try:
                return await connect(addresses[-left], share)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await connect(addresses[-1], None if until is None else max(until - loop.time(), 0.0))

    @override
    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)

    async def _addresses(self, host: str, port: int, within_s: float) -> Sequence[IpAddress]:
        try:
            async with asyncio.timeout(within_s):
                addresses = await self._resolver(host, port)
        except TimeoutError as error:
            detail = str(error) if isinstance(error, NameLookupTimeoutError) else f"no name server answered for {host}"
            raise httpcore.ConnectTimeout(detail) from error
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(str(error)) from error
        if not addresses:
            raise httpcore.ConnectError(f"{host} has no address")
        return addresses


def _least(share: float, each_s: float | None) -> float:
    return share if each_s is None else min(share, each_s)


class ResolvingTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over a `ResolvingBackend`, through *proxy* if there is one; nothing of the environment."""

    def __init__(
        self,
        verify: SSLContext,
        *,
        limits: httpx.Limits,
        proxy: httpx.Proxy | None = None,
        resolver: Resolver = resolve_host,
        each_s: float | None = None,
    ) -> None:
        super().__init__(verify=verify, trust_env=False, http2=False, limits=limits, proxy=proxy)
        backend = ResolvingBackend(resolver, each_s=each_s)
        if proxy is None:
            # httpx has no parameter for the backend of its pool.
            self._pool = httpcore.AsyncConnectionPool(
                ssl_context=verify,
                max_connections=limits.max_connections,
                max_keepalive_connections=limits.max_keepalive_connections,
                keepalive_expiry=limits.keepalive_expiry,
                http1=True,
                http2=False,
                network_backend=backend,
            )
        else:
            self._pool = httpcore.AsyncHTTPProxy(
                proxy_url=httpcore.URL(
                    scheme=proxy.url.raw_scheme,
                    host=proxy.url.raw_host,
                    port=proxy.url.port,
                    target=proxy.url.raw_path,
                ),
                proxy_auth=proxy.raw_auth,
                proxy_headers=proxy.headers.raw,
                ssl_context=verify,
                proxy_ssl_context=proxy.ssl_context,
                max_connections=limits.max_connections,
                max_keepalive_connections=limits.max_keepalive_connections,
                keepalive_expiry=limits.keepalive_expiry,
                http1=True,
                http2=False,
                network_backend=backend,
            )

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except SSLError as error:
            # With TLS 1.3 a server refuses our certificate after the handshake, and httpcore translates only errors of
            # the handshake itself (https://github.com/encode/httpcore, _backends/anyio.py).
            raise httpx.ReadError(str(error), request=request) from error
