"""Connections to an address that was checked, for protocols that would otherwise resolve the name once more."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import httpx

from app.http import IpAddress

T = TypeVar("T")
UNLIMITED = httpx.Limits(max_connections=None, max_keepalive_connections=0)
"""Senders bound how many requests are under way. A pool with a limit loses a place for good with each request that is
broken off while it connects (https://github.com/encode/httpcore/issues/1093); and a connection that is verified for one
name but kept by its address might be found by another."""
CONNECT_S = 3.0
"""What one address may take to be connected to, before the next is tried."""


def pinned_request(
    http: httpx.AsyncClient,
    method: str,
    target: httpx.URL,
    address: IpAddress,
    *,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    server_name: str | None = None,
) -> httpx.Request:
    """A request for *target* that goes to *address*: the name is still what the server and its certificate are for."""
    return http.build_request(
        method,
        target.copy_with(host=str(address)),
        content=content,
        headers={**(headers or {}), "Host": target.netloc.decode()},
        extensions={"sni_hostname": server_name or target.raw_host.decode()},
    )


async def first_reachable(addresses: Sequence[IpAddress], attempt: Callable[[IpAddress], Awaitable[T]]) -> T:
    """What *attempt* makes of the first address that can be connected to.

    Raises:
        httpx.HTTPError: none of them can be, or it failed otherwise.
    """
    for address in addresses[:-1]:
        try:
            return await attempt(address)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            continue
    return await attempt(addresses[-1])


async def connected_socket(addresses: Sequence[IpAddress], port: int) -> socket.socket:
    """A socket that is connected to the first address that can be; the caller closes it.

    Raises:
        OSError: none of them can be connected to.
    """
    for address in addresses[:-1]:
        try:
            return await _connected(address, port)
        except OSError:
            continue
    return await _connected(addresses[-1], port)


async def _connected(address: IpAddress, port: int) -> socket.socket:
    connecting = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_STREAM)  # noqa: PLR2004  IPv6
    connecting.setblocking(False)  # noqa: FBT003  the name of the method says what it means
    try:
        async with asyncio.timeout(CONNECT_S):
            await asyncio.get_running_loop().sock_connect(connecting, (str(address), port))
    except BaseException:
        connecting.close()
        raise
    return connecting
