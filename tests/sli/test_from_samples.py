"""From PromQL over samples to SLIs of gauges, and what is evaluated since it is neither that nor a sum of counters."""

import numpy as np
import pytest

from app.promql.selector_text import parse_selector
from app.sli import Comparison, Condition, Gauge, GaugeSums
from app.sli.any_promql import EVALUATED, QUANTILE, sli_of_any_error_ratio, sli_of_any_events
from app.sli.errors import QueryFaultError
from app.slo import Events, Sli, SliKind

UP = Gauge(total=parse_selector('up{job="x"}'), good_when=Condition(Comparison.EQUAL, 1.0))
PODS = GaugeSums(total=parse_selector("desired"), selected=parse_selector("unavailable"), by=("ns",))
LOW = Gauge(total=parse_selector("ratio"), good_when=Condition(Comparison.LESS, 0.9))


@pytest.mark.parametrize(
    ("total", "bad", "good", "sli"),
    [
        (
            'sum(count_over_time(up{job="x"}[{{.window}}]))',
            'sum(count_over_time(up{job="x"}[{{.window}}])) - sum(sum_over_time(up{job="x"}[{{.window}}]))',
            None,
            UP,
        ),
        ('sum(count_over_time(up{job="x"}[5m]))', None, 'sum(sum_over_time(up{job="x"}[5m]))', UP),
        (
            'count_over_time(up{job="x"}[w])',
            'clamp_min(count_over_time(up{job="x"}[w]) - sum_over_time(up{job="x"}[w]), 0) or vector(0)',
            None,
            UP,
        ),
        (
            "sum by (ns) (sum_over_time(desired[w]))",
            "sum by (ns) (sum_over_time(unavailable[w]))",
            None,
            PODS,
        ),
        ("sum(count_over_time(ratio[w:]))", "sum(count_over_time((ratio >= 0.9)[w:]))", None, LOW),
        ("count_over_time((ratio)[w:])", None, "sum_over_time((0.9 > bool ratio)[w:1m])", LOW),
        ('count_over_time(up{job="x"}[w])', 'sum_over_time((1 - up{job="x"})[w:])', None, UP),
    ],
)
def test_sums_of_samples(total: str, bad: str | None, good: str | None, sli: Sli) -> None:
    reduced = sli_of_any_events(total=total, bad=bad, good=good)
    assert reduced.sli == sli
    assert reduced.findings == ()


@pytest.mark.parametrize(
    ("expression", "sli"),
    [
        ('1 - avg(avg_over_time(up{job="x"}[{{.window}}]))', UP),
        ('1 - sum(sum_over_time(up{job="x"}[w])) / sum(count_over_time(up{job="x"}[w]))', UP),
        ("sum by (ns) (sum_over_time(unavailable[w])) / sum by (ns) (sum_over_time(desired[w]))", PODS),
        ("avg_over_time((ratio >= bool 0.9)[w:])", LOW),
        ('avg_over_time((1 - up{job="x"})[w:1m])', UP),
    ],
)
def test_ratios_of_samples(expression: str, sli: Sli) -> None:
    assert sli_of_any_error_ratio(expression).sli == sli


def test_what_a_gauge_counts_is_what_is_written() -> None:
    """Of a gauge that is not known to be 0 or 1, count - sum is no number of samples that are not 1."""
    queries = ("sum(count_over_time(busy[w]))", "sum(count_over_time(busy[w])) - sum(sum_over_time(busy[w]))")
    sli = sli_of_any_events(total=queries[0], bad=queries[1]).sli
    assert sli.kind is SliKind.GAUGE
    total = bad = 0.0
    for contribution in sli.contributions({"__name__": "busy"}):
        assert contribution.events is not None
        events = float(contribution.events.of(np.array([0.0, 0.25, 1.0])).sum())
        total, bad = total + events * contribution.weights.total, bad + events * contribution.weights.bad
    assert (total, bad) == (3.0, 1.75)


def test_terms_of_different_gauges() -> None:
    sli = sli_of_any_events(
        total='sum(count_over_time(cond{status="true"}[w]))', bad='sum(sum_over_time(cond{status!="true"}[w]))'
    ).sli
    (total,) = sli.contributions({"__name__": "cond", "status": "true"})
    (bad,) = sli.contributions({"__name__": "cond", "status": "unknown"})
    assert (total.weights.total, total.weights.bad) == (1.0, 0.0)
    assert (bad.weights.total, bad.weights.bad) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("expression", "evaluated"),
    [
        ("1 - job:availability:ratio", "1 - job:availability:ratio"),
        (
            "sum(rate(a[{{.window}}]) * on (job) b) / sum(rate(c[5m]))",
            "sum(rate(a[5m]) * on (job) b) / sum(rate(c[5m]))",
        ),
    ],
)
def test_what_is_neither_is_evaluated_and_said(expression: str, evaluated: str) -> None:
    reduced = sli_of_any_error_ratio(expression)
    assert reduced.sli.evaluated is not None
    assert reduced.sli.evaluated.value == evaluated
    assert [finding.code for finding in reduced.findings] == [EVALUATED]


@pytest.mark.parametrize("operator", [">", "> bool"])
def test_a_quantile_is_bad_while_it_is_above_its_threshold(operator: str) -> None:
    """Also where the author left `bool` out: no value below the threshold would be missing data."""
    quantile = "histogram_quantile(0.95, sum by (le) (rate(m_bucket[{range}])))"
    reduced = sli_of_any_error_ratio(f"{quantile.format(range='{{.window}}')} {operator} 0.2")
    assert reduced.sli.evaluated is not None
    assert reduced.sli.evaluated.value == f"{quantile.format(range='5m')} > bool 0.2"
    assert [finding.code for finding in reduced.findings] == [EVALUATED, QUANTILE]


