"""Counters as people really have them, from a real server to the API: reported with a wrong budget, or a false page.

Each case is one SLO of one service; what happens in it lies in the history that is backfilled, or comes while the
service runs. Samples lie ahead of the present, so that they come as if they were scraped.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import pytest

from testbed.openmetrics import create_blocks, import_into
from testbed.process import Server
from testbed.servers import prometheus, victoria_metrics
from testbed.service import sloburn, write_documents
from testbed.traces import Counts, Samples
from testbed.waiting import wait_until
from tests.support.soak import SOAK

SCRAPE_S: Final = 30
_DAY_S: Final = 86_400
_AHEAD_S: Final = 900
_OBJECTIVE: Final = 0.999
_ENV: Final = {"SLOBURN_EVALUATION_INTERVAL": "5s"}

Pace = float
"""Events per second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An SLO of one service: the series of its counters, and the paces of its events before and after the *cut*."""

    name: str
    series: Sequence[Samples]
    good: Pace
    bad: Pace
    unsure: float = 0.0
    """Events that no one can know: those of one scrape of a counter that restarts, or that is corrected."""

    def document(self) -> dict[str, Any]:
        own = f'job="{self.name}"'
        sli = {"total": f"rq_total{{{own}}}", "bad": f'rq_total{{{own},code=~"5.."}}'}
        return {"service": self.name, "slos": [{"name": "requests", "objective": 99.9, "window": "30d", "sli": sli}]}

    def truth(self, seconds: float) -> tuple[float, float]:
        """Good and bad events of so many seconds."""
        return self.good * seconds, self.bad * seconds


def cases(now: float, cut: float) -> list[Case]:
    """What was reported, happening at *cut*; the times are seconds since the epoch."""
    start, end = now - _DAY_S, now + _AHEAD_S
    times = _grid(start, end)
    before, after = times[times <= cut * 1000], times[times > cut * 1000]

    def series(case: str, at: Counts, values: Counts, **labels: str) -> Samples:
        return Samples(
            metric="rq_total",
            labels=(("job", case), *sorted(({"instance": "a"} | labels).items())),
            times_ms=at,
            values=values,
        )

    def growing(at: Counts, first: float, pace: Pace, *, since: float = start) -> Counts:
        return np.floor(first + pace * (at / 1000 - since)).astype(np.int64)

    relabelled = [
        series("relabelled", at, growing(at, first, pace), code=code, **labels)
        for code, first, pace in (("200", 10_000_000, 10), ("500", 500_000, 0.002))
        for at, labels in ((before, {}), (after, {"version": "v2"}))
    ]
    restarted = np.concatenate([growing(before, 5_000_000, 20), growing(after, 0, 20, since=cut)])
    collector = [
        series("otel-collector", times, restarted, code="200", service_name="frontend"),
        series("otel-collector", times, growing(times, 1_000_000, 5), code="200", service_name="checkout"),
        series("otel-collector", times, growing(times, 60_000, 0.001), code="500", service_name="checkout"),
    ]
    corrected = growing(times, 10_900_000, 10) - np.where(times > cut * 1000, 120, 0)
    dips = [
        series("corrected", times, corrected, code="200"),
        series("corrected", times, growing(times, 500_000, 0.002), code="500"),
    ]
    replicas = [
        series("replicas", at, growing(at, first, pace), code=code, **labels)
        for code, first, pace in (("200", 10_000_000, 10), ("500", 500_000, 0.002))
        for at, labels in ((times, {"prometheus_replica": "a"}), (after + 1_000, {"prometheus_replica": "b"}))
    ]
    containers = [
        series("cadvisor", at, growing(at, first, pace), code=code, container=f"c{number}")
        for number in range(10)
        for at in (after + 1_100 * number,)
        for code, first, pace in (("200", 5e9, 50), ("500", 4e7, 0.01))
    ]
    renamed = [
        series("renamed", at, growing(at, first, pace), code=code, **labels)
        for code, first, pace in (("200", 10_000_000, 10), ("500", 500_000, 0.002))
        for at, labels in ((before, {"zone": "eu"}), (after, {"instance": "a:8080"}))
    ]
    # Every other answer comes from the replica whose scrapes are 20 s behind.
    behind = times - np.where((times > cut * 1000) & (np.arange(len(times)) % 2 > 0), 50_000, 0)
    balanced = [
        series("balanced", times, growing(behind, first, pace), code=code)
        for code, first, pace in (("200", 10_000_000, 10), ("500", 500_000, 0.002))
    ]
    return [
        Case(name="relabelled", series=relabelled, good=10, bad=0.002),
        Case(name="otel-collector", series=collector, good=25, bad=0.001, unsure=20 * SCRAPE_S),
        Case(name="corrected", series=dips, good=10, bad=0.002, unsure=120),
        Case(name="replicas", series=replicas, good=10, bad=0.002),
        Case(name="renamed", series=renamed, good=10, bad=0.002),
        Case(name="balanced", series=balanced, good=10, bad=0.002, unsure=10 * 50),
        Case(name="cadvisor", series=containers, good=500, bad=0.1),
    ]


def _grid(start: float, end: float) -> Counts:
    return np.arange(start // SCRAPE_S * SCRAPE_S + 7, end, SCRAPE_S).astype(np.int64) * 1000


@contextmanager
def on_prometheus(samples: Sequence[Samples], folder: Path) -> Iterator[Server]:
    create_blocks(samples, folder)
    with prometheus(folder) as server:
        yield server


@contextmanager
def on_victoria_metrics(samples: Sequence[Samples], folder: Path) -> Iterator[Server]:
    # It hides what is younger than 30 s from every query.
    with victoria_metrics(folder, flags=["-search.latencyOffset=1s"]) as server:
        import_into(server, samples)
        yield server


Serve = Callable[[Sequence[Samples], Path], AbstractContextManager[Server]]


@contextmanager
def _running(serve: Serve, told: Sequence[Case], folder: Path) -> Iterator[Server]:
    specs = write_documents([case.document() for case in told], folder / "slos")
    with (
        serve([one for case in told for one in case.series], folder / "data") as source,
        sloburn(source.url, specs, folder / "service", env=_ENV, forked=True) as service,
    ):
        yield service


@pytest.mark.parametrize("serve", [on_prometheus, on_victoria_metrics])
def test_history_is_counted_as_it_was(serve: Serve, tmp_path: Path) -> None:
    """What happened half an hour before the service starts."""
    now = time.time()
    told = cases(now, now - 1_800)
    with _running(serve, told, tmp_path) as service:
        items = _items(service, lambda item: item["backfill"] is None and item["data"] == "fresh")
        assert [wrong for case in told for wrong in _wrong(case, items[case.name])] == []
        assert _fired(service) == []


@pytest.mark.soak
@pytest.mark.parametrize("serve", [on_prometheus, on_victoria_metrics] if SOAK > 1 else [on_prometheus])
def test_what_comes_is_counted_as_it_is(serve: Serve, tmp_path: Path) -> None:
    """What happens while the service runs."""
    assert any(_judged_live(serve, tmp_path / str(within_s), within_s) for within_s in (30, 150, 400))


def _judged_live(serve: Serve, folder: Path, within_s: float) -> bool:
    """Whether the service had read its history within *within_s* seconds, so that what happens then came while it ran.

    Raises:
        AssertionError: it did, and what it shows of that is wrong.
    """
    now = time.time()
    cut = now + within_s
    told = cases(now, cut)
    with _running(serve, told, folder) as service:
        _items(service, lambda item: item["service"] == "cadvisor" or item["backfill"] is None)
        if time.time() > cut:
            return False
        seen = cut + SCRAPE_S + 10
        time.sleep(max(seen - time.time(), 0))
        items = _items(service, lambda item: item["as_of"] is not None and _seconds(item["as_of"]) > seen)
        assert [wrong for case in told for wrong in _wrong(case, items[case.name])] == []
        assert _fired(service) == []
    return True


def _items(service: Server, holds: Callable[[dict[str, Any]], bool]) -> dict[str, dict[str, Any]]:
    """Every SLO by its service, once all of them fulfil a condition."""
    items: list[dict[str, Any]] = []

    def all_hold() -> bool:
        items[:] = _get(service, "/api/v1/slos")["items"]
        return bool(items) and all(map(holds, items))

    wait_until(all_hold, lambda: f"{items}; the log: {service.log[-3000:]}")
    return {item["service"]: item for item in items}


def _wrong(case: Case, item: dict[str, Any]) -> Iterator[str]:
    """What an SLO shows that is not so."""
    events, as_of = item["events"], _seconds(item["as_of"])
    first = min(one.times_ms[0] for one in case.series) / 1000
    good, bad = case.truth(as_of - first)
    # A scrape may lie on either side of the newest slot, and the first one counts nothing.
    total_slack = 2 * SCRAPE_S * case.good + case.unsure
    # Each counter holds a part of its next event.
    bad_slack = len(case.series) + 2 * SCRAPE_S * case.bad
    if abs(events["total"] - good - bad) > total_slack:
        yield f"{case.name}: {events['total']} events, in truth {good + bad:.0f}"
    if abs(events["bad"] - bad) > bad_slack:
        yield f"{case.name}: {events['bad']} bad events, in truth {bad:.0f}"
    if not all(isinstance(count, int) for count in events.values()):
        yield f"{case.name}: counts of counters that are no whole numbers: {events}"
    consumed, spent = item["budget"]["consumed_ratio"], bad / (good + bad) / (1 - _OBJECTIVE)
    if abs(consumed - spent) > bad_slack / (good * (1 - _OBJECTIVE)) + 0.01:
        yield f"{case.name}: {consumed:.1%} of the budget consumed, in truth {spent:.1%}"
    for alert in item["alerts"]:
        if alert["state"] in {"pending", "firing", "muted"}:
            yield f"{case.name}: a {alert['severity']} is {alert['state']}"


def _fired(service: Server) -> list[str]:
    """The alerts that were ever more than inactive."""
    answer = _get(service, "/api/v1/alerts?limit=1000")
    changes = [f"{one['slo']} {one['severity']} {one['kind']}" for one in answer["transitions"]]
    return [change for change in changes if not change.endswith(("frozen", "unfrozen"))]


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def _get(service: Server, path: str) -> dict[str, Any]:
    answer = httpx.get(service.url + path, timeout=60.0, trust_env=False)
    return dict(answer.raise_for_status().json())
