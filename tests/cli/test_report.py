"""`sloburn report` against a service: every form, filters, and why there is none."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from testbed.process import closed_port
from tests.support.api import Served, listening
from tests.support.cli import app
from tests.support.reports import Documents, count_days


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    served = Served()
    served.incidents.clock.at = datetime(2026, 4, 2, 12, tzinfo=UTC)
    documents = Documents(served.incidents.database)
    for slo in ("checkout-availability", "search-latency"):
        documents.say(date(2026, 2, 1), slo=slo, labels=(("team", slo[0]),))
        count_days(served.incidents.database, date(2026, 3, 1), [43.2] * 31, slo=slo)
    with listening(served.app()) as at:
        yield at


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("markdown", "# Objectives, 2026-03\n\n1 of 1 objectives met, 0 missed."),
        ("csv", "period,from,to,service,slo,"),
        ("html", "<!doctype html>"),
    ],
)
def test_a_report_is_written_in_every_form(url: str, tmp_path: Path, form: str, begins: str) -> None:
    asked = ["report", "--url", url, "--at", "2026-03-15", "--label", "team=c", "--format", form]
    printed = CliRunner().invoke(app, asked)
    assert printed.stdout.startswith(begins)
    file = tmp_path / "report"
    assert CliRunner().invoke(app, [*asked, "--output", str(file)]).exit_code == 0
    assert file.read_bytes().decode() == printed.stdout_bytes.decode()


def test_a_report_is_json_for_machines(url: str) -> None:
    asked = ["report", "--url", url, "--period", "7d", "--at", "2026-03-15", "--service", "search", "--format", "json"]
    found = json.loads(CliRunner().invoke(app, asked).stdout)
    assert [item["id"] for item in found["items"]] == ["search-latency"]
    assert found["period"]["name"] == "2026-03-08 to 2026-03-14"


def test_a_report_that_cannot_be_made_is_said(url: str) -> None:
    refused = CliRunner().invoke(app, ["report", "--url", url, "--period", "fortnight"])
    assert (refused.exit_code, "not a period" in refused.stderr) == (1, True)
    nowhere = CliRunner().invoke(app, ["report", "--url", f"http://127.0.0.1:{closed_port()}"])
    assert (nowhere.exit_code, "no Sloburn answers" in nowhere.stderr) == (1, True)
