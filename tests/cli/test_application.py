import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from app.cli.application import app
from tests.support.waiting import PATIENCE_S

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"
COMMANDS = sorted(getattr(get_command(app), "commands"))  # noqa: B009  mypy sees a plain command


def test_the_docs_list_exactly_the_commands_that_there_are() -> None:
    assert sorted(re.findall(r"^\| `sloburn (\w+)", DOCS.read_text(), re.MULTILINE)) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])

    assert result.exit_code == 0
    assert "Example: " in result.stdout
    assert f"sloburn {command}" in result.stdout


def test_the_version_is_told() -> None:
    for args in (["version"], ["--version"]):
        result = CliRunner().invoke(app, args)
        assert re.fullmatch(r"sloburn \d+\.\d+\.\d+ \(Python 3\.\d+\.\d+\)\n", result.stdout)


def test_a_mistake_in_the_command_line_is_no_traceback() -> None:
    for args in ([], ["nonsense"], ["check"], ["status", "--format", "xml"]):
        result = CliRunner().invoke(app, args)
        assert result.exit_code == 2
        assert "Traceback" not in result.output


def test_the_package_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "version"], capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )

    assert done.stdout.startswith("sloburn ")
