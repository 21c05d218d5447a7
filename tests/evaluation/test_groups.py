"""Grouped SLOs: a member for each value, at most five hundred."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from app.ingest.counting.ledger_writer import LedgerWriter
from app.ingest.series.series_index import SeriesIndex
from app.ingest.series.tracked_slis import MOST_GROUPS, TrackedSli, tracked_slis_of
from app.prometheus import Matrix
from app.promql.selector_text import parse_selector
from app.sli import sli_of_bad
from app.slo import AlertState, RollingWindow, Slo, SloId
from app.store.alerts import load_active_alerts, recent_transitions
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import availability, counter, document, requests, slos
from tests.evaluation.running import Running

SLO = Slo(
    id=SloId("web-availability"),
    service="web",
    name="availability",
    objective=0.999,
    window=RollingWindow(timedelta(days=1)),
    sli=sli_of_bad(
        total=parse_selector('http_requests_total{job="web"}'),
        bad=parse_selector('http_requests_total{job="web",code=~"5.."}'),
        by=("route",),
    ),
)
HOUR = 3600.0
AT = datetime(2026, 3, 1, tzinfo=UTC).timestamp()


def a_matrix(routes: int, *, code: str = "200") -> Matrix:
    labels = tuple(
        {"__name__": "http_requests_total", "code": code, "instance": "a", "job": "web", "route": f"/{number:04}"}
        for number in range(routes)
    )
    return Matrix(
        labels=labels,
        lengths=np.ones(routes, dtype=np.int64),
        times=np.full(routes, AT),
        values=np.ones(routes),
    )


def an_intake() -> tuple[SeriesIndex, TrackedSli]:
    tracked_slis = tracked_slis_of([SLO])
    ledger_writer = LedgerWriter(tracked_slis, interval_s=30)
    ledger_writer.start(tracked_slis, at_s=AT - 300)
    return ledger_writer.series_index, tracked_slis[0]


def test_each_value_is_a_member() -> None:
    series_index, tracked = an_intake()
    series_index.samples(a_matrix(3), [tracked])
    assert sorted(tracked.rows) == [(("route", f"/{number:04}"),) for number in range(3)]


def test_members_beyond_the_limit_are_refused_and_those_that_are_there_stay() -> None:
    series_index, tracked = an_intake()
    series_index.samples(a_matrix(MOST_GROUPS), [tracked])
    samples = series_index.samples(a_matrix(MOST_GROUPS + 20, code="500"), [tracked])

    assert len(tracked.rows) == MOST_GROUPS
    assert len(tracked.refused_groups) == 20
    assert len(samples.counter) == MOST_GROUPS


FEW = 20


@pytest.fixture
def _few_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.ingest.series.tracked_slis.MOST_GROUPS", FEW)


def routes(first: int, last: int, span: tuple[float, float]) -> list[Series]:
    return [counter(requests("web", route=f"/{number:04}"), span) for number in range(first, last)]


def grouped(folder: Path) -> tuple[Slo, ...]:
    return slos([availability("web", by=["route"])], folder)


def shown_routes(live: Running) -> list[str]:
    return sorted(dict(snapshot.group)["route"] for snapshot in live.board.snapshots)


@pytest.mark.usefixtures("_few_places")
def test_a_living_member_gets_the_place_of_one_that_has_gone_for_an_hour(tmp_path: Path) -> None:
    """Places are full of routes of which ten go; ten others come, are refused, and get their places an hour later."""
    source = MemorySource(
        series=[
            *routes(0, FEW - 10, (AT, AT + 3 * HOUR)),
            *routes(FEW - 10, FEW, (AT, AT + 600)),
            *routes(FEW, FEW + 10, (AT + 600, AT + 3 * HOUR)),
        ]
    )
    with Running(grouped(tmp_path), source, tmp_path / "a.db", history=timedelta(0)) as live:
        live.tick(*range(int(AT) + 300, int(AT) + 1300, 100))
        refused = live.board.snapshots[0]
        assert refused.refused_members == 10
        assert "10 further ones are not counted" in str(refused.problem)
        assert shown_routes(live)[-1] == f"/{FEW - 1:04}"
        live.restart()
        live.tick(AT + 1330)
        assert live.board.snapshots[0].refused_members == 10
        live.tick(*range(int(AT) + 1800, int(AT) + 6000, 600))
        assert live.board.snapshots[0].refused_members == 0
        assert len(shown_routes(live)) == FEW
        assert shown_routes(live)[-10:] == [f"/{number:04}" for number in range(FEW, FEW + 10)]
        # Nor do those that have left come back from the database.
        live.restart()
        live.tick(AT + 6030)
        assert len(shown_routes(live)) == FEW
        assert shown_routes(live)[-1] == f"/{FEW + 9:04}"


def test_a_member_leaves_when_no_window_needs_it_any_more(tmp_path: Path) -> None:
    """A day and an hour after its newest sample nothing of it is in a window of a day, nor in the alerts' three."""
    gone = AT + 600
    source = MemorySource(
        series=[*routes(0, 1, (AT, AT + 4 * 24 * HOUR)), *routes(1, 2, (AT, gone)), *routes(2, 3, (AT, AT + 9e5))]
    )
    with Running(grouped(tmp_path), source, tmp_path / "a.db", history=timedelta(0)) as live:
        live.tick(*np.arange(AT + 300, AT + 3 * 24 * HOUR, 3600))
        assert shown_routes(live) == ["/0000", "/0001", "/0002"]
        live.tick(*np.arange(AT + 3 * 24 * HOUR + 3 * 3600, AT + 3 * 24 * HOUR + 6 * 3600, 600))
        assert shown_routes(live) == ["/0000", "/0002"]
        live.restart()
        live.tick(AT + 3 * 24 * HOUR + 6 * 3600)
        assert shown_routes(live) == ["/0000", "/0002"]


