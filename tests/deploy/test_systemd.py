"""The unit of systemd starts a command that exists, with settings that exist, hardened."""

from collections import defaultdict
from pathlib import Path

from typer.testing import CliRunner

from app.settings.model import Settings
from tests.support.cli import app

UNIT = Path(__file__).parents[2] / "deploy/systemd/sloburn.service"


def test_the_unit_starts_the_service_with_settings_that_exist() -> None:
    # Keys may come several times, so that this is no file for configparser.
    values = defaultdict[str, list[str]](list)
    for line in UNIT.read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.startswith("#"):
            values[key].append(value)
    (started,) = values["ExecStart"]
    program, command = started.split()
    assert Path(program).name == "sloburn"
    assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0
    variables = {given.partition("=")[0] for given in values["Environment"]}
    assert len(variables) == 4
    assert {name.removeprefix("SLOBURN_").lower() for name in variables} <= set(Settings.model_fields)
    for name in ("NoNewPrivileges", "DynamicUser", "PrivateMounts", "MemoryDenyWriteExecute"):
        assert values[name] == ["yes"]
    assert values["CapabilityBoundingSet"] == [""]
