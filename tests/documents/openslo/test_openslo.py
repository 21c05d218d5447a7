"""Objects of OpenSLO refer to each other across documents and files, and load the same inline or by reference."""

import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from app.documents import LoadResult, load_documents
from app.sli import Comparison, Composite, Condition, Expression, TimeSlices, sli_of
from app.slo import CalendarUnit, CalendarWindow, RollingWindow, Severity, SliceRule, SliKind

_MINUTE = timedelta(minutes=1)
_FIXTURES = Path(__file__).parent / "fixtures"
_SLO = """
apiVersion: openslo/v1
kind: SLO
metadata: {{name: a}}
spec:
  service: shop
  budgetingMethod: {method}
  timeWindow: [{window}]
  indicator: {{spec: {{ratioMetric: {{counter: {counter}, good: {good}, total: {total}}}}}}}
  objectives: [{{target: 0.99, {slices}}}]
"""


def _load(*names: str) -> LoadResult:
    result = load_documents(*(_FIXTURES / name for name in names))
    assert result.errors == ()
    return result


def _slo(
    folder: Path,
    *,
    window: str = "{duration: 28d, isRolling: true}",
    counter: str = "true",
    good: str = 'a_total{code="200"}',
    total: str = "a_total",
    method: str = "Occurrences",
    slices: str = "",
) -> LoadResult:
    good, total = (f"{{metricSource: {{type: Prometheus, spec: {{query: '{query}'}}}}}}" for query in (good, total))
    text = _SLO.format(window=window, counter=counter, good=good, total=total, method=method, slices=slices)
    (folder / "slo.yaml").write_text(text)
    return load_documents(folder / "slo.yaml")


def test_an_slo_of_inline_objects_loads() -> None:
    result = _load("inline.yaml")
    (slo,) = result.slos
    assert result.warnings == ()
    assert (slo.id, slo.service, slo.description) == ("checkout-availability", "checkout", "Payments are taken.")
    assert slo.objective == pytest.approx(0.999)
    assert slo.window == RollingWindow(timedelta(weeks=4))
    assert dict(slo.labels) == {"team": "payments", "env": "prod"}
    errors = 'http_requests_total{job="checkout",code=~"5.."}'
    assert slo.sli == sli_of(total='http_requests_total{job="checkout"}', bad=errors)


def test_each_severity_of_the_policies_is_an_alert() -> None:
    (slo,) = _load("inline.yaml").slos
    page, ticket = slo.alerting.policies
    assert [(rule.name, rule.factor) for rule in page.rules] == [("1h/5m", 14.4)]
    assert (page.pending_for, dict(page.labels)) == (timedelta(minutes=5), {"severity": "critical"})
    assert (ticket.severity, [(rule.name, rule.factor) for rule in ticket.rules]) == (Severity.TICKET, [("3d/6h", 1.0)])


def test_references_across_files_say_the_same_as_inline_objects() -> None:
    referred = _load("referred.yaml", "referred-too.yaml")
    assert referred.slos == _load("inline.yaml").slos
    assert referred.warnings == ()


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_target_that_no_document_has_refuses_no_slo_that_is_whole(tmp_path: Path, *, is_whole: bool) -> None:
    """Routes decide who is notified."""
    policies, more = ((_FIXTURES / name).read_text() for name in ("referred.yaml", "referred-too.yaml"))
    text = policies.replace("targetRef: on-call", "targetRef: nobody")
    (tmp_path / "slo.yaml").write_text(text if is_whole else text.replace("targetPercent: 99.9", "targetPercent: 999"))
    (tmp_path / "more.yaml").write_text(more)
    result = load_documents(tmp_path)
    assert [slo.id for slo in result.slos] == (["checkout-availability"] if is_whole else [])
    targets = [one for one in (*result.errors, *result.warnings) if one.field.endswith("targetRef")]
    assert [one.code for one in targets] == ["unresolved_target" if is_whole else "unresolved_reference"]


def test_objectives_of_the_first_version_are_slos() -> None:
    result = _load("v1alpha.yaml")
    fast, slow = (sli_of(total="a_seconds_count", good=f'a_seconds_bucket{{le="{bound}"}}') for bound in ("0.4", "5"))
    assert [(str(slo.id), slo.objective) for slo in result.slos] == [("latency-fast", 0.99), ("latency-2", 0.999)]
    assert [slo.sli for slo in result.slos] == [fast, slow]
    assert {slo.window for slo in result.slos} == {RollingWindow(timedelta(days=30))}


def test_the_second_version_spells_references_otherwise() -> None:
    (slo,) = _load("v2alpha.yaml").slos
    begins = datetime.fromisoformat("2022-01-01 12:00")
    assert (slo.service, slo.sli) == ("checkout", sli_of(total="a_total", bad='a_total{code="500"}'))
    assert slo.window == CalendarWindow(CalendarUnit.WEEK, "America/New_York", 1, begins)


