"""The image: what goes in, and what it promises."""

import json
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

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


def test_it_can_be_built_for_several_architectures() -> None:
    """Of one Dockerfile: it names no architecture, and each package has a wheel, as the image has no compiler."""
    text = DOCKERFILE.read_text()
    assert not re.search(r"amd64|x86_64|arm64|aarch64|TARGETARCH", text)
    # The digest of an index can take the place of each base.
    assert {base for base in re.findall(r"(?m)^FROM (\S+)", text) if base != "runtime"} == {
        "${PYTHON}",
        "${PROMETHEUS}",
    }
    names = _of_python(_bill_of_materials())
    packages = [one for one in _lock()["package"] if one["name"] in names - {"pywin32"}]
    assert len(packages) > 50
    for package in packages:
        files = [wheel["url"].rpartition("/")[2] for wheel in package.get("wheels", ())]
        pure = [file for file in files if file.endswith("none-any.whl")]
        for architecture in ("x86_64", "aarch64"):
            built = [
                file for file in files if re.search(rf"-(cp313|cp3\d+-abi3|py3-none)-manylinux.*{architecture}", file)
            ]
            assert built or pure, (package["name"], architecture)


def test_the_bill_of_materials_has_what_the_lock_files_pin() -> None:
    document = _bill_of_materials()
    versions = {one["name"]: one["version"] for one in document["components"]}
    locked = {one["name"]: one["version"] for one in _lock()["package"]}
    assert {"fastapi", "numpy", "psycopg", "mcp", "opentelemetry-sdk"} <= _of_python(document) <= locked.keys()
    # Not what tests and linters need.
    assert not {"pytest", "mypy", "ruff"} & versions.keys()
    assert {name: versions[name] for name in _of_python(document)}.items() <= locked.items()
    pages = {name: version for name, version in versions.items() if name not in locked}
    assert pages == json.loads((ROOT / "package.json").read_text())["dependencies"]
    # As often as it is made it is the same, so that an image can be built again.
    assert "serialNumber" not in document
    assert "timestamp" not in document["metadata"]
    (extras,) = set(re.findall(r"uv sync .*?((?: --extra \w+)+)", DOCKERFILE.read_text()))
    assert " ".join(_sbom()["EXTRAS"]) == extras.replace(" --extra", "").strip()


def test_the_bill_of_materials_of_the_image_is_what_is_installed(tmp_path: Path) -> None:
    """Packages of other systems are in the lock file only; one that is in no lock file is an error."""
    document = _bill_of_materials()
    for name in ("fastapi", "uvicorn"):
        (tmp_path / f"{name}-1.dist-info").mkdir()
        (tmp_path / f"{name}-1.dist-info/METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
    _sbom()["leave_installed"](document, tmp_path)
    assert _of_python(document) == {"fastapi", "uvicorn"}
    refs = {one["bom-ref"] for one in document["components"] if "bom-ref" in one}
    assert {ref for one in document["dependencies"] for ref in one["dependsOn"]} <= refs
    (tmp_path / "strange-1.dist-info").mkdir()
    (tmp_path / "strange-1.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1\n")
    with pytest.raises(SystemExit, match="strange"):
        _sbom()["leave_installed"](document, tmp_path)


def _sbom() -> dict[str, Any]:
    return run_path(str(ROOT / "scripts/sbom"))


def _bill_of_materials() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_printed())
    return document


@cache
def _printed() -> str:
    return subprocess.run([ROOT / "scripts/sbom"], capture_output=True, text=True, check=True).stdout


def _of_python(document: dict[str, Any]) -> set[str]:
    return {one["name"] for one in document["components"] if one["purl"].startswith("pkg:pypi/")}


def _lock() -> dict[str, Any]:
    return tomllib.loads((ROOT / "uv.lock").read_text())


def test_no_volume_is_declared() -> None:
    """Each run without -v would leave an anonymous one behind."""
    assert not re.search(r"(?m)^VOLUME", DOCKERFILE.read_text())
