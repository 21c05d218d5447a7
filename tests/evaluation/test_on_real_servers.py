"""Budgets against the truth, and live against backfill, on a real Prometheus and a real VictoriaMetrics."""

import math
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from app.clock import SystemClock
from app.evaluation import Source
from app.prometheus import HttpConfig, Matrix, open_client
from app.status import Snapshot
from testbed.openmetrics import create_blocks, import_into
from testbed.servers import prometheus, victoria_metrics
from testbed.trace_kinds import KINDS, generate
from testbed.traces import Trace, Traces
from tests.evaluation.faulty import connected
from tests.evaluation.running import differences, slos_of
from tests.support.soak import SOAK

HOUR, DAY = 3600, 86_400
END = 1_699_995_600
"""At 21:00 UTC: some services sleep at night."""
SCRAPE_S = 30
LIMITS = {
    timedelta(days=3): 0.05,
    timedelta(days=1): 0.06,
    timedelta(hours=6): 0.2,
    timedelta(hours=2): 0.6,
    timedelta(hours=1): 1.0,
    timedelta(minutes=30): 2.0,
    timedelta(minutes=5): 10.0,
}
"""The largest error of a budget in percentage points of the budget, by window."""


@dataclass(slots=True)
class Asked(Source):
    """A server over HTTP that answers one question after another, each in a loop of its own."""

    url: str
    questions: list[str] = field(default_factory=list)

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        async with self._client() as client:
            return await client.instant(expr, at, deadline=deadline)

    @override
    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        async with self._client() as client:
            return await client.range(expr, start, end, step, deadline=deadline)

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[Source]:
        async with open_client(HttpConfig(url=self.url), clock=SystemClock()) as client:
            yield client


@contextmanager
def on_prometheus(traces: Traces, folder: Path) -> Iterator[str]:
    create_blocks(traces.samples, folder)
    with prometheus(folder) as server:
        yield server.url


@contextmanager
def on_victoria_metrics(traces: Traces, folder: Path) -> Iterator[str]:
    with victoria_metrics(folder) as server:
        import_into(server, traces.samples)
        yield server.url


Serve = Callable[[Traces, Path], AbstractContextManager[str]]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(SOAK))
@pytest.mark.parametrize("serve", [on_prometheus, on_victoria_metrics])
def test_budgets_are_the_truth_and_live_equals_backfill(serve: Serve, seed: int, tmp_path: Path) -> None:
    """Of every kind of service, in every window, by ticks and by history alike."""
    days, lived = (4, 2 * HOUR) if SOAK > 1 else (1.5, 900)
    end = END // 900 * 900 + 30 * (seed * 7 % 30)
    # No window begins in an outage: nobody knows how its events lie in it.
    traces = generate(KINDS, start=end - int(days * DAY), end=end + HOUR, seed=seed)
    slos = slos_of(traces, tmp_path / "slos", window="1d")
    with (
        serve(traces, tmp_path / "data") as url,
        connected(slos, url, tmp_path / "live.db") as live,
        connected(slos, url, tmp_path / "fresh.db") as fresh,
    ):
        live.run(end - lived, end)
        live.backfill(end)
        fresh.tick(end)
        fresh.backfill(end)
        wrong = [line for trace in traces for line in _wrong(fresh.snapshot(f"{trace.service}-requests"), trace)]
        assert wrong == []
        for each in (live, fresh):
            each.tick(end + 900)
        wrong = [line for trace in traces for line in _wrong(live.snapshot(f"{trace.service}-requests"), trace)]
        assert wrong == []
        assert differences(live.figures, fresh.figures) == {}
        assert not live.instruments.failures


def _wrong(snapshot: Snapshot, trace: Trace) -> Sequence[str]:
    assert snapshot.as_of is not None
    end = snapshot.as_of.timestamp()
    found = []
    for view in snapshot.windows:
        limit = LIMITS.get(view.window)
        if limit is None:
            continue
        length = view.window.total_seconds()
        truth = trace.truth(end - length, end).consumed(trace.objective)
        if math.isnan(truth) and math.isnan(view.burn_rate):
            continue
        error = 100 * abs(view.burn_rate - truth)
        unknowable = 100 * trace.unknowable(end - length, end, scrape_s=SCRAPE_S)
        if not math.isinf(unknowable) and not error <= max(limit, unknowable):
            found.append(f"{snapshot.id} {view.window}: {error:.3f} points off, at most {limit}")
    return found