@pytest.mark.parametrize(
    ("duration", "start", "window"),
    [
        ("1M", "2024-01-01 00:00:00", CalendarWindow(CalendarUnit.MONTH, "Europe/Berlin")),
        ("1m", "2024-01-01 00:00:00", CalendarWindow(CalendarUnit.MONTH, "Europe/Berlin")),
        ("1w", "2024-01-01 00:00:00", CalendarWindow(CalendarUnit.WEEK, "Europe/Berlin")),
        ("3M", "2024-04-01 00:00:00", CalendarWindow(CalendarUnit.QUARTER, "Europe/Berlin")),
        ("1d", "2020-01-21 00:00:00", CalendarWindow(CalendarUnit.DAY, "Europe/Berlin")),
        ("1Y", '"2024-01-01 00:00:00"', CalendarWindow(CalendarUnit.YEAR, "Europe/Berlin")),
    ],
)
def test_windows_of_the_calendar_begin_as_their_start_says(
    duration: str, start: str, window: CalendarWindow, tmp_path: Path
) -> None:
    calendar = f"{{startTime: {start}, timeZone: Europe/Berlin}}"
    result = _slo(tmp_path, window=f"{{duration: {duration}, isRolling: false, calendar: {calendar}}}")
    assert [slo.window for slo in result.slos] == [window]
    assert ("minute_for_month" in {warning.code for warning in result.warnings}) is (duration == "1m")


def test_what_is_called_no_counter_counts_as_one_by_its_name_only(tmp_path: Path) -> None:
    result = _slo(tmp_path, counter="false")
    assert [slo.sli for slo in result.slos] == [sli_of(total="a_total", good='a_total{code="200"}')]
    assert "taken_as_counter" in {warning.code for warning in result.warnings}


@pytest.mark.parametrize(("good", "total"), [('sum(a{code="200"})', "sum(a)"), ("sum(up)", "count(up)")])
def test_counts_of_an_interval_that_are_summed_are_evaluated(good: str, total: str, tmp_path: Path) -> None:
    result = _slo(tmp_path, counter="false", good=good, total=total)
    assert [slo.sli.kind for slo in result.slos] == [SliKind.EXPRESSION]
    codes = {warning.code for warning in result.warnings}
    assert "evaluated" in codes
    assert "taken_as_counter" not in codes


@pytest.mark.parametrize(("counter", "query"), [("true", "a_total"), ("false", "up"), ("true", "max(a)")])
def test_all_events_as_the_good_ones_are_a_warning_at_these(counter: str, query: str, tmp_path: Path) -> None:
    result = _slo(tmp_path, counter=counter, good=query, total=query)
    assert result.errors == ()
    (found,) = (warning for warning in result.warnings if warning.code == "never_bad")
    assert "good" in found.field


@pytest.mark.parametrize(
    ("method", "slices", "rule"),
    [
        ("Timeslices", "timeSliceTarget: 0.95, timeSliceWindow: 5m", SliceRule(length=5 * _MINUTE, target=0.95)),
        ("Timeslices", "timeSliceTarget: 1", SliceRule(length=_MINUTE, target=1.0)),
        ("RatioTimeslices", "timeSliceWindow: 1m", SliceRule(length=_MINUTE, target=None)),
    ],
)
def test_slices_are_judged_by_their_target_or_count_by_their_ratio(
    method: str, slices: str, rule: SliceRule, tmp_path: Path
) -> None:
    result = _slo(tmp_path, method=method, slices=slices)
    counted = sli_of(total="a_total", good='a_total{code="200"}')
    assert [slo.sli for slo in result.slos] == [TimeSlices(of=counted, rule=rule)]
    assert ("time_slice_window" in {warning.code for warning in result.warnings}) is ("Window" not in slices)


@pytest.mark.parametrize("slices", ["timeSliceWindow: 1m", "timeSliceTarget: 0.9, timeSliceWindow: 2h"])
def test_slices_need_a_target_and_a_length_that_can_be_evaluated(slices: str, tmp_path: Path) -> None:
    assert len(_slo(tmp_path, method="Timeslices", slices=slices).errors) == 1


