"""The counter of all events vanishes, and that of the bad ones at a proxy goes on (ADR-0060)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from app.adjustments import AdjustmentSelector
from app.alerting import EndCode
from app.slo import AlertState, Cause, Severity
from app.store.alerts import recent_transitions
from tests.adjustments.test_recurrence import adjusting
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import Span, counter, document, slos
from tests.evaluation.running import Running

AT = 1_772_323_200.0
HOUR = 3600.0
GONE, BACK = AT + 4 * HOUR, AT + 5 * HOUR


def an_outage(folder: Path, errors_per_s: float, *, idle: Span = (AT, AT)) -> Running:
    """Ten requests a second but when *idle*, until hour 4 and from hour 5 on; at the proxy errors, until hour 5."""
    requests = {"__name__": "requests_total", "job": "app", "instance": "a:80"}
    errors = {"__name__": "errors_total", "job": "proxy", "instance": "b:80"}
    series = [
        counter(requests, (AT, AT + 13 * HOUR), per_second=10.0, bursts=[(idle, -10.0)], without=[(GONE, BACK)]),
        counter(errors, (AT, AT + 13 * HOUR), per_second=0.005, bursts=[((GONE, BACK), errors_per_s)]),
    ]
    one = document("web", {"total": "requests_total", "bad": "errors_total"})
    live = Running(slos([one], folder), MemorySource(series), folder / "a.db")
    live.tick(GONE - 300)
    live.backfill(GONE - 300)
    live.tick(*np.arange(GONE - 240, GONE + 1, 60))
    return live


def page(live: Running) -> AlertState:
    return next(one.state for one in live.snapshot("web-availability").alerts if one.cause is Cause.BURN)


def test_errors_that_go_on_burn_at_the_traffic_of_before(tmp_path: Path) -> None:
    with an_outage(tmp_path, 5.0) as live:
        live.tick(*np.arange(GONE + 60, GONE + 300, 60))
        assert page(live) is AlertState.FIRING
        live.tick(*np.arange(GONE + 300, BACK, 300))
        (firing,) = (one for one in live.board.current.notifications if one.cause is Cause.BURN)
        assert firing.stale is not None
        assert firing.bad < firing.good + firing.bad
        assert page(live) is AlertState.FIRING
        # The windows are judged again once they are measured.
        live.tick(*np.arange(BACK, BACK + 6.5 * HOUR, 300))
        with live.database.read() as tx:
            ends = {one.severity: one.end_code for one in recent_transitions(tx) if one.kind == "resolved"}
        assert ends[Severity.PAGE] is EndCode.BURN_STOPPED


@pytest.mark.parametrize("ends_s", [0.0, -600.0])
def test_behind_maintenance_errors_burn_at_the_traffic_before_it(tmp_path: Path, ends_s: float) -> None:
    """Two hours of muted maintenance without requests end with the outage, or ten minutes before it."""
    with an_outage(tmp_path, 5.0, idle=(GONE - 2 * HOUR, GONE + ends_s)) as live:
        since = datetime.fromtimestamp(GONE - 2 * HOUR, UTC).replace(tzinfo=None).isoformat()
        maintenance = adjusting(
            since,
            timedelta(seconds=2 * HOUR + ends_s),
            selector=AdjustmentSelector(services=frozenset({"web"})),
            mute_alerts=True,
        )
        live.adjustments.replace([maintenance])
        live.tick(*np.arange(GONE + 60, GONE + 300, 60))
        assert page(live) is AlertState.FIRING
        (firing,) = (one for one in live.board.current.notifications if one.cause is Cause.BURN)
        # Of the hour only what is seen, the outage at the traffic of hours ago: muting ends two minutes late.
        assert firing.good + firing.bad == pytest.approx(10 * (240 - 120 - ends_s), rel=0.05)


@pytest.mark.parametrize("errors_per_s", [0.0, 0.01])
def test_the_usual_errors_open_a_ticket_for_the_data_only(errors_per_s: float, tmp_path: Path) -> None:
    with an_outage(tmp_path, errors_per_s) as live:
        live.tick(*np.arange(GONE + 60, GONE + 0.5 * HOUR, 120))
        assert page(live) is AlertState.FROZEN
        (ticket,) = live.board.current.notifications
    assert ticket.cause is Cause.NO_DATA
    assert "bad events" in ticket.condition
