"""The alerts on SLOs for a Prometheus of one's own, judged by promtool."""

import re
import subprocess
from pathlib import Path

import yaml

from app.metrics import FAMILIES
from testbed.servers import promtool_binary

_ROOT = Path(__file__).parents[2]
_RULES = _ROOT / "grafana" / "mixin" / "slo-alerts.yaml"
_TESTS = Path(__file__).with_name("slo_alerts_test.yaml")


def test_every_alert_on_slos_fires_when_it_should_and_asks_for_what_is_exposed() -> None:
    result = subprocess.run(
        [promtool_binary(), "test", "rules", str(_TESTS)], capture_output=True, text=True, check=False, cwd=_ROOT
    )
    assert result.returncode == 0, result.stdout + result.stderr
    rules = [rule for group in yaml.safe_load(_RULES.read_text())["groups"] for rule in group["rules"]]
    tests = yaml.safe_load(_TESTS.read_text())["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert fired == {rule["alert"] for rule in rules}
    labels = {"slo_service", "slo_name"}
    named = {name for rule in rules for name in re.findall(r"\bslo_\w+", rule["expr"])} - labels
    assert named <= {family.name for family in FAMILIES}
