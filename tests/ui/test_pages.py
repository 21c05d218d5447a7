import math
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.alerting import Notification
from app.clock import SystemClock
from app.slo import AlertState, CalendarUnit, CalendarWindow, Cause, Severity, Sla
from app.status import AlertView, Board, DataState, HealthState, Snapshot
from app.ui import pages, views
from app.ui.incidents import incidents
from tests.support.notifications import START, firing
from tests.support.snapshots import AS_OF, a_snapshot, an_slo, an_unmeasured_snapshot

PAGING = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF, tier="1h/5m")
TOO_LITTLE = "1 error in the last 1h; at least 2 are needed to rule out noise"
TOO_OLD = "the newest data is too old to judge by"


def client(*snapshots: Snapshot, prefix: str = "", told: Sequence[Notification] = ()) -> TestClient:
    board = Board()
    board.publish(snapshots)
    board.set_notifications({notification.key: notification for notification in told})
    app = FastAPI()
    app.include_router(pages(board, clock=SystemClock(), prefix=prefix))
    return TestClient(app)


def test_why_evaluation_is_not_healthy_is_on_every_page() -> None:
    board = Board()
    board.publish([a_snapshot()])
    app = FastAPI()
    app.include_router(pages(board, clock=SystemClock(), unhealthy=lambda: ["documents were not reloaded: <slos>"]))
    for path in ("/", "/slos/checkout-availability", "/slos/nothing"):
        assert "documents were not reloaded: &lt;slos&gt;" in TestClient(app).get(path).text
        assert "documents were not reloaded" not in client(a_snapshot()).get(path).text


def test_an_agreement_is_shown_with_its_buffer() -> None:
    slo = replace(an_slo(), sla=Sla(contract=0.995, penalty_free=0.001))
    text = client(a_snapshot(slo)).get("/slos/checkout-availability").text
    assert "<strong>90.6%</strong> left of what the SLA allows" in text
    assert "SLA 99.5% (penalty below 99.4%), buffer 0.4 percentage points" in text
    assert "SLA" not in client(a_snapshot()).get("/slos/checkout-availability").text


@pytest.mark.parametrize("path", ["/", "/slos/checkout-availability"])
def test_an_objective_is_never_rounded_to_all(path: str) -> None:
    text = client(a_snapshot(replace(an_slo(), objective=0.9999999))).get(path).text
    assert "99.99999%" in text


def test_every_link_to_an_slo_leads_to_its_page() -> None:
    snapshot = a_snapshot(group=(("route", "/a b/\n<c>"),), alerts=[PAGING])
    http = client(snapshot)

    links = re.findall(r'href="(/slos/[^"]+)"', http.get("/").text)

    assert len(links) == 1
    page = http.get(links[0])
    assert page.status_code == 200
    assert "route=/a b/\n&lt;c&gt;" in page.text
    assert "1h/5m" in page.text
    assert "http_requests_total{code=~&#34;5..&#34;,job=&#34;checkout&#34;}" in page.text


def test_the_id_of_a_whole_group_shows_its_members() -> None:
    response = client(a_snapshot(group=(("route", "/pay"),))).get("/slos/checkout-availability")

    assert response.status_code == 200
    assert "route=/pay" in response.text


def test_an_unknown_id_is_said_and_escaped() -> None:
    response = client().get("/slos/<script>")

    assert response.status_code == 404
    assert "&lt;script&gt;" in response.text
    assert "<script>" not in response.text


def test_what_is_wrong_with_the_data_is_said() -> None:
    text = client(an_unmeasured_snapshot(problem="no series match <x>")).get("/slos/checkout-availability").text

    assert "no series match &lt;x&gt;" in text
    assert "no events measured so far" in text
    assert "of 0" not in text
    assert "2% of the history" in text


def test_a_page_says_what_kind_of_events_an_sli_has_and_why() -> None:
    text = client(a_snapshot()).get("/slos/checkout-availability").text

    assert "The SLI is of the kind <strong>counters</strong> because" in text
    assert "of which every increase is counted" in text


def test_a_page_says_since_when_there_is_data() -> None:
    """70 s of data are not "99.8% of the window"."""
    young = client(a_snapshot(data_since=AS_OF - timedelta(seconds=70))).get("/slos/checkout-availability").text

    assert "99.8%</strong> of the 1m10s since the first sample is measured (<time" in young
    assert "2026-03-01 11:58:50 UTC</time>)</li>" in young
    assert "of the window is measured" in client(a_snapshot()).get("/slos/checkout-availability").text


