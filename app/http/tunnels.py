"""Connections through an HTTP proxy for protocols other than HTTP."""

import asyncio
import socket
from base64 import b64encode
from contextlib import ExitStack

import httpx

from app.http.client_options import ClientOptions, checked_addresses
from app.http.failures import AttemptError, Failed, FailureReason
from app.http.sockets import connected_socket

# The headers of a proxy are below 1 KiB; one that sends headers without end is cut off.
_LONGEST_ANSWER = 16 * 1024
_HTTP_PORT = 80


async def tunnel(proxy: str, host: str, port: int, *, options: ClientOptions) -> socket.socket:
    """A socket that a proxy has connected to the host; the caller closes it.

    Raises:
        AttemptError: the proxy is refused, or refuses.
        OSError: it cannot be reached.
    """
    url = httpx.URL(proxy)
    proxy_port = url.port or _HTTP_PORT
    addresses = await checked_addresses(url.raw_host.decode(), proxy_port, options=options)
    connection = await connected_socket(addresses, proxy_port)
    with ExitStack() as unless_connected:
        unless_connected.callback(connection.close)
        status = await _ask(connection, _request(url, f"[{host}]" if ":" in host else host, port))
        words = status.split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].startswith("2"):  # noqa: PLR2004
            detail = f"the proxy {url.host} does not connect to {host}:{port}: {status[:100] or 'no answer'}"
            raise AttemptError(Failed(reason=FailureReason.UNREACHABLE, detail=detail))
        unless_connected.pop_all()
    return connection


def _request(proxy: httpx.URL, host: str, port: int) -> bytes:
    lines = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}"]
    if proxy.username or proxy.password:
        login = b64encode(f"{proxy.username}:{proxy.password}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {login}")
    return "\r\n".join((*lines, "", "")).encode("ascii")


async def _ask(connection: socket.socket, request: bytes) -> str:
    """The first line of what the proxy answers; what comes after its headers is left in the socket."""
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, request)
    answer = b""
    while not answer.endswith(b"\r\n\r\n") and len(answer) < _LONGEST_ANSWER:
        byte = await loop.sock_recv(connection, 1)
        if not byte:
            break
        answer += byte
    return answer.partition(b"\r\n")[0].decode("ascii", "replace")
