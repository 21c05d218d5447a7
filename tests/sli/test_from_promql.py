"""PromQL to SLIs: what counts the same is the same SLI however it is written, and what cannot be counted is refused."""

import pytest

from app.promql.selector_text import parse_selector, render
from app.sli import (
    NotExpressibleError,
    QueryFaultError,
    reduce_error_ratio,
    reduce_events,
    sli_of,
    sli_of_bad,
    sli_of_error_ratio,
    sli_of_good,
)
from app.slo import Sli

ERRORS = sli_of_bad(total=parse_selector("m"), bad=parse_selector('m{code=~"5.."}'))
GOOD = sli_of_good(total=parse_selector("m"), good=parse_selector("ok"))
FAST = sli_of_good(total=parse_selector("h_count"), good=parse_selector('h_bucket{le=~"1|1\\\\.0"}'))
PER_ROUTE = sli_of_bad(total=parse_selector("m"), bad=parse_selector('m{code=~"5.."}'), by=("route", "method"))

TOTAL = "sum(rate(m[w]))"
BAD = 'sum(rate(m{code=~"5.."}[w]))'
COUNT = "sum(rate(h_count[w]))"
BUCKET = 'sum(rate(h_bucket{le="1"}[w]))'


@pytest.mark.parametrize(
    ("total", "bad", "sli"),
    [
        ("m", 'm{code=~"5.."}', ERRORS),
        (TOTAL, BAD, ERRORS),
        ("m", BAD, ERRORS),
        ("(sum((rate(m[w]))))", f"(({BAD}))", ERRORS),
        ("sum(increase(m[w]))", 'sum(increase(m{code=~"5.."}[w]))', ERRORS),
        ("sum(irate(m[w]))", 'sum(irate(m{code=~"5.."}[w]))', ERRORS),
        ("rate(m[w])", 'rate(m{code=~"5.."}[w])', ERRORS),
        ("sum(m)", 'sum(m{code=~"5.."})', ERRORS),
        ("sum(sum by (a) (sum without (b) (rate(m[w]))))", BAD, ERRORS),
        (f"{TOTAL} * 60", f"60 * {BAD}", ERRORS),
        (f"{TOTAL} / 3", f"{BAD} / 3", ERRORS),
        (f"{TOTAL} > 0", f"{BAD} or vector(0)", ERRORS),
        (TOTAL, f"{BAD} OR on() vector(0)", ERRORS),
        (TOTAL, f"{BAD} or 0 * {TOTAL}", ERRORS),
        (TOTAL, f"{BAD} or {TOTAL} * 0", ERRORS),
        (TOTAL, 'sum(rate(m{code=~"5.."}[w]) or rate(m[w]) * 0)', ERRORS),
        (f"clamp_min({TOTAL}, 0)", f"clamp_min({BAD}, 0)", ERRORS),
        (TOTAL, f"-(-{BAD})", ERRORS),
        (TOTAL, f"{BAD} + 0 - 0", ERRORS),
        (TOTAL, f"{BAD} / {TOTAL} * {TOTAL}", ERRORS),
        (TOTAL, 'sum(label_replace(rate(m{code=~"5.."}[w]), "x", "$1", "y", "(.*)"))', ERRORS),
        (TOTAL, f"{TOTAL} - sum(rate(ok[w]))", GOOD),
        ("m", "m - ok", GOOD),
        (TOTAL, f"-sum(rate(ok[w])) + {TOTAL}", GOOD),
        (TOTAL, f"clamp_min({TOTAL} - sum(rate(ok[w])), 0)", GOOD),
        (COUNT, f"{COUNT} - {BUCKET}", FAST),
        (COUNT, f"clamp_min({COUNT} - {BUCKET}, 0)", FAST),
        ("h_count", 'h_count - h_bucket{le="1"}', FAST),
        (COUNT, 'sum(rate(h_count[w])) - sum(rate(h_bucket{le="1.0"}[w]))', FAST),
        ("sum by (route, method) (rate(m[w]))", 'sum by (method, route) (rate(m{code=~"5.."}[w]))', PER_ROUTE),
        ("sum by (route, method) (rate(m[w]))", "m{code=~'5..'}", PER_ROUTE),
    ],
)
def test_queries_of_total_and_bad_events_are_one_sli_however_they_are_written(total: str, bad: str, sli: Sli) -> None:
    assert sli_of(total=total, bad=bad) == sli


@pytest.mark.parametrize(
    ("total", "good", "sli"),
    [
        ("m", "ok", GOOD),
        (TOTAL, "sum(rate(ok[w]))", GOOD),
        (COUNT, BUCKET, FAST),
        (TOTAL, f"{TOTAL} - {BAD}", ERRORS),
    ],
)
def test_queries_of_total_and_good_events_are_one_sli_however_they_are_written(total: str, good: str, sli: Sli) -> None:
    assert sli_of(total=total, good=good) == sli


