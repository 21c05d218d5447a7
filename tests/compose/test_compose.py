"""docker-compose.yml: valid, pinned, on loopback only, and every file that it mounts is there."""

import json
from importlib import resources

import jsonschema
import pytest

from demo.endpoints import INSTANCE, JOB
from tests.compose.stack import ROOT, bind_mounts, load, services, stages

_NAMES = sorted(services())


def test_it_follows_the_compose_specification() -> None:
    schema = json.loads(
        resources.files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text()
    )
    jsonschema.validate(load("docker-compose.yml"), schema)


@pytest.mark.parametrize("name", _NAMES)
def test_every_image_is_our_own_or_pinned(name: str) -> None:
    image = services()[name]["image"]
    tag = image.rpartition(":")[2]
    assert tag == "local" or tag.lstrip("v").count(".") == 2


def test_promtool_comes_from_the_prometheus_that_reads_its_blocks() -> None:
    assert stages()["prometheus"] == services()["prometheus"]["image"]


def test_ports_are_bound_to_loopback() -> None:
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert len(ports) >= 4
    assert {port.split(":")[0] for port in ports} == {"127.0.0.1"}


@pytest.mark.parametrize("name", _NAMES)
def test_everything_that_keeps_running_says_whether_it_is_healthy(name: str) -> None:
    """Not only in the image: one in the OCI format has no health check. The history ends by itself."""
    assert "healthcheck" in services()[name] or name == "history"


def test_every_image_of_our_own_is_built_by_one_service() -> None:
    """Two that build one tag at the same time fail with `image already exists`."""
    builders = [service["image"] for service in services().values() if "build" in service]
    assert sorted(builders) == ["sloburn-history:local", "sloburn:local"]
    users = {name for name, service in services().items() if service["image"] in builders and "build" not in service}
    assert {services()[name]["pull_policy"] for name in users} == {"never"}


@pytest.mark.parametrize("name", _NAMES)
def test_everything_is_hardened(name: str) -> None:
    service = services()[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_sloburn_has_time_to_stop() -> None:
    assert services()["sloburn"]["stop_grace_period"] == "20s"


def test_no_folder_of_grafana_is_hidden() -> None:
    """It logs an error for each folder of its provisioning that is missing."""
    targets = {target for service, _, target in bind_mounts() if service == "grafana"}
    assert "/etc/grafana/provisioning" not in targets
    sources = [source for _, source, target in bind_mounts() if "/etc/grafana" in target]
    assert len(sources) >= 2
    assert [source for source in sources if not (ROOT / source).is_file()] == []


@pytest.mark.parametrize("name", _NAMES)
def test_what_is_waited_for_exists(name: str) -> None:
    assert set(services()[name].get("depends_on", {})) <= set(_NAMES)


@pytest.mark.parametrize("mount", bind_mounts(), ids=lambda mount: f"{mount[0]}: {mount[2]}")
def test_what_is_mounted_is_there(mount: tuple[str, str, str]) -> None:
    """A missing path would silently become an empty folder."""
    path = ROOT / mount[1]
    assert path.is_file() or any(path.iterdir())


def test_named_volumes_are_declared() -> None:
    named = {
        volume.split(":")[0]
        for service in services().values()
        for volume in service.get("volumes", [])
        if not volume.startswith(".")
    }
    assert named == set(load("docker-compose.yml")["volumes"])


def test_what_prometheus_scrapes_is_in_the_stack() -> None:
    config = load("config/prometheus/prometheus.yml")
    targets = {
        target.split(":")[0]
        for job in config["scrape_configs"]
        for static in job["static_configs"]
        for target in static["targets"]
    }
    assert targets - {"localhost"} <= set(_NAMES)


def test_the_live_shop_continues_the_series_of_its_history() -> None:
    config = load("config/prometheus/prometheus.yml")
    (job,) = (job for job in config["scrape_configs"] if job["job_name"] == JOB)
    assert job["static_configs"][0]["labels"] == {"instance": INSTANCE}


def test_grafana_knows_how_often_prometheus_scrapes() -> None:
    """Its shortest rate interval is four scrapes."""
    (source,) = load("grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    config = load("config/prometheus/prometheus.yml")
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]


def test_grafana_finds_its_dashboards_where_they_are_mounted() -> None:
    (provider,) = load("grafana/provisioning/dashboards/sloburn.yaml")["providers"]
    (mounted,) = (target for _, source, target in bind_mounts() if source == "./grafana/dashboards")
    home = services()["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert provider["options"]["path"] == mounted
    assert home == f"{mounted}/overview.json"
    assert (ROOT / "grafana/dashboards/overview.json").exists()


def test_viewers_need_no_password_and_nobody_has_the_default_one() -> None:
    environment = services()["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
