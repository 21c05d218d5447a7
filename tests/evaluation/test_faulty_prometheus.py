"""Whatever a real Prometheus does for minutes or hours: it is said, nothing is resolved, and nothing is lost.

Each case is a day of slots with the fault in its middle. `SLOBURN_SOAK` above 1 runs every fault for every duration and
ticks every slot around it; `make test` runs each fault for one duration.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import orjson
import pytest

from app.slo import AlertState, Cause
from app.status import DataState, Snapshot
from testbed.fault_proxy import HTML, Delay, Drip, Edit, Fault, FaultProxy, Hang, Reply, Reset, Seen, Truncate
from testbed.openmetrics import create_blocks
from testbed.process import Server
from testbed.servers import prometheus
from tests.evaluation.faulty import (
    BURNING,
    COOL_DOWN_S,
    END,
    FAULT,
    HOUR,
    KINDS,
    WELL,
    Watched,
    World,
    behind_a_proxy,
    build,
    services,
)
from tests.evaluation.running import Figures
from tests.support.soak import SOAK

MINUTES, AN_HOUR, HOURS = 5 * 60, HOUR, 5 * HOUR
DURATIONS = (MINUTES, AN_HOUR, HOURS)
PATIENCE_S = 0.25
"""What a question may take while the fault lasts."""
SCRAPED_LITTLE = ("reset-in-outage-requests",)
SAMPLES_OF_AN_HOUR = 80 * (HOUR + 900) // 30
"""Raw samples of eighty series that live at once, of an hour and what is read again on both sides of it."""

Hurt = Callable[[FaultProxy, Server], AbstractContextManager[None]]


def with_warnings(body: bytes) -> bytes:
    """An answer that says that part of the data is missing, and of which part is missing."""
    answer = orjson.loads(body)
    del answer["data"]["result"][::2]
    return orjson.dumps({**answer, "warnings": ["store-2: connection refused"]})


def proxied(fault: Fault) -> Hurt:
    """The proxy answers otherwise."""

    @contextmanager
    def hurt(proxy: FaultProxy, _server: Server) -> Iterator[None]:
        proxy.fault = fault
        yield
        proxy.fault = None

    return hurt


@contextmanager
def stopped(_proxy: FaultProxy, server: Server) -> Iterator[None]:
    """The process hangs: SIGSTOP."""
    server.pause()
    try:
        yield
    finally:
        server.resume()


@contextmanager
def away(proxy: FaultProxy, _server: Server) -> Iterator[None]:
    """Connections are refused."""
    with proxy.down():
        yield


FAULTS: dict[str, Hurt] = {
    "away": away,
    "stopped": stopped,
    "silent": proxied(Hang()),
    "500": proxied(Reply(status=500)),
    "503": proxied(Reply(status=503, body=b'{"status":"error","errorType":"timeout","error":"query timed out"}')),
    "429": proxied(Reply(status=429, headers={"Retry-After": "3"})),
    "html": proxied(HTML),
    "truncated": proxied(Truncate(after=200)),
    "truncated-json": proxied(Truncate(after=200, honest=True)),
    "partial": proxied(Edit(change=with_warnings)),
    "reset": proxied(Reset()),
    "slow": proxied(Delay(seconds=2 * PATIENCE_S)),
    "dripping": proxied(Drip(bytes_per_second=100)),
}
ALL = [(name, duration) for name in FAULTS for duration in DURATIONS]
EVERY = 300 if SOAK > 1 else 1800
CHOSEN = [(name, DURATIONS[number % 3]) for number, name in enumerate(FAULTS)]
CASES = ALL if SOAK > 1 else [case for case in CHOSEN if case[0] in {"away", "429", "truncated", "partial"}]
SPOILING = ["html", "silent", *(["500", "truncated", "partial", "slow", "429", "reset"] if SOAK > 1 else [])]
"""The faults of the questions about one SLI."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    traces = services()
    create_blocks(traces.samples, folder / "prometheus")
    with prometheus(folder / "prometheus") as server:
        yield build(server, traces, folder)


@pytest.mark.soak
@pytest.mark.parametrize(("fault", "duration"), CASES)
def test_what_was_missed_is_caught_up(world: World, tmp_path: Path, fault: str, duration: int) -> None:
    """It is stale and frozen meanwhile; at the end every count and coverage is that of a run without the fault."""
    with behind_a_proxy(world, tmp_path) as (run, proxy):
        run.tick(FAULT + 30)
        before = run.running.figures
        with FAULTS[fault](proxy, world.server), impatiently(run):
            for at in slots_of(duration):
                run.tick(at)
                assert_blind(run, at)
                assert counts(run.running.figures) == counts(before)
        caught_up_at = assert_caught_up_in_bounds(run, world, FAULT + duration)
        run.run(caught_up_at, END, every=EVERY)
        assert_nothing_lost(run, world)