@pytest.mark.parametrize(
    ("expression", "sli"),
    [
        (f"{BAD} / {TOTAL}", ERRORS),
        (f"({BAD}) / ({TOTAL} > 0)", ERRORS),
        (f"{BAD} / {TOTAL} or vector(0)", ERRORS),
        (f"{BAD} / clamp_min({TOTAL}, 0.001)", ERRORS),
        (f"1 - ((sum(rate(ok[w])) / ({TOTAL} > 0)) or on () vector(1))", GOOD),
        (f"{BAD} / {TOTAL} > 0 or vector(0)", ERRORS),
        ('sum(increase(m{code=~"5.."}[w])) / clamp_min(sum(increase(m[w])), 1)', ERRORS),
        (f"clamp({BAD} / {TOTAL}, 0, 1)", ERRORS),
        (f"1 - (1 - {BAD} / {TOTAL})", ERRORS),
        (f"{BAD} / {TOTAL} * {TOTAL} / {TOTAL}", ERRORS),
        (f"{BAD} / {COUNT} * {COUNT} / {TOTAL}", ERRORS),
        (f"1 - sum(rate(ok[w])) / {TOTAL}", GOOD),
        (f"({TOTAL} - sum(rate(ok[w]))) / {TOTAL}", GOOD),
        (f"clamp_min({TOTAL} - sum(rate(ok[w])), 0) / {TOTAL}", GOOD),
        (f"clamp_min(1 - sum(rate(ok[w])) / {TOTAL}, 0)", GOOD),
        (f"-sum(rate(ok[w])) / {TOTAL} + 1", GOOD),
        (f"1 - {BUCKET} / {COUNT}", FAST),
        (
            'sum by (route, method) (rate(m{code=~"5.."}[w])) / sum by (route, method) (rate(m[w]))',
            PER_ROUTE,
        ),
        (
            f"sum by (route,method) ({BAD[4:-1]}) / on (route,method) group_left () sum by (method,route) (rate(m[w]))",
            PER_ROUTE,
        ),
    ],
)
def test_an_error_ratio_is_the_sli_of_its_events(expression: str, sli: Sli) -> None:
    assert sli_of_error_ratio(expression) == sli


def test_groups_that_are_asked_for_narrow_those_of_the_query() -> None:
    by_both = "sum by (route, method) (rate(m[w]))"
    assert sli_of(total=by_both, bad='m{code=~"5.."}', by=("route",)).by == ("route",)
    assert sli_of(total=TOTAL, bad=BAD, by=("route",)).by == ("route",)


@pytest.mark.parametrize(
    "total",
    [
        "avg(rate(m[w]))",
        "max by (job) (rate(m[w]))",
        "count(m)",
        "topk(1, rate(m[w]))",
        "quantile(0.9, rate(m[w]))",
        "sum(rate(m[w] offset 5m))",
        "sum(rate(m[w] @ 5))",
        "sum(rate(m[w:1m]))",
        "sum(sum_over_time(m[w]))",
        "count_over_time(m[w])",
        "sum(rate(m[w])) > 5",
        "sum(rate(m[w])) >= bool 0",
        "sum(rate(m[w]) and rate(ok[w]))",
        "sum(rate(m[w])) unless sum(rate(ok[w]))",
        "sum(rate(m[w])) or sum(rate(ok[w]))",
        "sum(rate(m[w])) + 1",
        "clamp_min(sum(rate(m[w])), 0.1)",
        "clamp_max(sum(rate(m[w])), 100)",
        "clamp_min(sum(rate(m[w])) - sum(rate(ok[w])), 0)",
        "sum(clamp_min(rate(m[w]) * -1, 0))",
        "rate(m[w]) + rate(ok[w])",
        "rate(m[w]) + ignoring(le) rate(ok[w])",
        "sum by (a) (rate(m[w])) + sum(rate(ok[w]))",
        "sum by (a) (sum by (b) (rate(m[w])))",
        "sum by (a) (rate(m[w])) * on (a) group_left (x) sum by (a) (rate(ok[w]))",
        'sum by (x) (label_replace(rate(m[w]), "x", "$1", "y", "(.*)"))',
        "sum(rate(m[w])) * sum(rate(ok[w]))",
        "sum(rate(m[w])) / sum(rate(ok[w]))",
        "1 / sum(rate(m[w]))",
        "sum(rate(m[w])) % 5",
        "sum(rate(m[w])) ^ 2",
        "vector(1)",
        "time()",
        "42",
        "round(sum(rate(m[w])))",
        "histogram_quantile(0.9, sum by (le) (rate(m_bucket[w])))",
        "histogram_sum(sum(rate(m[w])))",
        "histogram_fraction(0, scalar(a), sum(rate(m[w])))",
        "absent(m)",
        f"{'(' * 150}m{')' * 150}",
    ],
)
def test_what_is_no_sum_of_counters_is_left_to_other_kinds(total: str) -> None:
    with pytest.raises(NotExpressibleError) as refused:
        sli_of(total=total, bad=BAD)
    assert not isinstance(refused.value, QueryFaultError)
    assert refused.value.field == "total"
    assert refused.value.reason
    assert refused.value.remedy


