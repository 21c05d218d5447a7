"""Names to addresses, in threads of their own and with a deadline."""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from app.http.detached import DetachedCalls

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[IpAddress]]]
"""Takes a host and a port; raises OSError where the name is not known."""

LOOKUP_S = 7.0
"""What one look-up may take: where the first of two name servers is down, glibc asks the second after 5 s. An answer
that comes too late for a client with less time serves its next attempt."""

_lookups = DetachedCalls()


class NameLookupTimeoutError(TimeoutError):
    """No name server has answered in time."""


async def resolve_host(host: str, port: int, *, within_s: float = LOOKUP_S) -> Sequence[IpAddress]:
    """The addresses of a host, as the system resolves it.

    Raises:
        NameLookupTimeoutError: not within *within_s* seconds.
        OSError: the name is not known.
    """
    try:
        return (ipaddress.ip_address(host.strip("[]")),)
    except ValueError:
        pass
    work = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = await _lookups.call((host.lower(), port), work, within_s=within_s)
    except TimeoutError as error:
        raise NameLookupTimeoutError(f"no name server answered for {host} within {within_s:g} s") from error
    return tuple(dict.fromkeys(ipaddress.ip_address(where[0]) for *_, where in found))