@pytest.mark.usefixtures("_few_places")
def test_nobody_leaves_in_an_outage(tmp_path: Path) -> None:
    """Prometheus sleeps for five hours: who is seen first afterwards takes nobody's place."""
    spans = [(AT, AT + 600), (AT + 5 * HOUR, AT + 6 * HOUR)]
    source = MemorySource(
        series=[one for span in spans for one in routes(0, FEW, span)] + routes(FEW, FEW + 5, spans[1])
    )
    with Running(grouped(tmp_path), source, tmp_path / "a.db", history=timedelta(0)) as live:
        live.tick(AT + 300, AT + 600, *np.arange(AT + 5 * HOUR + 60, AT + 5 * HOUR + 900, 100))
        assert shown_routes(live)[-1] == f"/{FEW - 1:04}"
        assert live.board.snapshots[0].refused_members == 5


def a_vanishing_member(*, all_of_it: bool = False) -> MemorySource:
    """Three routes for a day; from hour 6 on all requests to one fail, from 6.5 on it is gone."""
    begin, gone = AT, AT + 6.5 * HOUR
    burst = [((AT + 6 * HOUR, AT + 24 * HOUR), 1.0)]
    ends = [gone, gone if all_of_it else AT + 24 * HOUR, gone if all_of_it else AT + 24 * HOUR]
    return MemorySource(
        series=[
            counter(requests("web", code, route=f"/{number}"), (begin, end), per_second=rate, bursts=bursts)
            for number, end in enumerate(ends)
            for code, rate, bursts in (("200", 1.0, ()), ("500", 0.0, burst if not number else ()))
        ]
    )


def alerting(folder: Path, **keys: object) -> tuple[Slo, ...]:
    document = availability("web", by=["route"])
    document["slos"][0]["alerting"] = keys  # type: ignore[index]
    return slos([document], folder)


def ends_of(live: Running) -> list[tuple[str, str | None, bool]]:
    """The alert of each end, its reason, and whether receivers are told."""
    with live.database.read() as tx:
        changes = [one for one in recent_transitions(tx, limit=100) if one.kind == "resolved"]
    return [(one.key, one.reason, one.notify) for one in reversed(changes)]


PAGE = "web-availability:route=/0/page"
POLICY = "the newest data is too old to judge by; this SLO says: no_data: {}"


@pytest.mark.parametrize(
    ("no_data", "still_there", "gone", "reason"),
    [
        ("resolve", 9, 11, POLICY.format("resolve")),
        ("good", 9, 11, POLICY.format("good")),
        ("freeze", 59, 62, "its group is no longer reported"),
    ],
)
def test_the_page_of_a_member_that_vanishes_ends_while_others_live(
    tmp_path: Path, no_data: str, still_there: float, gone: float, reason: str
) -> None:
    vanished = AT + 6.5 * HOUR
    with Running(alerting(tmp_path, no_data=no_data), a_vanishing_member(), tmp_path / "a.db") as live:
        live.tick(AT + 6 * HOUR)
        live.backfill(AT + 6 * HOUR)
        live.tick(*np.arange(AT + 6 * HOUR + 60, vanished + 60 * still_there, 120))
        with live.database.read() as tx:
            assert PAGE in {notification.key for notification in load_active_alerts(tx)}
        live.restart()
        live.tick(*np.arange(vanished + 60 * still_there + 60, vanished + 60 * gone + 120, 60))
        assert (PAGE, reason, True) in ends_of(live)
        with live.database.read() as tx:
            assert not load_active_alerts(tx)
        # What is no longer reported is not shown as an alert that waits for data.
        live.tick(*np.arange(vanished + 70 * 60, vanished + 72 * 60, 60))
        assert {alert.state for alert in live.snapshot("web-availability:route=/0").alerts} == {AlertState.INACTIVE}