@pytest.mark.parametrize(
    "expression",
    [
        "sum(m)",
        "rate(ok[w]) / rate(m[w])",
        "ok / m",
        "sum(rate(ok[w]) / rate(m[w]))",
        "avg(rate(ok[w]) / rate(m[w]))",
        "sum by (a) (rate(ok[w])) / sum by (b) (rate(m[w]))",
        "sum by (a) (rate(ok[w])) / ignoring (a) group_left () sum(rate(m[w]))",
        "sum without (a) (rate(ok[w])) / sum without (a) (rate(m[w]))",
        "sum(rate(ok[w])) / sum(rate(m[w])) > 0.1",
        "sum(rate(ok[w])) / sum(rate(m[w])) / sum(rate(m[w]))",
        "clamp_min(sum(rate(ok[w])) / sum(rate(m[w])), 0.1)",
        "sum(rate(ok[w])) / (sum(rate(m[w])) + 1)",
        "sum(rate(ok[w])) / sum(rate(m[w])) or vector(1)",
        "1 - (sum(rate(ok[w])) / sum(rate(m[w])) or vector(0))",
    ],
)
def test_what_is_no_ratio_of_events_is_left_to_other_kinds(expression: str) -> None:
    with pytest.raises(NotExpressibleError) as refused:
        sli_of_error_ratio(expression)
    assert not isinstance(refused.value, QueryFaultError)


@pytest.mark.parametrize(
    ("total", "bad", "code"),
    [
        ("sum(rate(h_bucket[w]))", "b", "several_buckets"),
        ('h_bucket{le=~"0.5|1"}', "b", "several_buckets"),
        (COUNT, BUCKET, "bucket_as_bad"),
        (COUNT, f"{BUCKET} - sum(rate(h_bucket{{le='+Inf'}}[w])) + 0", "never_bad"),
        (COUNT, f"{BUCKET} - {COUNT}", "never_bad"),
        (TOTAL, f"100 * {BAD}", "more_than_all"),
        ("sum(increase(m[w]))", BAD, "mixed_units"),
        ("sum(rate(m[w])) + sum(m)", BAD, "mixed_units"),
        ("sum(increase(m[5m]))", 'sum(increase(m{code="5"}[10m]))', "mixed_ranges"),
        ("0 * m", BAD, "no_total"),
        ("sum(rate(m[w])", BAD, ""),
        ("m[5m]", BAD, ""),
        ('m{a=~"("}', BAD, ""),
        ("m / 0", BAD, ""),
        ('"m"', BAD, ""),
    ],
)
def test_what_its_author_cannot_mean_is_a_fault(total: str, bad: str, code: str) -> None:
    with pytest.raises(QueryFaultError) as refused:
        sli_of(total=total, bad=bad)
    assert refused.value.code == code


@pytest.mark.parametrize("expression", [BAD, 'sum(increase(m{code=~"5.."}[w]))'])
def test_a_number_of_events_is_no_error_ratio(expression: str) -> None:
    with pytest.raises(NotExpressibleError) as refused:
        sli_of_error_ratio(expression)
    assert refused.value.code == "no_ratio"


@pytest.mark.parametrize(
    ("total", "codes"),
    [
        (TOTAL, []),
        ("m", []),
        ("sum(rate(m[5m]))", ["fixed_range"]),
        ("sum(irate(m[w]))", ["irate"]),
        ("clamp_min(sum(rate(m[w])), 1e-9)", ["divisor_guard"]),
        ("sum(rate(m[5m])) + sum(rate(m[10m]))", ["fixed_range"]),
    ],
)
def test_what_is_counted_otherwise_than_it_is_written_is_said(total: str, codes: list[str]) -> None:
    assert [finding.code for finding in reduce_events(total=total, bad=BAD).findings] == codes


def test_an_error_ratio_says_what_is_counted_otherwise() -> None:
    found = reduce_error_ratio("sum(rate(ok[5m])) / sum(rate(m[5m]))").findings
    assert [finding.code for finding in found] == ["fixed_range"]
    assert "[5m]" in found[0].problem


@pytest.mark.parametrize(
    "ratio",
    [
        "1 - histogram_fraction(0, 0.25, sum(rate(h{job='a'}[w])))",
        "histogram_fraction(0.25, +Inf, sum(rate(h{job='a'}[w])))",
        "1 - histogram_fraction(-Inf, 0.25, sum(increase(h{job='a'}[w])))",
        "1 - sum(rate(h_bucket{le='0.25',job='a'}[w])) / sum(rate(h_count{job='a'}[w]))",
    ],
)
def test_a_share_of_a_native_histogram_is_that_of_a_classic_one(ratio: str) -> None:
    """So that a metric that changes from one to the other goes on."""
    sli = sli_of_error_ratio(ratio)
    assert sli.key == sli_of(total='h_count{job="a"}', good='h_bucket{job="a",le="0.25"}').key
    assert [render(selector) for selector in sli.native] == ['h{job="a"}']


def test_the_count_of_native_histograms_is_a_counter() -> None:
    sli = sli_of(total="histogram_count(sum(rate(h[w])))", bad='histogram_count(sum(rate(h{code="500"}[w])))')
    assert sli == sli_of(total="h_count", bad='h_count{code="500"}')
    assert [render(selector) for selector in sli.native] == ["h"]
