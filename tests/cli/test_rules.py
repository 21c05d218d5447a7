import subprocess
from pathlib import Path

from typer.testing import CliRunner

from app.cli.application import app
from testbed.servers import promtool_binary
from tests.cli.test_check import BAD, GOOD, write


def test_the_rules_are_what_promtool_accepts(tmp_path: Path) -> None:
    target = tmp_path / "rules.yml"

    result = CliRunner().invoke(app, ["rules", str(write(tmp_path, GOOD)), "--output", str(target)])

    assert result.exit_code == 0, result.output
    done = subprocess.run([promtool_binary(), "check", "rules", target], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_go_to_standard_output_and_nothing_else_does(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["rules", str(write(tmp_path, GOOD))])

    assert result.stdout.startswith("# Written by `sloburn rules`")
    assert "record: slo:sli_error:ratio_rate5m" in result.stdout
    assert result.stderr == ""


def test_documents_with_errors_have_no_rules(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["rules", str(write(tmp_path, BAD))])

    assert result.exit_code == 2
    assert result.stdout == ""
    assert "sloburn: 2 errors in the documents" in result.stderr


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["rules", str(write(tmp_path, GOOD)), "-o", str(tmp_path / "no" / "rules.yml")])

    assert result.exit_code == 2
    assert "sloburn: cannot write" in result.stderr
