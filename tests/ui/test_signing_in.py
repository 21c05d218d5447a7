"""Browsers sign in with a token: for reading where that is not open, and for changes that no other site can make."""

import re
from dataclasses import replace
from datetime import timedelta
from http.cookies import SimpleCookie

import httpx2
import pytest
from fastapi.testclient import TestClient

from app.access import AccessRules, AccessScope
from tests.support.api import Served
from tests.support.boards import board
from tests.support.sites import PAGES, TOKEN, a_served, site_of
from tests.support.snapshots import a_snapshot
from tests.support.tokens import token_of

_BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
_OTHER_SITES: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example.org"},
    {"Origin": "https://127.0.0.1"},
    {"Origin": "null"},
    {},
)


@pytest.fixture
def served() -> Served:
    """A service of which nothing can be read without a token."""
    served = a_served(board([a_snapshot()]))
    served.rules = AccessRules(anonymous=frozenset())
    return served


def browser(served: Served, **headers: str) -> TestClient:
    return TestClient(site_of(served), headers=_BROWSER | headers, follow_redirects=False)


def signed_in(served: Served, token: str) -> TestClient:
    http = browser(served)
    assert http.post("/login", data={"token": token}).status_code == 303
    return http


def cookie_of(answer: httpx2.Response) -> SimpleCookie:
    return SimpleCookie(answer.headers["set-cookie"])


def test_without_anonymous_reading_only_probes_and_the_sign_in_are_open(served: Served) -> None:
    http = browser(served)
    for path in (*PAGES, "/docs", "/slos/checkout-availability?points=3"):
        answer = http.get(path)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login"), path
    for path in (
        "/api/v1/slos",
        "/metrics",
        "/api/v1/gate?service=checkout",
        "/api/v1/stream?events=1",
    ):
        assert http.get(path, headers={"Accept": "application/json"}).status_code == 401, path
    # A script that refreshes a page gets no form in the middle of it.
    assert http.get("/alerts", headers={"HX-Request": "true"}).status_code == 401
    for path in ("/-/healthy", "/-/ready", "/login", "/favicon.ico"):
        assert http.get(path).status_code in {200, 303}, path
    style = http.get("/login").text.partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert http.get(style).status_code == 200


def test_metrics_need_read_or_metrics_and_may_be_open_alone(served: Served) -> None:
    tokens = [token_of(served, scope) for scope in (AccessScope.READ, AccessScope.METRICS)]
    # In one event loop, as scrapes share a render.
    with browser(served) as http:
        for token, reads in zip(tokens, (200, 403), strict=True):
            bearer = {"Authorization": f"Bearer {token}"}
            assert http.get("/metrics", headers=bearer).status_code == 200
            assert http.get("/api/v1/slos", headers=bearer).status_code == reads


def test_metrics_may_be_open_alone(served: Served) -> None:
    served.rules = AccessRules(anonymous=frozenset({AccessScope.METRICS}))
    http = browser(served)
    assert (http.get("/metrics").status_code, http.get("/alerts").status_code) == (200, 303)


def test_who_signs_in_reads_and_changes_by_a_cookie_that_scripts_and_other_sites_cannot_use(served: Served) -> None:
    http = browser(served)
    asked = http.get("/alerts?severity=page").headers["location"]
    form = http.get(asked)
    assert 'value="/alerts?severity=page"' in form.text
    assert http.post("/login", data={"token": "guess"}).status_code == 401
    assert not http.cookies

    answer = http.post("/login", data={"token": TOKEN, "next": "/alerts?severity=page"})
    (cookie,) = cookie_of(answer).values()
    assert (answer.status_code, answer.headers["location"]) == (303, "/alerts?severity=page")
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "lax", "/")
    assert TOKEN not in cookie.value

    page = http.get("/status")
    assert (page.status_code, "Sign out" in page.text, 'name="token"' in page.text) == (200, True, False)
    assert cookie.value not in page.text
    assert http.post("/status/reload").status_code == 303
    assert http.post("/-/reload").status_code == 200
    assert served.reloader.reloads == 2

    for headers in _OTHER_SITES:
        other = TestClient(site_of(served), headers=headers, cookies=http.cookies, follow_redirects=False)
        assert other.post("/status/reload").status_code == 403, headers
        assert other.post("/-/reload").status_code == 403, headers
        assert other.post("/login", data={"token": TOKEN}).status_code == 403, headers
        other.post("/logout")
    assert served.reloader.reloads == 2
    # Without TLS browsers only send the origin.
    plain = TestClient(site_of(served), headers={"Origin": "http://127.0.0.1"}, cookies=http.cookies)
    assert plain.post("/-/reload").status_code == 200

    kept = dict(http.cookies)
    left = http.post("/logout")
    assert (left.status_code, left.headers["clear-site-data"]) == (303, '"cache"')
    assert not http.cookies
    assert browser(served, Cookie=f"sloburn={kept['sloburn']}").get("/alerts").status_code == 303


