"""How a Prometheus sees an instance: counters read every so often, with failures and outages between."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from testbed.traces import Counts, Labels, Samples, Trace

Bools = NDArray[np.bool_]
Span = tuple[int, int]
"""First and last second (exclusive), since the start of the trace."""

LES = (("0.05", 0.4), ("0.3", 1.0))
"""Classic buckets up to the threshold, with the share of the fast requests that fall into each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One run of an instance, from *born* to *died* (seconds since the start of the trace), with its events per second.

    *carried* are the good and bad events that its counters already held when the trace began to look; such a life is
    not known from its birth. With *lazy_errors* the error series appears with its first error, as client libraries do.
    """

    instance: str
    born: int
    good: Counts
    bad: Counts
    carried: tuple[int, int] | None = None
    lazy_errors: bool = True
    route: str = "/"

    @property
    def died(self) -> int:
        """The first second after this life."""
        return self.born + len(self.good)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scraper:
    """When instances are scraped: every *interval* seconds, except in *outages* and where a scrape fails by chance."""

    interval: int = 30
    failing: float = 0.0
    outages: Sequence[Span] = ()

    def observe(self, trace: Trace, life: Life, rng: np.random.Generator) -> None:
        """Add the samples of *life*, and the truth that they can show, to *trace*."""
        times_ms = self._times_ms(life, rng)
        if not len(times_ms):
            return
        _add_truth(trace, life, times_ms)
        elapsed = times_ms // 1000 - life.born
        carried_good, carried_bad = life.carried or (0, 0)
        good, bad = carried_good + _counter(life.good)[elapsed], carried_bad + _counter(life.bad)[elapsed]
        times_ms = times_ms + trace.start * 1000
        if trace.histogram:
            trace.series.extend(_histogram(trace, life, times_ms, fast=good, slow=bad))
        else:
            trace.series.extend(_requests(trace, life, times_ms, good=good, bad=bad))

    def _times_ms(self, life: Life, rng: np.random.Generator) -> Counts:
        phase = int(rng.integers(0, self.interval * 1000))
        first = -((phase - life.born * 1000) // (self.interval * 1000))
        times = phase + np.arange(first, first + len(life.good) // self.interval + 2) * self.interval * 1000
        times = times[(times >= life.born * 1000) & (times < life.died * 1000)]
        return times[(rng.random(len(times)) >= self.failing) & ~self._out(times)].astype(np.int64)

    def _out(self, times_ms: Counts) -> Bools:
        out = np.zeros(len(times_ms), np.bool_)
        for first, last in self.outages:
            out |= (times_ms >= first * 1000) & (times_ms < last * 1000)
        return out


def _add_truth(trace: Trace, life: Life, times_ms: Counts) -> None:
    seconds = np.arange(life.born, life.died)
    visible = np.ones(len(seconds), np.bool_)
    if life.died < trace.end - trace.start:
        visible &= seconds < times_ms[-1] // 1000
    if life.carried is not None:
        visible &= seconds >= times_ms[0] // 1000
    trace.add_truth(life.born, life.good * visible, life.bad * visible)


def _counter(events: Counts) -> Counts:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(events, dtype=np.int64)])


def _requests(trace: Trace, life: Life, times_ms: Counts, *, good: Counts, bad: Counts) -> list[Samples]:
    def series(code: str, values: Counts, kept: Bools | slice = slice(None)) -> Samples:
        labels = (*_target(trace, life), ("code", code), ("route", life.route))
        return Samples(metric="http_requests_total", labels=labels, times_ms=times_ms[kept], values=values[kept])

    errors = series("500", bad, bad > 0) if life.lazy_errors else series("500", bad)
    return [series("200", good), *([errors] if len(errors.values) else [])]


def _histogram(trace: Trace, life: Life, times_ms: Counts, *, fast: Counts, slow: Counts) -> list[Samples]:
    name = "http_request_duration_seconds"
    target = (*_target(trace, life), ("route", life.route))

    def series(suffix: str, values: Counts, *more: tuple[str, str]) -> Samples:
        return Samples(metric=name + suffix, labels=(*target, *more), times_ms=times_ms, values=values)

    buckets = [series("_bucket", np.floor(fast * share).astype(np.int64), ("le", le)) for le, share in LES]
    count = fast + slow
    slower = [series("_bucket", fast + slow * 9 // 10, ("le", "1")), series("_bucket", count, ("le", "+Inf"))]
    return [*buckets, *slower, series("_count", count), series("_sum", fast // 10 + slow)]


def _target(trace: Trace, life: Life) -> Labels:
    return (("job", trace.service), ("instance", life.instance))
