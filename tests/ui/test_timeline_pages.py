"""The pages of the timeline: changes with what they cost, and adjustments that can be made and withdrawn."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.changes import Change, Received, read_change
from app.status import Board
from tests.support.api import Served
from tests.support.sites import TOKEN, a_served, site_of
from tests.support.snapshots import AS_OF, a_snapshot

FORM = {
    "reason": "Database <upgrade>",
    "category": "maintenance",
    "effect": "exclude",
    "start": "2026-03-01T02:00",
    "end": "2026-03-01T04:00",
    "timezone": "Europe/Berlin",
    "rrule": "FREQ=DAILY",
    "services": "checkout, search",
    "mute_alerts": "on",
    "author": "ada",
    "token": TOKEN,
}


@pytest.fixture
def served() -> Served:
    board = Board()
    board.publish([a_snapshot()])
    return a_served(board)


@pytest.fixture
def client(served: Served) -> TestClient:
    return TestClient(site_of(served), follow_redirects=True)


def _deploy(served: Served, **changed: Any) -> Change:
    at = AS_OF - timedelta(hours=3)
    body = {"service": "checkout", "version": "<v1>", "started_at": at.isoformat(), **changed}
    found = read_change(Received(headers={}, body=body), at=datetime.now(UTC))
    assert isinstance(found, Change)
    served.incidents.changes.add(found)
    return found


def test_a_deploy_is_listed_and_its_page_says_what_it_cost(served: Served, client: TestClient) -> None:
    deploy = _deploy(served)
    listed = client.get("/events").text
    assert f'<a href="/events/{deploy.id}">Deploy of checkout &lt;v1&gt;</a>' in listed
    assert "Deploy of" not in client.get("/events?service=search").text
    page = client.get(f"/events/{deploy.id}").text
    assert "What it cost" in page
    assert "checkout-availability" in page
    assert client.get("/events/77").status_code == 404


def test_an_adjustment_is_made_and_withdrawn_by_forms(served: Served, client: TestClient) -> None:
    made = client.post("/adjustments/new", data=FORM)
    assert made.status_code == 200
    assert "Maintenance: Database &lt;upgrade&gt; (excluded)" in made.text
    # One of the two services has no SLO, as a misspelt one.
    assert "not among the services and SLOs now: search</div>" in made.text
    (known,) = served.incidents.adjustments.listed()
    assert (known.timezone, known.rrule, known.mute_alerts) == ("Europe/Berlin", "FREQ=DAILY", True)
    assert known.selector.services == {"checkout", "search"}
    withdrawn = client.post("/adjustments/withdraw", data={"id": known.id, "author": "bob", "token": TOKEN})
    assert "No time is adjusted." in withdrawn.text
    assert [entry.action for entry in served.incidents.adjustments.audit(known.id)] == ["created", "withdrawn"]


@pytest.mark.parametrize(
    ("changed", "status", "says"),
    [
        ({"token": "wrong"}, 401, "token is wrong"),
        ({"rrule": "FREQ=SECONDLY"}, 422, "FREQ must be one of"),
        ({"start": ""}, 422, "start and end must be times"),
        ({"start": "0001-01-01T00:00"}, 422, "times of this century"),
        ({"effect": "exclud"}, 422, "is none of exclude"),
        ({"category": "maintainance"}, 422, "is none of maintenance"),
        ({"timezone": "Mars"}, 422, "time zone is not known"),
        ({"services": ""}, 422, "name what is adjusted"),
    ],
)
def test_a_form_that_cannot_be_is_shown_again(
    served: Served, client: TestClient, changed: dict[str, str], status: int, says: str
) -> None:
    answer = client.post("/adjustments/new", data=FORM | changed)
    assert answer.status_code == status
    assert says in answer.text
    assert 'value="Database &lt;upgrade&gt;"' in answer.text
    assert not served.incidents.adjustments.listed()


_SOME_EVENTS = {
    "reason": "Load test",
    "start": (AS_OF - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M"),
    "end": (AS_OF - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"),
    "slos": "checkout-availability",
    "events": "user_agent=k6, region=eu",
    "token": TOKEN,
}


def test_an_adjustment_of_some_events_counts_them_and_says_which_they_are(served: Served, client: TestClient) -> None:
    page = client.post("/adjustments/new", data=_SOME_EVENTS).text
    assert "only events with region=eu, user_agent=k6" in page
    (made,) = served.incidents.adjustments.listed()
    assert made.events == (("region", "eu"), ("user_agent", "k6"))
    assert made.shares
    assert {within for *_, within in served.contributors.asked} == {(), made.events}


@pytest.mark.parametrize("changed", [{"events": "k6"}, {"labels": "team"}, {"slos": ""}, {"end": "2099-01-01T00:00"}])
def test_an_adjustment_of_events_that_cannot_be_counted_is_not_made(
    served: Served, client: TestClient, changed: dict[str, str]
) -> None:
    answer = client.post("/adjustments/new", data=_SOME_EVENTS | changed)
    assert answer.status_code == 422
    assert not served.incidents.adjustments.listed()
