"""A small exporter whose counters move with the wall clock, and that can be broken: what a real incident looks like."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from testbed.metrics_page import serving_page
from testbed.traces import EventCounts


@dataclass(slots=True)
class Service:
    """The requests of one service: so many a second, and a share of them fails."""

    name: str
    per_second: float = 0.0
    failing: float = 0.0
    _total: float = 0.0
    _bad: float = 0.0
    _since: float = field(default_factory=time.monotonic)

    def counted(self) -> EventCounts:
        """What its counters show now."""
        now = time.monotonic()
        events = (now - self._since) * self.per_second
        self._since = now
        self._total += events
        self._bad += events * self.failing
        bad = int(self._bad)
        return EventCounts(good=int(self._total) - bad, bad=bad)


class Shop:
    """Services behind one metrics page, whose counters begin at zero and stand still until it opens."""

    def __init__(self, names: Sequence[str]) -> None:
        self._services = {name: Service(name) for name in names}
        self._lock = threading.Lock()
        self.url = ""

    def breaks(self, name: str, *, failing: float = 0.5) -> None:
        """From now on this share of the requests fails."""
        with self._lock:
            self._services[name].counted()
            self._services[name].failing = failing

    def mends(self, name: str) -> None:
        """From now on every request succeeds."""
        self.breaks(name, failing=0.0)

    def opens(self, *, per_second: float = 100.0) -> None:
        """From now on every service is asked so often."""
        with self._lock:
            for service in self._services.values():
                service.counted()
                service.per_second = per_second

    def closes(self) -> None:
        """From now on nobody asks for anything: the counters stand still."""
        self.opens(per_second=0.0)

    def truth(self, name: str) -> EventCounts:
        """What has happened so far."""
        with self._lock:
            return self._services[name].counted()

    def page(self) -> str:
        """What a scrape answers."""
        lines = ["# TYPE http_requests_total counter"]
        for name in self._services:
            counts = self.truth(name)
            for code, events in (("200", counts.good), ("500", counts.bad)):
                lines.append(f'http_requests_total{{service="{name}",code="{code}"}} {events}')
        return "\n".join(lines) + "\n"


@contextmanager
def serving_shop(names: Sequence[str]) -> Iterator[Shop]:
    """A shop that answers scrapes at its `url`."""
    shop = Shop(names)
    with serving_page(lambda: shop.page().encode()) as shop.url:
        yield shop
