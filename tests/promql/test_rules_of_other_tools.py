"""Rules under the names of Sloth and Pyrra: the series that their own rules record, with our values."""

import json
import subprocess
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from app.documents import Defaults, load_documents
from app.documents.conversion import convert_documents
from app.promql.rules import RuleNames, rule_groups
from app.slo import Slo
from bench.exporter import Fleet
from bench.peers import RuleFile, pyrra_rules, sloth_rules
from testbed.servers import promtool_binary

FLEET = Fleet(1)
TOTAL = 'http_requests_total{job="shop0000"}'
ERRORS = 'http_requests_total{job="shop0000",code=~"5.."}'
SLOTH = f"""
version: prometheus/v1
service: shop0000
slos:
  - name: requests
    objective: 99.9
    sli:
      events:
        error_query: 'sum(rate({ERRORS}[{{{{.window}}}}]))'
        total_query: 'sum(rate({TOTAL}[{{{{.window}}}}]))'
    alerting:
      name: shop0000-requests
      labels: {{category: availability}}
      page_alert: {{labels: {{routing_key: team}}}}
"""
PYRRA = f"""
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {{name: shop0000-requests, labels: {{pyrra.dev/team: payments}}}}
spec:
  target: '99.9'
  window: 30d
  indicator: {{ratio: {{errors: {{metric: '{ERRORS}'}}, total: {{metric: '{TOTAL}'}}}}}}
"""
LATENCY = """
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: fast}
spec:
  target: '99'
  window: 4w
  indicator:
    latency:
      success: {metric: 'http_seconds_bucket{job="a",le="0.25"}'}
      total: {metric: 'http_seconds_count{job="a"}'}
      grouping: [route]
"""
IDENTITY = {"sloth_id": "shop0000-requests", "sloth_service": "shop0000", "sloth_slo": "requests"}
# Of an hour: 60 requests a minute, half of which fail from the 30th minute on.
SERIES = {
    'http_requests_total{job="shop0000",code="200"}': "0+60x30 1830+30x30",
    'http_requests_total{job="shop0000",code="500"}': "0+0x30 30+30x30",
}


def load(document: str, folder: Path) -> list[Slo]:
    path = folder / "slos.yaml"
    path.write_text(document)
    loaded = load_documents(path)
    assert loaded.errors == ()
    return list(loaded.slos)


