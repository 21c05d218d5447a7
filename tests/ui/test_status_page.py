"""The page of the service: what it says of evaluation, data, documents and receivers, and what its forms change."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from app.api.models import ConfigurationModel
from app.remote_write import RemoteWriteStatus
from app.status import Problem, ProblemCode, ProblemLevel, ReceiverStatus, ReloadOutcome, SourceStatus
from app.store import StoreUnavailableError
from app.store.dead_letters import DeadLetter
from app.store.receiver_records import ReceiverRecord
from tests.support.api import FixedConfig, Served
from tests.support.boards import NOW, board, empty_board
from tests.support.sites import TOKEN, a_served, site_of
from tests.support.snapshots import a_snapshot, an_slo
from tests.ui.test_incident_pages import text_of

REJECTED = Problem(
    code=ProblemCode.QUERY_REJECTED,
    level=ProblemLevel.ERROR,
    detail="Prometheus rejects the query of bad events: <parse error>; mend `bad` in the document",
)
HINT = Problem(code=ProblemCode.SCRAPED_SELDOM, level=ProblemLevel.HINT, detail="scraped every 2m")


@pytest.fixture
def served() -> Served:
    """A service with one of everything that can be wrong."""
    rejected = [replace(a_snapshot(an_slo(service)), problems=(REJECTED, HINT)) for service in ("a", "b", "c", "d")]
    served = a_served(board([*rejected, a_snapshot()]), unhealthy=("Prometheus does not answer",))
    served.config = FixedConfig(errors=("slos/a.yaml:3: objective: must be below 100%",))
    served.deliveries.given = [
        DeadLetter(
            id=7,
            receiver="pager",
            alert_key="checkout-availability/page",
            status="firing",
            created_at=NOW - timedelta(hours=2),
            ended_at=NOW - timedelta(hours=1),
            attempts=9,
            error="401 invalid key",
        )
    ]
    served.remote_write = [
        RemoteWriteStatus(
            receiver="mimir:9009",
            live_until=NOW,
            slos=4,
            parts_pending=3,
            samples_sent=12_345,
            samples_dropped=2,
            problem="old samples are refused",
        )
    ]
    served.sources = [
        SourceStatus(
            name="eu",
            answered_at=NOW - timedelta(hours=2),
            seconds=3.5,
            slis=7,
            failing=5,
            answers=False,
            problem="503",
        )
    ]
    served.instruments.evaluated(0.25, NOW - timedelta(minutes=3))
    served.instruments.requested("ok")
    served.instruments.clock_skew("Prometheus", 1.5)
    record = ReceiverRecord(
        last_success_at=NOW - timedelta(hours=3),
        waiting=4,
        failing_since=NOW - timedelta(hours=2),
        error="401 invalid key",
        dead_letters=61,
    )
    served.deliveries.listed = [
        ReceiverStatus(name="pager", is_configured=True, record=record, accepted=1, failures={"rejected": 9}),
        ReceiverStatus(name="old", is_configured=False, record=replace(record, waiting=0), accepted=0, failures={}),
    ]
    return served


@pytest.fixture
def client(served: Served) -> TestClient:
    return TestClient(site_of(served), follow_redirects=False)


def test_what_is_wrong_is_on_the_page_with_what_to_do(client: TestClient) -> None:
    answer = client.get("/status")
    assert answer.status_code == 200
    seen = text_of(answer)
    for words in (
        "Prometheus does not answer",
        "ready evaluation is not healthy",
        "; lag ",
        "0.25 s on average; 0 slots missed",
        "1.2.3, Python 3.11.0",
        "1 ok",
        "Prometheus +1.5 s",
        "and 1 more",
        "<parse error>; mend `bad` in the document query_rejected",
        "The last reload failed; the old ones stay active",
        "slos/a.yaml:3: objective: must be below 100%",
        "pager failing since 2 h ago 401 invalid key 4 waiting 3 h ago 1 9 rejected 61",
        "old not configured any more 3 h ago 0 none 61",
        "slo-0, process 7 works on SQLite 3.40.1. A second process on the same file refuses",
        "checkout-availability/page firing 401 invalid key 9",
        "mimir:9009",
        "eu does not answer 503 2 h ago 3.5 s 7 5",
        "12,345 2 3 error old samples are refused",
        "SLOBURN_PROMETHEUS_PASSWORD **********",
    ):
        assert words in seen
    assert seen.count("query_rejected") == 1
    assert HINT.detail not in seen
    assert 'aria-current="page">Status<' in answer.text


def test_before_the_first_evaluation_nothing_is_made_up() -> None:
    seen = text_of(TestClient(site_of(a_served(empty_board(), token=None))).get("/status"))
    assert "Last evaluated slot \u2013" in seen
    assert "None is set: alerts are shown, and no notification is sent." in seen
    assert "sloburn token create" in seen


def test_errors_of_the_last_reload_are_in_the_api_too(client: TestClient) -> None:
    config: ConfigurationModel = client.get("/api/v1/status/config").json()
    assert config["last_reload_errors"] == ["slos/a.yaml:3: objective: must be below 100%"]


def test_a_reload_needs_the_token_and_says_what_was_refused(client: TestClient, served: Served) -> None:
    assert client.post("/status/reload", data={"token": "guess"}).status_code == 401
    assert served.reloader.reloads == 0
    answer = client.post("/status/reload", data={"token": TOKEN})
    assert (answer.status_code, answer.headers["location"], served.reloader.reloads) == (303, "/status#documents", 1)
    served.reloader.outcome = ReloadOutcome(slos=3, errors=("a", "b"))
    refused = client.post("/status/reload", data={"token": TOKEN})
    assert (refused.status_code, "errors in the new ones: 2" in refused.text) == (422, True)
    served.reloader.outcome = ReloadOutcome(slos=3, unavailable="disk I/O error")
    refused = client.post("/status/reload", data={"token": TOKEN})
    assert (refused.status_code, "disk I/O error" in refused.text) == (503, True)


def test_all_dead_letters_are_there_page_by_page(client: TestClient, served: Served) -> None:
    (letter,) = served.deliveries.given
    served.deliveries.given = [replace(letter, id=number) for number in range(120, 0, -1)]
    page, found = client.get("/status").text, []
    for _ in range(3):
        found += re.findall(r'name="letter" value="(\d+)"', page)
        older = re.search(r'rel="next" href="(/status\?before=\d+)#given-up"', page)
        page = "" if older is None else client.get(older[1]).text
    assert found == [str(number) for number in range(120, 0, -1)]
    # Also one of the last page.
    assert client.post("/status/retry", data={"letter": "3", "token": TOKEN}).status_code == 303


def test_the_page_is_there_while_the_database_is_not(client: TestClient, served: Served) -> None:
    served.deliveries.error = StoreUnavailableError("disk I/O error")
    seen = text_of(client.get("/status"))
    assert "Not known: disk I/O error." in seen
    assert "Prometheus does not answer" in seen


def test_a_dead_letter_is_retried_with_the_token_only(client: TestClient, served: Served) -> None:
    assert client.post("/status/retry", data={"letter": "7"}).status_code == 401
    assert served.deliveries.retried == []
    answer = client.post("/status/retry", data={"letter": "7", "token": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/status#receivers")
    for letter in ("8", "", "x", "9" * 40):
        assert client.post("/status/retry", data={"letter": letter, "token": TOKEN}).status_code == 404
    assert served.deliveries.retried == [7, 8]
