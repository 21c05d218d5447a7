"""The image: what goes in, and what it promises."""

import re
import subprocess
import sys
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
    assert all((ROOT / source).exists() for source in copied())


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


def test_health_is_asked_for_where_the_service_listens() -> None:
    text = DOCKERFILE.read_text()
    assert "SLOBURN_LISTEN_ADDRESS=0.0.0.0:9720" in text
    assert "EXPOSE 9720" in text
    assert "http://127.0.0.1:9720/-/healthy" in text
