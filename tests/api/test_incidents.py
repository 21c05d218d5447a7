"""Incidents over HTTP: what happened and what it cost, years later too; marks and notes of people."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import orjson
import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from app.alerting import AlertSilence, AlertSilences
from app.alerting.ends import SLO_REMOVED
from app.api.incidents.models import (
    IncidentDetailModel,
    IncidentListModel,
    IncidentModel,
    MarkModel,
    NewNoteModel,
    TransitionsModel,
)
from app.changes import Change, Received, read_change
from app.slo import AlertState, Severity
from app.status import AlertView
from tests.support.api import Served
from tests.support.incidents import MINUTE, burning, ended
from tests.support.notifications import START, firing
from tests.support.snapshots import a_snapshot

BEARER = {"Authorization": "Bearer right"}
PATH = "/api/v1/incidents/5f2d"
FIRING = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=START, tier="1h/5m")


@pytest.fixture
def served() -> Served:
    """A page that was resolved, of which one receiver was notified and one was not; and a ticket that fires."""
    served = Served(token="right", alertmanager_url="http://alertmanager:9093")  # noqa: S106  a made-up token
    page, ticket = burning(), firing("search-availability", incident="7a11", severity=Severity.TICKET, service="search")
    served.incidents.record(page)
    served.incidents.record(ended(page))
    served.incidents.record(replace(ticket, starts_at=START + timedelta(hours=1)))
    served.incidents.deliver(page, "pager", at=START + timedelta(seconds=2))
    served.incidents.deliver(page, "chat", at=START + timedelta(seconds=3), error="404 no_channel")
    return served


def get(served: Served, path: str) -> Any:
    answer = TestClient(served.app()).get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_incident_has_what_it_cost_and_who_was_notified_of_it(served: Served) -> None:
    found = get(served, PATH)
    TypeAdapter(IncidentDetailModel).validate_json(orjson.dumps(found))
    assert found["url"] == "https://slo.example.org/burn/incidents/5f2d"
    assert (found["state"], found["severity"], found["title"]) == (
        "resolved",
        "page",
        "checkout availability burned its error budget",
    )
    assert (found["bad_events"], found["budget_spent_ratio"]) == (2400, 0.028)
    assert (found["detection_seconds"], found["duration_seconds"]) == (300.0, 1200.0)
    assert found["top_contributors"] == 'route="/pay": 82% of the errors, 9% of the traffic'
    assert [(each["receiver"], each["state"], each["attempts"], each["error"]) for each in found["deliveries"]] == [
        ("pager", "done", 1, None),
        ("chat", "dead", 2, "404 no_channel"),
    ]
    assert [change["kind"] for change in found["transitions"]] == ["fired", "resolved"]
    assert [(entry["at"], entry["kind"]) for entry in found["timeline"]] == [
        ("2025-12-31T23:55:00Z", "errors"),
        ("2026-01-01T00:00:00Z", "transition"),
        ("2026-01-01T00:00:02Z", "delivery"),
        ("2026-01-01T00:00:03Z", "delivery"),
        ("2026-01-01T00:01:03Z", "delivery"),
        ("2026-01-01T00:10:00Z", "errors"),
        ("2026-01-01T00:20:00Z", "transition"),
    ]


def test_the_timeline_of_an_incident_has_the_changes_of_its_service(served: Served) -> None:
    for service, minutes in (("checkout", -20), ("checkout", -90), ("search", -20)):
        at = (START + timedelta(minutes=minutes)).isoformat()
        found = read_change(
            Received(headers={}, body={"service": service, "version": "v2", "started_at": at}), at=START
        )
        assert isinstance(found, Change)
        served.incidents.changes.add(found)
    changes = [entry for entry in get(served, PATH)["timeline"] if entry["kind"] == "change"]
    assert [(entry["at"], entry["text"]) for entry in changes] == [("2025-12-31T23:40:00Z", "Deploy of checkout v2")]


def test_the_link_to_a_silence_names_every_label_of_the_alert(served: Served) -> None:
    found = get(served, PATH)["silence_url"]
    address, _, matchers = found.partition("?filter=")
    assert address == "http://alertmanager:9093/#/silences/new"
    assert unquote(matchers) == (
        '{alertname="ErrorBudgetBurn",service="checkout",severity="page",slo="checkout-availability",team="payments"}'
    )
    served.alertmanager_url = None
    assert get(served, PATH)["silence_url"] is None


def test_alerts_and_incidents_have_their_silence_in_alertmanager(served: Served) -> None:
    page = burning()
    served.board.publish([a_snapshot(alerts=(FIRING,))], {page.key: page})
    assert get(served, "/api/v1/alerts")["items"][0]["silence"] is None
    silence = AlertSilence(read_at=START, id="f2b0", until=START + timedelta(hours=1), created_by="ana")
    served.board.set_silences(AlertSilences(by_key={page.key: silence}))
    shown = {
        "state": "silenced",
        "receiver": None,
        "id": "f2b0",
        "until": "2026-01-01T01:00:00Z",
        "created_by": "ana",
        "comment": None,
        "read_at": "2026-01-01T00:00:00Z",
    }
    assert get(served, "/api/v1/alerts")["items"][0]["silence"] == shown
    ongoing = firing("search-availability", incident="7a11", severity=Severity.TICKET, service="search")
    served.board.set_notifications({ongoing.key: ongoing})
    served.board.set_silences(AlertSilences(by_key={ongoing.key: silence}))
    assert get(served, "/api/v1/incidents/7a11")["silence"] == shown


def test_an_incident_that_goes_on_has_the_figures_of_this_moment(served: Served) -> None:
    now = replace(burning("search-availability", incident="7a11"), severity=Severity.TICKET)
    served.board.publish([a_snapshot()], {now.key: now})
    found = get(served, "/api/v1/incidents/7a11")
    assert (found["state"], found["bad_events"], found["ended_at"]) == ("active", 2400, None)
    (listed,) = get(served, "/api/v1/incidents?state=active")["items"]
    assert listed["bad_events"] == 2400


def test_an_incident_of_a_time_without_a_database_is_found_while_it_lasts(served: Served) -> None:
    now = burning("cart-availability", incident="0ff0")
    served.board.publish([a_snapshot()], {now.key: now})
    found = get(served, "/api/v1/incidents/0ff0")
    assert (found["slo"], found["started_at"], found["deliveries"]) == ("cart-availability", "2026-01-01T00:00:00Z", [])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["7a11", "5f2d"]),
        ("?service=search", ["7a11"]),
        ("?slo=checkout-availability&slo=nope", ["5f2d"]),
        ("?label=team%3Dpayments", ["7a11", "5f2d"]),
        ("?label=team%3Dother", []),
        ("?severity=ticket", ["7a11"]),
        ("?state=active", ["7a11"]),
        ("?state=resolved", ["5f2d"]),
        ("?state=resolved&state=active", ["7a11", "5f2d"]),
        ("?mark=none", ["7a11", "5f2d"]),
        ("?mark=noise", []),
        ("?from=2026-01-01T00:30:00Z", ["7a11"]),
        ("?to=2026-01-01T00:30:00Z", ["5f2d"]),
        ("?service=%00", []),
        ("?label=%00%3D1", []),
        ("?slo=%00", []),
    ],
)
def test_incidents_are_chosen_by_what_is_known_of_them(served: Served, query: str, found: list[str]) -> None:
    listed = get(served, f"/api/v1/incidents{query}")
    TypeAdapter(IncidentListModel).validate_json(orjson.dumps(listed))
    assert [each["id"] for each in listed["items"]] == found


@pytest.mark.parametrize("path", ["/api/v1/incidents", "/api/v1/transitions"])
def test_pages_hold_everything_once(served: Served, path: str) -> None:
    whole = get(served, path)["items"]
    assert len(whole) > 1
    seen: list[object] = []
    cursor: str | None = ""
    while cursor is not None:
        page = get(served, f"{path}?limit=1&next={cursor}")
        seen += page["items"]
        cursor = page["next"]
    assert seen == whole


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["fired", "resolved", "fired"]),
        ("?incident=5f2d", ["resolved", "fired"]),
        ("?kind=resolved", ["resolved"]),
        ("?severity=ticket", ["fired"]),
        ("?slo=search-availability", ["fired"]),
        ("?service=checkout", ["resolved", "fired"]),
        ("?service=checkout&slo=search-availability", []),
        ("?to=2026-01-01T00:00:30Z", ["fired"]),
    ],
)
def test_transitions_are_chosen_by_what_is_known_of_them(served: Served, query: str, found: list[str]) -> None:
    served.board.publish([a_snapshot()])
    listed = get(served, f"/api/v1/transitions{query}")
    TypeAdapter(TransitionsModel).validate_json(orjson.dumps(listed))
    assert [each["kind"] for each in listed["items"]] == found


def test_people_mark_incidents_and_add_notes(served: Served) -> None:
    client = TestClient(served.app())
    assert client.put(f"{PATH}/mark", json={"mark": "useful"}).status_code == 401
    assert client.post(f"{PATH}/notes", json={"text": "x", "author": None}).status_code == 401
    assert client.put(f"{PATH}/mark", json={"mark": "useful"}, headers=BEARER).json() == {"mark": "useful"}
    added = client.post(f"{PATH}/notes", json={"text": "**v42** \u0000\n", "author": "ada"}, headers=BEARER)
    assert added.status_code == 201
    assert (added.json()["text"], added.json()["author"]) == ("**v42**", "ada")
    found = get(served, PATH)
    assert (found["mark"], found["notes"]) == ("useful", [added.json()])
    assert [each["id"] for each in get(served, "/api/v1/incidents?mark=useful&mark=noise")["items"]] == ["5f2d"]
    assert client.put(f"{PATH}/mark", json={"mark": None}, headers=BEARER).status_code == 200
    assert get(served, PATH)["mark"] is None


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/api/v1/incidents/00/mark", {"mark": "noise"}, 404),
        ("POST", "/api/v1/incidents/00/notes", {"text": "x", "author": None}, 404),
        ("PUT", f"{PATH}/mark", {"mark": "fine"}, 422),
        ("PUT", f"{PATH}/mark", {}, 422),
        ("POST", f"{PATH}/notes", {"text": " \u200b ", "author": None}, 422),
        ("POST", f"{PATH}/notes", {"text": "x" * 10_001, "author": None}, 422),
        ("POST", f"{PATH}/notes", {"text": "x", "author": "a" * 101}, 422),
        ("GET", "/api/v1/incidents/00", None, 404),
        ("GET", "/api/v1/incidents/00/postmortem", None, 404),
    ],
)
def test_what_cannot_be_done_is_a_problem(served: Served, method: str, path: str, body: object, status: int) -> None:
    answer = TestClient(served.app()).request(method, path, json=body, headers=BEARER)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert len(answer.text) < 2_000


def test_a_body_without_a_length_is_bounded_too(served: Served) -> None:
    pieces = (b" " * 65_536 for _ in range(20))
    answer = TestClient(served.app()).post(f"{PATH}/notes", content=pieces, headers=BEARER)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


def test_a_postmortem_has_what_is_known_filled_in(served: Served) -> None:
    served.incidents.log.add_note("5f2d", "Rolled back.", author="ada")
    answer = TestClient(served.app()).get(f"{PATH}/postmortem")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    lines = answer.text.splitlines()
    assert lines[0] == "# checkout availability burned its error budget, 2026-01-01"
    assert "- Bad events: 2,400" in lines
    assert "- Error budget spent: 2.8% of the budget for 30d" in lines
    assert 'route="/pay": 82% of the errors, 9% of the traffic' in lines
    assert "- Detected (the alert fired): 2026-01-01 00:00:00 UTC, 5m later" in lines
    assert "- Resolved: 2026-01-01 00:20:00 UTC, after 20m" in lines
    assert "- 2026-01-01 00:00:00 The page fires (1h/5m)" in lines
    assert lines[-1] == "| | detect | | |"


@pytest.mark.parametrize("model", [IncidentModel, IncidentDetailModel, MarkModel, NewNoteModel])
def test_the_examples_fit_their_schema(model: type) -> None:
    for example in TypeAdapter(model).json_schema()["examples"]:
        TypeAdapter(model).validate_json(orjson.dumps(example))


def test_an_incident_that_was_closed_says_why(served: Served) -> None:
    cart = burning("cart-availability", incident="ca27", starts_at=START + 5 * MINUTE)
    served.incidents.record(cart)
    served.incidents.record(ended(cart, end=SLO_REMOVED))
    found = get(served, "/api/v1/incidents/ca27")
    assert (found["end_code"], found["reason"]) == ("removed", "the SLO was removed")
