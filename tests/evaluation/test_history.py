"""The past of an SLO: what the live figures were at that time, and nothing that was not known."""

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.evaluation import points, recorded_budgets
from app.ingest.series import tracked_slis
from app.status import HistoryPoint
from app.store.budgets import load_budgets
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import Span, availability, counter, requests, slos
from tests.evaluation.running import INTERVAL_S, Running

NOW = 1_800_000_000
MINUTE, HOUR, DAY = 60, 3600, 86_400
SLO = "shop-availability"


def _shop(since: float, incident: Span, *, failing: float = 5.0) -> list[Series]:
    """Ten requests a second, none of which fails but for an incident."""
    span = (since, NOW + 4 * HOUR)
    return [
        counter(requests("shop"), span, per_second=10.0, bursts=[(incident, -failing)]),
        counter(requests("shop", "500"), span, per_second=0.0, bursts=[(incident, failing)]),
    ]


def _history(one: Running, since: float, until: float, step: timedelta) -> dict[float, HistoryPoint]:
    past = one.evaluator.past(one.snapshot(SLO).id)
    assert past is not None
    start, end = (datetime.fromtimestamp(at, UTC) for at in (since, until))
    with one.database.read() as transaction:
        recorded = recorded_budgets(transaction, one.snapshot(SLO).id, start_s=since, end_s=until)
    found = points(past, start=start, end=end, step=step, recorded=recorded)
    return {point.at.timestamp(): point for point in found}


@pytest.mark.parametrize("step", [timedelta(minutes=1), timedelta(minutes=7), timedelta(hours=1)])
def test_an_incident_of_last_week_burns_from_its_beginning_and_not_before(tmp_path: Path, step: timedelta) -> None:
    since, begin = NOW - 20 * DAY, NOW - 5 * DAY + 9 * MINUTE
    end = begin + 20 * MINUTE
    wanted = slos([availability("shop", objective=99, window="30d")], tmp_path / "slos")
    with Running(wanted, MemorySource(_shop(since, (begin, end))), tmp_path / "db") as one:
        one.tick(NOW)
        one.backfill(NOW)
        found = _history(one, begin - 3 * HOUR, end + 3 * HOUR, step)
    assert min(found) > begin - 3 * HOUR
    for at, point in found.items():
        bad = 5.0 * min(max(at - begin, 0), end - begin)
        consumed = bad / (10.0 * (at - since)) / 0.01
        assert point.budget_remaining_ratio == pytest.approx(1 - consumed, abs=2e-3), at - begin
    before = [point.budget_remaining_ratio for at, point in found.items() if at <= begin]
    assert before == [1.0] * len(before)
    assert len(before) >= 2
    assert sum(point.bad for point in found.values()) == pytest.approx(6000, abs=1)