@pytest.mark.parametrize("all_of_it", [False, True])
def test_the_page_of_a_member_stays_where_missing_data_is_bad_or_the_whole_group_is_gone(
    tmp_path: Path, all_of_it: bool
) -> None:
    """Nobody has gone alone: a group without any data is frozen, and says so by its ticket."""
    policy = "freeze" if all_of_it else "bad"
    source = a_vanishing_member(all_of_it=all_of_it)
    with Running(alerting(tmp_path, no_data=policy), source, tmp_path / "a.db") as live:
        live.tick(AT + 6 * HOUR)
        live.backfill(AT + 6 * HOUR)
        live.tick(*np.arange(AT + 6 * HOUR + 60, AT + 6.5 * HOUR, 120))
        live.tick(*np.arange(AT + 6.5 * HOUR, AT + 10 * HOUR, 600))
        with live.database.read() as tx:
            assert PAGE in {notification.key for notification in load_active_alerts(tx)}


@pytest.mark.parametrize("by", [(), ("instance",)])
def test_a_page_that_fires_ends_as_by_is_changed_and_says_so(tmp_path: Path, by: tuple[str, ...]) -> None:
    with Running(alerting(tmp_path), a_vanishing_member(), tmp_path / "a.db") as live:
        live.tick(AT + 6 * HOUR)
        live.backfill(AT + 6 * HOUR)
        live.tick(*np.arange(AT + 6 * HOUR + 60, AT + 6.2 * HOUR, 120))
        live.slos = slos([availability("web", by=by)], tmp_path)
        live.restart()
        live.tick(AT + 6.25 * HOUR)
        assert (PAGE, "`by` of the SLO was changed", True) in ends_of(live)


def test_an_alert_that_frozen_ends_only_after_an_hour_in_which_others_were_measured(tmp_path: Path) -> None:
    """Prometheus is away for three hours; who comes back a scrape later than others has not vanished."""
    source = a_vanishing_member()
    away = AT + 6.4 * HOUR, AT + 9.5 * HOUR
    source.series = [
        Series(
            labels=one.labels,
            times=one.times[(one.times < away[0]) | (one.times > away[1])],
            values=one.values[(one.times < away[0]) | (one.times > away[1])],
        )
        for one in source.series
    ]
    with Running(alerting(tmp_path), source, tmp_path / "a.db") as live:
        live.tick(AT + 6 * HOUR)
        live.backfill(AT + 6 * HOUR)
        live.tick(*np.arange(AT + 6 * HOUR + 60, away[0], 120))
        live.tick(*np.arange(away[0], away[1] + 0.8 * HOUR, 300))
        assert ends_of(live) == [("web-availability/ticket/no_data", None, True)]
        live.tick(*np.arange(away[1] + 0.9 * HOUR, away[1] + 1.2 * HOUR, 300))
        assert (PAGE, "its group is no longer reported", True) in ends_of(live)


def test_slos_over_the_same_events_share_their_history() -> None:
    stricter = Slo(
        id=SloId("web-strict"), service="web", name="strict", objective=0.9999, window=SLO.window, sli=SLO.sli
    )
    (tracked,) = tracked_slis_of([SLO, stricter])
    assert tracked.slos == (SLO, stricter)


def test_a_group_has_any_number_of_labels_of_any_names(tmp_path: Path) -> None:
    """Twelve labels, among them those of OpenTelemetry, of a histogram with dots in its name."""
    by = ["http.route", "größe", *(f"label_{number}" for number in range(10))]
    values = {label: f"{label}, a=b" for label in by}
    series = [
        counter({"__name__": f"http.server.request.duration_{suffix}", "job": "web", **values, **more}, (AT, AT + HOUR))
        for suffix, more in (("count", {}), ("bucket", {"le": "0.3"}))
    ]
    sli: dict[str, object] = {
        "histogram": "http.server.request.duration",
        "selector": {"job": "web", "http.route": values["http.route"]},
        "threshold": 0.3,
    }
    watched = slos([document("web", {**sli, "selector": {"job": "web"}}, by=by)], tmp_path / "slos")
    with Running(watched, MemorySource(series), tmp_path / "db", history=timedelta(0)) as live:
        live.tick(AT + 600, AT + 630)
        (shown,) = live.board.snapshots
        assert dict(shown.group) == values
        assert (shown.problems, shown.total > 0) == ((), True)
        live.restart()
        live.tick(AT + 660)
        assert dict(live.board.snapshots[0].group) == values
    alone = slos([document("web", sli)], tmp_path / "alone")
    with Running(alone, MemorySource(series), tmp_path / "other.db", history=timedelta(0)) as live:
        live.tick(AT + 600, AT + 630)
        assert live.board.snapshots[0].total > 0
