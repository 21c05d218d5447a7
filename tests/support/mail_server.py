"""An SMTP server in a thread that closes what it has opened."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

from aiosmtpd.smtp import SMTP

from testbed.waiting import PATIENCE_S

T = TypeVar("T")
_NAME: Final = "mx.example"
"""Without a name of its own, each session would ask a name server for it."""


@contextmanager
def mail_server(handler: object, *, ssl_context: ssl.SSLContext | None = None, **arguments: Any) -> Iterator[int]:
    """Serve *handler* as `aiosmtpd` does, with its *arguments* for a session; the port it listens on."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    sessions: list[SMTP] = []

    def session() -> SMTP:
        sessions.append(SMTP(handler, hostname=_NAME, enable_SMTPUTF8=True, loop=loop, **arguments))
        return sessions[-1]

    def do(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result(PATIENCE_S)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = do(loop.create_server(session, sock=listener, ssl=ssl_context))
        try:
            yield int(listener.getsockname()[1])
        finally:
            do(_end(server, sessions))
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


@contextmanager
def scripted_mail_server(*replies: str) -> Iterator[int]:
    """A mail server that greets with the first of *replies*, answers each command with the next, and then closes."""

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as commands:
                for reply in replies:
                    connection.sendall(reply.encode() + b"\r\n")
                    if not commands.readline():
                        return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


async def _end(server: asyncio.Server, sessions: list[SMTP]) -> None:
    server.close()
    for session in sessions:
        for transport in (session.transport, session._original_transport):
            if transport is not None:
                transport.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    for task in others:
        with suppress(asyncio.CancelledError, Exception):
            await task
