"""The image: what goes in, and what it promises."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.compose.stack import DOCKERFILE, ROOT, copied, stages


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    result = subprocess.run([hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")


def test_what_is_copied_is_there_and_is_not_ignored() -> None:
    """The ignore file lets nothing through but what it names."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[0] == "*"
    assert copied() == {line[1:].rstrip("/") for line in lines if line.startswith("!")}
    assert [source for source in copied() if not (ROOT / source).exists()] == []


def test_what_is_built_by_default_is_the_service() -> None:
    assert list(stages().items())[-1] == ("sloburn", "runtime")


def test_the_final_image_starts_from_a_plain_python_and_runs_no_installer() -> None:
    runtime = DOCKERFILE.read_text().split(" AS runtime")[1].split("FROM ")[0]
    assert stages()["runtime"] == stages()["build"] == "python:3.13-slim-trixie"
    assert not re.search(r"\b(uv sync|pip|apt-get|gcc)\b", runtime)


def test_nobody_runs_as_root() -> None:
    """The number is not a name, so that an orchestrator can check it."""
    for stage in ("runtime", "history"):
        text = DOCKERFILE.read_text().split(f" AS {stage}\n")[1].split("\nFROM ")[0]
        (*_, user) = re.findall(r"(?m)^USER (\S+)$", text)
        assert int(user.split(":")[0]) > 0


def test_every_path_of_a_setting_is_in_the_image() -> None:
    """A file that is mounted at one of them is used, and not ignored in silence."""
    text = DOCKERFILE.read_text()
    assert "SLOBURN_CONFIG=/etc/sloburn/sloburn.yaml" in text
    assert "COPY config/sloburn.yaml /etc/sloburn/sloburn.yaml" in text
    assert "SLOBURN_SPECS=/etc/sloburn/slos" in text
    assert "SLOBURN_DATABASE_URL=sqlite:////data/sloburn.db" in text


def test_the_wheel_has_no_package_with_the_name_of_a_demo() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["app"]
    assert "one import package, `app`" in (ROOT / "README.md").read_text()


def test_no_volume_is_declared() -> None:
    """Each run without -v would leave an anonymous one behind."""
    assert not re.search(r"(?m)^VOLUME", DOCKERFILE.read_text())
