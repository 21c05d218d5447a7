import re

import pytest
from typer.testing import CliRunner

from app.settings import Settings
from tests.support.cli import app

SECRETS = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}


def test_every_setting_that_is_no_secret_is_a_flag() -> None:
    text = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "400"}).stdout

    flags = {name: re.search(rf"--{name.replace('_', '-')}\s", text) for name in Settings.model_fields}
    assert {name for name, there in flags.items() if not there} == SECRETS
    assert "prometheus_password" in SECRETS


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["--prometheus-url", "prometheus:9090"], "sloburn: --prometheus-url: "),
        (["--evaluation-interval", "soon"], "sloburn: --evaluation-interval: "),
        (["--listen-address", "nowhere"], "sloburn: --listen-address: "),
    ],
)
def test_a_wrong_setting_ends_in_one_line(args: list[str], line: str) -> None:
    result = CliRunner().invoke(app, ["serve", *args])

    assert result.exit_code == 2
    assert result.stderr.startswith(line)
    assert len(result.stderr.splitlines()) == 1


def test_every_wrong_setting_has_a_line() -> None:
    result = CliRunner().invoke(app, ["serve", "--prometheus-url", "x", "--specs", "y", "--query-offset", "z"])

    assert len(result.stderr.splitlines()) == 2
