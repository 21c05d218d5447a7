"""Documents of slo-generator over Prometheus load by each method."""

from pathlib import Path

import pytest

from app.documents import LoadResult, load_documents
from app.sli import sli_of
from app.slo import Severity, SliKind

_DOCUMENT = """
apiVersion: {version}
kind: ServiceLevelObjective
metadata:
  name: shop-checkout-availability
  labels: {{service_name: shop, feature_name: checkout, slo_name: availability}}
spec:
  description: Payments are taken.
  backend: {backend}
  method: {method}
  exporters: [prometheus]
  service_level_indicator: {indicator}
  goal: {goal}
"""


def _load(
    folder: Path,
    *,
    method: str = "good_bad_ratio",
    indicator: str = "{filter_good: 'a_total{code=\"200\"}', filter_valid: a_total}",
    backend: str = "prometheus",
    version: str = "sre.google.com/v2",
    goal: str = "0.999",
) -> LoadResult:
    text = _DOCUMENT.format(version=version, backend=backend, method=method, indicator=indicator, goal=goal)
    (folder / "slo.yaml").write_text(text)
    return load_documents(folder)


def test_an_slo_has_the_labels_and_the_window_of_its_configuration(tmp_path: Path) -> None:
    result = _load(tmp_path)
    (slo,) = result.slos
    assert (result.errors, result.warnings) == ((), ())
    assert (slo.id, slo.service, slo.name) == ("shop-checkout-availability", "shop", "availability")
    assert dict(slo.labels) == {"service_name": "shop", "feature_name": "checkout", "slo_name": "availability"}
    assert (str(slo.window), slo.objective) == ("30d", 0.999)
    page = slo.alerting.policy(Severity.PAGE)
    assert page is not None
    assert [rule.name for rule in page.rules] == ["1h/5m", "6h/30m"]


@pytest.mark.parametrize(
    ("indicator", "queries"),
    [
        (
            "{filter_good: 'a_total{code=\"200\"}', filter_valid: a_total}",
            {"total": "a_total", "good": 'a_total{code="200"}'},
        ),
        (
            "{filter_bad: 'a_total{code=\"500\"}', filter_valid: a_total}",
            {"total": "a_total", "bad": 'a_total{code="500"}'},
        ),
        (
            "{filter_good: good_total, filter_bad: bad_total}",
            {"total": "sum(rate(good_total[5m])) + sum(rate(bad_total[5m]))", "bad": "sum(rate(bad_total[5m]))"},
        ),
        (
            "{filter_good: 'a_total{code=\"200\"}[window]', filter_valid: 'a_total[window]', operators: [rate, sum]}",
            {"total": "a_total", "good": 'a_total{code="200"}'},
        ),
        (
            "{filter_bad: 'jobs{state=\"failed\"}[window]', filter_valid: 'jobs[window]'}",
            {"total": "jobs", "bad": 'jobs{state="failed"}'},
        ),
    ],
)
def test_a_ratio_takes_two_of_good_bad_and_all(indicator: str, queries: dict[str, str], tmp_path: Path) -> None:
    result = _load(tmp_path, indicator=indicator)
    assert [slo.sli for slo in result.slos] == [
        sli_of(total=queries["total"], bad=queries.get("bad"), good=queries.get("good"))
    ]


def test_operators_may_add_up_the_samples_of_gauges(tmp_path: Path) -> None:
    filters = "filter_good: 'ready[window]', filter_valid: desired, operators: [sum_over_time, sum]"
    (slo,) = _load(tmp_path, indicator=f"{{{filters}}}").slos
    assert slo.sli.kind is SliKind.GAUGE


@pytest.mark.parametrize("window", ["", "[window]"])
def test_a_cut_is_a_bucket_out_of_the_count(window: str, tmp_path: Path) -> None:
    indicator = f"{{expression: 'a_seconds_bucket{{job=\"a\"}}{window}', threshold_bucket: 0.25}}"
    result = _load(tmp_path, method="distribution_cut", indicator=indicator)
    good = 'a_seconds_bucket{job="a",le="0.25"}'
    assert [slo.sli for slo in result.slos] == [sli_of(total='a_seconds_count{job="a"}', good=good)]


def test_a_query_is_the_ratio_of_good_events(tmp_path: Path) -> None:
    indicator = "{expression: 'sum(rate(a_total{code=\"200\"}[window])) / sum(rate(a_total[window]))'}"
    result = _load(tmp_path, method="query_sli", indicator=indicator)
    assert [slo.sli for slo in result.slos] == [sli_of(total="a_total", good='a_total{code="200"}')]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"version": "sre.google.com/v1"}, "apiVersion"),
        ({"backend": "cloud_monitoring"}, "spec.backend"),
        ({"method": "good_ratio"}, "spec.method"),
        ({"goal": "99.9"}, "spec.goal"),
        ({"indicator": "{filter_good: a_total}"}, "spec.service_level_indicator"),
        ({"method": "query_sli"}, "spec.service_level_indicator"),
        ({"method": "distribution_cut", "indicator": "{expression: a_bucket}"}, "spec.service_level_indicator"),
        (
            {"method": "distribution_cut", "indicator": "{expression: a_total, threshold_bucket: 1}"},
            "spec.service_level_indicator.expression",
        ),
    ],
)
def test_what_cannot_be_counted_is_refused_where_it_is_written(
    changed: dict[str, str], field: str, tmp_path: Path
) -> None:
    (tmp_path / "slo.yaml").write_text("")
    result = _load(tmp_path, **changed)
    assert [error.field for error in result.errors] == [field]
    assert result.slos == ()


_V1 = """
service_name: shop
feature_name: checkout
slo_name: availability
slo_description: Payments are taken.
slo_target: {target}
backend:
  class: Prometheus
  url: http://localhost:9090
  method: {method}
  measurement: {measurement}
exporters: []
"""


@pytest.mark.parametrize(
    ("method", "measurement"),
    [
        ("good_bad_ratio", "{filter_good: 'a_total{code=\"200\"}[window]', filter_valid: 'a_total[window]'}"),
        ("query_sli", "{expression: 'sum(rate(a_total{code=\"200\"}[window])) / sum(rate(a_total[window]))'}"),
    ],
)
def test_a_document_of_version_1_is_the_slo_that_its_migration_makes(
    method: str, measurement: str, tmp_path: Path
) -> None:
    file = tmp_path / "slo.yaml"
    file.write_text(_V1.format(target="0.999", method=method, measurement=measurement))
    result = load_documents(file)
    (slo,) = result.slos
    assert (result.errors, result.warnings) == ((), ())
    assert (slo.id, slo.service, slo.name) == ("shop-checkout-availability", "shop", "availability")
    assert dict(slo.labels) == {"service_name": "shop", "feature_name": "checkout", "slo_name": "availability"}
    assert slo.sli == sli_of(total="a_total", good='a_total{code="200"}')


@pytest.mark.parametrize("text", [_DOCUMENT, _V1], ids=["v2", "v1"])
def test_a_fault_hides_no_other_fault_of_its_document(text: str, tmp_path: Path) -> None:
    file = tmp_path / "slo.yaml"
    faulty = "{filter_good: 'sum(', filter_valid: a_total}"
    keys = {"version": "sre.google.com/v2", "backend": "prometheus", "method": "good_bad_ratio"}
    file.write_text(text.format(**keys, goal="2", target="2", indicator=faulty, measurement=faulty) + "owner: me\n")
    result = load_documents(file)
    assert result.slos == ()
    assert len(result.errors) == 2
    assert [warning.code for warning in result.warnings] == ["unknown_key"]
