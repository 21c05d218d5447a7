"""Whether the value of an expression can be read as it is evaluated again and again, and what it is a quantile of."""

import re
from dataclasses import dataclass
from functools import lru_cache

import promql_parser as promql
from typing_extensions import TypeIs

from app.promql.expressions import ExpressionError, has_placeholder, parse_expression
from app.promql.metric_names import looks_like_counter
from app.promql.selector_text import bare
from app.slo import Selector

_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_OPPOSITES = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_QUANTILE = "histogram_quantile"
_LAST_ABOVE = re.compile(r"(>=|>)([^<>=]*)$")
_BUCKET_SUFFIX = "_bucket"
# Functions whose result does not depend on where a counter began.
_NOT_VALUES = frozenset({"absent", "changes", "resets", "timestamp"})
# Aggregations that ask which series there are, not what their values are.
_OF_SERIES = frozenset({"count", "group"})
_OF_RANGES = (
    frozenset({"rate", "irate", "increase", "absent_over_time", "count_over_time", "present_over_time"}) | _NOT_VALUES
)
# Aggregations whose series have exactly the labels that they are by.
_BY_LABELS = frozenset({"sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "quantile"})
# Functions that leave all labels but the name to the series of their first argument.
_KEEP_LABELS = frozenset({"abs", "ceil", "clamp", "clamp_max", "clamp_min", "floor", "round", "sort", "sort_desc"})
_ARITHMETIC = frozenset({"+", "-", "*", "/", "%", "^"})
# Operators that ask only which series are on their right side.
_WHICH_SERIES = frozenset({"and", "unless"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """A quantile of a histogram, from 0 to 1; *histogram* is its name without ``_bucket``."""

    quantile: float
    histogram: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedQuantile:
    """A quantile, and the comparison with a threshold that is 1, or has a value, while it holds."""

    quantile: Quantile
    operator: str
    threshold: float


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


def bare_counter(text: str) -> str | None:
    """The counter, known by its name, whose value since its start goes into the expression; None if there is none.

    Such a value is no share of events: it depends on when processes were started.

    >>> bare_counter("sum(errors_total) > 5"), bare_counter("count(errors_total) > 5")
    ('errors_total', None)
    """
    return _bare_counter(parse_expression(text))


def grouping_of(text: str) -> tuple[str, ...] | None:
    """The labels of the series of an expression, as its outermost aggregations write them; None where they do not.

    >>> grouping_of("sum by (a) (m) / sum by (a) (n) or vector(0)"), grouping_of("sum(m)"), grouping_of("m / n")
    (('a',), (), None)
    """
    return _grouping(parse_expression(text))


def quantile_of(text: str) -> Quantile | None:
    """The quantile of a classic histogram that an expression is; None if it is none."""
    return _quantile(parse_expression(text))


def _quantile(expr: promql.Expr) -> Quantile | None:
    expr = _inner(expr)
    if not _is_quantile(expr):
        return None
    quantile, names = expr.args[0], [name for name in _metrics(expr) if name.endswith(_BUCKET_SUFFIX)]
    if not isinstance(quantile, promql.NumberLiteral) or len(names) != 1:
        return None
    return Quantile(quantile=quantile.val, histogram=names[0].removesuffix(_BUCKET_SUFFIX))


def compared_quantile(text: str) -> ComparedQuantile | None:
    """The comparison of a quantile of a classic histogram in an expression that is about nothing else; None without.

    >>> found = compared_quantile("1 - (histogram_quantile(0.9, sum by (le) (rate(h_bucket[5m]))) < bool 0.2)")
    >>> found.operator, found.threshold, found.quantile.histogram
    ('>=', 0.2, 'h')
    """
    expr = parse_expression(text)
    compared = _comparison(expr, negated=False)
    if compared is None:
        return None
    call, operator, threshold = compared
    quantile, selectors = _quantile(call), _selectors(call)
    if quantile is None or any(one.name != selectors[0].name for one in _selectors(expr)):
        return None
    return ComparedQuantile(quantile=quantile, operator=operator, threshold=threshold)


def quantile_as_bool(text: str) -> str:
    """The expression with `bool` if it leaves out quantiles below a threshold, whose absence would be missing data.

    >>> quantile_as_bool("histogram_quantile(0.9, h_bucket) > 0.2"), quantile_as_bool("a > 0.2")
    ('histogram_quantile(0.9, h_bucket) > bool 0.2', 'a > 0.2')
    """
    expr = _inner(parse_expression(text))
    if not isinstance(expr, promql.BinaryExpr) or not _is_filter(expr) or str(expr.op) not in {">", ">="}:
        return text
    is_threshold = isinstance(_inner(expr.rhs), promql.NumberLiteral) and _is_quantile(_inner(expr.lhs))
    return _LAST_ABOVE.sub(r"\1 bool\2", text) if is_threshold else text


def buckets_of(text: str) -> Selector | None:
    """The buckets that an expression is about; None where it is about several selectors.

    Raises:
        SelectorError: their selector has a time.
    """
    first, *others = _selectors(parse_expression(text))
    return None if any(str(one) != str(first) for one in others) else bare(first)


# SLIs say in each slot how they are evaluated; the answer for an expression never changes.
@lru_cache(maxsize=4096)
def divisor_of(text: str) -> str | None:
    """What an expression divides by in the end, before one is subtracted from or it is clamped; None if it does not.

    >>> divisor_of("1 - (sum(rate(ok[5m])) / sum(rate(m[5m])))"), divisor_of("a + b")
    ('sum(rate(m{}[5m]))', None)
    """
    expr = _inner(parse_expression(text))
    while True:
        match expr:
            case promql.BinaryExpr() if str(expr.op) == "/":
                divisor = _inner(expr.rhs)
                return None if isinstance(divisor, promql.NumberLiteral) else _rendered(divisor)
            case promql.BinaryExpr() if str(expr.op) in {"-", "+", "*"} and isinstance(expr.lhs, promql.NumberLiteral):
                expr = _inner(expr.rhs)
            case promql.Call() if expr.func.name in {"clamp", "clamp_min", "clamp_max"}:
                expr = _inner(expr.args[0])
            case _:
                return None


def _comparison(expr: promql.Expr, *, negated: bool) -> tuple[promql.Expr, str, float] | None:
    """The first call of `histogram_quantile` that is compared with a number, with operator and number."""
    expr = _inner(expr)
    match expr:
        case promql.BinaryExpr() if str(expr.op) in _COMPARISONS:
            left, right, operator = _inner(expr.lhs), _inner(expr.rhs), str(expr.op)
            if isinstance(right, promql.NumberLiteral) and _is_quantile(left):
                return left, _OPPOSITES.get(operator, operator) if negated else operator, right.val
            parts = [expr.lhs, expr.rhs]
        case promql.BinaryExpr() if str(expr.op) == "-" and isinstance(_inner(expr.lhs), promql.NumberLiteral):
            return _comparison(expr.rhs, negated=not negated)
        case promql.BinaryExpr():
            parts = [expr.lhs, expr.rhs]
        case promql.AggregateExpr():
            parts = [expr.expr]
        case promql.Call():
            parts = list(expr.args)
        case _:
            parts = []
    return next((found for part in parts if (found := _comparison(part, negated=negated)) is not None), None)


def _is_quantile(expr: promql.Expr) -> TypeIs[promql.Call]:
    return isinstance(expr, promql.Call) and expr.func.name == _QUANTILE


def _rendered(expr: promql.Expr) -> str | None:
    """The text of an expression; None where the parser does not render it as it reads it, as with quotes in values."""
    text = str(expr)
    try:
        return text if str(promql.parse(text)) == text else None
    except ValueError:
        return None


def _bare_counter(expr: promql.Expr) -> str | None:
    match expr:
        case promql.VectorSelector():
            return expr.name if expr.name is not None and looks_like_counter(expr.name) else None
        case promql.MatrixSelector():
            return _bare_counter(expr.vector_selector)
        case promql.AggregateExpr():
            parts = [] if str(expr.op) in _OF_SERIES else [expr.expr]
        case promql.Call():
            parts = [] if expr.func.name in _OF_RANGES else list(expr.args)
        case promql.BinaryExpr():
            parts = [expr.lhs] if str(expr.op) in _WHICH_SERIES else [expr.lhs, expr.rhs]
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            parts = [expr.expr]
        case _:
            parts = []
    return next((found for part in parts if (found := _bare_counter(part)) is not None), None)


def _grouping(expr: promql.Expr) -> tuple[str, ...] | None:
    match _inner(expr):
        case promql.AggregateExpr(op=op, modifier=modifier) if str(op) in _BY_LABELS:
            if modifier is None:
                return ()
            by_labels = modifier.type == promql.AggModifierType.By
            return tuple(dict.fromkeys(modifier.labels)) if by_labels else None
        case promql.Call(func=func, args=args) if func.name in _KEEP_LABELS:
            return _grouping(args[0])
        case promql.BinaryExpr(op=op, lhs=lhs, rhs=rhs) if str(op) in _COMPARISONS | _ARITHMETIC:
            sides = [side for side in (lhs, rhs) if not isinstance(_inner(side), promql.NumberLiteral)]
            found = [_grouping(side) for side in sides]
            return found[0] if found and all(one == found[0] for one in found) else None
        case promql.BinaryExpr(op=op, lhs=lhs) if str(op) in _WHICH_SERIES | {"or"}:
            return _grouping(lhs)
    return None


def _inner(expr: promql.Expr) -> promql.Expr:
    while isinstance(expr, promql.ParenExpr):
        expr = expr.expr
    return expr


def _is_filter(expr: promql.BinaryExpr) -> bool:
    return str(expr.op) in _COMPARISONS and (expr.modifier is None or not expr.modifier.return_bool)


def _metrics(expr: promql.Expr) -> list[str]:
    return [selector.name for selector in _selectors(expr) if selector.name is not None]


def _selectors(expr: promql.Expr) -> list[promql.VectorSelector]:
    found: list[promql.VectorSelector] = []

    def note(node: promql.Expr) -> None:
        if isinstance(node, promql.VectorSelector):
            found.append(node)

    promql.walk(expr, note)
    return found
