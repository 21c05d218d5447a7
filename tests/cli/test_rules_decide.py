"""The rules that `sloburn rules` prints are sound and decide as we do, for all documents that come with the project."""

import json
import re
import subprocess
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from app.documents import load_documents
from app.slo import Events, Selector, Slo
from testbed.servers import promtool_binary
from tests.cli.test_check import GOOD, write
from tests.support.cli import app

ROOT = Path(__file__).parents[2]
FOLDERS = [ROOT / "config" / "slos", ROOT / "demo" / "slos"]
MINUTES_BEFORE, OUTAGE_MINUTES = 6 * 60, 60
ALL = f"0+60x{MINUTES_BEFORE + OUTAGE_MINUTES}"
HEALTHY = f"0+60x{MINUTES_BEFORE} {60 * MINUTES_BEFORE}+0x{OUTAGE_MINUTES}"
BROKEN = f"0+0x{MINUTES_BEFORE} 0+60x{OUTAGE_MINUTES}"
SELECTED_BY = {
    "5..": "500",
    "/api/v1/query(_range)?": "/api/v1/query",
    "/api/v1/(query|query_range|series|labels|rules)": "/api/v1/query",
}
"""Examples of what the regular expressions in our documents match."""
SHARES = {"1h": 0.02, "6h": 0.05, "1d": 0.10, "3d": 0.10}
"""The share of the error budget that each long window of the SRE Workbook may spend."""
HOURS = {"1h": 1, "6h": 6, "1d": 24, "3d": 72}


def printed(*paths: Path) -> str:
    result = CliRunner().invoke(app, ["rules", *map(str, paths)])
    assert result.exit_code == 0, result.output
    return result.stdout


def alerts(text: str) -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load(text)["groups"]:
        yield from (rule for rule in group["rules"] if "alert" in rule)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_promtool_finds_nothing_to_say_about_the_rules_of_our_documents(folder: Path, tmp_path: Path) -> None:
    """Not even that two rules are alike, which it reports and forgives."""
    (tmp_path / "rules.yml").write_text(printed(folder))
    command = [promtool_binary(), "check", "rules", "--lint-fatal", "rules.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout + done.stderr


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_every_alert_fires_in_an_outage_and_none_before(folder: Path, tmp_path: Path) -> None:
    text = printed(folder)
    (tmp_path / "rules.yml").write_text(text)
    slos = load_documents(folder).slos
    wanted = {(slo.id, str(policy.severity)) for slo in slos for policy in slo.alerting.policies}
    assert {(alert["labels"]["slo"], alert["labels"]["severity"]) for alert in alerts(text)} == wanted
    fire = 'count by (slo, severity) (ALERTS{alertstate="firing"}) > bool 0'
    samples = [{"labels": f'{{slo="{slo}", severity="{severity}"}}', "value": 1} for slo, severity in wanted]
    test = {
        "interval": "1m",
        "input_series": [
            {"series": name, "values": values} for name, values in dict(chain.from_iterable(map(outage, slos))).items()
        ],
        "promql_expr_test": [
            {"expr": fire, "eval_time": f"{MINUTES_BEFORE}m", "exp_samples": []},
            {"expr": fire, "eval_time": f"{MINUTES_BEFORE + OUTAGE_MINUTES}m", "exp_samples": samples},
        ],
    }
    (tmp_path / "test.yml").write_text(
        json.dumps({"rule_files": ["rules.yml"], "evaluation_interval": "5m", "tests": [test]})
    )
    command = [promtool_binary(), "test", "rules", "test.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[:3000]


@pytest.mark.parametrize("hours", [1, 5, 6, 12, 24, 48, 72, 7 * 24, 14 * 24, 28 * 24, 30 * 24, 60 * 24, 90 * 24])
def test_the_default_tiers_of_every_window_are_those_of_the_workbook(hours: int, tmp_path: Path) -> None:
    """Budget share x window / long window, and never below 1, where an alert would fire while the SLO is met."""
    document = GOOD.replace("window: 30d", f"window: {hours}h")
    exprs = " ".join(alert["expr"] for alert in alerts(printed(write(tmp_path, document))))
    factors = dict(re.findall(r"\(slo:sli_error:ratio_rate(\w+)\{[^}]*\} >= ([\d.]+) \* 0\.001 and ", exprs))
    wanted = {long: max(1.0, share * hours / HOURS[long]) for long, share in SHARES.items() if HOURS[long] <= hours}
    assert {long: float(factor) for long, factor in factors.items()} == pytest.approx(wanted)


def outage(slo: Slo) -> Iterator[tuple[str, str]]:
    """Six hours without a bad event, then an hour of nothing else, in the notation of promtool."""
    everything = dict.fromkeys(slo.sli.by, "/cart") | labels(slo.sli.terms[0].selector)
    if slo.sli.terms[-1].events is Events.BAD:
        yield series(everything | {"code": "200"}), HEALTHY
        yield series(everything | labels(slo.sli.terms[-1].selector)), BROKEN
    else:
        yield series(everything), ALL
        yield series(everything | labels(slo.sli.terms[-1].selector)), HEALTHY


def labels(selector: Selector) -> dict[str, str]:
    """Labels that the selector selects."""
    return {matcher.label: SELECTED_BY.get(matcher.value, matcher.value) for matcher in selector.matchers}


def series(labels: dict[str, str]) -> str:
    text = ", ".join(f'{name}="{value}"' for name, value in labels.items() if name != "__name__")
    return f"{labels['__name__']}{{{text}}}"
