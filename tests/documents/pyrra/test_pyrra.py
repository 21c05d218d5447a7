"""Documents of Pyrra load with the labels, windows and rules that Pyrra's own rules have."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from app.documents import load_documents
from app.documents.importing.rules import RULE_LEFT_OUT
from app.documents.pyrra.windows import TIERS
from app.promql.buckets import bound_text
from app.sli import sli_of
from app.slo import Severity, Slo, format_duration

_FIXTURES = Path(__file__).parent / "fixtures"
_DOCUMENT = """
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {{name: errors, namespace: {namespace}}}
spec:
  target: {target}
  window: 4w
  indicator: {{ratio: {{errors: {{metric: 'a_total{{code="500"}}'}}, total: {{metric: a_total}}}}}}
"""


def _slos() -> dict[str, Slo]:
    result = load_documents(_FIXTURES / "objectives-good.yaml")
    assert (result.errors, result.warnings) == ((), ())
    return {str(slo.id): slo for slo in result.slos}


def _rules(slo: Slo, severity: Severity) -> list[tuple[str, float]]:
    policy = slo.alerting.policy(severity)
    return [] if policy is None else [(rule.name, rule.factor) for rule in policy.rules]


def test_labels_are_those_of_pyrras_rules() -> None:
    slo = _slos()["checkout-errors"]
    assert dict(slo.labels) == {"slo": "checkout-errors", "team": "payments", "job": "checkout"}
    assert [dict(policy.labels) for policy in slo.alerting.policies] == [
        {"severity": "critical"},
        {"severity": "warning"},
    ]
    assert dict(slo.alerting.annotations) == {"runbook_url": "https://runbooks.example/checkout"}
    assert (slo.service, slo.alerting.name, slo.description) == ("checkout", "ErrorBudgetBurn", "Payments are taken.")


def test_indicators_are_counted_by_their_groups() -> None:
    slos = _slos()
    errors = 'http_requests_total{job="checkout",code=~"5.."}'
    expected = sli_of(total='http_requests_total{job="checkout"}', bad=errors, by=("route",))
    assert slos["checkout-errors"].sli == expected
    assert [bound_text(bucket) for bucket in slos["checkout-latency"].sli.buckets] == ['le="0.25"']
    assert slos["quiet"].sli == sli_of(total="jobs_total", good='jobs_total{result="ok"}')


def test_gauges_count_their_samples_and_native_histograms_their_fractions(tmp_path: Path) -> None:
    gauge = "{bool_gauge: {metric: probe_success, grouping: [target]}}"
    native = "{latencyNative: {latency: 200ms, total: {metric: 'a_seconds{code=\"ok\"}'}}}"
    for name, indicator in (("gauge", gauge), ("native", native)):
        text = f"""
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {{name: {name}}}
spec: {{target: '99', window: 4w, indicator: {indicator}}}
"""
        (tmp_path / f"{name}.yaml").write_text(text)
    result = load_documents(tmp_path)
    assert result.errors == ()
    assert [(str(slo.id), slo.sli.by) for slo in result.slos] == [("gauge", ("target",)), ("native", ())]
    (native_slo,) = (slo for slo in result.slos if slo.id == "native")
    assert native_slo.sli == sli_of(total='a_seconds_count{code="ok"}', good='a_seconds_bucket{code="ok",le="0.2"}')
    assert result.warnings == ()


def test_rules_are_those_of_four_weeks_scaled_with_the_window() -> None:
    slos = _slos()
    four_weeks, one_week = slos["checkout-errors"], slos["checkout-latency"]
    assert _rules(four_weeks, Severity.PAGE) == [("1h/5m", 14), ("6h/30m", 7)]
    assert _rules(four_weeks, Severity.TICKET) == [("1d/2h", 2), ("4d/6h", 1)]
    assert _rules(one_week, Severity.PAGE) == [("15m/1m", 14), ("1h30m/8m", 7)]
    assert _rules(one_week, Severity.TICKET) == [("6h/30m", 2), ("1d/1h30m", 1)]
    waits = [rule.pending_for for policy in four_weeks.alerting.policies for rule in policy.rules]
    assert waits == [timedelta(minutes=minutes) for minutes in (2, 15, 60, 180)]


@pytest.mark.parametrize(("weeks", "waits"), [(4, "2m 15m 1h 3h"), (2, "1m 8m 30m 1h30m"), (1, "1m 4m 15m 45m")])
def test_for_is_rounded_to_whole_minutes_half_of_one_up(weeks: int, waits: str) -> None:
    window = timedelta(weeks=weeks)
    assert [format_duration(tier.scaled(tier.pending_for, window)) for tier in TIERS] == waits.split()


def test_alerts_are_named_and_switched_off_as_documents_say() -> None:
    slos = _slos()
    latency = slos["checkout-latency"].alerting
    assert (latency.name, latency.no_data_for) == ("CheckoutSlow", None)
    assert [dict(policy.labels)["severity"] for policy in latency.policies] == ["page", "chat"]
    assert slos["quiet"].alerting.policies == ()
    assert slos["quiet"].alerting.no_data_for == timedelta(minutes=10)


def test_one_name_in_two_namespaces_is_two_slos(tmp_path: Path) -> None:
    for namespace in ("blue", "green"):
        (tmp_path / f"{namespace}.yaml").write_text(_DOCUMENT.format(namespace=namespace, target="99"))
    result = load_documents(tmp_path)
    assert [str(slo.id) for slo in result.slos] == ["blue/errors", "green/errors"]
    assert {dict(slo.labels)["slo"] for slo in result.slos} == {"errors"}


def test_a_rule_that_no_outage_reaches_is_left_out(tmp_path: Path) -> None:
    """At 90% a total outage burns at 10x; Pyrra's alert at 14x would never fire."""
    (tmp_path / "a.yaml").write_text(_DOCUMENT.format(namespace="a", target="90"))
    result = load_documents(tmp_path)
    assert _rules(result.slos[0], Severity.PAGE) == [("6h/30m", 7)]
    assert [warning.code for warning in result.warnings] == [RULE_LEFT_OUT]


def test_everything_that_is_wrong_or_ignored_is_said() -> None:
    """The findings are those that were reviewed; UPDATE_GOLDEN=1 writes them again."""
    file = _FIXTURES / "objectives-bad.yaml"
    result = load_documents(file)
    lines = [str(found).replace(f"{_FIXTURES}{os.sep}", "") for found in (*result.errors, *result.warnings)]
    golden = file.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text("".join(f"{line}\n" for line in lines))
    assert "".join(f"{line}\n" for line in lines) == golden.read_text()


@pytest.mark.parametrize(
    ("indicator", "errors", "warnings"),
    [
        ("{ratio: {errors: {metric: failed}, total: {metric: requests_total}}}", [], ["counter_name"]),
        ("{ratio: {errors: {metric: failed_total}, total: {metric: requests_total}}}", [], []),
        (
            "{latencyNative: {latency: 200ms, total: {metric: a_seconds_count}}}",
            ["spec.indicator.latencyNative.total.metric"],
            [],
        ),
    ],
)
def test_metrics_that_are_probably_not_meant_are_said(
    indicator: str, errors: list[str], warnings: list[str], tmp_path: Path
) -> None:
    document = _DOCUMENT.format(namespace="shop", target="'99'").partition("  indicator:")[0]
    (tmp_path / "slo.yaml").write_text(f"{document}  indicator: {indicator}\n")
    result = load_documents(tmp_path)
    assert [error.field for error in result.errors] == errors
    assert [warning.code for warning in result.warnings] == warnings
