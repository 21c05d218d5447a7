import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from app.settings import Settings
from testbed.waiting import PATIENCE_S
from tests.support.cli import app

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"
COMMANDS = sorted(getattr(get_command(app), "commands"))  # noqa: B009  mypy sees a plain command


def _paths(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command and sub-command."""
    yield path
    for name, child in getattr(command, "commands", {}).items():
        yield from _paths(child, (*path, name))


PATHS = list(_paths(get_command(app)))


def test_the_docs_list_exactly_the_commands_that_there_are() -> None:
    assert sorted(re.findall(r"^\| `sloburn (\w+)", DOCS.read_text(), re.MULTILINE)) == COMMANDS


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_is_whole_at_80_columns(path: tuple[str, ...]) -> None:
    """Nothing is cut off, and no type of Python is shown."""
    result = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80"})

    assert result.exit_code == 0
    assert [line for line in result.stdout.splitlines() if len(line) > 80] == []
    # "[ARGS]..." and "{PATH}..." are how Click writes what may be repeated.
    assert not re.search(r"…|[^\]}]\.\.\.", result.stdout)
    assert not re.search(r"\b(str|int|float|bool|path|text)>|<list|\bPath\b|\bNone\b|\brange>", result.stdout)


@pytest.mark.parametrize("path", [path for path in PATHS if path], ids=" ".join)
def test_help_has_an_example_on_one_line(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "80"})

    assert re.search(rf"^  Example: sloburn {' '.join(path)}", result.stdout, re.MULTILINE)
    assert len(result.stdout.partition("Example: ")[2].split("\n\n")[0].splitlines()) == 1


def test_help_shows_every_default() -> None:
    """Also those of settings, as a person would write them."""
    output = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "80"}).stdout
    text = " ".join(output.split()).partition(" Options: ")[2]
    flags = {
        f"--{name.replace('_', '-')} ": default
        for name, default in Settings.model_construct().masked().items()
        if default and type(Settings.model_fields[name].default) is not bool
    }
    shown = {flag: text.partition(flag)[2].partition(" --")[0] for flag in flags if flag in text}
    assert len(shown) > 10
    assert [flag for flag, help_text in shown.items() if f"[default: {flags[flag]}]" not in help_text] == []


def test_a_setting_of_the_environment_is_not_shown_as_a_default() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "serve", "--help"],
        env={**os.environ, "SLOBURN_PROMETHEUS_URL": "http://user-canary:9090"},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    assert "canary" not in done.stdout


def test_the_version_is_told() -> None:
    for args in (["version"], ["--version"]):
        result = CliRunner().invoke(app, args)
        assert re.fullmatch(r"sloburn \d+\.\d+\.\d+ \(Python 3\.\d+\.\d+\)\n", result.stdout)


def test_a_mistake_in_the_command_line_is_no_traceback() -> None:
    for args in ([], ["nonsense"], ["check"], ["status", "--format", "xml"]):
        result = CliRunner().invoke(app, args)
        assert result.exit_code == 2
        assert "Traceback" not in result.output


def test_the_gate_waits_for_no_import_of_another_command() -> None:
    """Pipelines run it for each deploy; the service and the database take a second to import."""
    program = (
        "import sys; from app.cli import run_command; sys.argv = ['sloburn', 'gate', 'shop', '--url', 'nonsense']\n"
        "try: run_command()\n"
        "except SystemExit as end:\n"
        "    print(end.code, sorted({'sqlalchemy', 'fastapi', 'alembic', 'app.kubernetes'} & {*sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    assert done.stdout == "3 []\n"


def test_the_package_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "version"], capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )

    assert done.stdout.startswith("sloburn ")
