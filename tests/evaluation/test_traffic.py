"""Traffic that stops: against an SLO's own history it is news, on a quiet night it is none."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from app.documents import load_documents
from app.slo import Slo
from app.store.alerts import load_active_alerts, recent_transitions
from testbed.service import write_documents
from tests.adjustments.test_recurrence import adjusting
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.running import Running

START = 1_767_225_600.0  # a midnight
HOUR, DAY = 3600.0, 86_400.0
KEY = "checkout-availability/{}/no_traffic"


def an_slo(folder: Path, **alerting: object) -> Sequence[Slo]:
    slo = {
        "name": "availability",
        "objective": 99.9,
        "window": "30d",
        "sli": {"total": "asked_total", "bad": "failed_total"},
        "alerting": alerting,
    }
    loaded = load_documents(write_documents([{"service": "checkout", "slos": [slo]}], folder))
    assert not loaded.errors, loaded.errors
    return loaded.slos


def a_source(
    days: float,
    stops_at: float,
    *,
    goes_on_at: float = np.inf,
    nights: bool = False,
    failing_from: float = np.inf,
) -> MemorySource:
    """A request a second for some days, none between two times; with *nights*, only from 8 to 20 o'clock."""
    times = np.arange(START + 7, START + days * DAY, 30.0)
    hour = (times - START) % DAY // HOUR
    flows = ((times < stops_at) | (times >= goes_on_at)) & ((not nights) | ((hour >= 8) & (hour < 20)))
    asked = np.cumsum(np.where(flows, 30.0, 0.0))
    failed = np.cumsum(np.where(flows & (times >= failing_from), 30.0, 0.0))
    return MemorySource(
        series=[
            Series(labels={"__name__": name, "job": "checkout"}, times=times, values=values)
            for name, values in (("asked_total", asked), ("failed_total", failed))
        ]
    )


def in_force(live: Running) -> set[str]:
    with live.database.read() as tx:
        return {notification.key for notification in load_active_alerts(tx)}


def ticks(live: Running, since: float, until: float, every: float = 120.0) -> None:
    live.tick(*np.arange(since, until, every))


@pytest.mark.parametrize(("policy", "severity"), [("alert", "ticket"), ("ticket", "ticket"), ("page", "page")])
def test_traffic_that_stops_opens_an_alert_and_closes_it_when_it_flows_again(
    tmp_path: Path, policy: str, severity: str
) -> None:
    stops = START + 0.2 * DAY
    source = a_source(0.3, stops, goes_on_at=stops + 30 * 60)
    with Running(an_slo(tmp_path, no_traffic=policy), source, tmp_path / "a.db") as live:
        live.tick(stops - 120)
        live.backfill(stops - 120)
        ticks(live, stops - 60, stops + 9 * 60)
        assert not in_force(live)
        ticks(live, stops + 11 * 60, stops + 15 * 60)
        assert in_force(live) == {KEY.format(severity)}
        ticks(live, stops + 16 * 60, stops + 35 * 60)
        assert not in_force(live)


def test_what_is_silent_in_maintenance_has_not_stopped(tmp_path: Path) -> None:
    """The time begins with the end of an hour of maintenance, and a week of traffic is still the norm."""
    begins = START + 7 * DAY + 12 * HOUR
    with Running(an_slo(tmp_path, no_traffic="alert"), a_source(8, begins), tmp_path / "a.db") as live:
        live.adjustments.replace([adjusting("2026-01-08T12:00", mute_alerts=True)])
        live.tick(begins - 120)
        live.backfill(begins - 120)
        ticks(live, begins, begins + HOUR + 540, 180)
        assert not in_force(live)
        ticks(live, begins + HOUR + 540, begins + HOUR + 800)
        assert in_force(live) == {KEY.format("ticket")}


def test_silence_at_a_time_at_which_there_is_always_silence_is_no_news(tmp_path: Path) -> None:
    """Only from 8 to 20 o'clock: neither the evening nor the night opens a ticket, a silent morning does."""
    source = a_source(9, START + 8 * DAY + 2 * HOUR, nights=True)
    with Running(an_slo(tmp_path, no_traffic="alert"), source, tmp_path / "a.db") as live:
        evening = START + 7 * DAY + 19.5 * HOUR
        live.tick(evening)
        live.backfill(evening)
        ticks(live, evening + 60, evening + 3 * HOUR, 600)
        ticks(live, evening + 11 * HOUR, START + 8 * DAY + 8.4 * HOUR, 600)
        assert not in_force(live)
        ticks(live, START + 8 * DAY + 8.5 * HOUR, START + 8 * DAY + 9.2 * HOUR, 600)
        assert in_force(live) == {KEY.format("ticket")}


def test_without_being_asked_for_no_alert_tells_of_traffic(tmp_path: Path) -> None:
    stops = START + 0.2 * DAY
    with Running(an_slo(tmp_path), a_source(0.3, stops), tmp_path / "a.db") as live:
        live.tick(stops - 120)
        live.backfill(stops - 120)
        ticks(live, stops - 60, stops + HOUR, 600)
        assert not in_force(live)


def test_a_page_is_frozen_while_no_requests_come_and_resolved_after_a_while_for_that_reason(tmp_path: Path) -> None:
    """A total outage whose clients go away; the alert on the traffic itself is muted by the page."""
    stops = START + 0.2 * DAY
    source = a_source(0.5, stops, failing_from=stops - 600)
    slos = an_slo(tmp_path, no_traffic="page", resolve_no_traffic_after="3h", ticket="off")
    with Running(slos, source, tmp_path / "a.db") as live:
        live.tick(stops - 700)
        live.backfill(stops - 700)
        ticks(live, stops - 640, stops + 2 * HOUR, 60)
        page = next(alert for alert in live.board.snapshots[0].alerts if alert.cause == "burn")
        assert (page.state, page.reason) == ("frozen", "no events in the last 30m")
        assert {alert.state for alert in live.board.snapshots[0].alerts if alert.cause == "no_traffic"} == {"muted"}
        assert in_force(live) == {"checkout-availability/page"}
        live.restart()
        ticks(live, stops + 2 * HOUR, stops + 4 * HOUR, 300)
        assert in_force(live) == {KEY.format("page")}
        with live.database.read() as tx:
            ended = [one for one in recent_transitions(tx) if one.kind == "resolved"]
        assert [(one.reason, one.notify) for one in ended] == [("there were no events in the last 3h", True)]


def test_a_service_of_minutes_has_a_norm_where_a_short_silence_is_asked_about(tmp_path: Path) -> None:
    stops = START + 600
    slos = an_slo(tmp_path, no_traffic="ticket", no_traffic_for="1m")
    with Running(slos, a_source(0.1, stops), tmp_path / "a.db") as live:
        ticks(live, START + 60, stops + 60, 30)
        assert not in_force(live)
        ticks(live, stops + 90, stops + 180, 30)
        assert in_force(live) == {KEY.format("ticket")}
