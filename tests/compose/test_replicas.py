"""docker-compose.replicas.yml over docker-compose.yml: two equal replicas on one PostgreSQL, both scraped."""

import json
from importlib import resources
from typing import Any

import jsonschema

from tests.compose.stack import ROOT, load, merged

OVERLAY = "docker-compose.replicas.yml"


def stack() -> dict[str, Any]:
    found: dict[str, Any] = merged(load("docker-compose.yml"), load(OVERLAY))
    return found


def test_both_files_follow_the_compose_specification_as_one() -> None:
    schema = json.loads(
        resources.files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text()
    )
    for document in (load(OVERLAY), stack()):
        jsonschema.validate(document, schema)


def test_the_replicas_are_equal() -> None:
    """The same settings, documents and configuration, image and hardening; only the ports differ, and who builds it."""
    first, second = stack()["services"]["sloburn"], stack()["services"]["sloburn-2"]
    assert first["environment"] == second["environment"]
    assert first["environment"]["SLOBURN_DATABASE_URL"].startswith("postgresql+psycopg://")
    own = {"build", "pull_policy", "ports", "volumes", "depends_on"}
    assert {key: first[key] for key in first.keys() - own} == {key: second[key] for key in second.keys() - own}
    # Without the volume of the SQLite file.
    assert set(second["volumes"]) < set(first["volumes"])
    assert second["ports"] == ["127.0.0.1:9730:9720"]


def test_postgresql_is_reached_by_the_replicas_only_and_hardened() -> None:
    postgres = stack()["services"]["postgres"]
    assert "ports" not in postgres
    assert (postgres["read_only"], postgres["cap_drop"]) == (True, ["ALL"])
    assert postgres["image"].startswith("postgres:17.")
    password = postgres["environment"]["POSTGRES_PASSWORD"]
    assert f":{password}@postgres/" in stack()["services"]["sloburn"]["environment"]["SLOBURN_DATABASE_URL"]
    for name in ("sloburn", "sloburn-2"):
        assert stack()["services"][name]["depends_on"]["postgres"] == {"condition": "service_healthy"}


def test_what_is_mounted_and_waited_for_is_there() -> None:
    services, volumes = stack()["services"], stack()["volumes"]
    for service in services.values():
        assert service.get("depends_on", {}).keys() <= services.keys()
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in volumes


def test_prometheus_scrapes_both() -> None:
    jobs = load("config/prometheus/prometheus.yml")["scrape_configs"]
    (job,) = (job for job in jobs if job["job_name"] == "sloburn")
    (pattern,) = (file for one in job["file_sd_configs"] for file in one["files"])
    mounts = [volume.split(":") for volume in stack()["services"]["prometheus"]["volumes"]]
    (source,) = (source for source, target, *_ in mounts if pattern == f"{target}/*.yml")
    found = [target for file in (ROOT / source).glob("*.yml") for one in load(str(file)) for target in one["targets"]]
    assert [one["targets"] for one in job["static_configs"]] == [["sloburn:9720"]]
    assert found == ["sloburn-2:9720"]
