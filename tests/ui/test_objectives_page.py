"""The page of objectives: what a reviewer reads of a period, on paper too, and nothing that is markup from outside."""

from datetime import UTC, date, datetime

import pytest
from fastapi.testclient import TestClient

from app.status import Board
from tests.support.incidents import KeptIncidents, burning, ended
from tests.support.reports import AGREED, Documents, count_days
from tests.support.sites import site


@pytest.fixture(scope="module")
def http() -> TestClient:
    kept = KeptIncidents()
    kept.clock.at = datetime(2026, 4, 2, 12, tzinfo=UTC)
    documents = Documents(kept.database)
    documents.say(date(2026, 2, 1), labels=(("team", "payments"),), sla=AGREED)
    documents.say(date(2026, 2, 1), slo="search-<b>fast</b>")
    for slo, bad in (("checkout-availability", 43.2), ("search-<b>fast</b>", 120.0)):
        count_days(kept.database, date(2026, 3, 1), [bad] * 31, slo=slo)
    documents.remove(date(2026, 4, 1), "search-<b>fast</b>")
    return TestClient(site(Board(), incidents=kept))


def test_a_month_is_shown_the_worst_first(http: TestClient) -> None:
    page = http.get("/objectives?at=2026-03-15").text
    for words in ("1 of 2 objectives met, 1 missed", "Objectives, 2026-03", "139%", "50%", "SLA 99.5%", "removed"):
        assert words in page
    assert page.index("&lt;b&gt;fast") < page.index("/slos/checkout-availability")
    # What the period looked like, not today.
    assert "/slos/checkout-availability?from=2026-03-01T00:00:00Z&amp;to=2026-04-01T00:00:00Z" in page
    assert "<b>" not in page
    assert 'aria-current="page">Objectives' in page
    # Whole days do not change with an evaluation.
    assert "hx-trigger" not in page
    assert "/api/v1/reports?period=month&amp;at=2026-03-01&amp;format=csv" in page
    assert http.get("/api/v1/reports?period=month&at=2026-03-01&format=csv").status_code == 200


def test_members_that_missed_within_a_group_that_met_are_named() -> None:
    kept = KeptIncidents()
    kept.clock.at = datetime(2026, 4, 2, 12, tzinfo=UTC)
    Documents(kept.database).say(date(2026, 2, 1))
    for route, bad in (("/pay", 120.0), ("/cart", 0.0)):
        count_days(kept.database, date(2026, 3, 1), [bad] * 31, group=(("route", route),))
    page = TestClient(site(Board(), incidents=kept)).get("/objectives?at=2026-03-15").text
    assert "<strong>1</strong> met; 1 member of a group is not</li>" in page


def test_incidents_that_are_later_than_the_counted_days_are_said_to_be() -> None:
    kept = KeptIncidents()
    kept.clock.at = datetime(2026, 3, 11, 12, tzinfo=UTC)
    Documents(kept.database).say(date(2026, 2, 1))
    count_days(kept.database, date(2026, 3, 1), [43.2] * 10)
    for incident, day in (("0a0b", 5), ("0c0d", 11)):
        over = burning(incident=incident, starts_at=datetime(2026, 3, day, 8, tzinfo=UTC))
        kept.record(over)
        kept.record(ended(over))
    page = TestClient(site(Board(), incidents=kept)).get("/objectives").text
    assert "such as 1 of the incidents" in page
    assert page.count("later than the budgets above") == 1


def test_periods_are_links_and_the_present_one_is_not_over(http: TestClient) -> None:
    page = http.get("/objectives").text
    assert "No day of this period has been counted" in page
    assert "the period is not over" in page
    assert 'href="/objectives?period=month&amp;at=2026-03-01">← 2026-03</a>' in page
    assert 'rel="next"' not in page
    assert "2026-Q1" in http.get("/objectives?period=quarter&at=2026-03-15").text


def test_a_form_that_chooses_is_a_short_address(http: TestClient) -> None:
    sent = "/objectives?period=month&at=2026-03-15&service=checkout&label=&by=service&timezone=UTC"
    response = http.get(sent, follow_redirects=False)
    assert response.headers["location"] == "/objectives?period=month&at=2026-03-01&service=checkout"
    page = http.get(response.headers["location"]).text
    assert "1 of 1 objectives met" in page
    assert "By payments" not in page
    assert "By team" in http.get("/objectives?at=2026-03-15&by=team").text


@pytest.mark.parametrize("wrong", ["period=fortnight", "at=soon", "timezone=Mars"])
def test_what_cannot_be_asked_is_said_above_the_present_month(http: TestClient, wrong: str) -> None:
    response = http.get(f"/objectives?{wrong}")
    assert response.status_code == 422
    assert wrong.partition("=")[2] in response.text
    assert "Objectives, 2026-04" in response.text
