"""A receiver of remote write in this process: it keeps the samples, or answers as the test defines."""

import threading
from collections import defaultdict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import cramjam

from app.remote_write.messages import HEADERS, write_request_class
from testbed.http_thread import HttpThread, Quiet

Series = tuple[tuple[str, str], ...]
Sample = tuple[float, float]


class WriteReceiver(HttpThread):
    """Keeps samples by series, as times in seconds and values.

    *answer* gets the samples of a request, and returns a status and a text; 204 stores them.
    """

    def __init__(self) -> None:
        self.series: dict[Series, list[Sample]] = defaultdict(list)
        self.requests: list[int] = []
        self.headers: list[dict[str, str]] = []
        self.answer: Callable[[list[tuple[Series, Sample]]], tuple[int, str]] = lambda _samples: (204, "")
        self._lock = threading.Lock()
        super().__init__(_handler(self))

    def of(self, name: str, **labels: str) -> dict[Series, list[Sample]]:
        """The series of a metric with these labels."""
        wanted = {("__name__", name), *labels.items()}
        with self._lock:
            return {series: list(samples) for series, samples in self.series.items() if wanted <= set(series)}

    def take(self, headers: dict[str, str], body: bytes) -> tuple[int, str]:
        """Store what a request has, unless *answer* says otherwise."""
        assert {name.lower(): value for name, value in HEADERS.items()}.items() <= headers.items()
        message = write_request_class().FromString(bytes(cramjam.snappy.decompress_raw(body)))
        found = [
            (tuple((label.name, label.value) for label in one.labels), (sample.timestamp / 1000, sample.value))
            for one in message.timeseries
            for sample in one.samples
        ]
        with self._lock:
            self.headers.append(headers)
            self.requests.append(len(found))
            status, text = self.answer(found)
            if status < 300:
                for series, sample in found:
                    self.series[series].append(sample)
        return status, text


def _handler(receiver: WriteReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, text = receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

    return Handler
