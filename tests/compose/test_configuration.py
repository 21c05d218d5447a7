"""The configuration of Prometheus and Alertmanager, judged by their own tools."""

import re
import shutil
import subprocess
from pathlib import Path

from app.integrations import load_config
from app.metrics import BuildInfo, Instruments
from app.slo import parse_duration
from testbed.servers import promtool_binary
from tests.compose.stack import ROOT, load

_RULES = "config/prometheus/rules/sloburn.yaml"


def _run(*command: str | Path) -> str:
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_prometheus_accepts_its_configuration_and_finds_the_rules() -> None:
    assert "1 rule files found" in _run(promtool_binary(), "check", "config", "config/prometheus/prometheus.yml")


def test_the_rules_fire_when_they_should_and_only_then() -> None:
    _run(promtool_binary(), "test", "rules", "tests/compose/sloburn_rules_test.yaml")


def test_every_rule_has_a_unit_test() -> None:
    rules = {rule["alert"] for group in load(_RULES)["groups"] for rule in group["rules"]}
    tests = load("tests/compose/sloburn_rules_test.yaml")["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert fired == rules


def test_every_rule_watches_a_metric_that_sloburn_exposes() -> None:
    registry = Instruments(build=BuildInfo.current()).registry
    exposed = {name for family in registry.collect() for name in (family.name, f"{family.name}_total")}
    for group in load(_RULES)["groups"]:
        for rule in group["rules"]:
            assert set(re.findall(r"sloburn_\w+", rule["expr"])) <= exposed


def test_sloburn_accepts_its_configuration_and_sends_history_as_the_series_that_is_scraped() -> None:
    loaded = load_config(ROOT / "config" / "compose" / "sloburn.yaml", environment={})
    assert [str(error) for error in loaded.errors] == []
    (receiver,) = loaded.config.remote_write
    scraped = next(
        job for job in load("config/prometheus/prometheus.yml")["scrape_configs"] if job["job_name"] == "sloburn"
    )
    (target,) = scraped["static_configs"][0]["targets"]
    assert dict(receiver.labels) == {"job": "sloburn", "instance": target}
    assert not receiver.live
    window = load("config/prometheus/prometheus.yml")["storage"]["tsdb"]["out_of_order_time_window"]
    assert parse_duration(window) > receiver.history
    assert "--web.enable-remote-write-receiver" in load("docker-compose.yml")["services"]["prometheus"]["command"]


def test_alertmanager_accepts_its_configuration() -> None:
    amtool = shutil.which("amtool")
    assert amtool is not None, "amtool comes with the Debian package prometheus-alertmanager"
    assert "SUCCESS" in _run(amtool, "check-config", "config/alertmanager/alertmanager.yml")
