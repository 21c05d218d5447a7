"""An HTTP server of the standard library on a free port of loopback, in a thread, for as long as a `with` lasts."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from types import TracebackType
from typing import Any, Self

from typing_extensions import override


class HttpThread:
    """Serves with *handler*; `stopping` is set before it waits for requests under way."""

    def __init__(self, handler: type[BaseHTTPRequestHandler], *, tls: SSLContext | None = None) -> None:
        self.stopping = threading.Event()
        self._scheme = "http" if tls is None else "https"
        self._server = _Server(("127.0.0.1", 0), handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{self._scheme}://127.0.0.1:{self.port}"


class Quiet:
    """A handler with this before `BaseHTTPRequestHandler` writes no log: tests read what the server has kept."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it so
        """Do nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: a client that went away is part of the test."""
