"""Sockets that are connected to an address that was checked, for protocols other than HTTP."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import ExitStack

from app.http.resolving import IpAddress

# As for HTTP: a host without the first address of its name is reached by the second well within a deadline of 10 s.
CONNECT_S = 3.0
"""What one address may take to be connected to, before the next is tried."""


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
    with ExitStack() as unless_connected:
        unless_connected.callback(connecting.close)
        async with asyncio.timeout(CONNECT_S):
            await asyncio.get_running_loop().sock_connect(connecting, (str(address), port))
        unless_connected.pop_all()
    return connecting
