"""Whether the value of an expression can be read as it is evaluated again and again, and what it is a quantile of."""

from dataclasses import dataclass

import promql_parser as promql

from app.promql.expressions import ExpressionError, has_placeholder, parse_expression

_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_QUANTILE = "histogram_quantile"
_BUCKET_SUFFIX = "_bucket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """A quantile of a histogram, from 0 to 1; *histogram* is its name without ``_bucket``."""

    quantile: float
    histogram: str


def evaluable(text: str) -> str:
    """The expression without blanks around it.

    Raises:
        ExpressionError: it is not PromQL, or has no value that could be read at each time.
    """
    expr = _inner(parse_expression(text))
    if has_placeholder(text):
        raise ExpressionError("a range is a placeholder for a window", "write how far back it looks: [5m]")
    if isinstance(expr, promql.MatrixSelector | promql.SubqueryExpr):
        raise ExpressionError(
            "the expression is a range, not a value at a time", "write a function over it: avg_over_time(...)"
        )
    if isinstance(expr, promql.NumberLiteral | promql.StringLiteral):
        raise ExpressionError("the expression is a constant", "write an expression over metrics")
    if isinstance(expr, promql.BinaryExpr) and _is_filter(expr):
        raise ExpressionError(
            f"`{expr.op}` leaves out what does not fulfil it, so that good and missing would look the same",
            f"write the left side as expression: and the good values as good_when:, or `{expr.op} bool`",
        )
    return text.strip()


def quantile_of(text: str) -> Quantile | None:
    """The quantile of a classic histogram that an expression is; None if it is none."""
    expr = _inner(parse_expression(text))
    if not isinstance(expr, promql.Call) or expr.func.name != _QUANTILE:
        return None
    quantile, names = expr.args[0], [name for name in _metrics(expr) if name.endswith(_BUCKET_SUFFIX)]
    if not isinstance(quantile, promql.NumberLiteral) or len(names) != 1:
        return None
    return Quantile(quantile=quantile.val, histogram=names[0].removesuffix(_BUCKET_SUFFIX))


def _inner(expr: promql.Expr) -> promql.Expr:
    while isinstance(expr, promql.ParenExpr):
        expr = expr.expr
    return expr


def _is_filter(expr: promql.BinaryExpr) -> bool:
    return str(expr.op) in _COMPARISONS and (expr.modifier is None or not expr.modifier.return_bool)


def _metrics(expr: promql.Expr) -> list[str]:
    names: list[str] = []

    def note(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector) and node.name is not None:
            names.append(node.name)

    promql.walk(expr, note)
    return names
