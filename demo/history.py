"""A month of the shop's life, made up: counters as scrapes would have seen them, written as OpenMetrics text.

Every counter is drawn from the same table of endpoints that the live shop serves, so that one continues the other;
at the seam the counters begin again from zero, as after a restart.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from demo.endpoints import BUCKETS, ENDPOINTS, INSTANCE, JOB, Endpoint, Floats
from demo.incidents import INCIDENTS, restarted, scraped

Counts = NDArray[np.int64]

STEP_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Series:
    """One series of the history; *values* has one entry for each scrape, as text."""

    name: str
    labels: dict[str, str]
    values: list[str]

    def lines(self, timestamps: list[str]) -> str:
        """The series as OpenMetrics lines, one for each of *timestamps*."""
        labels = {"job": JOB, "instance": INSTANCE, **self.labels}
        head = self.name + "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "} "
        samples = (f"{value} {at}\n" for value, at in zip(self.values, timestamps, strict=True))
        return "".join(head + sample for sample in samples)


@dataclass(frozen=True, slots=True)
class Scrapes:
    """When the shop was looked at: the grid of *epoch* seconds, where counters began again, which scrapes succeeded."""

    epoch: Floats
    end: float

    @classmethod
    def until(cls, end: int, *, days: float) -> "Scrapes":
        """A scrape every minute for *days*, the last one at *end*."""
        count = int(days * 86_400 / STEP_SECONDS)
        return cls(end - np.arange(count, dtype=np.float64)[::-1] * STEP_SECONDS, float(end))

    def timestamps(self) -> list[str]:
        """The successful scrapes' times, as OpenMetrics writes them."""
        return [str(at) for at in self.epoch[scraped(self.epoch, end=self.end)].astype(np.int64).tolist()]

    def integers(self, events: Counts) -> list[str]:
        """A counter of *events* per step, shape (n,), as the successful scrapes saw it."""
        return [str(value) for value in self._counter(events).tolist()]

    def decimals(self, amounts: Floats) -> list[str]:
        """A counter of *amounts* per step, shape (n,), as the successful scrapes saw it."""
        return [f"{value:.3f}" for value in self._counter(amounts).tolist()]

    def constant(self, value: str) -> list[str]:
        """A gauge that never changed."""
        return [value] * int(scraped(self.epoch, end=self.end).sum())

    def _counter(self, added: NDArray[np.number]) -> NDArray[np.number]:
        counted = np.cumsum(added)
        flags = restarted(self.epoch, end=self.end)
        life = np.cumsum(flags)
        before = np.concatenate([[0], counted[:-1][flags[1:]]])
        values: NDArray[np.number] = (counted - before[life])[scraped(self.epoch, end=self.end)]
        return values


def write_history(path: Path, scrapes: Scrapes, *, seed: int = 31, done: Callable[[float], None] | None = None) -> None:
    """Write the shop's history to *path*; *done* hears the finished share, 0..1, after each endpoint."""
    rng = np.random.default_rng(seed)
    timestamps = scrapes.timestamps()
    with path.open("w", encoding="utf-8") as file:
        file.write(Series("up", {}, scrapes.constant("1")).lines(timestamps))
        for number, endpoint in enumerate(ENDPOINTS, start=1):
            for series in _endpoint_series(endpoint, scrapes, rng):
                file.write(series.lines(timestamps))
            if done:
                done(number / len(ENDPOINTS))
        file.write("# EOF\n")


def _endpoint_series(endpoint: Endpoint, scrapes: Scrapes, rng: np.random.Generator) -> Iterator[Series]:
    requests = rng.poisson(endpoint.rate_at(scrapes.epoch) * STEP_SECONDS)
    extra_errors, extra_latency = _trouble(endpoint, scrapes)
    yield from _by_code(endpoint, requests, extra_errors, scrapes, rng)
    yield from _by_duration(endpoint, requests, extra_latency, scrapes, rng)


def _trouble(endpoint: Endpoint, scrapes: Scrapes) -> tuple[Floats, Floats]:
    errors, latency = np.zeros_like(scrapes.epoch), np.zeros_like(scrapes.epoch)
    for incident in INCIDENTS:
        if incident.service == endpoint.service and incident.route in {None, endpoint.route}:
            covered = incident.covers(scrapes.epoch, end=scrapes.end)
            errors[covered], latency[covered] = incident.errors, incident.latency
    return errors, latency


def _by_code(
    endpoint: Endpoint, requests: Counts, extra_errors: Floats, scrapes: Scrapes, rng: np.random.Generator
) -> Iterator[Series]:
    failed = rng.binomial(requests, np.maximum(endpoint.errors, extra_errors))
    missing = rng.binomial(requests - failed, endpoint.not_found)
    events = {"200": requests - failed - missing, "404": missing, "500": failed}
    for code in endpoint.codes:
        yield Series("http_requests_total", {**endpoint.labels, "code": code}, scrapes.integers(events[code]))


def _by_duration(
    endpoint: Endpoint, requests: Counts, extra_latency: Floats, scrapes: Scrapes, rng: np.random.Generator
) -> Iterator[Series]:
    name = "http_request_duration_seconds"
    median = endpoint.latency + extra_latency
    fits = np.stack([_share_within(bound, median, endpoint.spread) for bound in BUCKETS], axis=1)
    shares = np.diff(fits, axis=1, prepend=0.0, append=1.0)
    cumulative = np.cumsum(rng.multinomial(requests, shares), axis=1)
    for column, bound in enumerate((*map(str, BUCKETS), "+Inf")):
        labels = {**endpoint.labels, "le": bound}
        yield Series(f"{name}_bucket", labels, scrapes.integers(cumulative[:, column]))
    yield Series(f"{name}_count", endpoint.labels, scrapes.integers(requests))
    mean = median * np.exp(endpoint.spread**2 / 2)
    yield Series(f"{name}_sum", endpoint.labels, scrapes.decimals(requests * mean))


def _share_within(bound: float, median: Floats, spread: float) -> Floats:
    """Share of answers that take at most *bound* seconds, for lognormal durations; shape of *median*."""
    medians, position = np.unique(median, return_inverse=True)
    normal = NormalDist(sigma=spread)
    shares = np.array([normal.cdf(math.log(bound / value)) for value in medians])
    return shares[position]
