"""The documentation that the service has of itself."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.support.api import Served

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((docs/[^)#]+)\)")


@pytest.fixture(scope="module")
def http() -> TestClient:
    return TestClient(Served().app())


def test_every_page_is_named_in_llms_txt_and_served_as_markdown(http: TestClient) -> None:
    index = http.get("/llms.txt")
    assert index.headers["content-type"] == "text/plain; charset=utf-8"
    assert index.text == (ROOT / "llms.txt").read_text()
    named = LINK.findall(index.text)
    assert set(named) == {f"docs/{page.name}" for page in ROOT.glob("docs/*.md")} | {"docs/adr/README.md"}
    for path in named:
        page = http.get(f"/{path}")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/markdown; charset=utf-8")
        assert page.text == (ROOT / path).read_text()


def test_decisions_are_served_where_pages_link_to_them(http: TestClient) -> None:
    assert http.get("/docs/adr/0097-let-tools-of-assistants-ask-our-own-api.md").text.startswith("# ADR-0097")


@pytest.mark.parametrize("path", ["nothing.md", "../README.md", "%2e%2e/README.md", "..%2f..%2fREADME.md", "x%0A.md"])
def test_nothing_else_is_served(http: TestClient, path: str) -> None:
    assert http.get(f"/docs/{path}").status_code == 404
