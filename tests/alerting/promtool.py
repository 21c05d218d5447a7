"""The oracle: what a Prometheus rule does with series, as `promtool test rules` sees it."""

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from app.slo import AlertState, Severity, SeverityPolicy
from testbed.servers import promtool_binary

INTERVAL = timedelta(seconds=30)
Rule = dict[str, object]
States = Mapping[tuple[str, Severity], Sequence[AlertState]]
"""The states of each alert by slot; the key is the name of its series and the severity."""


def rule(name: str, policy: SeverityPolicy, expr: str) -> Rule:
    """An alerting rule as patient as *policy*, with one alert for the series *name*."""
    waits = {"for": _seconds(policy.pending_for), "keep_firing_for": _seconds(policy.keep_firing_for)}
    # The labels of the rule make alerts of several tiers one, whatever series a tier's expression kept.
    labels = {"severity": str(policy.severity), "series": name}
    return {"alert": "Burn", "expr": expr, "labels": labels, **waits}


def disagreement(rules: Sequence[Rule], series: Mapping[str, Iterable[str]], states: States, folder: Path) -> str:
    """What promtool has to say against *states*, given *series* with one value a slot; empty if nothing."""
    test = {
        "interval": _seconds(INTERVAL),
        "input_series": [{"series": name, "values": " ".join(values)} for name, values in series.items()],
        "promql_expr_test": _expected(states),
    }
    interval = {"evaluation_interval": _seconds(INTERVAL)}
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "burn", "rules": list(rules)}]}))
    (folder / "test.yml").write_text(json.dumps({"rule_files": ["rules.yml"], **interval, "tests": [test]}))
    command = [promtool_binary(), "test", "rules", "test.yml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr)[:4000]


def _expected(states: States) -> list[dict[str, object]]:
    slots = min(map(len, states.values()))
    return [
        {
            "expr": "ALERTS",
            "eval_time": _seconds(number * INTERVAL),
            "exp_samples": [
                {
                    "labels": f'ALERTS{{alertname="Burn", alertstate="{by_slot[number]}", series="{name}", '
                    f'severity="{severity}"}}',
                    "value": 1,
                }
                for (name, severity), by_slot in states.items()
                if by_slot[number] is not AlertState.INACTIVE
            ],
        }
        for number in range(slots)
    ]


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():.0f}s"