def test_behind_tls_the_cookie_is_sent_by_tls_only_and_set_by_no_other_host(served: Served) -> None:
    served.external_url = "https://slo.example.org/burn"
    answer = browser(served).post("/login", data={"token": TOKEN, "next": "/alerts"})
    ((name, cookie),) = cookie_of(answer).items()
    assert (name, cookie["secure"], cookie["path"], cookie["domain"]) == ("__Host-sloburn", True, "/", "")
    assert answer.headers["location"] == "/burn/alerts"


def test_a_session_is_a_new_one_whatever_the_browser_had_before(served: Served) -> None:
    """Somebody who could put a cookie into a browser must not share the session that is opened in it."""
    first = signed_in(served, TOKEN)
    old = first.cookies["sloburn"]
    first.post("/login", data={"token": TOKEN})
    assert first.cookies["sloburn"] != old
    for planted in (old, "A" * 43, "x", ""):
        http = browser(served, Cookie=f"sloburn={planted}")
        assert http.get("/alerts").status_code == 303
        http.post("/login", data={"token": TOKEN})
        assert browser(served, Cookie=f"sloburn={planted}").get("/alerts").status_code == 303


def test_a_session_allows_what_its_token_does_and_ends_with_it(served: Served) -> None:
    reader = signed_in(served, token_of(served, AccessScope.READ))
    assert reader.get("/alerts").status_code == 200
    assert (reader.post("/status/reload").status_code, reader.post("/-/reload").status_code) == (403, 403)

    root = {"Authorization": f"Bearer {TOKEN}"}
    (made,) = reader.get("/api/v1/tokens", headers=root).json()["items"]
    assert reader.delete(f"/api/v1/tokens/{made['id']}", headers=root).status_code == 200
    assert reader.get("/alerts").status_code == 303

    # A token of the settings that was replaced.
    settings = signed_in(served, TOKEN)
    assert settings.get("/alerts").status_code == 200
    replaced = replace(served, token="another")  # noqa: S106  a made-up token
    http = browser(replaced, Cookie=f"sloburn={settings.cookies['sloburn']}")
    assert http.get("/alerts").status_code == 303

    served.clock.at += timedelta(hours=12)
    assert settings.get("/alerts").status_code == 303


def test_a_sign_in_leads_back_to_a_page_whatever_its_labels_are(served: Served) -> None:
    http = browser(served)
    page = "/slos/shop%7Broute%3D%22%2Fpay%3Fx%23y%2520%20%C3%A9%22%7D?range=6h"
    asked = http.get(page).headers["location"]
    served.rules = AccessRules()
    # Whoever reads without a token gets the same by the link at the top.
    assert f'href="{asked}">Sign in' in browser(served).get(page).text
    form = http.get(asked).text
    assert 'href="/login">Sign in' in form
    (target,) = re.findall(r'name="next" value="([^"]*)"', form)
    assert http.post("/login", data={"token": TOKEN, "next": target}).headers["location"] == page


@pytest.mark.parametrize(
    "target", ["//evil.example.org", "/\\evil.example.org", "https://evil.example.org", "/a\nb", ""]
)
def test_a_sign_in_leads_to_no_other_host(served: Served, target: str) -> None:
    http = browser(served)
    assert http.post("/login", data={"token": TOKEN, "next": target}).headers["location"] == "/"
