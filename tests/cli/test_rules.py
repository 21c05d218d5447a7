import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from testbed.servers import promtool_binary
from tests.cli.test_check import BAD, GOOD, write
from tests.support.cli import app


@pytest.mark.parametrize("names", ["sloburn", "sloth", "pyrra"])
def test_the_rules_are_what_promtool_accepts(names: str, tmp_path: Path) -> None:
    target = tmp_path / "rules.yml"

    command = ["rules", "--names", names, str(write(tmp_path, GOOD)), "--output", str(target)]
    result = CliRunner().invoke(app, command)

    assert result.exit_code == 0, result.output
    done = subprocess.run([promtool_binary(), "check", "rules", target], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_go_to_standard_output_and_nothing_else_does(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["rules", str(write(tmp_path, GOOD))])

    assert result.stdout.startswith("# Written by `sloburn rules`")
    assert "record: slo:sli_error:ratio_rate5m" in result.stdout
    # What the rules do not do is said to who prints them, not only to who reads the file.
    said = [line.removeprefix("difference: ") for line in result.stderr.splitlines()]
    assert said
    assert [line.removeprefix("# - ") for line in result.stdout.splitlines() if line.startswith("# - ")] == said


def test_names_that_nobody_has_are_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["rules", "--names", "nobl9", str(write(tmp_path, GOOD))])

    assert result.exit_code == 2
    assert "'nobl9' is not one of sloburn, sloth, pyrra" in result.stderr
    assert result.stdout == ""


def test_of_many_slos_with_one_difference_some_are_named(tmp_path: Path) -> None:
    head, _, slo = GOOD.partition("slos:\n")
    monthly = slo.replace("window: 30d", "window: {calendar: month}")
    slos = "".join(monthly.replace("availability", f"availability-{number}") for number in range(9))

    result = CliRunner().invoke(app, ["rules", str(write(tmp_path, f"{head}slos:\n{slos}"))])

    (line,) = (line for line in result.stderr.splitlines() if "calendar" in line)
    assert line.endswith("and 4 more")


def test_rules_of_a_tenant_have_the_names_that_its_slos_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "acme"
    folder.mkdir()
    write(folder, GOOD)
    # Whatever else is wrong with it, such as a secret that is on another machine.
    broken = "receivers: [{name: chat, webhook: {url_env: NOT_HERE}}]\n"
    for more in ("", broken):
        config = write(tmp_path, f"{more}tenants: [{{name: acme, documents: acme}}]", "sloburn.yaml")
        monkeypatch.setenv("SLOBURN_CONFIG", str(config))
        result = CliRunner().invoke(app, ["rules", str(folder)])
        assert result.exit_code == 0, result.output
        assert "slo: acme/checkout-availability" in result.stdout
        assert "tenant: acme" in result.stdout


def test_documents_with_errors_have_no_rules(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["rules", str(write(tmp_path, BAD))])

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "sloburn: 2 errors in the documents" in result.stderr


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["rules", str(write(tmp_path, GOOD)), "-o", str(tmp_path / "no" / "rules.yml")])

    assert result.exit_code == 2
    assert "sloburn: cannot write" in result.stderr


def test_policies_are_pages_and_slos_without_one_have_the_default(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    (tmp_path / "policies.yaml").write_text("policies: [{name: others, match: {service: search}}]\n")

    result = CliRunner().invoke(app, ["policy", str(tmp_path)])

    titles = [line for line in result.stdout.splitlines() if line.startswith("# ")]
    assert titles == ["# Error budget policy: others", "# Error budget policy: default"]
