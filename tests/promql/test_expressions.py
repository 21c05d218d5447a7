"""PromQL as documents of several tools have it: the window is a placeholder."""

import promql_parser as promql
import pytest

from app.promql.expressions import PLACEHOLDER, ExpressionError, parse_expression


@pytest.mark.parametrize(
    "window",
    [
        "{{.window}}",
        "{{ .window }}",
        "{{- .Window -}}",
        "w",
        " w ",
        "window",
        "WINDOW",
        "$window",
        "${window}",
        "$__rate_interval",
        "${__rate_interval}",
        "$__interval",
        "$__range",
        "%window%",
        "<window>",
        "{window}",
    ],
)
def test_a_placeholder_is_a_range(window: str) -> None:
    expr = parse_expression(f"rate(m[{window}])")
    assert isinstance(expr, promql.Call)
    assert isinstance(expr.args[0], promql.MatrixSelector)
    assert expr.args[0].range == PLACEHOLDER


def test_what_looks_like_a_placeholder_in_a_string_or_a_comment_is_none() -> None:
    expr = parse_expression('m{a="[w]",b="x[window]\\"{{",c=\'[w]\',d=`[w]`} # [w] {{ x }}')
    assert isinstance(expr, promql.VectorSelector)
    assert {found.name: found.value for found in expr.matchers.matchers} == {
        "a": "[w]",
        "b": 'x[window]"{{',
        "c": "[w]",
        "d": "[w]",
    }


def test_a_placeholder_of_a_subquery_is_its_range() -> None:
    expr = parse_expression("max_over_time(up[{{.window}}:1m])")
    assert isinstance(expr, promql.Call)
    assert isinstance(expr.args[0], promql.SubqueryExpr)
    assert expr.args[0].range == PLACEHOLDER


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rate(m{{ include `labels` }}[w])", "template"),
        ("{{`sum(rate(m[w]))`}}", "template"),
        ("rate(m[{{.other}}])", "not PromQL"),
        ("rate(m[5m]", "not PromQL"),
        ("", "not PromQL"),
        ("m" * 9000, "characters"),
    ],
)
def test_what_is_no_promql_is_refused_with_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ExpressionError, match=says) as refused:
        parse_expression(text)
    assert refused.value.remedy
