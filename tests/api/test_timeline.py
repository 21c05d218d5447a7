"""Deploys and other changes over HTTP: reported by tools with a token or a signature, listed, and what they cost."""

import hashlib
import hmac
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from app.api.timeline.models import ChangeDetailModel, ChangesModel, ReportedModel
from tests.changes.test_reading import CDEVENT, GITHUB, GITLAB, PAGERDUTY, PLAIN
from tests.support.api import Served
from tests.support.snapshots import AS_OF, a_snapshot

TOKEN = "s3cret"  # noqa: S105  a made-up token
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PATH = "/api/v1/events"


@pytest.fixture
def client() -> TestClient:
    served = Served.with_snapshots(a_snapshot())
    served.events_token = TOKEN
    served.incidents.clock.at = AS_OF
    return TestClient(served.app())


def signed(body: bytes, key: str = TOKEN) -> dict[str, str]:
    digest = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return {"X-GitHub-Event": "deployment_status", "X-Hub-Signature-256": f"sha256={digest}"}


def post(client: TestClient, body: Any, headers: dict[str, str]) -> Any:
    return client.post(PATH, content=body if isinstance(body, bytes) else orjson.dumps(body), headers=headers)


def test_a_report_is_kept_once(client: TestClient) -> None:
    first, again = (post(client, {**PLAIN, "id": "42"}, BEARER) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    TypeAdapter(ReportedModel).validate_json(first.content)
    found = client.get(PATH, params={"service": "checkout", "from": "2026-03-01T00:00:00Z"})
    TypeAdapter(ChangesModel).validate_json(found.content)
    assert [each["title"] for each in found.json()["items"]] == ["Deploy of checkout v1.4.2 to production"]


def test_the_reports_of_one_deployment_are_one_change_in_whichever_order(client: TestClient) -> None:
    running = {**GITLAB, "status": "running", "status_changed_at": "2026-03-01 11:25:00 UTC"}
    headers = {"X-Gitlab-Event": "Deployment Hook", "X-Gitlab-Token": TOKEN}
    *_, event = [post(client, body, headers).json()["event"] for body in (GITLAB, running, GITLAB)]
    assert (event["started_at"], event["finished_at"]) == ("2026-03-01T11:25:00Z", "2026-03-01T11:31:00Z")
    assert event["status"] == "succeeded"


@pytest.mark.parametrize("is_form", [False, True])
def test_a_webhook_of_github_is_taken_with_its_signature(client: TestClient, is_form: bool) -> None:
    body = orjson.dumps(GITHUB)
    headers = {}
    if is_form:
        body = urlencode({"payload": body.decode()}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = post(client, body, {**signed(body), **headers})
    assert answer.status_code == 201, answer.text
    assert answer.json()["event"]["source"] == "github"


def test_json_that_curl_calls_a_form_is_taken(client: TestClient) -> None:
    headers = {**BEARER, "Content-Type": "application/x-www-form-urlencoded"}
    answer = post(client, {**PLAIN, "url": "https://ci.example.com/?job=1&payload=2"}, headers)
    assert (answer.status_code, answer.json()["event"]["service"]) == (201, "checkout")


def test_a_change_event_for_pagerduty_is_answered_as_there(client: TestClient) -> None:
    answer = post(client, {**PAGERDUTY, "routing_key": TOKEN}, {})
    assert (answer.status_code, answer.json()["event"]["source"]) == (202, "pagerduty")


def test_a_mono_repository_names_the_service_in_the_address(client: TestClient) -> None:
    answer = client.post(f"{PATH}?service=cart&environment=eu", content=orjson.dumps(CDEVENT), headers=BEARER)
    assert (answer.json()["event"]["service"], answer.json()["event"]["environment"]) == ("cart", "eu")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (PLAIN, {}),
        (PLAIN, {"Authorization": "Bearer wrong"}),
        (PLAIN, {"Authorization": TOKEN}),
        (PAGERDUTY, {}),
        ({**PAGERDUTY, "routing_key": ["s3cret"]}, {}),
        (GITHUB, signed(orjson.dumps(GITHUB), "wrong")),
        (GITHUB, signed(b"another body")),
        (GITHUB, {"X-GitHub-Event": "deployment_status", "X-Hub-Signature-256": f"sha256={'é' * 64}"}),
        (GITHUB, {"X-GitHub-Event": "deployment_status", "X-Gitlab-Token": TOKEN}),
        (GITLAB, {"X-Gitlab-Event": "Deployment Hook", "X-Gitlab-Token": "wrong"}),
        (b"{", {}),
    ],
)
def test_who_does_not_know_the_token_reports_nothing(client: TestClient, body: Any, headers: dict[str, str]) -> None:
    encoded = {name: value.encode() for name, value in headers.items()}
    assert post(client, body, encoded).status_code == 401  # type: ignore[arg-type]
    assert client.get(PATH).json()["items"] == []


def test_without_a_token_reports_are_off() -> None:
    assert post(TestClient(Served().app()), PLAIN, BEARER).status_code == 403


def test_the_token_of_events_changes_nothing_else(client: TestClient) -> None:
    assert client.post("/-/reload", headers=BEARER).status_code == 403


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff", b'"x"', b"{}", b'{"service": 1.5}'])
def test_what_cannot_be_read_is_refused(client: TestClient, body: bytes) -> None:
    assert post(client, body, BEARER).status_code == 422


def test_what_is_no_change_is_said(client: TestClient) -> None:
    body = orjson.dumps({"zen": "x"})
    answer = post(client, body, {**signed(body), "X-GitHub-Event": "ping"})
    assert (answer.status_code, answer.json()["event"]) == (202, None)
    assert "ping" in answer.json()["ignored"]


def test_pages_follow_each_other(client: TestClient) -> None:
    for number in range(5):
        post(client, {**PLAIN, "id": str(number), "version": f"v{number}"}, BEARER)
    first = client.get(PATH, params={"limit": 3}).json()
    second = client.get(PATH, params={"limit": 3, "next": first["next"]}).json()
    versions = [each["version"] for each in first["items"] + second["items"]]
    assert sorted(versions) == [f"v{number}" for number in range(5)]
    assert second["next"] is None


def test_a_deploy_shows_what_it_cost(client: TestClient) -> None:
    event = post(client, PLAIN, BEARER).json()["event"]
    found = client.get(f"{PATH}/{event['id']}")
    TypeAdapter(ChangeDetailModel).validate_json(found.content)
    (cost,) = found.json()["cost"]
    assert (cost["slo"], cost["from"], cost["to"], cost["over"]) == (
        "checkout-availability",
        "2026-03-01T11:31:00Z",
        "2026-03-01T12:00:00Z",
        False,
    )
    assert (cost["budget_before"], cost["budget_after"], cost["spent_ratio"]) == (0.8, 0.7, 0.1)
    assert client.get(f"{PATH}/77").status_code == 404
