"""An HTTP server on loopback that answers as it is told to, over real sockets."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from types import TracebackType
from typing import Any, Self

from typing_extensions import override


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer: *delay_s* before it, *drip_s* between single bytes of an endless body, *cut* for none at all."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_s: float = 0.0
    drip_s: float | None = None
    endless: bool = False
    cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What came in; names of headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Scripted:
    """Answers with *script*, one after the other, then with *otherwise*."""

    def __init__(self, *script: Reply, otherwise: Reply | None = None, tls: SSLContext | None = None) -> None:
        self.script = list(script)
        self.otherwise = otherwise or Reply()
        self.requests: list[Request] = []
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._tls = tls is not None
        self._server = _Server(("127.0.0.1", 0), _handler(self))
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
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def at(self, host: str) -> str:
        """The URL under another name for this machine."""
        return self.url.replace("127.0.0.1", host)

    @property
    def bodies(self) -> list[Any]:
        return [request.json for request in self.requests]

    def answer(self, request: Request) -> Reply:
        with self._lock:
            self.requests.append(request)
            return self.script.pop(0) if self.script else self.otherwise


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: a client that went away is part of the test."""


def _handler(server: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = server.answer(Request(path=self.path, headers=headers, body=body, at=time.time()))
            server.stopping.wait(reply.delay_s)
            if reply.cut:
                self.close_connection = True
                return
            self.send_response_only(reply.status)
            if "Date" not in reply.headers:
                self.send_header("Date", self.date_time_string())
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.drip_s is None and not reply.endless:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
            while (reply.drip_s is not None or reply.endless) and not server.stopping.is_set():
                self.wfile.write(b"x" * 65536 if reply.endless else b"x")
                self.wfile.flush()
                server.stopping.wait(reply.drip_s or 0.0)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent: the test reads `requests`."""

    return Handler