def rules_of(groups: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    return [rule for group in groups for rule in group["rules"] if key in rule]


def series_of(groups: list[dict[str, Any]]) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """What the rules record, by name and labels but those that say which program wrote them."""
    return {
        (rule["record"], tuple(sorted((name, value) for name, value in rule["labels"].items() if name not in _ABOUT)))
        for rule in rules_of(groups, "record")
    }


_ABOUT = {"sloth_mode", "sloth_spec", "sloth_version", "sloth_objective"}


def test_sloths_names_record_what_a_file_of_sloth_records(tmp_path: Path) -> None:
    """Those of the 30 days too, which in Sloth get their labels from the series that they read."""
    ours = series_of(rule_groups(load(SLOTH, tmp_path), RuleNames.SLOTH))
    own = tuple(sorted(IDENTITY.items()))
    theirs = {(name, tuple(sorted({**dict(labels), **IDENTITY}.items()))) for name, labels in series_of(sloth_groups())}
    assert ours == theirs
    assert ("slo:objective:ratio", own) in ours


def sloth_groups() -> list[dict[str, Any]]:
    return sloth_rules(FLEET)["groups"]


def test_pyrras_names_record_what_its_operator_records(tmp_path: Path) -> None:
    document = PYRRA.replace(", labels: {pyrra.dev/team: payments}", "")
    ours = series_of(rule_groups(load(document, tmp_path), RuleNames.PYRRA))
    theirs = series_of(pyrra_rules(FLEET)["groups"])
    own = (("job", "shop0000"), ("slo", "shop0000-requests"))
    generic = (
        "objective",
        "window",
        "availability",
        "requests_total",
        "errors_total",
        "requests:rate5m",
        "errors:rate5m",
    )
    assert ours - theirs == {(f"pyrra_{name}", own) for name in generic}
    assert theirs <= ours


def test_alerts_have_the_names_and_labels_that_routes_match(tmp_path: Path) -> None:
    sloth = rules_of(rule_groups(load(SLOTH, tmp_path), RuleNames.SLOTH), "alert")
    burns = [rule for rule in sloth if rule["alert"] == "shop0000-requests"]
    assert [rule["labels"] for rule in burns] == [
        {**IDENTITY, "sloth_severity": "page", "category": "availability", "routing_key": "team"},
        {**IDENTITY, "sloth_severity": "ticket", "category": "availability"},
    ]
    pyrra = rules_of(rule_groups(load(PYRRA, tmp_path), RuleNames.PYRRA), "alert")
    own = {"job": "shop0000", "slo": "shop0000-requests", "team": "payments"}
    assert [(rule["alert"], rule["for"], rule["labels"]) for rule in pyrra if rule["alert"] == "ErrorBudgetBurn"] == [
        ("ErrorBudgetBurn", wait, {**own, "severity": severity, "short": short, "long": long, "exhaustion": exhaustion})
        for wait, severity, short, long, exhaustion in (
            ("2m", "critical", "5m", "1h4m", "2d3h25m42s857ms"),
            ("16m", "critical", "32m", "6h26m", "4d6h51m25s714ms"),
            ("1h4m", "warning", "2h9m", "1d1h43m", "15d"),
            ("3h13m", "warning", "6h26m", "4d6h51m", "30d"),
        )
    ]
    absent = [rule for rule in pyrra if rule["alert"] == "SLOMetricAbsent"]
    assert [rule["labels"] for rule in absent] == [{**own, "severity": "critical"}]


def test_latency_is_recorded_by_group_and_bucket(tmp_path: Path) -> None:
    groups = rule_groups(load(LATENCY, tmp_path), RuleNames.PYRRA)
    increases = [rule for rule in rules_of(groups, "record") if "increase" in rule["record"]]
    assert [(rule["record"], rule["expr"], rule["labels"]) for rule in increases] == [
        (
            "http_seconds:increase4w",
            'sum by (route) (increase(http_seconds_count{job="a"}[4w]))',
            {"job": "a", "slo": "fast"},
        ),
        (
            "http_seconds:increase4w",
            'sum by (route) (increase(http_seconds_bucket{job="a",le="0.25"}[4w]))',
            {"job": "a", "slo": "fast", "le": "0.25"},
        ),
    ]


@pytest.mark.parametrize(
    ("document", "names", "values"),
    [
        (
            SLOTH,
            RuleNames.SLOTH,
            {
                "slo:sli_error:ratio_rate5m": 0.5,
                "slo:current_burn_rate:ratio": 500,
                "slo:sli_error:ratio_rate1h": 0.25,
                "slo:period_burn_rate:ratio": 250,
                "slo:period_error_budget_remaining:ratio": -249,
                "slo:objective:ratio": 0.999,
                "slo:time_period:days": 30,
                'ALERTS{sloth_severity="page",alertstate="firing",routing_key="team"}': 1,
            },
        ),
        (
            PYRRA,
            RuleNames.PYRRA,
            {
                "http_requests:burnrate5m": 0.5,
                "pyrra_availability": 0.75,
                "pyrra_objective": 0.999,
                "pyrra_window": 2_592_000,
                "pyrra_requests_total": 3_600,
                "pyrra_errors_total": 900,
                "pyrra_requests:rate5m": 1,
                "pyrra_errors:rate5m": 0.5,
                "(pyrra_availability - on(slo) pyrra_objective) / on (slo) (1 - pyrra_objective)": -249,
                'sum(http_requests:increase30d{code=~"5.."}) / sum(http_requests:increase30d)': 0.25,
                'ALERTS{severity="critical",short="5m",alertstate="firing"}': 1,
            },
        ),
    ],
    ids=["sloth", "pyrra"],
)
def test_what_is_recorded_has_the_values_of_ours(
    document: str, names: RuleNames, values: dict[str, float], tmp_path: Path
) -> None:
    """After an hour of which one half was half an outage."""
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": rule_groups(load(document, tmp_path), names)}))
    checks = [
        {
            "expr": f"sum(abs(({expr}) - {value}) < bool {0.02 * abs(value)})",
            "eval_time": "1h",
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for expr, value in values.items()
    ]
    series = [{"series": name, "values": samples} for name, samples in SERIES.items()]
    unit = {
        "rule_files": ["rules.yml"],
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": checks}],
    }
    (tmp_path / "unit.yml").write_text(json.dumps(unit))
    command = [promtool_binary(), "test", "rules", "unit.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# Minutes and failed requests in each, of 60: an outage, one in a hundred, a single failure.
EPISODES = ((30, 0.0), (10, 60.0), (60, 0.0), (60, 0.6), (1, 1.0), (9, 0.0))
_MINUTES = sum(minutes for minutes, _ in EPISODES)


def series_of_episodes() -> list[dict[str, str]]:
    bad = [errors for minutes, errors in EPISODES for _ in range(minutes)]
    counted = [[60.0 - errors for errors in bad], bad]
    return [
        {"series": name, "values": " ".join(f"{value:.6g}" for value in accumulate(values))}
        for name, values in zip(SERIES, counted, strict=True)
    ]


def alerts_of(groups: list[dict[str, Any]], tool: str) -> dict[str, Any]:
    """The rules with names that only *tool* reads, so that two files can be evaluated side by side."""
    text = json.dumps({"groups": groups}).replace("slo:sli_error:", f"{tool}:sli_error:")
    for record in ("slo:error_budget", "slo:objective", "http_requests:burnrate"):
        text = text.replace(record, f"{tool}:{record}")
    loaded: dict[str, Any] = json.loads(text)
    for group in loaded["groups"]:
        group["name"] = f"{tool} {group['name']}"
        group["rules"] = [rule for rule in group["rules"] if tool in rule.get("record", tool)]
        for rule in group["rules"]:
            if "alert" in rule:
                rule["labels"]["tool"] = tool
    return loaded


@pytest.mark.parametrize(
    ("document", "names", "own", "fires"),
    [
        (SLOTH, RuleNames.SLOTH, sloth_rules, {"page", "ticket"}),
        (PYRRA, RuleNames.PYRRA, pyrra_rules, {"critical", "warning"}),
    ],
    ids=["sloth", "pyrra"],
)
def test_alerts_fire_in_the_same_minutes_as_those_of_the_tool(
    document: str, names: RuleNames, own: Callable[[Fleet], RuleFile], fires: set[str], tmp_path: Path
) -> None:
    """Also those of the native form of the document, of which the names of rules are our own."""
    slos = load(document, tmp_path)
    (native,) = convert_documents(tmp_path / "slos.yaml", defaults=Defaults()).files
    converted = rule_groups(load(native.text, tmp_path), names)
    assert converted == rule_groups(slos, names)
    theirs, ours = alerts_of(own(FLEET)["groups"], "theirs"), alerts_of(converted, "ours")
    for tool, groups in (("theirs", theirs), ("ours", ours)):
        (tmp_path / f"{tool}.yml").write_text(json.dumps(groups))

    def firing(tool: str, severity: str = ".+") -> str:
        name = "sloth_severity" if names is RuleNames.SLOTH else "severity"
        return f'group by ({name}, short) (ALERTS{{tool="{tool}",alertstate="firing",{name}=~"{severity}"}})'

    span = f"[{_MINUTES}m:1m]"
    # Groups that are evaluated one after another read what was recorded a minute ago.
    checks = {
        f"(sum(sum_over_time(({firing(one)} unless {firing(other)}){span})) or vector(0)) <= bool {2 * len(fires)}": 1.0
        for one, other in (("ours", "theirs"), ("theirs", "ours"))
    }
    checks |= {f"sum(sum_over_time(({firing('ours', one)}){span})) > bool 5": 1.0 for one in sorted(fires)}
    unit = {
        "rule_files": ["ours.yml", "theirs.yml"],
        "tests": [
            {
                "interval": "1m",
                "input_series": series_of_episodes(),
                "promql_expr_test": [
                    {"expr": expr, "eval_time": f"{_MINUTES}m", "exp_samples": [{"labels": "{}", "value": value}]}
                    for expr, value in checks.items()
                ],
            }
        ],
    }
    (tmp_path / "unit.yml").write_text(json.dumps(unit))
    command = [promtool_binary(), "test", "rules", "unit.yml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