def test_before_the_first_sample_the_budget_is_not_known(tmp_path: Path) -> None:
    """And not overspent five hundred times by the share of a cell that holds its first errors."""
    since = NOW - 2 * DAY + 400
    wanted = slos([availability("shop", window="30d")], tmp_path / "slos")
    with Running(wanted, MemorySource(_shop(since, (since, since + DAY))), tmp_path / "db") as one:
        one.tick(NOW)
        one.backfill(NOW)
        found = _history(one, since - HOUR, since + HOUR, timedelta(minutes=5))
    earlier = [point.budget_remaining_ratio for at, point in found.items() if at < since]
    assert [math.isnan(ratio) for ratio in earlier] == [True] * (HOUR // 300)
    later = [point.budget_remaining_ratio for at, point in found.items() if at > since + 5 * MINUTE]
    assert len(later) == HOUR // 300 - 1
    assert later == pytest.approx([1 - 0.5 / 0.001] * len(later), rel=1e-2)


def test_a_window_that_began_before_all_that_is_known_has_no_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a window is not the budget that anybody was shown."""
    # A month of history would be the same in more time.
    monkeypatch.setattr(tracked_slis, "LEARNED_FROM", timedelta(0))
    since = NOW - 9 * DAY
    wanted = slos([availability("shop", window="4d")], tmp_path / "slos")
    with Running(wanted, MemorySource(_shop(since, (NOW - 3 * DAY, NOW - 2 * DAY))), tmp_path / "db") as one:
        one.tick(NOW)
        one.backfill(NOW)
        found = _history(one, NOW - DAY, NOW, timedelta(hours=1))
        shown = one.snapshot(SLO).budget.remaining_ratio
    assert math.isnan(found[NOW - 12 * HOUR].budget_remaining_ratio)
    assert found[NOW].budget_remaining_ratio == pytest.approx(shown, abs=1e-3)
    assert found[NOW - 12 * HOUR].total == pytest.approx(36_000, abs=20)


def test_the_past_is_what_the_live_budget_showed(tmp_path: Path) -> None:
    wanted = slos([availability("shop", objective=99, window="1h")], tmp_path / "slos")
    source = MemorySource(_shop(NOW - 20 * DAY, (NOW + 20 * MINUTE, NOW + 33 * MINUTE)))
    shown: dict[float, float] = {}

    def move(at: float) -> None:
        source.now = at

    with Running(wanted, source, tmp_path / "db", move=move) as one:
        one.tick(NOW)
        one.backfill(NOW)
        for at in range(NOW + INTERVAL_S, NOW + 2 * HOUR, INTERVAL_S):
            one.tick(at)
            shown[at] = one.snapshot(SLO).budget.remaining_ratio
        found = _history(one, NOW, NOW + 2 * HOUR, timedelta(seconds=INTERVAL_S))
    compared = [(shown[at], point.budget_remaining_ratio) for at, point in found.items() if at in shown]
    assert len(compared) > 200
    assert min(live for live, _ in compared) < -5
    assert max(abs(live - past) for live, past in compared) <= 1e-3


def test_budgets_that_windows_no_longer_reach_back_to_are_as_they_were_shown(tmp_path: Path) -> None:
    """The ledger keeps one window; what was shown is recorded, in a few values where little changes."""
    wanted = slos([availability("shop", objective=99, window="1h")], tmp_path / "slos")
    begin = NOW - 25 * HOUR
    source = MemorySource(_shop(NOW - 3 * DAY, (begin + 7 * MINUTE, begin + 20 * MINUTE)))
    shown: dict[float, float] = {}

    def move(at: float) -> None:
        source.now = at

    with Running(wanted, source, tmp_path / "db", move=move) as one:
        one.tick(begin)
        one.backfill(begin)
        for at in range(begin + INTERVAL_S, begin + 2 * HOUR, INTERVAL_S):
            one.tick(at)
            shown[at] = one.snapshot(SLO).budget.remaining_ratio
        one.tick(NOW)
        found = _history(one, begin, begin + 2 * HOUR, timedelta(minutes=1))
        with one.database.read() as transaction:
            stored = load_budgets(transaction, one.snapshot(SLO).id, start_s=0, end_s=NOW)
    compared = [(shown[at], point.budget_remaining_ratio) for at, point in found.items() if at in shown]
    assert len(compared) > 20
    assert max(abs(live - past) for live, past in compared) <= 1e-3
    assert len(stored) < 100


@pytest.mark.parametrize("begin_s", [-27 * HOUR + 59, -25 * HOUR - 151, -40 * HOUR + 59])
def test_a_hole_that_no_edge_of_a_cell_shows_is_not_measured(tmp_path: Path, begin_s: int) -> None:
    """Eight minutes and a half in cells of five, also across the end of a piece: each edge has a sample lately."""
    hole = (NOW + begin_s, NOW + begin_s + 8.5 * MINUTE)
    series = [counter(requests("shop"), (NOW - 4 * DAY, NOW + HOUR), per_second=10.0, without=[hole])]
    wanted = slos([availability("shop", objective=99, window="3d")], tmp_path / "slos")
    with Running(wanted, MemorySource(series), tmp_path / "db") as one:
        one.tick(NOW)
        one.backfill(NOW)
        assert (1.0 - one.snapshot(SLO).coverage) * 3 * DAY == pytest.approx(9 * MINUTE, abs=0.5 * MINUTE)
