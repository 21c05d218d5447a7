"""The rule files that Sloth and Pyrra generate for a fleet, written out here so that the benchmark needs neither.

Sloth 0.16: `sloth generate` for a 30-day SLO with both alerts. Pyrra 0.10: its operator's rules for a ratio of 30
days without the optional generic rules.

Source: https://github.com/slok/sloth/blob/main/examples/_gen/getting-started.yml
Source: https://github.com/pyrra-dev/pyrra/blob/main/slo/rules.go
"""

from collections.abc import Callable
from typing import Any, Final

from bench.exporter import Fleet

Rule = dict[str, Any]
RuleFile = dict[str, list[dict[str, Any]]]

OBJECTIVE: Final = 0.999
SLOTH_WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
SLOTH_RECORD: Final = "slo:sli_error:ratio_rate"
_SLOTH_ALERTS: Final = {
    "page": ((14.4, "5m", "1h"), (6, "30m", "6h")),
    "ticket": ((3, "2h", "1d"), (1, "6h", "3d")),
}
PYRRA_WINDOWS: Final = ("5m", "32m", "1h4m", "2h9m", "6h26m", "1d1h43m", "4d6h51m")
_PYRRA_ALERTS: Final = (
    (14, "5m", "1h4m", "2m", "critical"),
    (7, "32m", "6h26m", "16m", "critical"),
    (2, "2h9m", "1d1h43m", "1h4m", "warning"),
    (1, "6h26m", "4d6h51m", "3h13m", "warning"),
)


def sloth_rules(fleet: Fleet) -> RuleFile:
    """Seventeen rules for each service: eight ratios, seven of metadata, two alerts."""
    return _rule_file(fleet, _sloth_groups)


def pyrra_rules(fleet: Fleet) -> RuleFile:
    """Thirteen rules for each service: seven burn rates, four alerts, and every 150 s the increase of the month."""
    return _rule_file(fleet, _pyrra_groups)


def sloth_labels(fleet: Fleet, service: int) -> dict[str, str]:
    """The labels that Sloth puts on what it records."""
    job = fleet.job(service)
    return {"sloth_id": f"{job}-requests", "sloth_service": job, "sloth_slo": "requests"}


def _rule_file(fleet: Fleet, groups: Callable[[Fleet, int], list[dict[str, Any]]]) -> RuleFile:
    return {"groups": [group for service in range(fleet.services) for group in groups(fleet, service)]}


def _sloth_groups(fleet: Fleet, service: int) -> list[dict[str, Any]]:
    labels = sloth_labels(fleet, service)
    rules = {
        "sli-recordings": _sloth_ratios(fleet, service, labels),
        "meta-recordings": _sloth_metadata(labels),
        "alerts": [_sloth_alert(labels, severity) for severity in _SLOTH_ALERTS],
    }
    return [{"name": f"sloth-slo-{kind}-{labels['sloth_id']}", "rules": these} for kind, these in rules.items()]


def _sloth_ratios(fleet: Fleet, service: int, labels: dict[str, str]) -> list[Rule]:
    job = f'job="{fleet.job(service)}"'
    metric = fleet.metric(service)

    def ratio(window: str) -> str:
        return f'(sum(rate({metric}{{{job},code=~"5.."}}[{window}])))\n/\n(sum(rate({metric}{{{job}}}[{window}])))'

    month = (
        f"sum_over_time({_sloth('ratio_rate5m', labels)}[30d])\n/ ignoring (sloth_window)\n"
        f"count_over_time({_sloth('ratio_rate5m', labels)}[30d])"
    )
    return [
        *(
            _record(SLOTH_RECORD + window, ratio(window), {**labels, "sloth_window": window})
            for window in SLOTH_WINDOWS
        ),
        _record(SLOTH_RECORD + "30d", month, {"sloth_window": "30d"}),
    ]


def _sloth_metadata(labels: dict[str, str]) -> list[Rule]:
    matchers = _matchers(labels)
    on = "/ on(sloth_id, sloth_slo, sloth_service) group_left\n"
    budget = f"slo:error_budget:ratio{matchers}"
    version = {"sloth_mode": "cli-gen-prom", "sloth_spec": "prometheus/v1", "sloth_version": "0.16.0"}
    return [
        _record("slo:objective:ratio", f"vector({OBJECTIVE})", labels),
        _record("slo:error_budget:ratio", f"vector(1-{OBJECTIVE})", labels),
        _record("slo:time_period:days", "vector(30)", labels),
        _record("slo:current_burn_rate:ratio", f"{_sloth('ratio_rate5m', labels)}\n{on}{budget}", labels),
        _record("slo:period_burn_rate:ratio", f"{_sloth('ratio_rate30d', labels)}\n{on}{budget}", labels),
        _record("slo:period_error_budget_remaining:ratio", f"1 - slo:period_burn_rate:ratio{matchers}", labels),
        _record("sloth_slo_info", "vector(1)", {**labels, **version}),
    ]


def _sloth_alert(labels: dict[str, str], severity: str) -> Rule:
    def burning(factor: float, window: str) -> str:
        return f"({_sloth('ratio_rate' + window, labels)} > ({factor} * {1 - OBJECTIVE}))"

    tiers = [
        f"({burning(factor, short)}\nand ignoring (sloth_window)\n{burning(factor, long)})"
        for factor, short, long in _SLOTH_ALERTS[severity]
    ]
    return {
        "alert": labels["sloth_id"],
        "expr": "\nor ignoring (sloth_window)\n".join(tiers),
        "labels": {"sloth_severity": severity},
        "annotations": {"title": f"({severity}) {{{{$labels.sloth_service}}}} SLO error budget burn rate is too fast."},
    }


def _pyrra_groups(fleet: Fleet, service: int) -> list[dict[str, Any]]:
    job, metric = fleet.job(service), fleet.metric(service)
    labels = {"slo": f"{job}-requests", "job": job}
    base = metric.removesuffix("_total")

    def burn_rate(window: str) -> str:
        errors, total = f'{metric}{{code=~"5..",job="{job}"}}', f'{metric}{{job="{job}"}}'
        return f"sum(rate({errors}[{window}])) / sum(rate({total}[{window}]))"

    def burning(factor: int, window: str) -> str:
        return f'{base}:burnrate{window}{{job="{job}",slo="{job}-requests"}} > ({factor} * (1-{OBJECTIVE}))'

    rates = [_record(f"{base}:burnrate{window}", burn_rate(window), labels) for window in PYRRA_WINDOWS]
    alerts = [
        {
            "alert": "ErrorBudgetBurn",
            "expr": f"{burning(factor, short)} and {burning(factor, long)}",
            "for": wait,
            "labels": {**labels, "short": short, "long": long, "severity": severity},
        }
        for factor, short, long, wait, severity in _PYRRA_ALERTS
    ]
    month = [
        _record(f"{base}:increase30d", f'sum by (code) (increase({metric}{{job="{job}"}}[30d]))', labels),
        {
            "alert": "SLOMetricAbsent",
            "expr": f'absent({metric}{{job="{job}"}}) == 1',
            "for": "2m",
            "labels": {**labels, "severity": "critical"},
        },
    ]
    return [
        {"name": f"{job}-requests-increase", "interval": "2m30s", "rules": month},
        {"name": f"{job}-requests", "interval": "30s", "rules": [*rates, *alerts]},
    ]


def _sloth(record: str, labels: dict[str, str]) -> str:
    return f"slo:sli_error:{record}{_matchers(labels)}"


def _matchers(labels: dict[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def _record(name: str, expr: str, labels: dict[str, str]) -> Rule:
    return {"record": name, "expr": expr, "labels": labels}
