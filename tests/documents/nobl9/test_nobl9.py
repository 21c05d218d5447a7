"""SLOs of Nobl9 over Prometheus load with the alert policies that they name."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from app.documents import load_documents
from app.sli import Comparison, Composite, Condition, Gauge, TimeSlices, sli_of
from app.slo import BudgetAlerts, CalendarUnit, CalendarWindow, Severity, Slo

_FIXTURES = Path(__file__).parent / "fixtures"


def _slos() -> dict[str, Slo]:
    result = load_documents(_FIXTURES / "objects-good.yaml")
    assert (result.errors, result.warnings) == ((), ())
    return {str(slo.id): slo for slo in result.slos}


def _rules(slo: Slo, severity: Severity) -> list[tuple[str, float]]:
    policy = slo.alerting.policy(severity)
    assert policy is not None
    return [(rule.name, round(rule.factor, 6)) for rule in policy.rules]


def test_each_objective_is_an_slo() -> None:
    slos = _slos()
    assert {name: slo.objective for name, slo in slos.items()} == {"checkout-good": 0.999, "checkout-ok": 0.95}
    slo = slos["checkout-good"]
    assert slo.window == CalendarWindow(CalendarUnit.MONTH, "UTC")
    assert slo.sli == sli_of(total="http_requests_total", bad='http_requests_total{code="500"}')
    assert (dict(slo.labels), slo.service, slo.description) == ({"team": "payments"}, "checkout", "Payments are taken.")


def test_alert_policies_are_rules_and_tickets_of_the_budget() -> None:
    """10% within a day of a month is 3x; a whole budget within 120 h of 720 h is 6x."""
    alerting = _slos()["checkout-good"].alerting
    slo = _slos()["checkout-good"]
    assert _rules(slo, Severity.PAGE) == [("1h/5m", 14.4), ("6h/30m", 6.0)]
    assert _rules(slo, Severity.TICKET) == [("1d/2h", 3.0), ("2d/2h", 2.0)]
    assert [policy.keep_firing_for for policy in alerting.policies] == [timedelta(minutes=5), timedelta(minutes=10)]
    page = alerting.policy(Severity.PAGE)
    assert page is not None
    assert [rule.pending_for for rule in page.rules] == [timedelta(minutes=2), timedelta(0)]
    assert alerting.budget == BudgetAlerts(consumed=0.8)
    assert alerting.no_data_for == timedelta(hours=1)


def test_one_name_in_two_projects_is_two_slos(tmp_path: Path) -> None:
    text = (_FIXTURES / "objects-good.yaml").read_text()
    for project in ("shop", "store"):
        (tmp_path / f"{project}.yaml").write_text(text.replace("project: shop", f"project: {project}"))
    ids = [str(slo.id) for slo in load_documents(tmp_path).slos]
    assert ids == ["shop/checkout-good", "shop/checkout-ok", "store/checkout-good", "store/checkout-ok"]


def test_everything_that_is_wrong_or_ignored_is_said() -> None:
    """The findings are those that were reviewed; UPDATE_GOLDEN=1 writes them again."""
    file = _FIXTURES / "objects-bad.yaml"
    result = load_documents(file)
    assert [str(slo.id) for slo in result.slos] == ["warned"]
    lines = [str(found).replace(f"{_FIXTURES}{os.sep}", "") for found in (*result.errors, *result.warnings)]
    golden = file.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text("".join(f"{line}\n" for line in lines))
    assert "".join(f"{line}\n" for line in lines) == golden.read_text()


_COMPOSITE = """
apiVersion: n9/v1alpha
kind: SLO
metadata: {name: experience, project: web}
spec:
  service: web-app
  budgetingMethod: Occurrences
  timeWindows: [{unit: Day, count: 28, isRolling: true}]
  objectives:
    - name: all
      target: 0.95
      composite:
        maxDelay: 45m0s
        aggregation: Reliability
        components:
          objectives:
            - {project: shop, slo: checkout, objective: good, weight: 4, whenDelayed: CountAsBad}
            - {project: shop, slo: checkout, objective: ok, weight: 1.5, whenDelayed: Ignore}
"""


def test_a_composite_is_the_weighted_mean_of_its_components(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text((_FIXTURES / "objects-good.yaml").read_text())
    (tmp_path / "web.yaml").write_text(_COMPOSITE)
    result = load_documents(tmp_path)
    assert (result.errors, result.warnings) == ((), ())
    slos = {str(slo.id): slo for slo in result.slos}
    composite = slos["experience"].sli
    assert isinstance(composite, Composite)
    assert (composite.rule, composite.target, composite.patience) == ("weighted", None, timedelta(minutes=45))
    assert [(part.slo, part.weight, part.missing, part.sli) for part in composite.parts] == [
        ("checkout-good", 4, "bad", slos["checkout-good"].sli),
        ("checkout-ok", 1.5, "ignored", slos["checkout-ok"].sli),
    ]


def test_minutes_of_a_composite_with_timeslices_have_a_target_and_its_components_must_be_there(tmp_path: Path) -> None:
    sliced = _COMPOSITE.replace("Occurrences", "Timeslices").replace("0.95", "0.95\n      timeSliceTarget: 0.9")
    (tmp_path / "web.yaml").write_text(sliced)
    assert [error.code for error in load_documents(tmp_path).errors] == ["unresolved_reference"] * 2
    (tmp_path / "shop.yaml").write_text((_FIXTURES / "objects-good.yaml").read_text())
    composite = next(slo.sli for slo in load_documents(tmp_path).slos if slo.id == "experience")
    assert isinstance(composite, Composite)
    assert composite.target == 0.9


_OBJECTIVES = """
apiVersion: n9/v1alpha
kind: SLO
metadata: {name: shop, project: web}
spec:
  service: web-app
  budgetingMethod: Timeslices
  timeWindows: [{unit: Day, count: 28, isRolling: true}]
  objectives:
    - name: fast
      target: 0.95
      timeSliceTarget: 0.9
      countMetrics: &counts
        incremental: true
        good: {prometheus: {promql: 'a_total{ok="1"}'}}
        total: {prometheus: {promql: a_total}}
    - {name: ok, target: 0.99, timeSliceTarget: 0.8, countMetrics: *counts}
  composite:
    target: 0.9
    burnRateCondition: {value: 1, op: gt}
