"""`sloburn alerts` against the API over a real socket."""

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from app.slo import Severity
from tests.support.api import Served, listening
from tests.support.cli import app
from tests.support.incidents import burning, ended
from tests.support.notifications import firing

TOKEN = "right"  # noqa: S105  a made-up token


def alerts(*args: str, token: str = TOKEN) -> Result:
    return CliRunner().invoke(app, ["alerts", *args], env={"SLOBURN_API_TOKEN": token})


@pytest.fixture
def url() -> Iterator[str]:
    served = Served(token=TOKEN)
    page = burning()
    served.incidents.record(page)
    served.incidents.record(ended(page))
    ticket = firing("search-availability", incident="7a11", severity=Severity.TICKET, service="search")
    served.incidents.record(ticket)
    with listening(served.app()) as address:
        yield address


def listed(url: str, *filters: str) -> dict[str, str | None]:
    found = json.loads(alerts("list", *filters, "--url", url, "--format", "json").stdout)
    return {one["id"]: one["mark"] for one in found["items"]}


def test_an_incident_is_listed_marked_and_loses_its_mark(url: str) -> None:
    assert listed(url, "--service", "checkout", "--service", "search") == {"5f2d": None, "7a11": None}
    assert alerts("mark", "5f2d", "noise", "--url", url).exit_code == 0
    assert listed(url, "--mark", "noise") == {"5f2d": "noise"}
    (line,) = alerts("list", "--slo", "checkout-availability", "--url", url).stdout.splitlines()
    assert line.startswith("5f2d  2026-01-01T00:00:00Z to 2026-01-01T00:20:00Z  page  checkout-availability  2.8%")
    assert alerts("mark", "5f2d", "none", "--url", url).exit_code == 0
    assert listed(url, "--mark", "none") == {"5f2d": None, "7a11": None}
    assert listed(url, "--from", "2026-01-01T00:30:00Z") == {"7a11": None}


@pytest.mark.parametrize(
    ("args", "token", "code"),
    [
        (("mark", "00", "noise"), TOKEN, 1),
        (("mark", "5f2d", "noise"), "wrong", 1),
        (("mark", "5f2d", "fine"), TOKEN, 2),
        (("list", "--from", "soon"), TOKEN, 1),
    ],
)
def test_what_cannot_be_marked_or_listed_fails(url: str, args: tuple[str, ...], token: str, code: int) -> None:
    assert alerts(*args, "--url", url, token=token).exit_code == code
