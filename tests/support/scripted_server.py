"""An HTTP server on loopback that answers as it is told to, over real sockets."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from ssl import SSLContext
from typing import Any

from testbed.http_thread import HttpThread, Quiet


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
    """What came in; names of headers are in lower case, in *names* as they came."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    names: tuple[str, ...] = ()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Scripted(HttpThread):
    """Answers with *script*, one after the other, then with *otherwise*."""

    def __init__(self, *script: Reply, otherwise: Reply | None = None, tls: SSLContext | None = None) -> None:
        self.script = list(script)
        self.otherwise = otherwise or Reply()
        self.requests: list[Request] = []
        self._lock = threading.Lock()
        super().__init__(_handler(self), tls=tls)

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


def _handler(server: Scripted) -> type[BaseHTTPRequestHandler]:
    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = server.answer(
                Request(path=self.path, headers=headers, body=body, at=time.time(), names=tuple(self.headers.keys()))
            )
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

    return Handler
