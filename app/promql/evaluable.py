"""Whether the value of an expression can be read as it is evaluated again and again, and what it is a quantile of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import promql_parser as promql
from typing_extensions import TypeIs

from app.promql.expressions import ExpressionError, has_placeholder, parse_expression, unwrapped
from app.promql.metric_names import BUCKET, looks_like_counter
from app.promql.selector_text import STRING_OR_COMMENT, bare, selector_of
from app.slo import Selector

_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_OPPOSITES = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_QUANTILE = "histogram_quantile"
_LAST_ABOVE = re.compile(r"(>=|>)([^<>=]*)$")
_BUCKET_SUFFIX = "_bucket"
_PERCENT = 100.0
# The fallback `or vector(...)`; what may look like it is in a string or a comment.
_FALLBACK = re.compile(rf"{STRING_OR_COMMENT}|\b(?P<or>or)(?=\s+vector\s*\()", re.DOTALL | re.IGNORECASE)
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
_WITHOUT_LABELS = frozenset({"vector", "scalar", "time"})
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
    expr = unwrapped(parse_expression(text))
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
    expr = unwrapped(expr)
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
    expr = unwrapped(parse_expression(text))
    if not isinstance(expr, promql.BinaryExpr) or not _is_filter(expr) or str(expr.op) not in {">", ">="}:
        return text
    is_threshold = isinstance(unwrapped(expr.rhs), promql.NumberLiteral) and _is_quantile(unwrapped(expr.lhs))
    return _LAST_ABOVE.sub(r"\1 bool\2", text) if is_threshold else text


def with_one_fallback(text: str) -> str:
    """The expression with `or on ()` where `or vector(...)` would be one more series, beside those with labels.

    >>> with_one_fallback('absent(up{job="a"}) or vector(0)'), with_one_fallback("sum(m) or vector(0)")
    ('absent(up{job="a"}) or on () vector(0)', 'sum(m) or vector(0)')
    """
    found: list[promql.BinaryExpr] = []

    def note(node: promql.Expr) -> None:
        if isinstance(node, promql.BinaryExpr) and str(node.op) == "or" and _is_vector(node.rhs):
            found.append(node)

    promql.walk(parse_expression(text), note)
    if all(_grouping(one.lhs) == () for one in found):
        return text
    return _FALLBACK.sub(lambda token: token[0] if token["or"] is None else f"{token['or']} on ()", text)


def may_have_several_series(text: str) -> bool:
    """Whether an expression may have several series, by labels that it does not write.

    >>> may_have_several_series("m / n"), may_have_several_series("sum by (a) (m)")
    (True, False)
    """
    expr = parse_expression(text)
    return _grouping(expr) is None and not _is_absent(expr)


def _is_absent(expr: promql.Expr) -> bool:
    match unwrapped(expr):
        case promql.Call(func=func):
            return func.name in {"absent", "absent_over_time"}
        case promql.BinaryExpr(op=op, lhs=lhs, rhs=rhs) if str(op) == "or":
            return _is_absent(lhs) and _is_vector(rhs)
    return False


def is_percent(text: str) -> bool:
    """Whether an expression is a hundred times another one.

    >>> is_percent("100 * sum(a) / sum(b)"), is_percent("sum(a) / sum(b) * 100"), is_percent("sum(a) / 100")
    (True, True, False)
    """
    return _is_percent(parse_expression(text))


def _is_percent(expr: promql.Expr) -> bool:
    expr = unwrapped(expr)
    match expr:
        case promql.NumberLiteral():
            return bool(expr.val == _PERCENT)
        case promql.BinaryExpr() if str(expr.op) == "*":
            return any(_is_percent(side) for side in (expr.lhs, expr.rhs))
        case promql.BinaryExpr() if str(expr.op) == "/":
            return _is_percent(expr.lhs)
    return False


def selectors_in(text: str) -> tuple[Selector, ...]:
    """The selectors of an expression, without the times that they have."""
    return tuple(selector_of(one) for one in _selectors(parse_expression(text)))


def buckets_of(text: str) -> Selector | None:
    """The buckets that an expression is about; None where it is about several selectors.

    Raises:
        SelectorError: their selector has a time.
    """
    first, *others = _selectors(parse_expression(text))
    return None if any(str(one) != str(first) for one in others) else bare(first)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioSelectors:
    """The selectors of a ratio: those of what it divides, and those of what it divides by.

    *complement*: it is one less the ratio.
    """

    part: tuple[Selector, ...]
    whole: tuple[Selector, ...]
    complement: bool


def ratio_selectors(text: str) -> RatioSelectors | None:
    """The selectors of a ratio that may have bounds and a fallback without any; None of what is no ratio.

    >>> found = ratio_selectors("1 - sum(rate(ok[5m])) / sum(rate(m[5m])) or on () vector(0)")
    >>> [len(found.part), len(found.whole), found.complement]
    [1, 1, True]
    """
    expr, complement = unwrapped(parse_expression(text)), False
    while True:
        match expr:
            case promql.BinaryExpr() if str(expr.op) == "/" and _selectors(expr.rhs):
                part, whole = (tuple(map(selector_of, _selectors(side))) for side in (expr.lhs, expr.rhs))
                return RatioSelectors(part=part, whole=whole, complement=complement)
            case promql.BinaryExpr() if str(expr.op) == "-" and isinstance(unwrapped(expr.lhs), promql.NumberLiteral):
                expr, complement = unwrapped(expr.rhs), not complement
            case promql.BinaryExpr() if str(expr.op) == "or" and not _selectors(expr.rhs):
                expr = unwrapped(expr.lhs)
            case promql.Call() if expr.func.name in {"clamp", "clamp_min", "clamp_max"}:
                expr = unwrapped(expr.args[0])
            case _:
                return None


# SLIs say in each slot how they are evaluated; the answer for an expression never changes.
@lru_cache(maxsize=4096)
def divisor_of(text: str) -> str | None:
    """What an expression divides by in the end, before one is subtracted from or it is clamped; None if it does not.

    >>> divisor_of("1 - (sum(rate(ok[5m])) / sum(rate(m[5m])))"), divisor_of("a + b")
    ('sum(rate(m{}[5m]))', None)
    """
    expr = unwrapped(parse_expression(text))
    while True:
        match expr:
            case promql.BinaryExpr() if str(expr.op) == "/":
                divisor = unwrapped(expr.rhs)
                return None if isinstance(divisor, promql.NumberLiteral) else _rendered(divisor)
            case promql.BinaryExpr() if str(expr.op) in {"-", "+", "*"} and isinstance(expr.lhs, promql.NumberLiteral):
                expr = unwrapped(expr.rhs)
            case promql.Call() if expr.func.name in {"clamp", "clamp_min", "clamp_max"}:
                expr = unwrapped(expr.args[0])
            case _:
                return None


def _comparison(expr: promql.Expr, *, negated: bool) -> tuple[promql.Expr, str, float] | None:
    """The first call of `histogram_quantile` that is compared with a number, with operator and number."""
    expr = unwrapped(expr)
    match expr:
        case promql.BinaryExpr() if str(expr.op) in _COMPARISONS:
            left, right, operator = unwrapped(expr.lhs), unwrapped(expr.rhs), str(expr.op)
            if isinstance(right, promql.NumberLiteral) and _is_quantile(left):
                return left, _OPPOSITES.get(operator, operator) if negated else operator, right.val
            parts = [expr.lhs, expr.rhs]
        case promql.BinaryExpr() if str(expr.op) == "-" and isinstance(unwrapped(expr.lhs), promql.NumberLiteral):
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


def _is_vector(expr: promql.Expr) -> bool:
    inner = unwrapped(expr)
    return isinstance(inner, promql.Call) and inner.func.name == "vector"


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
    match unwrapped(expr):
        case promql.AggregateExpr(op=op, modifier=modifier) if str(op) in _BY_LABELS:
            if modifier is None:
                return ()
            by_labels = modifier.type == promql.AggModifierType.By
            return tuple(dict.fromkeys(modifier.labels)) if by_labels else None
        case promql.Call(func=func, args=args):
            return _grouping_of_call(func.name, args)
        case promql.BinaryExpr(op=op, lhs=lhs, rhs=rhs) if str(op) in _COMPARISONS | _ARITHMETIC:
            sides = [side for side in (lhs, rhs) if not isinstance(unwrapped(side), promql.NumberLiteral)]
            found = [_grouping(side) for side in sides]
            return found[0] if found and all(one == found[0] for one in found) else None
        case promql.BinaryExpr(op=op, lhs=lhs) if str(op) in _WHICH_SERIES | {"or"}:
            return _grouping(lhs)
    return None


def _grouping_of_call(name: str, args: Sequence[promql.Expr]) -> tuple[str, ...] | None:
    if name in _WITHOUT_LABELS:
        return ()
    if name in _KEEP_LABELS:
        return _grouping(args[0])
    over = next((arg for arg in args if isinstance(arg, promql.SubqueryExpr)), None)
    if over is not None:
        return _grouping(over.expr)
    of_buckets = _grouping(args[1]) if name == _QUANTILE else None
    return None if of_buckets is None else tuple(label for label in of_buckets if label != BUCKET)


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
