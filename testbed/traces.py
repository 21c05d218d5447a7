"""Synthetic services whose true event counts are known to the second, as a Prometheus would have scraped them.

A trace has per-second good and bad events, and the counter samples that scrapes made of them: with a phase, failures,
outages, restarts and instances that come and go. `trace_kinds.py` makes them; `openmetrics.py` loads them.

What the truth holds: every event that some scrape of its counter could show. Left out are the events of an instance
after its last scrape, if it then restarted or went away (no one ever saw them), and those of a long-running instance
before it was first scraped (they belong to no slot). A scrape at 12:00:07.250 shows the events up to 12:00:06.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Labels = tuple[tuple[str, str], ...]


_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class EventCounts:
    """Good and bad events of a span of time."""

    good: int
    bad: int

    @property
    def total(self) -> int:
        """All events."""
        return self.good + self.bad

    def consumed(self, objective: float) -> float:
        """Share of the error budget that is spent, signed, 1.0 = all; NaN without events."""
        return self.bad / (self.total * (1 - objective)) if self.total else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """The scraped samples of one series: times in milliseconds since the epoch, ascending, and counter values."""

    metric: str
    labels: Labels
    times_ms: Counts
    values: Counts

    @property
    def text(self) -> str:
        """The series in Prometheus's notation."""
        return self.metric + "{" + ",".join(f'{name}="{value}"' for name, value in self.labels) + "}"


@dataclass(slots=True, kw_only=True)
class Trace:
    """One service from *start* to *end* (seconds since the epoch): its samples and what truly happened."""

    service: str
    start: int
    end: int
    objective: float = 0.999
    histogram: bool = False
    series: list[Samples] = field(default_factory=list)
    _good: NDArray[np.int32] = field(init=False)
    _bad: NDArray[np.int32] = field(init=False)

    def __post_init__(self) -> None:
        self._good = np.zeros(self.end - self.start, np.int32)
        self._bad = np.zeros(self.end - self.start, np.int32)

    def add_truth(self, first: int, good: Counts, bad: Counts) -> None:
        """Add events per second from second *first* (since the start of the trace)."""
        self._good[first : first + len(good)] += good.astype(np.int32)
        self._bad[first : first + len(bad)] += bad.astype(np.int32)

    def truth(self, start: float | datetime, end: float | datetime) -> EventCounts:
        """The events in [start, end), cut to the trace."""
        first, last = (self._second(at) for at in (start, end))
        return EventCounts(int(self._good[first:last].sum()), int(self._bad[first:last].sum()))

    def busiest(self, start: float, end: float, *, width_s: int) -> EventCounts:
        """The most good and the most bad events that any *width_s* seconds of [start, end) hold."""
        first, last = self._second(start), self._second(end)

        def most(events: NDArray[np.int32]) -> int:
            summed = _before(events[first:last])
            return int((summed[width_s:] - summed[:-width_s]).max()) if last - first > width_s else int(summed[-1])

        return EventCounts(most(self._good), most(self._bad))

    def unknowable(self, start: float, end: float, *, scrape_s: int) -> float:
        """By how much of the budget [start, end) may be judged differently, as its edges lie between two scrapes.

        An event is seen by the next scrape of its instance, up to *scrape_s* later, and each instance has a phase of
        its own: good and bad events may be off by different times. Infinite where there may be no events at all.
        """
        shifts = range(0, scrape_s + 1, 5)
        # Summed once: the seconds of a month would be added up a hundred times.
        origin = self._second(start - scrape_s)
        good, bad_before = (_before(events[origin : self._second(end)]) for events in (self._good, self._bad))
        firsts, lasts = ([self._second(at - shift) - origin for shift in shifts] for at in (start, end))
        seen = [
            EventCounts(*(int(before[max(last, first)] - before[first]) for before in (good, bad_before)))
            for first in firsts
            for last in lasts
        ]
        bad, total = [counts.bad for counts in seen], [counts.total for counts in seen]
        if not min(total):
            return math.inf if max(total) else 0.0
        fewest, most = min(bad), max(bad)
        extremes = (EventCounts(max(total) - fewest, fewest), EventCounts(max(min(total) - most, 0), most))
        truth = self.truth(start, end).consumed(self.objective)
        return max(abs(extreme.consumed(self.objective) - truth) for extreme in extremes) + _ROUNDING

    def document(self, *, window: str = "30d") -> dict[str, object]:
        """The native SLO document that judges this service."""
        job = f'job="{self.service}"'
        sli: dict[str, object] = {
            "total": f"http_requests_total{{{job}}}",
            "bad": f'http_requests_total{{{job}, code=~"5.."}}',
        }
        if self.histogram:
            sli = {
                "histogram": "http_request_duration_seconds",
                "selector": {"job": self.service},
                "threshold": "300ms",
            }
        slo = {"name": "requests", "objective": round(self.objective * 100, 6), "window": window, "sli": sli}
        return {"service": self.service, "slos": [slo]}

    def _second(self, at: float | datetime) -> int:
        seconds = at.timestamp() if isinstance(at, datetime) else at
        return int(np.clip(round(seconds) - self.start, 0, self.end - self.start))


def _before(events: NDArray[np.int32]) -> NDArray[np.int64]:
    """How many events were before each second, and before the end."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(events, dtype=np.int64)])


@dataclass(frozen=True, slots=True)
class Traces:
    """Several services over the same span of time."""

    traces: Sequence[Trace]

    def __iter__(self) -> Iterator[Trace]:
        return iter(self.traces)

    def __getitem__(self, service: str) -> Trace:
        return next(trace for trace in self.traces if trace.service == service)

    def truth(self, service: str, start: float | datetime, end: float | datetime) -> EventCounts:
        """What happened in *service* in [start, end)."""
        return self[service].truth(start, end)

    @property
    def samples(self) -> Iterator[Samples]:
        """Every series of every service."""
        return (samples for trace in self.traces for samples in trace.series)