@pytest.mark.parametrize(
    ("total", "bad", "kind"),
    [
        ("sum(kube_pod_status_ready)", 'sum(kube_pod_status_ready{condition="false"})', SliKind.EXPRESSION),
        ("sum(spec_replicas)", "sum(spec_replicas - available_replicas)", SliKind.EXPRESSION),
        ("sum(requests_total)", 'sum(requests_total{code="500"})', SliKind.COUNTERS),
        ("sum(rate(requests[w]))", 'sum(rate(requests{code="500"}[w]))', SliKind.COUNTERS),
    ],
)
def test_increases_of_what_may_be_a_gauge_are_not_counted(total: str, bad: str, kind: SliKind) -> None:
    assert sli_of_any_events(total=total, bad=bad).sli.kind is kind
    assert sli_of_any_error_ratio(f"{bad} / {total}").sli.kind is kind


def test_selectors_of_documents_that_mean_counters_are_counters() -> None:
    assert sli_of_any_events(total="requests", bad="failures", are_counters=True).sli.kind is SliKind.COUNTERS


@pytest.mark.parametrize(
    ("by", "total"),
    [
        (("svc",), 'sum by (svc) (label_replace(rate(m[w]), "svc", "$1", "path", "/(.*)"))'),
        (("ns", "svc"), "1 * sum by (ns, svc) (rate(m[w]) * on (pod) group_left (ns) labels)"),
        ((), "sum(rate(m[w]) * on (pod) group_left (ns) labels)"),
        ((), "rate(m[w]) * on (pod) group_left (ns) labels"),
    ],
)
def test_what_is_evaluated_has_the_groups_that_are_written(by: tuple[str, ...], total: str) -> None:
    """Without them the part of several series and the total of several could not be divided."""
    sli = sli_of_any_events(total=total, bad=total.replace("m[w]", 'm{code="500"}[w]')).sli
    assert (sli.kind, sli.by) == (SliKind.EXPRESSION, by)


def test_events_that_are_neither_weigh_by_their_total() -> None:
    reduced = sli_of_any_events(total="sum(rate(a[w]) * on (job) b)", bad="sum(rate(c[w]))", by=("job",))
    evaluated = reduced.sli.evaluated
    assert evaluated is not None
    total = "sum(rate(a[5m]) * on (job) b)"
    assert evaluated.weight == total
    assert evaluated.value == f"((sum(rate(c[5m]))) or on (job) 0 * ({total})) / on (job) ({total})"


@pytest.mark.parametrize("expression", ["max(quantile_seconds) > 0.2", "sum(", "up[5m]"])
def test_what_would_be_wrong_in_silence_is_refused(expression: str) -> None:
    with pytest.raises(QueryFaultError):
        sli_of_any_error_ratio(expression)


def test_good_events_of_sums() -> None:
    sli = sli_of_any_events(total="sum(sum_over_time(desired[w]))", good="sum(sum_over_time(ready[w]))").sli
    assert sli == GaugeSums(total=parse_selector("desired"), selected=parse_selector("ready"), events=Events.GOOD)


@pytest.mark.parametrize(
    ("total", "bad"),
    [
        ("sum(rate(a_total[w]))", "sum by (ns) (rate(b_total[w]))"),
        ("sum by (ns) (rate(a_total[w]))", "sum(rate(b_total[w]))"),
        ("sum(count_over_time(up[w]))", "sum by (ns) (count_over_time((up == 0)[w:]))"),
    ],
)
def test_a_part_by_other_labels_than_its_total_is_refused(total: str, bad: str) -> None:
    """No series of one has the labels of one of the other, so Prometheus would divide nothing."""
    with pytest.raises(QueryFaultError) as refused:
        sli_of_any_events(total=total, bad=bad)
    assert refused.value.code == "different_labels"


@pytest.mark.parametrize(
    "expression",
    [
        "100 * sum(rate(errors_total[w])) / sum(rate(requests_total[w]))",
        "sum(rate(requests_total{code='500'}[w])) / sum(rate(requests_total[w])) * 100",
        "100 * avg(1 - slo:availability:ratio)",
    ],
)
def test_a_ratio_in_percent_is_refused(expression: str) -> None:
    with pytest.raises(QueryFaultError) as refused:
        sli_of_any_error_ratio(expression)
    assert refused.value.code == "more_than_all"


def test_a_function_over_the_values_of_a_sum_has_one_series() -> None:
    total, bad = (f"sum_over_time((count(satisfaction {only}))[w:])" for only in ("", "< 0.5"))
    reduced = sli_of_any_events(total=total, bad=f"{bad} OR on() vector(0)")
    assert [finding.code for finding in reduced.findings] == [EVALUATED]


def test_series_that_are_not_summed_are_added_up_and_said_at_their_query() -> None:
    reduced = sli_of_any_events(total="sum(rate(a_total[w]))", bad="rate(a_total[w]) and on (pod) ready == 0")
    assert "sum(rate(a_total[5m]) and on (pod) ready == 0)" in reduced.sli.query
    found = {finding.code: finding.field for finding in reduced.findings}
    assert found == {EVALUATED: "bad", "pooled": "bad"}
