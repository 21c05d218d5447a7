"""A counter page of requests by route and version, a part of which fails: what a culprit looks like."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from testbed.metrics_page import serving_page

PER_SECOND = 50
ROUTES = ("/pay", "/cart", "/search")
VERSIONS = ("1.4.1", "1.4.2")


class Busy:
    """Every route and version is asked equally often; *broken* pairs fail from `breaks` to `mends`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, str], float] = {}
        self._broken: frozenset[tuple[str, str]] = frozenset()
        self._since = time.monotonic()
        self._count()

    def breaks(self, *pairs: tuple[str, str]) -> None:
        """From now on all requests of these fail."""
        with self._lock:
            self._count()
            self._broken = frozenset(pairs)

    def mends(self) -> None:
        """From now on no request fails."""
        self.breaks()

    def page(self) -> str:
        """What a scrape answers."""
        with self._lock:
            self._count()
            lines = [
                f'http_requests_total{{route="{route}",version="{version}",code="{code}"}} {events:.0f}'
                for (route, version, code), events in self._counts.items()
            ]
        return "\n".join(["# TYPE http_requests_total counter", *lines, ""])

    def _count(self) -> None:
        now = time.monotonic()
        events, self._since = (now - self._since) * PER_SECOND, now
        for route in ROUTES:
            for version in VERSIONS:
                code = "500" if (route, version) in self._broken else "200"
                for each in ("200", "500"):
                    key = (route, version, each)
                    self._counts[key] = self._counts.get(key, 0.0) + (events if each == code else 0.0)


@contextmanager
def serving(busy: Busy) -> Iterator[str]:
    """The URL of its metrics page."""
    with serving_page(lambda: busy.page().encode()) as url:
        yield f"{url}/metrics"