@pytest.mark.parametrize("path", ["/", "/slos/checkout-availability"])
def test_nothing_on_a_page_is_inline_or_of_another_host(path: str) -> None:
    response = client(a_snapshot(), prefix="/burn").get(path)

    policy = response.headers["content-security-policy"]
    assert policy.startswith(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
    )
    assert "unsafe" not in policy
    assert re.findall(r"<script(?![^>]* src=)", response.text) == []
    assert re.findall(r"<style|style=| on\w+=|hx-on|javascript:", response.text) == []
    referred = re.findall(r'(?:href|src)="([^"#]+)', response.text)
    assert len(referred) > 8
    assert [link for link in referred if not link.startswith("/burn/")] == []


def test_without_scripts_a_page_is_loaded_again_by_itself() -> None:
    text = client(a_snapshot()).get("/").text
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in text


def test_a_page_is_compressed_for_those_who_read_it() -> None:
    http = client(a_snapshot())
    plain, packed = (http.get("/", headers={"Accept-Encoding": accepted}) for accepted in ("gzip;q=0", "gzip"))
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"


def alert(state: AlertState, *, severity: Severity = Severity.PAGE, **changes: Any) -> AlertView:
    return AlertView(**{"severity": severity, "state": state, "since": AS_OF, "tier": None, **changes})


