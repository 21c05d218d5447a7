"""Errors: pages for browsers, in the layout of all others, and problem details for programs."""

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.api.problems import ProblemError, invalid
from app.store import StoreLockedError, StoreUnavailableError
from tests.support.boards import calm_board
from tests.support.sites import site
from tests.ui.test_incident_pages import text_of

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """The application with a page for each way to fail."""
    app = site(calm_board())

    @app.get("/fails/{status}", include_in_schema=False)
    async def fails(status: int) -> None:
        if status == 422:
            raise invalid("limit=<none>: give a number")
        if status == 503:
            raise ProblemError(status, "the database <is> away", headers={"Retry-After": "1"})  # type: ignore[arg-type]
        if status == 0:
            raise StoreUnavailableError("secret")
        if status == 1:
            raise StoreLockedError("secret")
        raise RuntimeError("secret")

    return app


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/nothing/<b>", 404, "404 Not Found there is nothing at /nothing/<b>; /docs lists what there is"),
        ("/slos/nothing", 404, "No SLO has this id"),
        ("/fails/422", 422, "limit=<none>: give a number"),
        ("/fails/503", 503, "the database <is> away"),
        ("/fails/0", 503, "the database cannot be used now"),
        ("/fails/1", 503, "the database cannot be used now"),
        ("/fails/500", 500, "something went wrong inside Sloburn"),
    ],
)
def test_a_browser_gets_a_page(app: FastAPI, path: str, status: int, words: str) -> None:
    answer = TestClient(app, raise_server_exceptions=False).get(path, headers=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert words in text_of(answer)
    assert "secret" not in answer.text
    assert 'aria-label="Pages"' in answer.text
    assert "style-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers.get("retry-after") == {"/fails/503": "1", "/fails/0": "5", "/fails/1": "5"}.get(path)


@pytest.mark.parametrize("path", ["/nothing", "/fails/422", "/fails/500"])
def test_a_program_gets_problem_details(app: FastAPI, path: str) -> None:
    answer = TestClient(app, raise_server_exceptions=False).get(path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code


@pytest.mark.parametrize("path", ["/api/v1/slos/nothing", "/api/v1/nothing"])
def test_what_programs_read_is_the_same_in_a_browser(app: FastAPI, path: str) -> None:
    answer = TestClient(app).get(path, headers=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_a_browser_finds_the_icon_beside_what_is_no_page(app: FastAPI) -> None:
    icon = TestClient(app).get("/favicon.ico")
    assert (icon.status_code, icon.headers["content-type"]) == (200, "image/svg+xml")
