"""A webhook receiver that writes down what reaches it, and can be told to fail or to be slow."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from testbed.http_thread import HttpThread, Quiet
from testbed.waiting import wait_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One POST: when it came (seconds since the epoch), where to, and its decoded JSON."""

    at: float
    path: str
    headers: dict[str, str]
    body: Any


class Sink(HttpThread):
    """An HTTP server in a thread; every POST is kept in `received`.

    Every path below its `url` is accepted. Set `status` to answer with another code, `delay_s` to answer late. A failed
    request is kept in `refused` instead.
    """

    def __init__(self) -> None:
        self.status = 200
        self.delay_s = 0.0
        self.received: list[Received] = []
        self.refused: list[Received] = []
        self._lock = threading.Lock()
        super().__init__(_handler(self))

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """The alerts of every Alertmanager notification received so far, oldest first, repeats included."""
        with self._lock:
            bodies = [received.body for received in self.received]
        return [alert for body in bodies if isinstance(body, dict) for alert in body.get("alerts", [])]

    def alerts_with(self, status: str, **labels: str) -> list[dict[str, Any]]:
        """The received alerts in one status (`firing` or `resolved`) that carry *labels*."""
        return [
            alert
            for alert in self.alerts
            if alert["status"] == status and all(alert["labels"].get(key) == value for key, value in labels.items())
        ]

    def record(self, received: Received) -> int:
        """Keep one request; the status code to answer with."""
        with self._lock:
            status = self.status
            (self.received if status < 300 else self.refused).append(received)
        return status

    def wait_for(self, condition: Callable[[Self], bool]) -> None:
        """Block until *condition* holds of this sink.

        Raises:
            TimeoutError: it never does; the message lists what came.
        """
        wait_until(lambda: condition(self), lambda: f"received {self.received}, refused {self.refused}")


def _handler(sink: Sink) -> type[BaseHTTPRequestHandler]:
    class Handler(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            received = Received(at=time.time(), path=self.path, headers=dict(self.headers), body=_decoded(raw))
            time.sleep(sink.delay_s)
            self.send_response(sink.record(received))
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")
