"""Processes whose counters are known to the second, and what a scrape shows of them.

Unlike `scraping.Life`, a process has any number of counters with labels of their own, shares its target with others,
and is seen at whatever times it is given: by one Prometheus, by two, or late.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.slo.arrays import Bools
from testbed.traces import Counts, Labels, Samples, Trace

METRIC = "http_requests_total"


@dataclass(slots=True, kw_only=True)
class Counter:
    """One counter of a process: *events* in each second of its life, on top of what it *carried* before the trace.

    A *lazy* counter is not exposed before its first event, as client libraries do with labels. *offset_ms* is how much
    older its samples are than the scrape, for exporters that write timestamps of their own.
    """

    labels: Labels
    events: Counts
    bad: bool = False
    carried: int = 0
    lazy: bool = False
    offset_ms: int = 0

    def at(self, seconds: Counts) -> Counts:
        """The value that it shows so many seconds after the birth of its process."""
        whole = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.events, dtype=np.int64)])
        return np.asarray(self.carried + whole[np.clip(seconds, 0, len(self.events))], dtype=np.int64)


@dataclass(slots=True, kw_only=True)
class Process:
    """One run of a process behind a *target* from second *born* (since the start of the trace) on."""

    target: Labels
    born: int
    counters: list[Counter] = field(default_factory=list)

    @property
    def died(self) -> int:
        """The first second after this run."""
        return self.born + max(len(counter.events) for counter in self.counters)

    @property
    def carries(self) -> bool:
        """Whether it ran before the trace looked, so that its past belongs to no slot."""
        return any(counter.carried for counter in self.counters)


def scrape(process: Process, times_ms: Counts, trace: Trace, more: Labels = ()) -> list[Samples]:
    """The series of one process that scrapes at *times_ms* (since the start of the trace) see."""
    times_ms = alive(process, times_ms)
    seen = []
    for counter in process.counters:
        times = times_ms - counter.offset_ms
        times = times[times >= process.born * 1000]
        values = counter.at(times // 1000 - process.born)
        kept: Bools | slice = values > 0 if counter.lazy else slice(None)
        if len(values[kept]):
            seen.append(
                Samples(
                    metric=METRIC,
                    labels=(*process.target, *counter.labels, *more),
                    times_ms=trace.start * 1000 + times[kept],
                    values=values[kept],
                )
            )
    return seen


def add_truth(process: Process, times_ms: Counts, trace: Trace) -> None:
    """Add the events that scrapes at *times_ms* can show: not those after the last scrape of a process that ended."""
    times_ms = alive(process, times_ms)
    if not len(times_ms):
        return
    for counter in process.counters:
        seconds = np.arange(process.born, process.born + len(counter.events))
        visible = np.ones(len(seconds), dtype=bool)
        if process.died < trace.end - trace.start:
            visible &= seconds < (times_ms[-1] - counter.offset_ms) // 1000
        if process.carries:
            visible &= seconds >= (times_ms[0] - counter.offset_ms) // 1000
        nothing = np.zeros(len(seconds), np.int64)
        events = counter.events * visible
        trace.add_truth(process.born, *((nothing, events) if counter.bad else (events, nothing)))


def alive(process: Process, times_ms: Counts) -> Counts:
    """The scrapes that find the process running."""
    return times_ms[(times_ms >= process.born * 1000) & (times_ms < process.died * 1000)]


def grid(phase_ms: int, interval_s: int, seconds: int) -> Counts:
    """Scrapes every *interval_s* for so many seconds."""
    return np.arange(phase_ms, seconds * 1000, interval_s * 1000, dtype=np.int64)


def without(times_ms: Counts, spans: Sequence[tuple[int, int]]) -> Counts:
    """Scrapes outside some spans of seconds."""
    kept = np.ones(len(times_ms), dtype=bool)
    for first, last in spans:
        kept &= (times_ms < first * 1000) | (times_ms >= last * 1000)
    return times_ms[kept]


def relabelled(samples: Samples, labels: Callable[[Labels], Labels], *, from_ms: int) -> list[Samples]:
    """A series that goes on under other labels from a time on."""
    cut = int(np.searchsorted(samples.times_ms, from_ms))
    parts = ((samples.labels, slice(None, cut)), (labels(samples.labels), slice(cut, None)))
    return [
        Samples(metric=samples.metric, labels=own, times_ms=samples.times_ms[part], values=samples.values[part])
        for own, part in parts
        if len(samples.times_ms[part])
    ]
