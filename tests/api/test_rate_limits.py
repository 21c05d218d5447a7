"""Guesses at tokens and floods of changes are answered 429, in bounded memory, and lock no other client out."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.access import AccessRules, AccessScope
from app.access.rate_limits import RateLimiter, client_key
from app.slo import Tenant
from tests.support.api import Served
from tests.support.boards import board
from tests.support.sites import TOKEN, a_served, site_of
from tests.support.snapshots import a_snapshot
from tests.support.tokens import token_of

_RELOAD = "/-/reload"


@pytest.fixture
def served() -> Served:
    """A service that accepts three wrong tokens and five changes a minute."""
    served = a_served(board([a_snapshot()]))
    served.rules = AccessRules(failures_per_minute=3, changes_per_minute=5)
    served.events_token = "secret of webhooks"  # noqa: S105  of no service
    return served


@pytest.fixture
def app(served: Served) -> FastAPI:
    """Its application, which counts for all clients."""
    return site_of(served)


def client(app: FastAPI, address: str = "192.0.2.7") -> TestClient:
    headers = {"Sec-Fetch-Site": "same-origin"}
    return TestClient(app, headers=headers, client=(address, 50_000), follow_redirects=False)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def guess_by(way: str, http: TestClient, token: str) -> int:
    match way:
        case "bearer":
            return http.post(_RELOAD, headers=bearer(token)).status_code
        case "form":
            return http.post("/status/reload", data={"token": token}).status_code
        case "sign-in":
            return http.post("/login", data={"token": token}).status_code
        case "gitlab":
            headers = {"X-Gitlab-Event": "Deployment Hook", "X-Gitlab-Token": token}
            return http.post("/api/v1/events", json={}, headers=headers).status_code
        case "signature":
            body = json.dumps({}).encode()
            signature = hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
            headers = {"X-GitHub-Event": "deployment", "X-Hub-Signature-256": f"sha256={signature}"}
            return http.post("/api/v1/events", content=body, headers=headers).status_code
        case _:
            hook = {"metadata": {"token": token, "service": "checkout"}}
            return http.post("/api/v1/gate/hooks/flagger", json=hook).status_code


@pytest.mark.parametrize("way", ["bearer", "form", "sign-in", "gitlab", "signature", "flagger"])
def test_guesses_are_refused_also_a_right_one_until_time_has_passed(served: Served, app: FastAPI, way: str) -> None:
    right = "secret of webhooks" if way in {"gitlab", "signature"} else TOKEN
    http = client(app)
    assert [guess_by(way, http, f"guess {number}") for number in range(5)] == [401, 401, 401, 429, 429]
    assert guess_by(way, http, right) == 429
    assert guess_by(way, client(app, "192.0.2.8"), right) not in {401, 403, 429}

    answer = http.post(_RELOAD, headers=bearer(TOKEN))
    assert (answer.status_code, 0 < int(answer.headers["retry-after"]) <= 20) == (429, True)
    served.clock.at += timedelta(seconds=20)
    assert guess_by(way, http, right) not in {401, 403, 429}


def test_who_guesses_keeps_no_made_token_and_no_reader_out(served: Served, app: FastAPI) -> None:
    made = token_of(served, AccessScope.RELOAD)
    http = client(app)
    assert http.post(_RELOAD, headers=bearer(made)).status_code == 200
    for number in range(9):
        http.post(_RELOAD, headers=bearer(f"guess {number}"))
        http.get("/api/v1/slos", headers=bearer(f"{made[:-1]}{number}"))
    assert http.post(_RELOAD, headers=bearer(f"{made[:-1]}!")).status_code == 429
    assert http.post(_RELOAD, headers=bearer(made)).status_code == 200
    assert http.get("/api/v1/slos", headers=bearer("of-a-proxy")).status_code == 200
    assert http.get("/-/healthy").status_code == 200


def test_changes_of_one_identity_are_limited_and_those_of_others_are_not(served: Served, app: FastAPI) -> None:
    ada, bob = (token_of(served, AccessScope.RELOAD, AccessScope.READ, name=name) for name in ("ada", "bob"))
    http = client(app)
    assert [http.post(_RELOAD, headers=bearer(ada)).status_code for _ in range(6)] == [200] * 5 + [429]
    refused = http.post("/status/reload", data={"token": ada})
    # Five a minute: when the next one is allowed, not some time.
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "12")
    assert http.get("/api/v1/slos", headers=bearer(ada)).status_code == 200
    served.clock.at += timedelta(seconds=1)
    assert http.post(_RELOAD, headers=bearer(bob)).status_code == 200
    served.clock.at += timedelta(seconds=11)
    assert http.post(_RELOAD, headers=bearer(ada)).status_code == 200


def test_requests_of_a_tenant_are_limited_together_and_those_of_others_are_not(tmp_path: Path) -> None:
    served = Served()
    acme = Tenant(name="acme", documents=tmp_path, sources=("default",), requests_per_minute=3)
    served.tenants = [acme, replace(acme, name="globex", requests_per_minute=None)]
    one, two, other = (
        token_of(served, AccessScope.READ, AccessScope.GATE, name=name, tenant=name.partition("-")[0])
        for name in ("acme-1", "acme-2", "globex-1")
    )
    http = client(served.app())
    statuses = [http.get("/api/v1/slos", headers=bearer(token)).status_code for token in (one, two, one, two)]
    assert statuses == [200, 200, 200, 429]
    refused = http.get("/api/v1/gate", params={"service": "checkout"}, headers=bearer(one))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "20")
    assert http.get("/api/v1/slos", headers=bearer(other)).status_code == 200
    assert served.instruments.registry.get_sample_value("sloburn_http_requests_refused_total", {"status": "429"}) == 2
    served.tenants = [replace(acme, requests_per_minute=30)]
    assert http.get("/api/v1/slos", headers=bearer(one)).status_code == 200


def test_a_token_in_a_url_is_not_accepted_and_not_repeated(served: Served, app: FastAPI) -> None:
    made = token_of(served, AccessScope.ADMIN)
    http = client(app)
    for name in ("token", "access_token", "authorization"):
        for path in ("/api/v1/audit", "/api/v1/tokens"):
            answer = http.get(f"{path}?{name}={made}")
            assert (answer.status_code, made in answer.text) == (401, False)
        answer = http.get(f"/api/v1/slos?{name}={made}")
        assert (answer.status_code, made in answer.text) == (422, False)
        assert made not in http.get(f"/alerts?{name}={made}").text


def test_a_limiter_forgets_the_least_recent_clients_and_no_clock_confuses_it() -> None:
    limiter = RateLimiter(2, most_keys=3)
    at = count(1_000.0, 0.001)
    assert [limiter.take("a", next(at)) == 0 for _ in range(3)] == [True, True, False]
    for key in "bcd":
        limiter.take(key, next(at))
    assert limiter.wait_s("a", next(at)) == 0

    assert [limiter.take("e", 1_000.0) == 0 for _ in range(2)] == [True, True]
    assert limiter.wait_s("e", 0.0) == pytest.approx(30)
    assert limiter.wait_s("e", 1_015.0) == pytest.approx(15)
    assert limiter.wait_s("e", 1e9) == 0
    assert RateLimiter(None).take("a", 0.0) == 0


def test_a_client_of_ipv6_is_its_network() -> None:
    assert client_key("2001:db8::1") == client_key("2001:db8::ffff:1") != client_key("2001:db8:0:1::1")
    assert client_key("192.0.2.7") == "192.0.2.7"