@pytest.mark.parametrize(
    ("alerts", "lines"),
    [
        ([alert(AlertState.INACTIVE), alert(AlertState.INACTIVE, severity=Severity.TICKET)], []),
        ([alert(AlertState.SUPPRESSED, reason=TOO_LITTLE)], [("page suppressed", TOO_LITTLE)]),
        ([alert(AlertState.MUTED, severity=Severity.TICKET, tier="1d/2h")], [("ticket muted", "")]),
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
        alert(AlertState.SUPPRESSED, reason=TOO_LITTLE),
        alert(AlertState.FROZEN, tier="6h/30m", reason="<old>"),
    )

    text = client(a_snapshot(alerts=[held, frozen])).get(path).text

    assert "suppressed" in text.replace(TOO_LITTLE, "")
    assert TOO_LITTLE in text
    assert "firing, frozen" in text
    assert "&lt;old&gt;" in text


def burning(slo: str = "checkout-availability", **changes: Any) -> Notification:
    given = {
        "spent": 0.028,
        "top_contributors": 'route="/<pay>" 82%',
        "at": START + timedelta(minutes=12),
        "first_bad_at": START - timedelta(minutes=4),
        "last_bad_at": START + timedelta(minutes=11),
    }
    return replace(firing(slo), **{**given, **changes})


def facts(notification: Notification) -> dict[str, str]:
    (view,) = incidents([notification], Board().current)
    return {fact.name: (f"{fact.at:%Y-%m-%d %H:%M}" if fact.at else "") + fact.text for fact in view.facts}


def test_the_page_of_an_slo_tells_of_its_alert_in_force_what_the_alert_says() -> None:
    text = client(a_snapshot(alerts=[PAGING]), told=[burning()]).get("/slos/checkout-availability").text

    assert "checkout availability is burning its error budget at 20x" in text
    assert "route=&#34;/&lt;pay&gt;&#34; 82%" in text
    assert '<a class="button" href="https://runbooks/slo" rel="noreferrer">Runbook</a>' in text
    assert facts(burning()) == {
        "Firing since": "2026-01-01 00:00, for 12m",
        "Errors since": "2025-12-31 23:56, for 15m",
        "Budget spent": "2.8% of the error budget for 30d",
        "Error budget left": "40%",
        "Exhausted at": "2026-01-01 14:00 at the present rate, in about 13h 48m",
        "Events": "2,000 bad (2%) and 98,000 good in the last 1h",
        "Top contributors": 'route="/<pay>" 82%',
        "Burn-rate rule": "1h/5m: burn rate 20x in the last 1h, 36x in the last 5m; threshold 14.4x",
    }


def test_what_is_not_known_of_an_alert_is_left_out() -> None:
    unknown: dict[str, Any] = dict.fromkeys(
        ("burn_rate_long", "burn_rate_short", "budget_remaining", "good", "bad", "spent"), math.nan
    )
    unknown |= dict.fromkeys(("exhausted_at", "first_bad_at", "last_bad_at"))
    blind = burning(cause=Cause.NO_DATA, condition="no data ever", tier="no data", top_contributors="", **unknown)

    assert facts(blind) == {
        "Firing since": "2026-01-01 00:00, for 12m",
        "Cause": "no data",
    }
    assert facts(burning(budget_remaining=-0.2))["Error budget left"] == "none"
    young = burning(budget_remaining=-0.2, budget_estimated=True)
    assert facts(young)["Error budget left"] == "none for the events so far"
    assert "Exhausted at" not in facts(burning(exhausted_at=None))


def test_a_link_that_is_no_address_is_not_made() -> None:
    evil = burning(annotations=(("runbook_url", "javascript:alert(1)"), ("dashboard", "https://d/?a=<b>")))

    text = client(a_snapshot(alerts=[PAGING]), told=[evil]).get("/slos/checkout-availability").text

    assert "javascript:" not in text
    assert 'href="https://d/?a=&lt;b&gt;"' in text


@pytest.mark.parametrize("path", ["/", "/slos/checkout-availability"])
@pytest.mark.parametrize("template", ["{{ summary | truncate(2) }}", "{{ 1e400 | number }}", "{{ nope }}", "  "])
def test_a_template_that_raises_costs_a_page_nothing_but_its_words(template: str, path: str) -> None:
    usual = client(a_snapshot(alerts=[PAGING]), told=[burning()]).get(path)
    spoilt = client(a_snapshot(alerts=[PAGING]), told=[burning(annotations=(("summary", template),))]).get(path)

    assert spoilt.status_code == 200
    assert incidents([burning()], Board().current)[0].summary in usual.text
    assert incidents([burning()], Board().current)[0].summary in spoilt.text


def test_every_alert_says_why_it_fires_or_who_speaks_for_it() -> None:
    ticket = alert(AlertState.MUTED, severity=Severity.TICKET, tier="1d/2h")
    snapshot = a_snapshot(alerts=[PAGING, ticket])

    assert [row.why for row in views.alert_rows(snapshot, [burning(), None])] == [
        "checkout availability is burning its error budget at 20x",
        "muted by the page",
    ]
    assert [row.why for row in views.alert_rows(snapshot, [None, None])] == ["", "muted by the page"]


def test_a_factor_comes_with_its_tier_since_one_window_alone_fires_nothing() -> None:
    """6h at 11x and no ticket is no missed alert: only its tier's long window makes it one."""
    factors = {burn.window: burn.factor for burn in views.burns(a_snapshot())}

    assert factors["6h"] == "1x (short window of 3d/6h), 6x (long window of 6h/30m)"
    assert factors["5m"] == "14.4x (short window of 1h/5m)"


def test_a_page_says_why_an_overspent_budget_is_at_risk_only() -> None:
    spent = a_snapshot(bad=5_000.0, health=HealthState.AT_RISK)
    young = replace(spent, budget=replace(spent.budget, estimated=True))

    said = ["The window has only begun" in client(one).get(f"/slos/{one.id}").text for one in (spent, young)]
    assert said == [False, True]


def test_figures_that_are_old_are_said_to_be() -> None:
    frozen = alert(AlertState.FROZEN, tier="1h/5m", reason=TOO_OLD)

    for path in ("/", "/slos/checkout-availability"):
        text = client(a_snapshot(alerts=[frozen]), told=[burning(stale=TOO_OLD)]).get(path).text
        assert f"Data is missing: {TOO_OLD}; the figures are of 2026-01-01 00:12 UTC" in text


def test_the_page_of_a_whole_group_tells_of_its_alert() -> None:
    blind = burning(cause=Cause.NO_DATA, severity=Severity.TICKET, condition="no data ever")

    text = client(a_snapshot(group=(("route", "/pay"),)), told=[blind]).get("/slos/checkout-availability").text

    assert "checkout availability: no data ever" in text


def test_an_empty_board_is_no_error() -> None:
    assert "No SLO" in client().get("/").text


def test_bars_never_leave_their_track() -> None:
    assert [views.bar(ratio) for ratio in (-2.0, 0.254, 7.0, math.nan)] == [0, 25, 100, 0]


def test_windows_are_named() -> None:
    month = an_slo(window=CalendarWindow(CalendarUnit.MONTH, "Europe/Berlin"))

    assert views.window_name(a_snapshot()) == "30d"
    assert views.window_name(a_snapshot(month)) == "this month (Europe/Berlin)"


def _after_errors(newest_bad: float, **changes: Any) -> Snapshot:
    """An SLO with a burn rate of 271x in all windows but the shortest."""
    found = a_snapshot(**changes)
    shortest = min(view.window for view in found.windows)
    windows = [
        view._replace(burn_rate=newest_bad, bad=newest_bad)
        if view.window == shortest
        else view._replace(burn_rate=271.0, bad=271.0)
        for view in found.windows
    ]
    return replace(found, windows=tuple(windows))


@pytest.mark.parametrize(
    ("snapshot", "falling"),
    [
        (_after_errors(0.0), "no errors in 5m"),
        (_after_errors(0.4), "falling: 0.4x in 5m"),
        (_after_errors(30.0), ""),
        (_after_errors(math.nan), ""),
        (_after_errors(0.0, data=DataState.STALE), ""),
    ],
)
def test_a_burn_whose_errors_have_ended_is_no_alarm(snapshot: Snapshot, falling: str) -> None:
    hour = next(burn for burn in views.burns(snapshot) if burn.window == "1h")
    assert (hour.falling, hour.over) == (falling, not falling)
    text = client(snapshot).get("/").text
    assert ('class="falling"' in text, 'class="num fast"' in text) == (bool(falling), not falling)
