"""A proxy in front of an Alertmanager that records when it accepted each alert."""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from typing_extensions import override

from testbed.process import Server


class AlertmanagerProxy:
    """Forwards to an Alertmanager, and records when it accepted an alert that fires for the first time."""

    def __init__(self, upstream: str) -> None:
        self.taken: dict[str, list[tuple[float, float]]] = {}
        self._http = httpx.Client(base_url=upstream, timeout=10.0, trust_env=False)
        self._lock = threading.Lock()

    def forward(self, method: str, path: str, body: bytes) -> httpx.Response:
        """What the Alertmanager answers."""
        answer = self._http.request(method, path, content=body, headers={"Content-Type": "application/json"})
        if method == "POST" and answer.is_success:
            self._note(json.loads(body), time.time())
        return answer

    def close(self) -> None:
        """Close the connections to the Alertmanager."""
        self._http.close()

    def _note(self, alerts: Sequence[Mapping[str, Any]], now: float) -> None:
        with self._lock:
            for alert in alerts:
                starts_at, ends_at = (datetime.fromisoformat(alert[key]).timestamp() for key in ("startsAt", "endsAt"))
                known = self.taken.setdefault(alert["labels"]["slo"], [])
                if ends_at > now and starts_at not in (fired_at for fired_at, _ in known):
                    known.append((starts_at, now))


@contextmanager
def proxied(pager: Server) -> Iterator[tuple[AlertmanagerProxy, str]]:
    """An Alertmanager behind a proxy; its URL there."""
    proxy = AlertmanagerProxy(pager.url)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        proxy.close()


def _handler(proxy: AlertmanagerProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._forward()

        def do_POST(self) -> None:
            self._forward()

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with suppress(ConnectionError):
                answer = proxy.forward(self.command, self.path, body)
                self.send_response(answer.status_code)
                self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    return Handler
