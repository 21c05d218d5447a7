"""Whatever happens to the service or to Prometheus: once it is over, the counts are those of a run without it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from app.prometheus import UnreachableError
from app.slo import Cause, Slo
from app.status import DataState
from testbed.trace_kinds import generate
from tests.evaluation.memory import MemorySource, Series, raising, series_of
from tests.evaluation.running import INTERVAL_S, Figures, Running, differences, slos_of
from tests.support.soak import IS_SOAK, SOAK

START = 1_800_000_000
HOUR = 3600
LIVED_H = 1.25
KINDS = ("churn", "short-lived", "outage-45m", "reset-in-outage", "replaced-in-outage", "late-scraped", "histogram")


@dataclass(frozen=True)
class World:
    """Services, their SLOs, and what an uninterrupted run shows at *end*."""

    slos: tuple[Slo, ...]
    series: list[Series]
    end: int
    shown: Figures
    ever: dict[str, tuple[float, float]]

    def source(self) -> MemorySource:
        return MemorySource(self.series)


def ever(running: Running) -> dict[str, tuple[float, float]]:
    return {snapshot.id: (snapshot.good_ever, snapshot.bad_ever) for snapshot in running.board.snapshots}


def running(world: World, path: Path) -> Running:
    source = world.source()

    def move(at: float) -> None:
        source.now = at - 1

    return Running(world.slos, source, path, move=move)


def build(folder: Path, kinds: Sequence[str], *, hours: float, lived: float, seed: int = 3) -> World:
    """A world of *hours*, of whose last part *lived* hours are ticked."""
    end = START + int(hours * HOUR)
    traces = generate(kinds, start=START, end=end, seed=seed)
    world = World(slos_of(traces, folder / "slos", window="1d"), series_of(traces.samples), end, {}, {})
    with running(world, folder / "whole.db") as whole:
        whole.run(end - int(lived * HOUR), end)
        whole.backfill(end)
        return World(world.slos, world.series, end, whole.figures, ever(whole))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build(tmp_path_factory.mktemp("world"), KINDS, hours=6, lived=LIVED_H)


@pytest.fixture(scope="module")
def long_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return build(tmp_path_factory.mktemp("long"), ("churn", "short-lived"), hours=13, lived=0.25)


@pytest.fixture
def live(world: World, tmp_path: Path) -> Iterator[Running]:
    with running(world, tmp_path / "live.db") as one:
        yield one


def assert_same(one: Running, world: World) -> None:
    assert differences(one.figures, world.shown) == {}


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3 * SOAK if IS_SOAK else 1))
def test_restarts_at_any_slot_change_nothing(live: Running, world: World, seed: int) -> None:
    """Not a count, not a coverage, and the counters that never reset go on where they stood."""
    at = world.end - int(LIVED_H * HOUR)
    for stop in sorted(np.random.default_rng(seed).integers(at // INTERVAL_S + 1, world.end // INTERVAL_S, 12)):
        live.run(at, int(stop) * INTERVAL_S)
        live.restart()
        at = int(stop) * INTERVAL_S
    live.run(at, world.end)
    assert_same(live, world)
    assert {slo: pytest.approx(counts) for slo, counts in world.ever.items()} == ever(live)


def test_a_restart_while_prometheus_is_away_shows_what_was_shown(live: Running, world: World) -> None:
    live.run(world.end - int(LIVED_H * HOUR), world.end - HOUR)
    before = live.figures
    as_of = {snapshot.id: snapshot.as_of for snapshot in live.board.snapshots}
    live.restart()
    assert isinstance(live.source, MemorySource)
    live.source.fault = raising(UnreachableError("refused"))
    live.tick(world.end - HOUR + INTERVAL_S)
    assert differences(live.figures, before) == {}
    assert {snapshot.id: snapshot.as_of for snapshot in live.board.snapshots} == as_of


def test_a_restart_under_a_clock_that_was_set_back_steps_no_alert_and_calls_nothing_fresh(
    live: Running, world: World
) -> None:
    """Until the clock has caught up nothing of now is known; then everything is counted."""
    live.run(world.end - int(LIVED_H * HOUR), world.end - HOUR)
    stepped = live.evaluator.stepped
    live.restart()
    live.tick(*range(world.end - int(1.05 * HOUR), world.end - HOUR - 120, INTERVAL_S))
    assert live.evaluator.stepped == stepped
    assert DataState.FRESH not in {snapshot.data for snapshot in live.board.snapshots}
    live.run(world.end - HOUR, world.end, every=60)
    assert_same(live, world)


def test_slots_of_the_future_lose_nothing_once_the_clock_is_corrected(live: Running, world: World) -> None:
    """A host boots ten years ahead while Prometheus does not answer: history is kept, and alerts are stepped on."""
    live.run(world.end - int(LIVED_H * HOUR), world.end - HOUR)
    assert isinstance(live.source, MemorySource)
    live.restart()
    live.source.fault = raising(UnreachableError("refused"))
    future = world.end + 10 * 365 * 24 * HOUR
    live.tick(future, future + INTERVAL_S)
    live.source.fault = lambda _expr: None
    live.restart()
    live.evaluator.go_back(datetime.fromtimestamp(world.end - HOUR + INTERVAL_S, UTC))
    live.run(world.end - HOUR, world.end, every=60)
    assert_same(live, world)
    alerts = [alert for snapshot in live.board.snapshots for alert in snapshot.alerts]
    assert all(alert.since is None or alert.since.timestamp() <= world.end for alert in alerts)
    assert Cause.NO_DATA not in {alert.cause for alert in alerts}


@pytest.mark.soak
@pytest.mark.parametrize("share", [0.3, 0.9] if IS_SOAK else [0.9])
def test_missed_slots_are_counted_by_the_next_tick(live: Running, world: World, share: float) -> None:
    dice = np.random.default_rng(4)
    slots = [at for at in range(world.end - int(LIVED_H * HOUR), world.end - 600, INTERVAL_S) if dice.random() > share]
    live.tick(*slots)
    live.run(world.end - 600, world.end)
    live.backfill(world.end)
    assert_same(live, world)


@pytest.mark.parametrize("minutes", [10, 40])
def test_prometheus_away_is_caught_up(live: Running, world: World, minutes: int) -> None:
    _away(live, world.end - int(LIVED_H * HOUR), world.end, away=minutes * 60)
    assert_same(live, world)


@pytest.mark.soak
@pytest.mark.parametrize("hours", [2, 8] if IS_SOAK else [8])
def test_prometheus_away_for_hours_is_caught_up_an_hour_in_a_tick(
    long_world: World, tmp_path: Path, hours: int
) -> None:
    with running(long_world, tmp_path / "live.db") as one:
        _away(one, long_world.end - 9 * HOUR, long_world.end, away=hours * HOUR)
        assert_same(one, long_world)


def test_a_service_that_slept_for_hours_catches_up(long_world: World, tmp_path: Path) -> None:
    """Suspended, or stopped and started again."""
    for restart in (False, True):
        with running(long_world, tmp_path / f"live-{restart}.db") as one:
            begin = long_world.end - 9 * HOUR
            one.run(begin, begin + HOUR // 3)
            if restart:
                one.restart()
            one.run(begin + 8.5 * HOUR, long_world.end)
            one.backfill(long_world.end)
            assert_same(one, long_world)


def _away(one: Running, begin: int, end: int, *, away: int) -> None:
    assert isinstance(one.source, MemorySource)
    one.run(begin, begin + HOUR // 2, every=60)
    one.source.fault = raising(UnreachableError("connection refused"))
    one.tick(*range(begin + HOUR // 2 + 300, begin + HOUR // 2 + away, 300))
    assert one.evaluator.unanswered is not None
    one.source.fault = lambda _expr: None
    one.run(max(begin + HOUR // 2 + away, end - HOUR), end, every=60)
    one.backfill(end)
