import math
import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.slo import AlertState, CalendarUnit, CalendarWindow, Cause, Severity
from app.status import AlertView, Board, HealthState, Snapshot
from app.ui import pages, views
from tests.support.snapshots import AS_OF, a_snapshot, an_slo, an_unmeasured_snapshot

PAGING = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF, tier="1h/5m")
TOO_LITTLE = "held back for lack of evidence: 1 bad event in the last 1h, 2 are needed to tell a burn from chance"
TOO_OLD = "the newest data is too old to judge by"


def client(*snapshots: Snapshot, prefix: str = "") -> TestClient:
    board = Board()
    board.publish(snapshots)
    app = FastAPI()
    app.include_router(pages(board, prefix=prefix))
    return TestClient(app)


def test_the_worst_slo_comes_first() -> None:
    text = (
        client(
            a_snapshot(an_slo("fine")),
            an_unmeasured_snapshot(an_slo("dark")),
            a_snapshot(an_slo("worse"), bad=3_000, health=HealthState.EXHAUSTED),
            a_snapshot(an_slo("worst"), bad=9_000, health=HealthState.EXHAUSTED),
        )
        .get("/")
        .text
    )

    assert re.findall(r'href="/slos/(\w+)-availability"', text) == ["worst", "worse", "dark", "fine"]


def test_a_service_can_be_looked_at_alone() -> None:
    text = client(a_snapshot(), a_snapshot(an_slo("search"))).get("/?service=search").text

    assert "search-availability" in text
    assert "checkout-availability" not in text


def test_every_link_to_an_slo_leads_to_its_page() -> None:
    snapshot = a_snapshot(group=(("route", "/a b/<c>"),), alerts=[PAGING])
    http = client(snapshot)

    links = re.findall(r'href="(/slos/[^"]+)"', http.get("/").text)

    assert len(links) == 1
    page = http.get(links[0])
    assert page.status_code == 200
    assert "route=/a b/&lt;c&gt;" in page.text
    assert "1h/5m" in page.text
    assert "http_requests_total{code=~&#34;5..&#34;,job=&#34;checkout&#34;}" in page.text


def test_the_id_of_a_whole_group_shows_its_members() -> None:
    response = client(a_snapshot(group=(("route", "/pay"),))).get("/slos/checkout-availability")

    assert response.status_code == 404
    assert "route=/pay" in response.text


def test_an_unknown_id_is_said_and_escaped() -> None:
    response = client().get("/slos/<script>")

    assert response.status_code == 404
    assert "&lt;script&gt;" in response.text
    assert "<script>" not in response.text


def test_what_is_wrong_with_the_data_is_said() -> None:
    text = client(an_unmeasured_snapshot(problem="no series match <x>")).get("/slos/checkout-availability").text

    assert "no series match &lt;x&gt;" in text
    assert "2 % of the wanted history" in text


@pytest.mark.parametrize("path", ["/", "/slos/checkout-availability"])
def test_a_page_needs_no_script_and_no_inline_style(path: str) -> None:
    response = client(a_snapshot(), prefix="/burn").get(path)

    assert "default-src 'none'; style-src 'self'" in response.headers["content-security-policy"]
    assert "<script" not in response.text
    assert "style=" not in response.text
    assert 'href="/burn/static/style.css"' in response.text
    assert 'href="/"' not in response.text


def test_only_the_worst_are_listed_of_very_many() -> None:
    http = client(*(a_snapshot(an_slo(f"s{number}")) for number in range(501)))

    assert "The worst 500 of 501" in http.get("/").text


def alert(state: AlertState, *, severity: Severity = Severity.PAGE, **changes: Any) -> AlertView:
    return AlertView(**{"severity": severity, "state": state, "since": AS_OF, "tier": None, **changes})


@pytest.mark.parametrize(
    ("alerts", "lines"),
    [
        ([alert(AlertState.INACTIVE), alert(AlertState.INACTIVE, severity=Severity.TICKET)], []),
        ([alert(AlertState.INACTIVE, reason=TOO_LITTLE)], [("page held back", TOO_LITTLE)]),
        (
            [alert(AlertState.FROZEN, severity=severity, reason=TOO_OLD) for severity in Severity],
            [("page and ticket frozen", TOO_OLD)],
        ),
        ([alert(AlertState.FROZEN, tier="1h/5m", reason=TOO_OLD)], [("page firing, frozen", TOO_OLD)]),
        ([alert(AlertState.FIRING, tier="no data", cause=Cause.NO_DATA)], [("page firing: no data", "")]),
    ],
)
def test_what_alerts_do_is_said_with_what_keeps_them_from_it(
    alerts: list[AlertView], lines: list[tuple[str, str]]
) -> None:
    assert [(line.words, line.reason) for line in views.alert_lines(a_snapshot(alerts=alerts))] == lines


@pytest.mark.parametrize("path", ["/", "/slos/checkout-availability"])
def test_both_pages_say_why_an_alert_is_held_back_or_frozen(path: str) -> None:
    held, frozen = (
        alert(AlertState.INACTIVE, reason=TOO_LITTLE),
        alert(AlertState.FROZEN, tier="6h/30m", reason="<old>"),
    )

    text = client(a_snapshot(alerts=[held, frozen])).get(path).text

    assert "held back" in text.replace(TOO_LITTLE, "")
    assert TOO_LITTLE in text
    assert "firing, frozen" in text
    assert "&lt;old&gt;" in text


def test_an_empty_board_is_no_error() -> None:
    assert "No SLO" in client().get("/").text


def test_bars_never_leave_their_track() -> None:
    assert [views.bar(ratio) for ratio in (-2.0, 0.254, 7.0, math.nan)] == [0, 25, 100, 0]


def test_windows_are_named() -> None:
    month = an_slo(window=CalendarWindow(CalendarUnit.MONTH, "Europe/Berlin"))

    assert views.window_name(a_snapshot()) == "30d"
    assert views.window_name(a_snapshot(month)) == "this month (Europe/Berlin)"
