"""Headers in which a proxy says who asks: believed from its networks only, and with the scopes of groups."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_network

import httpx2
import pytest
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from app.access import EVERYBODY, AccessRules, AccessScope, ForwardRules
from app.settings import load_settings
from tests.support.api import Served
from tests.support.snapshots import a_snapshot

_RULES = ForwardRules(
    networks=[ip_network("10.0.0.0/30"), ip_network("fd00::7/128")],
    roles={
        EVERYBODY: frozenset({AccessScope.READ}),
        "sre": frozenset({AccessScope.RELOAD, AccessScope.ADJUST}),
        "root": frozenset({AccessScope.ADMIN}),
    },
)
_USER = {"X-Forwarded-Email": "ada@example.org"}
_ROOT = {"X-Forwarded-Groups": "root"}
_SAME = {"Sec-Fetch-Site": "same-origin"}


def asked_from(peer: str, headers: Mapping[str, str] | Sequence[tuple[str, str]]) -> tuple[int, int]:
    """The statuses of reading and of a reload, asked from an address."""
    served = Served.with_snapshots(a_snapshot())
    served.rules = AccessRules(anonymous=frozenset(), forward=_RULES)
    http = TestClient(served.app(), client=(peer, 50_000))
    given = httpx2.Headers(headers)
    return http.get("/api/v1/slos", headers=given).status_code, http.post("/-/reload", headers=given).status_code


@pytest.mark.parametrize(
    ("peer", "statuses"),
    [
        ("10.0.0.1", (200, 200)),
        ("::ffff:10.0.0.1", (200, 200)),
        ("fd00::7", (200, 200)),
        ("10.0.0.4", (401, 403)),
        ("127.0.0.1", (401, 403)),
        ("fd00::8", (401, 403)),
        ("testclient", (401, 403)),
    ],
)
def test_only_the_address_of_the_connection_makes_a_header_believed(peer: str, statuses: tuple[int, int]) -> None:
    forged = {"X-Forwarded-For": "10.0.0.1", "Forwarded": "for=10.0.0.1", "X-Real-IP": "10.0.0.1"}
    assert asked_from(peer, {**_USER, **_ROOT, **_SAME, **forged}) == statuses


@pytest.mark.parametrize(
    ("groups", "statuses"),
    [
        ("", (200, 403)),
        ("developers", (200, 403)),
        ("developers, sre", (200, 200)),
        ("SRE", (200, 403)),
        ("sre root", (200, 403)),
        ("*", (200, 403)),
    ],
)
def test_groups_have_the_scopes_of_their_roles(groups: str, statuses: tuple[int, int]) -> None:
    assert asked_from("10.0.0.1", {**_USER, **_SAME, "X-Forwarded-Groups": groups}) == statuses


def test_groups_without_somebody_are_nobody_and_headers_sent_twice_are_refused() -> None:
    assert asked_from("10.0.0.1", {**_ROOT, **_SAME}) == (401, 403)
    assert asked_from("10.0.0.1", {"X-Forwarded-Email": " ", **_ROOT, **_SAME}) == (401, 403)
    for name, value in (*_USER.items(), *_ROOT.items()):
        twice = [*_USER.items(), *_ROOT.items(), *_SAME.items(), (name.lower(), value)]
        assert asked_from("10.0.0.1", twice) == (401, 401)


def test_a_change_by_the_login_of_the_proxy_must_come_from_a_page_of_this_service() -> None:
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example.org"}):
        assert asked_from("10.0.0.1", {**_USER, **_ROOT, **headers}) == (200, 403)
    assert asked_from("10.0.0.1", {**_USER, **_ROOT, "Origin": "https://slo.example.org"}) == (200, 200)


def test_the_address_of_a_client_is_what_the_nearest_trusted_proxies_say_of_it() -> None:
    client = _RULES.client
    assert client("192.0.2.1", ["203.0.113.9"]) == "192.0.2.1"
    assert client("10.0.0.1", ["203.0.113.9, 198.51.100.7"]) == "198.51.100.7"
    assert client("10.0.0.1", ["203.0.113.9", "198.51.100.7, 10.0.0.2"]) == "198.51.100.7"
    assert client("10.0.0.1", ["203.0.113.9, unknown"]) == "10.0.0.1"
    assert client("10.0.0.1", []) == "10.0.0.1"


def test_roles_and_networks_are_settings_that_let_nobody_in_by_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLOBURN_FORWARD_AUTH_NETWORKS", "10.0.0.7, fd00::/64")
    monkeypatch.setenv("SLOBURN_FORWARD_AUTH_ROLES", "cn=sre=admin, developers=read+adjust")
    settings = load_settings()
    assert settings.forward_auth_networks == (ip_network("10.0.0.7/32"), ip_network("fd00::/64"))
    assert settings.forward_auth_roles == {
        "cn=sre": frozenset({AccessScope.ADMIN}),
        "developers": frozenset({AccessScope.READ, AccessScope.ADJUST}),
    }
    assert settings.masked()["forward_auth_roles"] == "cn=sre=admin, developers=adjust+read"
    monkeypatch.setenv("SLOBURN_FORWARD_AUTH_ROLES", '{"cn=sre,ou=a": ["admin"]}')
    assert load_settings().forward_auth_roles == {"cn=sre,ou=a": frozenset({AccessScope.ADMIN})}


@pytest.mark.parametrize(("peer", "address"), [("10.0.0.1", "192.0.2.7"), ("203.0.113.9", "203.0.113.9")])
def test_the_log_of_the_gate_has_the_address_of_the_client(peer: str, address: str) -> None:
    served = Served.with_snapshots(a_snapshot())
    served.rules = AccessRules(forward=_RULES)
    http = TestClient(served.app(), client=(peer, 50_000))
    assert http.get("/api/v1/gate?service=checkout", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 200
    (decision,) = http.get("/api/v1/gate/decisions").json()["items"]
    assert decision["address"] == address


def test_who_sends_such_headers_all_the_time_does_not_fill_the_log() -> None:
    served = Served.with_snapshots(a_snapshot())
    served.rules = AccessRules(forward=_RULES)
    app = served.app()
    with capture_logs() as lines:
        for peer in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
            assert TestClient(app, client=(peer, 50_000)).get("/api/v1/slos", headers=_USER).status_code == 200
    assert [line["peer"] for line in lines if "ignored" in line["event"]] == ["192.0.2.1", "192.0.2.2"]
