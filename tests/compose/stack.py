"""The files of the composed stack, read for the tests."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "Dockerfile"


def services() -> dict[str, dict[str, Any]]:
    """The services of docker-compose.yml, anchors resolved."""
    found: dict[str, dict[str, Any]] = load("docker-compose.yml")["services"]
    return found


def replicated() -> dict[str, dict[str, Any]]:
    """The services of docker-compose.yml with docker-compose.replicas.yml over it."""
    found: dict[str, dict[str, Any]] = merged(load("docker-compose.yml"), load("docker-compose.replicas.yml"))[
        "services"
    ]
    return found


def merged(base: Any, over: Any) -> Any:
    """As `docker compose -f BASE -f OVERLAY config` merges: mappings by their keys, lists one after the other."""
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        both = {key: merged(base[key], over[key]) for key in base.keys() & over.keys()}
        return {**base, **over, **both}
    return [*base, *over] if isinstance(base, list) and isinstance(over, list) else over


def load(path: str) -> Any:
    """A YAML file of the repository."""
    return yaml.safe_load((ROOT / path).read_text())


def stages() -> dict[str, str]:
    """The base image of every stage of the Dockerfile, by the stage's name; the last one is what is built."""
    text = DOCKERFILE.read_text()
    defaults = {f"${{{name}}}": value for name, value in re.findall(r"(?m)^ARG (\w+)=(\S+)$", text)}
    return {stage: defaults.get(base, base) for base, stage in re.findall(r"(?m)^FROM (\S+) AS (\S+)$", text)}


def copied() -> set[str]:
    """What the Dockerfile copies out of the repository."""
    lines = re.findall(r"(?m)^COPY (?!--from)(.+)$", DOCKERFILE.read_text())
    return {source for line in lines for source in line.split()[:-1]}


def bind_mounts() -> list[tuple[str, str, str]]:
    """Service, path in the repository and path in the container of every file or folder that is mounted."""
    return [
        (name, source, target)
        for name, service in services().items()
        for source, target, *_ in (volume.split(":") for volume in service.get("volumes", []))
        if source.startswith(".")
    ]
