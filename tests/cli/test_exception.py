"""`sloburn exception` against the API over a real socket."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner, Result

from tests.support.api import Served, listening
from tests.support.cli import app
from tests.support.snapshots import a_snapshot

TOKEN = "right"  # noqa: S105  a made-up token


def exception(*args: str, token: str = TOKEN) -> Result:
    return CliRunner().invoke(app, ["exception", *args], env={"SLOBURN_API_TOKEN": token})


@pytest.fixture
def url() -> Iterator[str]:
    served = Served.with_snapshots(a_snapshot())
    served.token = TOKEN
    # `--for` counts from now.
    served.clock.at = datetime.now(UTC)
    with listening(served.app()) as address:
        yield address


def test_an_exception_is_added_listed_and_ended(url: str) -> None:
    assert exception("list", "--url", url).stderr == "there is no exception\n"
    made = exception(
        *("add", "The new provider goes live.", "--service", "checkout", "--environment", "prod", "--url", url),
        *("--owner", "ada", "--for", "2h", "--break-glass"),
    )
    assert (made.exit_code, made.stderr) == (0, "")
    (one,) = json.loads(exception("list", "--active", "--format", "json", "--url", url).stdout)["items"]
    assert (one["services"], one["environments"], one["break_glass"]) == (["checkout"], ["prod"], True)
    lasts = datetime.fromisoformat(one["ends_at"]) - datetime.fromisoformat(one["starts_at"])
    assert abs(lasts - timedelta(hours=2)) < timedelta(minutes=10)
    (line,) = exception("list", "--url", url).stdout.splitlines()
    assert line.startswith(one["id"])
    assert "active  break-glass  checkout,prod  ada: The new provider goes live." in line
    assert exception("end", one["id"], "--by", "bob", "--url", url).stdout == f"{one['id']} is over\n"
    assert "ended by bob" in exception("list", "--url", url).stdout
    assert json.loads(exception("list", "--active", "--format", "json", "--url", url).stdout) == {"items": []}


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        ((), 2, "--for or --until"),
        (("--for", "2h", "--until", "2099-03-01T18:00Z"), 2, "--for or --until"),
        (("--for", "soon"), 2, "soon"),
        (("--until", "2099-03-01T18:00"), 2, "2026-03-01T18:00:00Z"),
        (("--until", "2099-03-01T18:00Z"), 1, "30"),
    ],
)
def test_when_it_ends_is_asked_for(url: str, flags: tuple[str, ...], code: int, said: str) -> None:
    answer = exception("add", "why", "--owner", "ada", "--url", url, *flags)
    assert (answer.exit_code, said in answer.output) == (code, True), answer.output


def test_what_cannot_be_is_said(url: str) -> None:
    wanted = ("add", "why", "--owner", "ada", "--for", "1h", "--url", url)
    assert "401" in exception(*wanted, token="wrong").output  # noqa: S106  a made-up token
    assert exception("end", "77", "--by", "ada", "--url", url).exit_code == 1