@pytest.mark.parametrize(
    ("query", "is_counted"), [("probe_success", True), ("sum(min_over_time(queue_length[2m]))", False)]
)
def test_a_threshold_counts_samples_of_a_metric_and_evaluates_the_rest(
    query: str, is_counted: bool, tmp_path: Path
) -> None:
    text = f"""
apiVersion: openslo/v1
kind: SLO
metadata: {{name: a}}
spec:
  service: shop
  budgetingMethod: Occurrences
  timeWindow: [{{duration: 28d, isRolling: true}}]
  indicator: {{spec: {{thresholdMetric: {{metricSource: {{type: Prometheus, spec: {{query: '{query}'}}}}}}}}}}
  objectives: [{{target: 0.99, op: gte, value: 1}}]
"""
    (tmp_path / "slo.yaml").write_text(text)
    result = load_documents(tmp_path)
    evaluated = Expression(expression=query, good_when=Condition(Comparison.AT_LEAST, 1.0), every=_MINUTE)
    assert result.errors == ()
    assert ([slo.sli for slo in result.slos] == [evaluated]) is not is_counted
    assert ("evaluated" in {warning.code for warning in result.warnings}) is not is_counted


def test_ranges_need_no_counter(tmp_path: Path) -> None:
    result = _slo(tmp_path, counter="false", good='sum(rate(a{code="200"}[5m]))', total="sum(rate(a[5m]))")
    assert [slo.sli for slo in result.slos] == [sli_of(total="a", good='a{code="200"}')]


def test_everything_that_is_wrong_or_ignored_is_said() -> None:
    """The findings are those that were reviewed; UPDATE_GOLDEN=1 writes them again."""
    file = _FIXTURES / "objects-bad.yaml"
    result = load_documents(file)
    lines = [str(found).replace(f"{_FIXTURES}{os.sep}", "") for found in (*result.errors, *result.warnings)]
    golden = file.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text("".join(f"{line}\n" for line in lines))
    assert "".join(f"{line}\n" for line in lines) == golden.read_text()


_COMPOSITE = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: journey}
spec:
  service: shop
  budgetingMethod: Occurrences
  timeWindow: [{duration: 28d, isRolling: true}]
  objectives:
    - displayName: Cart
      target: 0.99
      compositeWeight: 3
      indicator: {metadata: {name: cart}, spec: {ratioMetric: {counter: true, total: *A, bad: *B}}}
    - displayName: Pay
      target: 0.95
      indicator: {metadata: {name: pay}, spec: {ratioMetric: {counter: true, total: *A, good: *B}}}
"""


def test_objectives_with_indicators_of_their_own_are_a_composite(tmp_path: Path) -> None:
    """Its error budget is the weighted mean of theirs: (3 x 1% + 5%) / 4."""
    text = _COMPOSITE
    for anchor, query in (("*A", "sum(all_total)"), ("*B", "sum(part_total)")):
        text = text.replace(anchor, f"{{metricSource: {{type: Prometheus, spec: {{query: {query}}}}}}}")
    (tmp_path / "slo.yaml").write_text(text)
    result = load_documents(tmp_path)
    assert not result.errors
    assert "composite" in {warning.code for warning in result.warnings}
    slos = {str(slo.id): slo for slo in result.slos}
    composite = slos["journey"].sli
    assert isinstance(composite, Composite)
    assert slos["journey"].objective == pytest.approx(0.98)
    parts = [("journey-cart", 3, slos["journey-cart"].sli), ("journey-pay", 1, slos["journey-pay"].sli)]
    assert [(part.slo, part.weight, part.sli) for part in composite.parts] == parts
    assert [slos[name].alerting.alerts for name, _, _ in parts] == [(), ()]


_FAULTY = """
apiVersion: openslo/v1
kind: SLO
metadata: {name: a}
spec:
  service: shop
  owner: me
  budgetingMethod: Occurrences
  timeWindow: [{duration: 1 month, isRolling: true}]
  indicator:
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: Prometheus, spec: {query: 'sum('}}}
        total: {metricSource: {type: Prometheus, spec: {query: a_total}}}
  objectives: [{target: 1}]
  alertPolicies: [{alertPolicyRef: none}]
"""


def test_a_fault_hides_no_other_fault_of_its_object(tmp_path: Path) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text(_FAULTY)
    result = load_documents(file)
    assert result.slos == ()
    assert {error.field for error in result.errors} == {
        "spec.timeWindow[0].duration",
        "spec.objectives[0].target",
        "spec.indicator.spec.ratioMetric.good.metricSource.spec.query",
        "spec.alertPolicies[0].alertPolicyRef",
    }
    assert [(warning.code, warning.field) for warning in result.warnings] == [("unknown_key", "spec.owner")]


@pytest.mark.parametrize(("characters", "errors"), [(1_050, 0), (1_051, 1)])
def test_a_description_is_as_long_as_the_schema_allows(tmp_path: Path, characters: int, errors: int) -> None:
    text = (_FIXTURES / "inline.yaml").read_text().replace("Payments are taken.", "x" * characters)
    (tmp_path / "slo.yaml").write_text(text)
    assert len(load_documents(tmp_path).errors) == errors