@pytest.mark.soak
@pytest.mark.parametrize("fault", SPOILING)
def test_a_fault_of_one_sli_disturbs_no_other(world: World, tmp_path: Path, fault: str) -> None:
    """Whatever asks for it fails: the others, which share its queries, are measured on time within a few slots."""

    def mentions_it(seen: Seen) -> bool:
        return b"checkout" in seen.body

    with behind_a_proxy(world, tmp_path) as (run, proxy):
        run.tick(FAULT + 30)
        proxy.only = mentions_it
        with FAULTS[fault](proxy, world.server), impatiently(run, about="checkout"):
            run.run(FAULT + 30, FAULT + 180, every=30)
            for at in range(FAULT + 210, FAULT + (HOUR if SOAK > 1 else 720), 30):
                run.tick(at)
                assert_one_is_blind(run, at)
        run.run(at, END, every=EVERY)
        assert_nothing_lost(run, world)


@contextmanager
def impatiently(run: Watched, *, about: str = "") -> Iterator[None]:
    """Meanwhile questions are given up soon, since time is short in a test; afterwards the circuit is closed again."""
    usual, run.source.longest_s, run.source.about = run.source.longest_s, PATIENCE_S, about
    yield
    run.source.longest_s = usual
    time.sleep(2 * COOL_DOWN_S)


def slots_of(duration: int) -> range:
    """The slots that are ticked while a fault lasts; the last one is its last slot."""
    slots = 60 if SOAK > 1 else 10
    every = max(30, duration // slots // 30 * 30)
    return range(FAULT + max(60, every), FAULT + duration + 1, every)


def assert_blind(run: Watched, at: int) -> None:
    """Nothing is measured, which is said; no alert goes anywhere."""
    assert run.running.evaluator.unanswered
    shown = run.running.board.snapshots
    assert [bool(snapshot.problem) for snapshot in shown] == [True] * (len(KINDS) + 2)
    for snapshot in shown if at - FAULT > 90 else ():
        assert_frozen(snapshot)
    assert run.said(BURNING) == [("page", "fired"), ("ticket", "fired")]


def assert_one_is_blind(run: Watched, at: int) -> None:
    assert run.running.evaluator.unanswered is None
    one = run.running.snapshot(BURNING)
    assert one.problem
    assert_frozen(one)
    others = [snapshot for snapshot in run.running.board.snapshots if snapshot.id != BURNING]
    assert len(others) == len(KINDS) + 1
    for snapshot in others:
        assert snapshot.problem is None
        assert snapshot.data is DataState.FRESH
        assert snapshot.as_of is not None
        assert snapshot.as_of.timestamp() == at
        assert not any(alert.state is AlertState.FROZEN for alert in snapshot.alerts)


def assert_frozen(snapshot: Snapshot) -> None:
    burning = [(alert.state, bool(alert.reason)) for alert in snapshot.alerts if alert.cause is Cause.BURN]
    assert snapshot.data is DataState.STALE
    assert burning == [(AlertState.FROZEN, True)] * 2


def assert_caught_up_in_bounds(run: Watched, world: World, end: int) -> int:
    """An hour is caught up in a slot, in no more than a read or two for it; the slot in which all is fresh again.

    One question more shows whether newer time would be answered.
    """
    hours = (end - FAULT) // HOUR
    for at in range(end + 30, end + 30 * (hours + 3), 30):
        run.tick(at)
        assert run.loads[at].questions <= 2 * world.usual + 1
        assert run.loads[at].samples <= SAMPLES_OF_AN_HOUR
        if all(
            is_on_time(snapshot, at) for snapshot in run.running.board.snapshots if snapshot.id not in SCRAPED_LITTLE
        ):
            return at
    raise AssertionError(f"not caught up: {[(one.id, one.as_of) for one in run.running.board.snapshots]}")


def is_on_time(snapshot: Snapshot, at: int) -> bool:
    return snapshot.data is DataState.FRESH and snapshot.as_of is not None and at - snapshot.as_of.timestamp() <= 60


def assert_nothing_lost(run: Watched, world: World) -> None:
    assert off(run.running.figures, world.figures) == {}
    assert run.said(BURNING) == world.said[BURNING]
    assert run.said(WELL) == []


def counts(figures: Figures) -> dict[str, tuple[float, float]]:
    return {key: (total, bad) for key, (total, bad, _) in figures.items()}


def off(found: Figures, wanted: Figures) -> dict[str, object]:
    """Where two runs disagree by half an event, by 1e-6 of a budget of 0.1%, or in coverage."""
    assert found.keys() == wanted.keys()
    return {
        key: (found[key], (total, bad, coverage))
        for key, (total, bad, coverage) in wanted.items()
        if abs(found[key][0] - total) > min(0.5, 1e-6 * max(1.0, total))
        or abs(found[key][1] - bad) > min(0.5, 1e-9 * max(1.0, total))
        or abs(found[key][2] - coverage) > 1e-6
    }