"""


def test_a_minute_of_the_composite_of_all_objectives_is_bad_if_it_is_for_one_of_them(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(_OBJECTIVES)
    result = load_documents(tmp_path)
    assert (result.errors, result.warnings) == ((), ())
    slos = {str(slo.id): slo for slo in result.slos}
    assert {name: slo.objective for name, slo in slos.items()} == {"shop-fast": 0.95, "shop-ok": 0.99, "shop": 0.9}
    composite = slos["shop"].sli
    assert isinstance(composite, Composite)
    assert (composite.rule, composite.length) == ("all_of", timedelta(minutes=1))
    assert [(part.slo, part.target, part.sli) for part in composite.parts] == [
        ("shop-fast", 0.9, slos["shop-fast"].sli),
        ("shop-ok", 0.8, slos["shop-ok"].sli),
    ]


def test_a_composite_of_all_objectives_that_burns_at_their_burn_rates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(_OBJECTIVES.replace("Timeslices", "Occurrences"))
    (error,) = load_documents(tmp_path).errors
    assert (error.code, error.field) == ("composite", "spec.composite")


_SHARED = """
apiVersion: n9/v1alpha
kind: SLO
metadata: {{name: latency, project: shop}}
spec:
  service: checkout
  budgetingMethod: {method}
  indicator: {{metricSource: {{name: prometheus}}, rawMetric: {{prometheus: {{promql: {query}}}}}}}
  objectives: [{{name: fast, target: {target}, op: lte, value: 150}}, {{name: ok, target: 0.8, op: lte, value: 200}}]
  timeWindows: [{{unit: Day, count: 28, isRolling: true}}]
  {key}
"""


def test_objectives_may_share_the_metric_of_their_slo(tmp_path: Path) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text(_SHARED.format(method="Occurrences", query="request_ms", target="0.5", key=""))
    result = load_documents(file)
    assert result.errors == ()
    slis = [slo.sli for slo in result.slos if isinstance(slo.sli, Gauge)]
    assert [sli.good_when for sli in slis] == [Condition(Comparison.AT_MOST, bound) for bound in (150, 200)]


def test_a_fault_hides_no_other_fault_of_its_object(tmp_path: Path) -> None:
    """What depends on the faulty target is not said, and neither is what is no fault without it."""
    file = tmp_path / "slo.yaml"
    file.write_text(_SHARED.format(method="Sometimes", query="'sum('", target="2", key="owner: me"))
    result = load_documents(file)
    assert result.slos == ()
    found = {error.field for error in result.errors}
    assert found == {"spec.budgetingMethod", "spec.objectives[0].target", "spec.indicator.rawMetric.prometheus.promql"}
    assert [(warning.code, warning.field) for warning in result.warnings] == [("unknown_key", "spec.owner")]


@pytest.mark.parametrize(("delay", "codes"), [("6h", []), ("7h", ["max_delay"])])
def test_components_are_waited_for_six_hours_at_most(tmp_path: Path, delay: str, codes: list[str]) -> None:
    (tmp_path / "shop.yaml").write_text((_FIXTURES / "objects-good.yaml").read_text())
    (tmp_path / "web.yaml").write_text(_COMPOSITE.replace("45m0s", delay))
    result = load_documents(tmp_path)
    assert ([error.code for error in result.errors], [warning.code for warning in result.warnings]) == ([], codes)
    composite = next(slo.sli for slo in result.slos if slo.id == "experience")
    assert isinstance(composite, Composite)
    assert composite.patience == timedelta(hours=6)


def test_a_condition_without_a_window_averages_over_five_minutes(tmp_path: Path) -> None:
    text = (_FIXTURES / "objects-good.yaml").read_text()
    found = []
    for window in ("alertingWindow: 5m, ", ""):
        (tmp_path / "shop.yaml").write_text(text.replace("alertingWindow: 1h, ", window))
        found.append([slo.alerting for slo in load_documents(tmp_path).slos])
    assert found[0] == found[1]


def test_a_slice_is_a_minute(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(_OBJECTIVES[: _OBJECTIVES.index("  composite:")])
    slis = [slo.sli for slo in load_documents(tmp_path).slos]
    assert [sli.rule.length for sli in slis if isinstance(sli, TimeSlices)] == [timedelta(minutes=1)] * 2
