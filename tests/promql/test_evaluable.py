"""Which expressions have a value at each time."""

import pytest

from app.promql.evaluable import Quantile, bare_counter, evaluable, quantile_of
from app.promql.expressions import ExpressionError


@pytest.mark.parametrize(
    "text",
    [
        "1 - sum(rate(ok[5m])) / sum(rate(all[5m]))",
        "avg_over_time((up == bool 0)[5m:30s])",
        "sum(a) / on () sum(b) or vector(0)",
        "a and on (job) b > 0 or c",
        "(up > bool 0)",
        "job:slo_errors:ratio5m",
    ],
)
def test_what_has_a_value(text: str) -> None:
    assert evaluable(f"  {text}\n") == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("up[5m]", "is a range"),
        ("up[5m:1m]", "is a range"),
        ("1", "is a constant"),
        ("(queue_length > 100)", "leaves out what does not fulfil it"),
        ("rate(a[{{.window}}])", "placeholder"),
        ("sum(", "is not PromQL"),
    ],
)
def test_what_has_none(text: str, problem: str) -> None:
    with pytest.raises(ExpressionError) as error:
        evaluable(text)
    assert problem in error.value.problem


@pytest.mark.parametrize(
    ("text", "quantile"),
    [
        ("(histogram_quantile(0.95, sum by (le) (rate(h_bucket[5m]))))", Quantile(quantile=0.95, histogram="h")),
        ("histogram_quantile(0.95, sum(rate(h[5m])))", None),
        ("1 - histogram_quantile(0.95, sum by (le) (rate(h_bucket[5m])))", None),
        ("max(h_bucket)", None),
    ],
)
def test_quantiles(text: str, quantile: Quantile | None) -> None:
    assert quantile_of(text) == quantile


@pytest.mark.parametrize(
    ("text", "counter"),
    [
        ("sum(m_total) > 5", "m_total"),
        ("max_over_time(m_count[5m]) / on (job) up", "m_count"),
        ("rate(a_total[5m]) * on (job) group_left b_total", "b_total"),
        ("avg_over_time(sum(m_bucket)[5m:1m])", "m_bucket"),
        ("sum(rate(m_total[5m])) unless on (job) n_total", None),
        ("count(m_total) by (job) > bool 0 or absent(m_total)", None),
        ("increase(m_total[5m]) > bool queue_length", None),
        ("max_over_time(rate(m_total[5m])[1h:1m])", None),
    ],
)
def test_counters_whose_value_is_taken(text: str, counter: str | None) -> None:
    assert bare_counter(text) == counter
