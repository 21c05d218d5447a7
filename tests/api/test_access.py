"""Who may do what: every route has a scope, and tokens are accepted for as long as they are valid."""

import hmac
import logging
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from app.access import AccessScope, is_well_formed, new_token
from app.api.needs import declared_needs
from testbed.waiting import wait_until
from tests.support.api import Served, listening
from tests.support.snapshots import a_snapshot
from tests.support.tokens import token_of

_APP = Served().app()
OPERATIONS = {
    (method, path): needs
    for path, method, needs in declared_needs(_APP)
    if method in _APP.openapi()["paths"].get(path, {})
}
CHANGES = [(method, path) for (method, path), needs in OPERATIONS.items() if AccessScope.READ not in needs.scopes]
CHANGES = [(method, path) for method, path in CHANGES if OPERATIONS[method, path].scopes]


def served_with(*scopes: AccessScope, services: tuple[str, ...] = ()) -> tuple[Served, str]:
    """An application, and a token that was made."""
    served = Served.with_snapshots(a_snapshot())
    return served, token_of(served, *scopes, services=services, name="ci")


def client(served: Served, token: str | None) -> TestClient:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return TestClient(served.app(), headers=headers, raise_server_exceptions=False)


def test_every_operation_declares_what_it_needs() -> None:
    described = {
        (method, path): operation
        for path, operations in _APP.openapi()["paths"].items()
        for method, operation in operations.items()
    }
    assert OPERATIONS.keys() == described.keys()
    assert {key for key, needs in OPERATIONS.items() if not needs.scopes} == {
        ("get", "/-/healthy"),
        ("get", "/-/ready"),
        # The signature of its link allows it.
        ("get", "/api/v1/reports/shared"),
    }
    for key, operation in described.items():
        scopes = [scope for one in operation.get("security", ()) for roles in one.values() for scope in roles]
        assert (key, scopes) == (key, [scope.value for scope in OPERATIONS[key].scopes])
        assert key[0] == "get" or scopes, key


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_a_change_needs_its_scope_and_no_other_will_do(method: str, path: str) -> None:
    needs = OPERATIONS[method, path]
    served, other = served_with(*(set(AccessScope) - {*needs.scopes, AccessScope.ADMIN}))
    right = token_of(served, needs.scopes[0], name="right")
    url = path.format(id="5f2d", letter=7, name="default")

    found = {}
    for who, token in (("nobody", None), ("other", other), ("right", right)):
        answer = client(served, token).request(method, url, json={})
        found[who] = answer.status_code
        if who != "right":
            assert answer.headers["content-type"] == "application/problem+json"
            assert other not in answer.text
    assert (found["nobody"] in {401, 403}, found["other"]) == (True, 403)
    assert found["right"] not in {401, 403}


def test_a_revoked_or_expired_or_mistyped_token_is_refused_with_the_reason_and_never_shown() -> None:
    served, token = served_with(AccessScope.READ, AccessScope.RELOAD)
    http = client(served, token)
    assert http.post("/-/reload").status_code == 200

    reasons = []
    for wrong in (token[:-1], token[:-1] + ("a" if token[-1] != "a" else "b"), new_token()):
        answer = client(served, wrong).get("/api/v1/slos")
        reasons.append(answer.json()["detail"])
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert wrong not in answer.text
    assert ["mistyped" in reason for reason in reasons] == [True, True, False]

    admin = client(served, token_of(served, AccessScope.ADMIN))
    # The tokens were just read for one that is not known.
    assert admin.get("/api/v1/tokens").status_code == 401
    served.clock.at += timedelta(seconds=1)
    (listed,) = [one for one in admin.get("/api/v1/tokens").json()["items"] if one["name"] == "ci"]
    assert token.startswith(listed["hint"])
    assert admin.delete(f"/api/v1/tokens/{listed['id']}").json()["revoked_at"]
    assert "revoked" in http.post("/-/reload").json()["detail"]

    served, token = served_with(AccessScope.RELOAD)
    served.clock.at += timedelta(days=91)
    assert "expired" in client(served, token).post("/-/reload").json()["detail"]


