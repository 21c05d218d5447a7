"""The list of alerts: chosen and cut into pages like the list of SLOs, the most urgent first."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.alerting import Transition, TransitionKind
from app.api import paging
from app.slo import AlertState, Cause, Severity, SloId
from app.status import AlertView, HealthState, Snapshot
from app.wording.annotations import annotations
from tests.support.api import Served
from tests.support.notifications import firing
from tests.support.snapshots import AS_OF, a_snapshot, an_slo

PAGE = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF, tier="1h/5m")
TICKET = AlertView(severity=Severity.TICKET, state=AlertState.PENDING, since=AS_OF, tier="1d/2h")


def alerting(
    service: str, *alerts: AlertView, exhausted_at: datetime | None = None, team: str = "payments", bad: float = 470.0
) -> Snapshot:
    """An SLO whose budget is exhausted at that time."""
    snapshot = a_snapshot(an_slo(service, labels=(("team", team),)), alerts=alerts or (PAGE,), bad=bad)
    return replace(snapshot, budget=replace(snapshot.budget, exhausted_at=exhausted_at))


def order(served: Served, query: str = "") -> list[tuple[str, str]]:
    items = TestClient(served.app()).get(f"/api/v1/alerts{query}").json()["items"]
    return [(item["slo"].removesuffix("-availability"), item["severity"]) for item in items]


def test_alerts_are_sorted_by_time_to_exhaustion() -> None:
    """A budget that is exhausted comes first, one that is not going to be last; pages come before tickets."""
    served = Served.with_snapshots(
        alerting("quiet", TICKET, PAGE),
        alerting("later", exhausted_at=AS_OF + timedelta(days=2)),
        alerting("soon", TICKET, PAGE, exhausted_at=AS_OF + timedelta(hours=2)),
        alerting("gone", bad=5_000.0),
    )

    assert order(served) == [
        ("gone", "page"),
        ("soon", "page"),
        ("soon", "ticket"),
        ("later", "page"),
        ("quiet", "page"),
        ("quiet", "ticket"),
    ]


def test_alerts_are_chosen_by_service_label_group_and_status() -> None:
    member = a_snapshot(an_slo("search", by=("route",)), group=(("route", "/find"),), alerts=(PAGE,))
    served = Served.with_snapshots(
        alerting("cart", team="shop"), alerting("checkout"), replace(member, health=HealthState.AT_RISK)
    )

    assert order(served, "?service=cart&service=checkout") == [("cart", "page"), ("checkout", "page")]
    assert order(served, "?label=team%3Dshop") == [("cart", "page")]
    assert order(served, "?label=route%3D/find") == [(member.id, "page")]
    assert order(served, "?status=at_risk") == [(member.id, "page")]
    assert order(served, "?service=cart&status=at_risk") == []


def test_an_alert_of_a_whole_group_is_listed_once_under_the_id_of_the_slo() -> None:
    blind = AlertView(severity=Severity.TICKET, state=AlertState.FIRING, since=AS_OF, tier=None, cause=Cause.NO_DATA)
    members = [
        a_snapshot(an_slo("search", by=("route",)), group=(("route", route),), alerts=(PAGE, blind))
        for route in ("/a", "/b", "/c")
    ]
    served = Served.with_snapshots(*members)
    items = TestClient(served.app()).get("/api/v1/alerts").json()["items"]
    assert sorted(item["slo"] for item in items) == [
        "search-availability",
        *(f"search-availability:route=/{name}" for name in "abc"),
    ]
    (ticket,) = (item for item in items if item["cause"] == "no_data")
    assert (ticket["group"], ticket["url"].rpartition("/")[2]) == ({}, "search-availability")
    assert [one for one in order(served, "?label=route%3D/b") if one[1] == "ticket"] == [("search", "ticket")]


def test_pages_hold_every_alert_once() -> None:
    served = Served.with_snapshots(*(alerting(f"s{number}", TICKET, PAGE) for number in range(3)))
    http = TestClient(served.app())

    seen: list[tuple[str, str]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = http.get("/api/v1/alerts", params={"limit": 4, "next": cursor}).json()
        seen += [(item["slo"], item["severity"]) for item in page["items"]]
        cursor = page["next"]

    assert len(seen) == 6
    assert len(set(seen)) == 6


def test_transitions_are_those_of_the_chosen_slos_and_come_with_the_first_page() -> None:
    served = Served.with_snapshots(alerting("cart"), alerting("checkout", TICKET, PAGE))
    served.alerts.transitions = [
        Transition(
            at=AS_OF,
            slo=SloId(slo),
            severity=Severity.PAGE,
            kind=TransitionKind.FIRED,
            incident="5eed",
            tier="1h/5m",
        )
        for slo in ("removed-availability", "cart-availability", "checkout-availability")
    ]
    http = TestClient(served.app())

    def transitions(**query: str) -> list[str]:
        return [each["slo"] for each in http.get("/api/v1/alerts", params=query).json()["transitions"]]

    assert transitions() == ["removed-availability", "cart-availability", "checkout-availability"]
    assert transitions(service="checkout") == ["checkout-availability"]
    assert transitions(service="nobody") == []
    cursor = http.get("/api/v1/alerts?limit=1").json()["next"]
    assert transitions(next=cursor) == []


def test_a_template_that_raises_costs_its_alert_nothing_but_its_words() -> None:
    served = Served.with_snapshots(
        *(a_snapshot(an_slo(service), alerts=[PAGE]) for service in ("bad", "good")),
    )
    told = {
        slo: firing(slo, annotations=(("summary", template), ("runbook_url", template)))
        for slo, template in (("bad-availability", "{{ summary | truncate(2) }}"), ("good-availability", "{{ slo }}"))
    }
    served.board.set_notifications({notification.key: notification for notification in told.values()})
    answer = TestClient(served.app()).get("/api/v1/alerts")
    assert answer.status_code == 200
    summaries = {item["slo"]: item["summary"] for item in answer.json()["items"]}
    assert summaries["good-availability"] == "good-availability"
    assert summaries["bad-availability"] == annotations(firing("bad-availability"))["summary"]


def test_an_alert_and_what_was_sent_of_it_are_of_one_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations end in another thread, at any moment of an answer."""
    served = Served.with_snapshots(alerting("cart"))
    told = firing("cart-availability")
    served.board.set_notifications({told.key: told})

    def page_while_an_evaluation_ends(*args: Any, **options: Any) -> Any:
        served.board.publish([], {})
        return paging.page(*args, **options)

    monkeypatch.setattr("app.api.alerts.page", page_while_an_evaluation_ends)
    (item,) = TestClient(served.app()).get("/api/v1/alerts").json()["items"]
    assert (item["slo"], item["incident"]) == ("cart-availability", told.incident)
