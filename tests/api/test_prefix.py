"""Behind a proxy with a path prefix, stripped or kept, every page and everything it refers to is found."""

import doctest
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient

from app.api import path_prefix, prefix
from app.clock import SystemClock
from app.ui import pages
from tests.support.api import Served
from tests.support.snapshots import a_snapshot

PATHS = [
    "/",
    "/slos/checkout-availability",
    "/static/0/style.css",
    "/docs",
    "/docs/assets/swagger-ui.css",
    "/docs/assets/start.js",
    "/openapi.json",
    "/metrics",
    "/-/ready",
    "/api/v1/slos",
    "/api/v1/slos/checkout-availability/history",
]


@contextmanager
def _client(external_url: str) -> Iterator[TestClient]:
    served = Served.with_snapshots(a_snapshot())
    served.external_url = external_url
    app = served.app()
    app.include_router(pages(served.board, clock=SystemClock(), prefix=path_prefix(external_url)))
    # One event loop for all requests, as a server has.
    with TestClient(app) as http:
        yield http


def test_the_examples_hold() -> None:
    assert doctest.testmod(prefix).failed == 0


@pytest.mark.parametrize("base", ["/burn", "/a%20b/slo", "/slos", "/api"])
def test_every_path_is_found_below_a_prefix_that_a_proxy_strips_or_keeps(base: str) -> None:
    paths = [*PATHS, *(f"{base}{path}" for path in PATHS)]
    with _client(f"https://ops.example.org{base}/") as http:
        found = {path: http.get(path).status_code for path in paths}
    assert found == dict.fromkeys(found, 200)


@pytest.mark.parametrize("path", ["/", "/slos/checkout-availability", "/docs"])
def test_what_a_page_refers_to_is_found_below_the_prefix(path: str) -> None:
    with _client("https://ops.example.org/burn") as http:
        page = http.get(f"/burn{path}").text
        referred = [found for found in re.findall(r'(?:href|src)="([^"]+)"', page) if "://" not in found]
        assert len(referred) >= 3
        for link in referred:
            # A link without a slash in front is relative to the page.
            absolute = link if link.startswith("/") else f"/burn/{link}"
            assert absolute.startswith("/burn/"), link
            assert http.get(absolute.replace("&amp;", "&")).status_code == 200, link


def test_the_description_names_the_prefix_as_its_server() -> None:
    with _client("https://ops.example.org/burn/") as http:
        assert http.get("/openapi.json").json()["servers"] == [{"url": "/burn"}]
    with _client("https://slo.example.org") as http:
        assert "servers" not in http.get("/openapi.json").json()


def test_a_path_that_only_begins_like_the_prefix_is_no_page() -> None:
    with _client("https://ops.example.org/burn") as http:
        assert http.get("/burning/docs").status_code == 404
        assert http.get("/burn/nowhere").status_code == 404
        assert http.get("/burn").status_code == 200
