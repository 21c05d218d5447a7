"""The commands of docs/migration.md, over documents of each tool."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from testbed.servers import promtool_binary
from tests.support.cli import app

ROOT = Path(__file__).parents[2]
SECTION = re.compile(r"^## (Sloth|Pyrra|OpenSLO|Nobl9)\n(.*?)(?=^## )", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^    sloburn ((?:check|convert|rules) .*)$", re.MULTILINE)
SECTIONS = dict(SECTION.findall((ROOT / "docs" / "migration.md").read_text()))
DOCUMENTS = {
    "Sloth": "sloth/fixtures/file-good.yaml",
    "Pyrra": "pyrra/fixtures/objectives-good.yaml",
    "OpenSLO": "openslo/fixtures/v1alpha.yaml",
    "Nobl9": "nobl9/fixtures/objects-good.yaml",
}


@pytest.mark.parametrize("tool", DOCUMENTS)
def test_every_command_of_a_move_runs(tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / tool.lower()
    folder.mkdir()
    shutil.copy(ROOT / "tests" / "documents" / DOCUMENTS[tool], folder)
    commands = COMMAND.findall(SECTIONS[tool])
    assert len(commands) == 2
    for command in commands:
        words, _, after = command.partition(" > ")
        result = CliRunner().invoke(app, shlex.split(words))
        assert result.exit_code == 0, result.output
        if after:
            (tmp_path / "rules.yml").write_text(result.stdout)
            assert after == "rules.yml && promtool check rules rules.yml"
            check = [promtool_binary(), "check", "rules", "rules.yml"]
            done = subprocess.run(check, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
