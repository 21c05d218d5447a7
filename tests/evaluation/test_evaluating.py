"""What an evaluator shows of plain services to which something happens."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.evaluation import points
from app.ingest.series.tracked_slis import MOST_GROUPS
from app.prometheus import BadQueryError
from app.slo import AlertState, RollingWindow, Severity
from app.status import DataState
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import availability, counter, document, requests, slos
from tests.evaluation.running import INTERVAL_S, Running, differences

NOW = 1_800_000_000
HOUR = 3600
DAY = 24 * HOUR


def shop(since: float = NOW - 8 * HOUR, until: float = NOW + 2 * HOUR, **more: object) -> list[Series]:
    """Ten requests a second of which one in a thousand fails."""
    return [
        counter(requests("shop"), (since, until), per_second=9.99, **more),  # type: ignore[arg-type]
        counter(requests("shop", "500"), (since, until), per_second=0.01, **more),  # type: ignore[arg-type]
    ]


def test_a_counter_is_shown_to_the_event(tmp_path: Path) -> None:
    with Running(slos([availability("shop")], tmp_path / "slos"), MemorySource(shop()), tmp_path / "db") as one:
        one.tick(NOW)
        one.backfill(NOW)
        hour = next(view for view in one.snapshot("shop-availability").windows if view.window == timedelta(hours=1))
    assert hour.total == pytest.approx(36_000, abs=2)
    assert hour.bad == pytest.approx(36, abs=1)
    assert hour.coverage == pytest.approx(1.0)


def test_a_budget_is_exact_as_soon_as_its_history_is_there(tmp_path: Path) -> None:
    """Though there was nothing to read when the service began: it looks for history before its first tick."""
    series = [counter({"__name__": "http_requests_total", "job": "shop"}, (NOW - 9 * DAY, NOW), per_second=1.0)]
    wanted = slos([availability("shop", window="7d"), availability("desk", window="4d")], tmp_path / "slos")
    with Running(wanted, MemorySource(series), tmp_path / "db") as one:
        one.backfill(NOW)
        one.tick(NOW)
        one.backfill(NOW)
        assert not one.evaluator.backfilling


def test_selectors_without_a_metric_name_have_their_history_counted(tmp_path: Path) -> None:
    """Their names are dropped by functions, so that Prometheus refuses to look for resets in them."""
    since, until = NOW - 2 * DAY, NOW + HOUR
    series = [
        Series(labels=labels | {"__name__": name}, times=one.times, values=one.values)
        for name, rate in (("good_total", 9.0), ("bad_total", 1.0))
        for labels in [{"job": "shop", "instance": "api-0:80"}]
        for one in [counter(labels, (since, until), per_second=rate)]
    ]
    sli: dict[str, object] = {"total": '{__name__=~"(good|bad)_total",job="shop"}', "bad": 'bad_total{job="shop"}'}
    with Running(
        slos([document("shop", sli, window="2d")], tmp_path / "slos"), MemorySource(series), tmp_path / "db"
    ) as one:
        one.tick(NOW)
        one.backfill(NOW)
        shown = one.snapshot("shop-availability")
        assert not one.instruments.failures
    assert shown.total == pytest.approx(10 * 2 * DAY, rel=1e-3)
    assert shown.bad == pytest.approx(2 * DAY, rel=1e-3)


def test_one_bad_slo_leaves_the_others_alone(tmp_path: Path) -> None:
    """A query that Prometheus refuses and a metric that does not exist are said of their own SLOs only."""
    refused = 'http_requests_total{job="broken",code=~"2.."}'
    documents = [
        availability("shop"),
        document("broken", {"total": refused, "bad": 'http_requests_total{job="broken",code=~"2..",x="1"}'}),
        document("absent", {"total": "nothing_total", "bad": 'nothing_total{code="500"}'}),
    ]

    def fault(expr: str) -> None:
        if "2.." in expr:
            raise BadQueryError("expanding series: it is broken", query=expr)

    source = MemorySource(shop(), fault=fault)
    with Running(slos(documents, tmp_path / "slos"), source, tmp_path / "db") as one:
        one.run(NOW - 900, NOW)
        one.backfill(NOW)
        shop_shown, broken, absent = (one.snapshot(f"{job}-availability") for job in ("shop", "broken", "absent"))
        assert one.evaluator.unanswered is None
    assert shop_shown.data is DataState.FRESH
    assert shop_shown.total == pytest.approx(10 * 8 * HOUR, rel=1e-3)
    assert broken.data is DataState.ERROR
    assert "it is broken" in (broken.problem or "")
    assert absent.data is DataState.ERROR
    assert str(absent.problem).startswith("no series match nothing_total:")
    assert {alert.reason for alert in absent.alerts if alert.state is AlertState.FROZEN} == {"there is no data yet"}


def test_groups_beyond_the_most_are_refused_and_said(tmp_path: Path) -> None:
    since = NOW - 2 * HOUR
    series = [
        counter(requests("shop", route=f"/{number:04}"), (since, NOW + HOUR)) for number in range(MOST_GROUPS + 20)
    ]
    documents = [availability("shop", by=["route"])]
    with Running(slos(documents, tmp_path / "slos"), MemorySource(series), tmp_path / "db") as one:
        one.tick(NOW)
        one.backfill(NOW)
        shown = {snapshot.id: snapshot.total for snapshot in one.board.snapshots}
        problem = one.board.snapshots[0].problem
        one.restart()
        one.tick(NOW + INTERVAL_S)
        assert {snapshot.id for snapshot in one.board.snapshots} == shown.keys()
    assert len(shown) == MOST_GROUPS
    assert problem == "more than 500 groups: 20 further ones are not counted"
    assert min(shown.values()) == pytest.approx(2 * HOUR, rel=0.01)


def test_slos_over_the_same_events_are_counted_once(tmp_path: Path) -> None:
    strict, lax = availability("shop", objective=99.99), availability("shop", objective=99.0)
    lax["service"] = "desk"
    source = MemorySource(shop())
    with Running(slos([strict, lax], tmp_path / "slos"), source, tmp_path / "db") as one:
        one.tick(NOW)
        asked = len(source.asked)
        one.backfill(NOW)
        shop_shown, desk = one.snapshot("shop-availability"), one.snapshot("desk-availability")
    assert asked == 1
    assert (shop_shown.total, shop_shown.bad) == (desk.total, desk.bad)
    assert shop_shown.budget.consumed_ratio == pytest.approx(100 * desk.budget.consumed_ratio)


def test_another_objective_or_window_keeps_what_was_counted(tmp_path: Path) -> None:
    """Even of a time that Prometheus no longer remembers."""
    (slo,) = slos([availability("shop")], tmp_path / "slos")
    source = MemorySource(shop())
    with Running([slo], source, tmp_path / "db") as one:
        one.run(NOW - 900, NOW)
        one.backfill(NOW)
        before = one.snapshot(slo.id)
        source.forget(NOW - 300)
        one.slos = [replace(slo, objective=0.99, window=RollingWindow(timedelta(hours=12)))]
        one.restart()
        one.run(NOW, NOW + 60)
        after = one.snapshot(slo.id)
    assert after.total == pytest.approx(before.total + 600, abs=2)
    assert after.budget.consumed_ratio == pytest.approx(before.budget.consumed_ratio / 10, rel=0.01)


def test_an_slo_that_was_away_for_a_while_keeps_its_history(tmp_path: Path) -> None:
    """Removed by mistake and put back an hour later, when Prometheus has lost what was before."""
    (slo,) = slos([availability("shop")], tmp_path / "slos")
    (other,) = slos([availability("desk")], tmp_path / "others")
    source = MemorySource(shop())
    with Running([slo], source, tmp_path / "db") as one:
        one.run(NOW - 2700, NOW - HOUR // 2)
        one.backfill(NOW - HOUR // 2)
        before = one.snapshot(slo.id)
        one.slos = [other]
        one.restart()
        one.run(NOW - HOUR // 2, NOW, every=120)
        source.forget(NOW - HOUR // 2 - 300)
        one.slos = [slo, other]
        one.restart()
        one.run(NOW, NOW + 300)
        one.backfill(NOW + 300)
        after = one.snapshot(slo.id)
    assert after.total == pytest.approx(before.total + 10 * (HOUR // 2 + 300), rel=0.001)


def test_a_prometheus_that_lost_its_data_changes_no_budget(tmp_path: Path) -> None:
    """Wiped between two ticks and scraping again: what was measured stays, what follows is counted."""
    errors = counter(requests("shop", "500", instance="job-1:80"), (NOW - 420, NOW - 180), per_second=2.0, every=15)
    source = MemorySource([*shop(), errors])
    with Running(slos([availability("shop")], tmp_path / "slos"), source, tmp_path / "db") as one:
        one.run(NOW - 900, NOW)
        one.backfill(NOW)
        before = one.snapshot("shop-availability")
        source.forget(NOW + 20)
        one.run(NOW, NOW + 900)
        after = one.snapshot("shop-availability")
    assert after.bad == pytest.approx(before.bad + 9, abs=1)
    assert after.total == pytest.approx(before.total + 9000, abs=2)


def test_history_that_is_not_wanted_is_not_read_after_a_restart_either(tmp_path: Path) -> None:
    source = MemorySource(shop(NOW - 3 * DAY))
    documents = slos([availability("shop", window="3d")], tmp_path / "slos")
    with Running(documents, source, tmp_path / "db", history=timedelta(hours=6)) as one:
        one.tick(NOW)
        one.backfill(NOW)
        counted = one.snapshot("shop-availability").total
        one.restart()
        one.tick(NOW + INTERVAL_S)
        one.backfill(NOW + INTERVAL_S)
        assert one.snapshot("shop-availability").total == pytest.approx(counted + 300, abs=12)


def test_a_service_that_had_gone_when_we_came_shows_when_it_was_last_seen(tmp_path: Path) -> None:
    """Windows end at the newest slot that was measured, today and after every settling, restart and slot."""
    gone = NOW - 2 * HOUR
    source = MemorySource(shop(until=gone))
    with Running(slos([availability("shop")], tmp_path / "slos"), source, tmp_path / "db") as one:
        one.tick(NOW)
        one.backfill(NOW)
        for minutes in (0.5, 6, 12):
            one.tick(NOW + minutes * 60)
            shown = one.snapshot("shop-availability")
            assert shown.data is DataState.STALE
            assert shown.as_of is not None
            assert abs(shown.as_of.timestamp() - gone) <= 60
            assert shown.total == pytest.approx(10 * 6 * HOUR, rel=0.01)
            one.restart()


def test_a_hole_is_said_and_freezes_alerts_until_it_is_over(tmp_path: Path) -> None:
    """An incident is burning when scrapes end for an hour: it is neither resolved meanwhile nor fired anew."""
    hole, incident = (NOW - HOUR, NOW), (NOW - 2 * HOUR, NOW + HOUR)
    series = [
        counter(requests("shop"), (NOW - 8 * HOUR, NOW + 2 * HOUR), per_second=9.0, without=[hole]),
        counter(requests("shop", "500"), incident, per_second=1.0, without=[hole]),
    ]
    seen: list[AlertState] = []
    said: list[str] = []
    coverages: list[float] = []
    with Running(
        slos([availability("shop", window="30d")], tmp_path / "slos"), MemorySource(series), tmp_path / "db"
    ) as one:
        start = NOW - 2 * HOUR - 600
        one.tick(start)
        one.backfill(start)
        for at in range(start + INTERVAL_S, NOW + HOUR + 120, 2 * INTERVAL_S):
            one.tick(at)
            shown = one.snapshot("shop-availability")
            (page,) = (alert for alert in shown.alerts if alert.severity is Severity.PAGE)
            seen.append(page.state)
            told = one.board.current.notification_of(shown, page)
            said.append("nothing" if told is None else "stale" if told.stale else "fresh")
            hour = next(view for view in shown.windows if view.window == timedelta(hours=1))
            coverages.append(hour.coverage)
    states = [state for state, before in zip(seen, [None, *seen], strict=False) if state is not before]
    assert states == [AlertState.INACTIVE, AlertState.FIRING, AlertState.FROZEN, AlertState.FIRING]
    by_state = {AlertState.INACTIVE: "nothing", AlertState.FIRING: "fresh", AlertState.FROZEN: "stale"}
    assert said == [by_state[state] for state in seen]
    assert min(coverages) < 0.2
    assert coverages[-1] == pytest.approx(1.0, abs=0.01)


def test_a_counter_that_stands_still_is_no_hole(tmp_path: Path) -> None:
    series = [counter(requests("shop"), (NOW - 8 * HOUR, NOW + HOUR), per_second=0.0, past=1000.0)]
    with Running(slos([availability("shop")], tmp_path / "slos"), MemorySource(series), tmp_path / "db") as one:
        one.run(NOW - 600, NOW)
        one.backfill(NOW)
        shown = one.snapshot("shop-availability")
    assert shown.data is DataState.NO_TRAFFIC
    assert shown.coverage == pytest.approx(1.0)
    assert shown.total == 0


def test_late_samples_count_once_they_have_come(tmp_path: Path) -> None:
    """Remote write that is four minutes behind: within `settle` nothing is lost."""
    source = MemorySource(shop())

    def move(at: float) -> None:
        source.now = at - 240 if at <= NOW else at

    with (
        Running(slos([availability("shop")], tmp_path / "slos"), source, tmp_path / "db", move=move) as late,
        Running(slos([availability("shop")], tmp_path / "again"), MemorySource(shop()), tmp_path / "whole") as whole,
    ):
        late.run(NOW - 900, NOW)
        late.run(NOW, NOW + 900)
        late.backfill(NOW + 900)
        whole.run(NOW - 900, NOW + 900, every=90)
        whole.backfill(NOW + 900)
        assert differences(late.figures, whole.figures) == {}


def test_counters_that_never_reset_never_fall(tmp_path: Path) -> None:
    """Prometheus would take a fall for a restart and add everything once more."""
    idle = counter(requests("shop", instance="old-1:80"), (NOW - 1200, NOW + HOUR), per_second=0.01, past=800.0)
    source = MemorySource([*shop(), idle])
    shown: list[tuple[float, float]] = []

    def move(at: float) -> None:
        source.now = at - 1

    with Running(slos([availability("shop")], tmp_path / "slos"), source, tmp_path / "db", move=move) as one:
        for at in range(NOW - HOUR // 2, NOW, INTERVAL_S):
            one.tick(at)
            snapshot = one.snapshot("shop-availability")
            shown.append((snapshot.good_ever, snapshot.bad_ever))
    goods, bads = zip(*shown, strict=True)
    assert list(goods) == sorted(goods)
    assert list(bads) == sorted(bads)


def test_history_is_one_point_for_each_step(tmp_path: Path) -> None:
    with Running(slos([availability("shop")], tmp_path / "slos"), MemorySource(shop()), tmp_path / "db") as one:
        one.tick(NOW)
        one.backfill(NOW)
        start, end = (datetime.fromtimestamp(at, UTC) for at in (NOW - 2 * HOUR, NOW))
        slo_id = one.board.snapshots[0].id
        past = one.evaluator.past(slo_id)
    assert past is not None
    found = points(past, start=start, end=end, step=timedelta(minutes=15))
    assert [point.at for point in found] == [start + timedelta(minutes=15 * (number + 1)) for number in range(8)]
    assert sum(point.good + point.bad for point in found) == pytest.approx(72_000, abs=2)