def test_every_token_of_the_settings_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever fits: the time of an answer says nothing about how near a guess is, or to which."""
    served = Served(token="right", events_token="other")  # noqa: S106  made-up tokens
    compared: list[bytes] = []
    compare = hmac.compare_digest

    def noted(given: bytes, kept: bytes) -> bool:
        compared.append(kept)
        return compare(given, kept)

    monkeypatch.setattr(hmac, "compare_digest", noted)
    for token, status in (("right", 200), ("other", 403), ("rigHt", 401), ("r", 401)):
        compared.clear()
        assert client(served, token).post("/-/reload").status_code == status
        assert compared == [b"right", b"other"]


def test_a_token_is_made_by_the_api_shown_once_and_kept_as_a_digest() -> None:
    served = Served(token="right")  # noqa: S106  a made-up token
    http = client(served, "right")
    given = {"name": "ci", "scopes": ["gate", "events"], "services": ["checkout"], "expires_at": None}

    made = http.post("/api/v1/tokens", json=given).json()

    assert is_well_formed(made["secret"])
    assert made["token"]["created_by"] == "SLOBURN_API_TOKEN"
    assert made["secret"] not in http.get("/api/v1/tokens").text
    assert http.post("/api/v1/tokens", json=given).status_code == 409
    assert "limited" in http.post("/api/v1/tokens", json=given | {"name": "x", "scopes": ["read"]}).json()["detail"]


def test_a_made_token_stays_out_of_logs_also_of_a_request_that_fails(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Served(token="right")  # noqa: S106  a made-up token
    given = {"name": "ci", "scopes": ["admin"], "expires_at": None}

    def fail() -> None:
        raise RuntimeError("a fault of the service")

    with capture_logs() as events, caplog.at_level(logging.DEBUG), listening(served.app()) as url:
        right, path = {"Authorization": "Bearer right"}, f"{url}/api/v1/tokens"
        secret = httpx2.post(path, json=given, headers=right).json()["secret"]
        made = {"Authorization": f"Bearer {secret}"}
        assert httpx2.get(path, headers=made).status_code == 200
        assert httpx2.post(path, json=given, headers=made).status_code == 409
        monkeypatch.setattr(served.tokens, "listed", fail)
        assert httpx2.get(path, headers=made).status_code == 500

    logged = f"{events} {caplog.text} {capsys.readouterr()}"
    assert "a fault of the service" in logged
    assert secret not in logged


def test_a_token_of_a_service_asks_the_gate_and_reports_deploys_for_it_only() -> None:
    served, token = served_with(AccessScope.GATE, AccessScope.EVENTS, services=("checkout",))
    http = client(served, token)

    assert http.get("/api/v1/gate?service=checkout").status_code == 200
    assert http.get("/api/v1/gate?service=search").status_code == 403
    assert http.get("/api/v1/gate?slo=checkout-availability").status_code == 403
    assert http.post("/api/v1/events", json={"service": "search", "version": "1"}).status_code == 403
    assert http.post("/api/v1/events", json={"service": "checkout", "version": "1"}).status_code == 201
    # By the id of a change of another service it does not become one of its own.
    report, changes = {"service": "checkout", "id": "7", "version": "1"}, served.incidents.changes
    id_ = http.post("/api/v1/events", json=report).json()["event"]["id"]
    known = changes.find(id_)
    assert known is not None
    changes.add(replace(known, service="search"))
    assert http.post("/api/v1/events", json=report).status_code == 403
    assert changes.find(id_) == replace(known, service="search")
    # It has no `read`.
    assert http.get("/api/v1/slos").status_code == 403


def test_when_a_token_was_last_used_is_noted_beside_the_request() -> None:
    served, token = served_with(AccessScope.ADMIN)

    def last_used() -> str | None:
        (listed,) = http.get("/api/v1/tokens").json()["items"]
        found: str | None = listed["last_used_at"]
        return found

    with client(served, token) as http:
        wait_until(last_used, "the use to be noted")
        assert last_used() == f"{served.clock.now():%Y-%m-%dT%H:%M:%SZ}"


def test_tokens_known_before_are_accepted_while_the_database_cannot_be_read() -> None:
    served, token = served_with(AccessScope.RELOAD)
    http = client(served, token)
    assert http.post("/-/reload").status_code == 200

    served.incidents.database.close()
    served.clock.at += timedelta(minutes=1)

    assert http.post("/-/reload").status_code == 200
