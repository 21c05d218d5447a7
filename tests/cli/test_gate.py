"""`sloburn gate` as pipelines run it: exit codes, and what GitHub, GitLab and Jenkins read."""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner, Result

from app.cli.gate import command
from app.cli.remote import RemoteError, ask_gate
from app.gate import ExceptionRequest
from app.status import DataState
from tests.gate.test_gate import spent
from tests.support.api import Served, listening
from tests.support.cli import app
from tests.support.snapshots import a_snapshot, an_slo


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A service with SLOs that allow, deny and are not known; one name is hostile."""
    odd = a_snapshot(an_slo("odd", by=("path",)), group=(("path", "a|b\n::error::[x](y)<b>%"),))
    served = Served.with_snapshots(
        spent(0.5),
        spent(1.2, a_snapshot(an_slo("search"))),
        spent(0.2, a_snapshot(an_slo("search", "latency"))),
        spent(0.1, a_snapshot(an_slo("cart")), data=DataState.STALE),
        spent(1.2, odd),
    )
    with listening(served.app()) as address:
        yield address


def _xml(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314  ours


def run(*args: object, env: dict[str, str] | None = None) -> Result:
    clean = {"GITHUB_ACTIONS": "", "GITLAB_CI": "", **(env or {})}
    return CliRunner().invoke(app, ["gate", *map(str, args)], env=clean)


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (["--service", "checkout"], 0),
        (["--service", "search"], 1),
        (["--service", "search", "--change", "rollback"], 0),
        (["--service", "search", "--change", "rollback", "--warn-exit-code", 7], 7),
        (["--service", "cart"], 2),
        (["--service", "cart", "--fail-open"], 0),
        (["--service", "nobody"], 2),
        (["--slo", "search-availability", "--label", "team=payments"], 1),
        # Refused by the service.
        (["--service", "checkout", "--label", "team"], 3),
    ],
)
def test_the_exit_code_is_the_decision(url: str, flags: Sequence[object], code: int) -> None:
    assert run("--url", url, *flags).exit_code == code


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--servce", "checkout"],
        ["--service", "checkout", "--url", "checkout"],
        ["--service", "checkout", "--wait", "3"],
        ["--service", "checkout", "--warn-exit-code", "400"],
        ["--service", "checkout", "--pipeline", "jenkins"],
        ["--service", "checkout", "--token-file", "/nowhere/token"],
    ],
)
def test_a_mistake_in_the_flags_ends_with_3(flags: Sequence[str]) -> None:
    """2, with which other commands end, would be taken for unknown."""
    assert run(*flags).exit_code == 3


def test_a_service_that_does_not_answer_is_unknown() -> None:
    result = run("--url", "http://127.0.0.1:1", "--service", "checkout")
    assert result.exit_code == 2
    assert result.stdout.startswith("unknown: no Sloburn answers")


@pytest.mark.parametrize(("status", "code"), [(401, 3), (403, 3), (503, 2)])
def test_a_refusal_is_not_an_unknown(monkeypatch: pytest.MonkeyPatch, status: int, code: int) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RemoteError(f"answers {status}", status=status)

    monkeypatch.setattr(command, "ask_gate", refuse)
    monkeypatch.setattr(command, "_PAUSE_S", 0.0)
    assert run("--service", "checkout").exit_code == code


def test_it_waits_until_the_answer_is_a_yes(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Whatever it is before; without a yes the last answer counts when the time is over."""
    ask, asked = ask_gate, iter(["search", "cart", "checkout"])

    def next_service(url_: str, *_: object, token: str) -> object:
        return ask(url_, [("service", next(asked))], token=token)

    monkeypatch.setattr(command, "ask_gate", next_service)
    assert run("--url", url, "--service", "x", "--wait", "1h", "--every", "1ms").exit_code == 0
    monkeypatch.setattr(command, "ask_gate", ask)
    assert run("--url", url, "--service", "search", "--wait", "1ms", "--every", "1ms").exit_code == 1


def test_jenkins_and_gitlab_get_a_test_case_for_each_slo(url: str, tmp_path: Path) -> None:
    for service in ("search", "cart", "odd", "nobody"):
        run("--url", url, "--service", service, "--junit", tmp_path / f"{service}.xml")
    found = {
        service: [
            (case.get("name"), [(part.tag, part.get("type")) for part in case])
            for case in _xml((tmp_path / f"{service}.xml").read_text()).iter("testcase")
        ]
        for service in ("search", "cart", "nobody")
    }
    assert found == {
        "search": [("search-availability", [("failure", "deny")]), ("search-latency", [])],
        "cart": [("cart-availability", [("error", "unknown")])],
        "nobody": [("nobody", [("error", "unknown")])],
    }
    assert _xml((tmp_path / "odd.xml").read_text()).get("failures") == "1"


def test_github_gets_an_annotation_outputs_and_a_summary(url: str, tmp_path: Path) -> None:
    """What comes from names of labels is never a command of its own, nor a line of its own."""
    env = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }
    result = run("--url", url, "--service", "odd", env=env)
    assert result.exit_code == 1
    (command_line,) = (line for line in result.output.splitlines() if line.startswith("::"))
    assert command_line.startswith("::error title=Error budget gate%3A deny::odd-availability")
    outputs = dict(line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines())
    assert outputs.keys() == {"decision", "ok", "reason", "url", "budget-remaining"}
    assert (outputs["decision"], outputs["ok"], outputs["budget-remaining"]) == ("deny", "false", "-0.2")
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("### Error budget gate: deny\n")
    assert "<b>" not in summary
    rows = [line for line in summary.splitlines() if line.startswith("| ")]
    assert [row.replace("\\|", "").count("|") for row in rows] == [6, 6]


def test_gitlab_gets_variables_and_links(url: str, tmp_path: Path) -> None:
    files = "--dotenv", tmp_path / "gate.env", "--annotations", tmp_path / "links.json", "--summary", tmp_path / "s.md"
    run("--url", url, "--service", "search", *files)
    lines = (tmp_path / "gate.env").read_text().splitlines()
    assert lines[:2] == ["GATE_DECISION=deny", "GATE_OK=false"]
    links = json.loads((tmp_path / "links.json").read_text())["Error budget gate"]
    assert [one["external_link"]["label"] for one in links] == ["search-availability: deny", "search-latency: allow"]
    assert run("--url", url, "--service", "x", "--summary", tmp_path / "no" / "s.md").exit_code == 3


def test_machines_get_the_answer_of_the_api(url: str) -> None:
    document = json.loads(run("--url", url, "--service", "search", "--format", "json").stdout)
    assert (document["data"]["decision"], document["data"]["slos_total"]) == ("deny", 2)


def test_an_exception_says_when_it_ends_and_budgets_are_rounded_once() -> None:
    """A change that goes ahead by it does so until then, and not "at least": afterwards it is denied again."""
    served = Served.with_snapshots(spent(1.16551))
    ends_at = served.clock.at + timedelta(hours=6)
    wanted = ExceptionRequest(reason="go live", owner="ada", starts_at=served.clock.at, ends_at=ends_at)
    with listening(served.app()) as address:
        denied = run("--url", address, "--service", "checkout").stdout
        served.gate.add_exception(wanted)
        allowed = run("--url", address, "--service", "checkout").stdout
    assert "until at least 2026-03-01T13:00:00Z\n" in denied
    assert "\nuntil 2026-03-01T18:00:00Z\n" in allowed
    assert {found for text in (denied, allowed) for found in re.findall(r"-16\.\d+%", text)} == {"-16.6%"}
