"""Metrics pages over HTTP: what the exporters of tests have in common."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from testbed.http_thread import HttpThread, Quiet


@contextmanager
def serving_page(page: Callable[[], bytes]) -> Iterator[str]:
    """The base URL of a server on a free port that answers every GET with what *page* returns then."""

    class Handler(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with HttpThread(Handler) as server:
        yield server.url
