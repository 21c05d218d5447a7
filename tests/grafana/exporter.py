"""An exporter with made-up SLOs behind the real exposition: what Prometheus scrapes before any service runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override

from app.metrics import BuildInfo, Exposition, Instruments
from app.slo import AlertState, Severity
from app.status import AlertView, Board, Snapshot
from tests.support.snapshots import AS_OF, a_snapshot, an_slo


def snapshots() -> tuple[Snapshot, ...]:
    """A page in force, a group with one member that has spent its budget, and an SLO that nobody asks for."""
    burning = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF, tier="1h/5m")
    quiet = AlertView(severity=Severity.TICKET, state=AlertState.INACTIVE, since=None, tier=None)
    routed = an_slo(name="latency", by=("route",))
    return (
        a_snapshot(alerts=(burning, quiet)),
        a_snapshot(routed, group=(("route", "/pay"),)),
        a_snapshot(routed, group=(("route", "/cart"),), bad=5_000.0),
        a_snapshot(an_slo("search"), good=0.0, bad=0.0),
    )


def instruments() -> Instruments:
    """Own health in which everything has happened once."""
    made = Instruments(build=BuildInfo.current())
    made.evaluated(0.2, datetime.now(UTC))
    made.evaluation_failed("timeout")
    made.missed(1)
    made.requested("success")
    made.notified("alertmanager")
    made.failed("alertmanager", "unreachable")
    made.outbox_oldest_age(0.0)
    made.clock_skew("prometheus", 0.01)
    made.reloaded(ok=True, at=datetime.now(UTC))
    return made


@contextmanager
def exporter() -> Iterator[str]:
    """The URL of the metrics page; its events go on at every scrape."""
    board, own = Board(), instruments()
    handler = _handler(board, own)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(board: Board, own: Instruments) -> type[BaseHTTPRequestHandler]:
    exposition = Exposition(board, own)

    class Handler(BaseHTTPRequestHandler):
        scrapes = 0

        def do_GET(self) -> None:
            type(self).scrapes += 1
            own.evaluated(0.2, datetime.now(UTC))
            board.publish([replace(each, good_ever=each.good_ever + 100 * self.scrapes) for each in snapshots()])
            body = exposition.render().body
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    return Handler
