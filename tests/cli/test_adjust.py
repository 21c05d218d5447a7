"""`sloburn adjust` against the API over a real socket."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.support.api import Served, listening
from tests.support.cli import app
from tests.support.snapshots import AS_OF, a_snapshot

TOKEN = "right"  # noqa: S105  a made-up token


def adjust(*args: str | Path, token: str = TOKEN) -> Result:
    return CliRunner().invoke(app, ["adjust", *map(str, args)], env={"SLOBURN_API_TOKEN": token})


@pytest.fixture
def url() -> Iterator[str]:
    served = Served.with_snapshots(a_snapshot())
    served.token = TOKEN
    served.incidents.clock.at = AS_OF
    with listening(served.app()) as address:
        yield address


def test_an_adjustment_is_made_listed_exported_imported_and_withdrawn(url: str, tmp_path: Path) -> None:
    made = adjust(
        *("add", "DB upgrade", "--service", "checkout", "--label", "team=payments", "--mute-alerts", "--url", url),
        *("--start", "2026-03-01T02:00:00", "--end", "2026-03-01T04:00:00", "--timezone", "Europe/Berlin"),
        *("--rrule", "FREQ=WEEKLY", "--author", "ada"),
    )
    assert (made.exit_code, made.stderr) == (0, "")
    (one,) = json.loads(adjust("list", "--url", url, "--format", "json").stdout)["items"]
    assert (one["timezone"], one["mute_alerts"], one["labels"]) == ("Europe/Berlin", True, {"team": "payments"})
    (line,) = adjust("list", "--url", url).stdout.splitlines()
    assert line.startswith(f"{one['id']}  2026-03-01T02:00:00 Europe/Berlin for 2h")
    assert "alerts muted" in line
    calendar = tmp_path / "adjustments.ics"
    calendar.write_text(adjust("export", "--url", url).stdout)
    read = adjust("import", calendar, "--everything", "--url", url)
    assert read.stdout == "1 created, 0 updated, 0 unchanged, 0 withdrawn, 0 skipped\n"
    assert adjust("withdraw", one["id"], "--url", url).exit_code == 0
    assert one["id"] not in adjust("list", "--url", url).stdout


def test_what_cannot_be_is_said(url: str, tmp_path: Path) -> None:
    when = ("--start", "2026-03-01T02:00:00", "--end", "2026-03-01T04:00:00", "--url", url)
    nothing = adjust("add", "why", *when)
    assert (nothing.exit_code, "name what is adjusted" in nothing.output) == (1, True)
    assert "401" in adjust("add", "why", "--everything", *when, token="wrong").output  # noqa: S106  a made-up token
    assert adjust("add", "why", "--label", "team", *when).exit_code == 2
    assert adjust("import", tmp_path / "no.ics", "--everything", "--url", url).exit_code == 2
    assert adjust("withdraw", "77", "--url", url).exit_code == 1
    misspelt = adjust("add", "why", "--service", "chekout", *when)
    assert (misspelt.exit_code, misspelt.stderr) == (0, "It means no SLO now: `sloburn status` has the names.\n")
