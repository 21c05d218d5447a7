"""A process that stands for many services: moving counters, ten series an SLO, cheap to scrape.

Every counter is a function of time alone, so that history written with promtool and live scrapes continue each other.
"""

import argparse
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

Labels = tuple[tuple[str, str], ...]

CODES = ("200", "201", "404", "500", "503")
_BURNING = np.array([0.95, 0.03, 0.0185, 0.001, 0.0005])
"""Share of the events of each code: burns the error budget of 99.9% at 1.5, and a ticket fires."""
_QUIET = np.array([0.95, 0.03, 0.0196, 0.0003, 0.0001])
INSTANCES = 2
EPOCH = 1_700_000_000


@dataclass(frozen=True)
class Fleet:
    """Services `shop0000` to `shop<n-1>`, each with ten series of request counters.

    With *own_metric_names* each service has a metric of its own name, else they differ in the job label only. Of the
    services the share *burning* has a burn rate that fires an alert.
    """

    services: int
    own_metric_names: bool = False
    burning: float = 0.02
    epoch: int = EPOCH
    """Where every counter is zero, in seconds since the epoch."""

    def job(self, service: int) -> str:
        """The job label of one service."""
        return f"shop{service:04d}"

    def metric(self, service: int) -> str:
        """The name of the request counter of one service."""
        return f"http_requests_{service:04d}_total" if self.own_metric_names else "http_requests_total"

    def labels(self, service: int) -> list[Labels]:
        """The labels of the ten series of one service."""
        return [
            (("job", self.job(service)), ("instance", f"i{instance}"), ("route", "/"), ("code", code))
            for instance in range(INSTANCES)
            for code in CODES
        ]

    def series(self, service: int) -> list[str]:
        """The series of one service in text format, without values."""
        return [
            self.metric(service) + "{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}"
            for labels in self.labels(service)
        ]

    @cached_property
    def rates(self) -> NDArray[np.float64]:
        """Events a second of every series, shape (services, 10)."""
        per_service = 1 + np.random.default_rng(7).gamma(2.0, 5.0, self.services)
        # Spread evenly: 0.02 is every fiftieth.
        number = np.arange(self.services)
        burns = np.floor((number + 1) * self.burning) > np.floor(number * self.burning)
        shares = np.where(burns[:, None], np.tile(_BURNING, INSTANCES), np.tile(_QUIET, INSTANCES))
        rates: NDArray[np.float64] = (per_service / INSTANCES)[:, None] * shares
        return rates

    def values(self, at: float, services: slice = slice(None)) -> NDArray[np.int64]:
        """Counters at *at*, shape (services, 10): whole events since the epoch of the fleet."""
        return np.floor(self.rates[services] * (at - self.epoch)).astype(np.int64)


def targets(fleet: Fleet, url: str, *, per_target: int = 50) -> list[tuple[str, str]]:
    """The (job, URL) to scrape; the jobs that count are those inside, kept by `honor_labels`."""
    firsts = range(0, fleet.services, per_target)
    return [(f"fleet{first}", f"{url}/{first}/{min(first + per_target, fleet.services)}") for first in firsts]


def exposition(fleet: Fleet, first: int, last: int, at: float) -> bytes:
    """The text that a scrape of the services from *first* up to *last* answers."""
    values = fleet.values(at, slice(first, last)).ravel().tolist()
    names = [series for service in range(first, last) for series in fleet.series(service)]
    return "".join(f"{name} {value}\n" for name, value in zip(names, values, strict=True)).encode()


def serve(fleet: Fleet, port: int) -> None:
    """Answer scrapes until the process is ended."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = re.fullmatch(r"/(\d+)/(\d+)", self.path)
            body = exposition(fleet, int(found[1]), int(found[2]), time.time()) if found else b""
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve a fleet on a port of loopback."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--services", type=int, required=True)
    parser.add_argument("--own-metric-names", action="store_true")
    parser.add_argument("--burning", type=float, default=Fleet.burning)
    parsed = parser.parse_args(arguments)
    serve(Fleet(parsed.services, parsed.own_metric_names, parsed.burning), parsed.port)


if __name__ == "__main__":
    main()
