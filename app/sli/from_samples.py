"""From PromQL over the samples of gauges, such as by `sum_over_time`, to an SLI that counts them.

What functions over time say of the samples in a window is a sum over samples, so it can be counted sample by sample.
"""

from dataclasses import dataclass, field
from typing import Final

import promql_parser as promql

from app.promql.expressions import ExpressionError, parse_expression, unwrapped
from app.promql.metric_names import name_of
from app.promql.selector_text import SelectorError, bare
from app.sli.condition import Comparison, Condition
from app.sli.errors import NotExpressibleError, QueryFaultError
from app.sli.gauge import Gauge
from app.sli.gauge_sums import GaugeSums
from app.sli.sample_events import EverySample, SamplesThat, SampleValues
from app.sli.sample_sum import Reading, sample_sum
from app.slo import Events, Selector, Sli, Weights

_WRITE = "write sum_over_time(gauge[w]) or count_over_time(gauge[w]), or gauge: and good_when:"
# As in `reduction.py`: Python's own recursion over the parser's tree.
_DEEPEST = 100
# Gauges that are 0 or 1.
_BOOLEANS: Final = frozenset({"up", "probe_success"})
_IS_ONE: Final = Condition(Comparison.EQUAL, 1.0)
_COMPARISONS = {str(one): one for one in Comparison}
_MIRRORED = {
    Comparison.LESS: Comparison.GREATER,
    Comparison.AT_MOST: Comparison.AT_LEAST,
    Comparison.GREATER: Comparison.LESS,
    Comparison.AT_LEAST: Comparison.AT_MOST,
}
Coefficients = dict[tuple[Selector, Reading], float]


@dataclass(frozen=True, slots=True)
class _Sum:
    """So many times the events of samples; *by* are the labels that it is summed by, None while it is by series."""

    times: Coefficients = field(default_factory=dict)
    by: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Ratio:
    above: _Sum
    below: _Sum


_Value = float | _Sum | _Ratio


@dataclass(frozen=True, slots=True)
class SampleQuery:
    """One query of events that is a sum of samples."""

    text: str


def read_samples(text: str) -> SampleQuery:
    """The query of a sum of samples.

    Raises:
        NotExpressibleError: it is none.
    """
    _sum_of(text)
    return SampleQuery(text)


def gauge_of_events(*, total: str, bad: str | None = None, good: str | None = None, by: tuple[str, ...] = ()) -> Sli:
    """The SLI of sums of samples of all events and of the bad or the good ones among them.

    Raises:
        NotExpressibleError: a query is no sum of samples.
    """
    of_total, of_part = _sum_of(total), _sum_of(bad if bad is not None else good or "")
    of_bad = of_part if bad is not None else _plus(of_total, of_part, -1.0)
    return _sli(of_total, of_bad, by)


def gauge_of_error_ratio(expression: str, by: tuple[str, ...] = ()) -> Sli:
    """The SLI of a ratio of sums of samples.

    Raises:
        NotExpressibleError: the expression is no such ratio.
    """
    ratio = _Walk().value(_parsed(expression))
    if not isinstance(ratio, _Ratio):
        raise NotExpressibleError("is no ratio of samples", _WRITE)
    return _sli(ratio.below, ratio.above, by)


def _sli(total: _Sum, bad: _Sum, by: tuple[str, ...]) -> Sli:
    written = {frozenset(one.by): one.by for one in (total, bad) if one.times and one.by is not None}
    if len(written) > 1:
        raise NotExpressibleError("total and its part are summed by different labels", "write the same `by` in both")
    labels = by or next(iter(written.values()), ())
    if not any(times > 0 for times in total.times.values()):
        raise QueryFaultError("total never counts an event", _WRITE, "no_total", Events.TOTAL)
    # Asked first, so that a Sloth document that is rewritten as a native one keeps its history.
    found = _usual(total.times, bad.times, labels)
    if found is not None:
        return found
    every = {**total.times, **bad.times}
    return sample_sum(
        {key: Weights(total=total.times.get(key, 0.0), bad=bad.times.get(key, 0.0)) for key in every}, labels
    )


def _usual(total: Coefficients, bad: Coefficients, by: tuple[str, ...]) -> Sli | None:
    """The SLI as a native document has it, if it is one; its history is the same then."""
    if len(total) != 1 or set(total.values()) != {1.0}:
        return None
    ((selector, reading),) = total
    rest = {key: times for key, times in bad.items() if key != (selector, reading)}
    if len(rest) != 1:
        return None
    ((part, of_part), times), whole = next(iter(rest.items())), bad.get((selector, reading), 0.0)
    if (whole, times) not in {(0.0, 1.0), (1.0, -1.0)}:
        return None
    events = Events.GOOD if whole else Events.BAD
    if isinstance(reading, SampleValues):
        return _of_values(selector, part, events, by) if isinstance(of_part, SampleValues) else None
    return _of_every(selector, of_part, events, by) if isinstance(reading, EverySample) and part == selector else None


def _of_values(selector: Selector, part: Selector, events: Events, by: tuple[str, ...]) -> Sli:
    return GaugeSums(total=selector, selected=part, events=events, by=by)


def _of_every(selector: Selector, part: Reading, events: Events, by: tuple[str, ...]) -> Sli | None:
    if isinstance(part, SamplesThat):
        good_when = part.condition if events is Events.GOOD else part.condition.opposite
        return Gauge(total=selector, good_when=good_when, by=by)
    # A sum of samples counts those that are 1 only where all others are 0.
    is_sum_of_good = isinstance(part, SampleValues) and events is Events.GOOD
    return (
        Gauge(total=selector, good_when=_IS_ONE, by=by) if is_sum_of_good and name_of(selector) in _BOOLEANS else None
    )


def _parsed(text: str) -> promql.Expr:
    try:
        return parse_expression(text)
    except ExpressionError as error:
        raise QueryFaultError(error.problem, error.remedy) from error


def _sum_of(text: str) -> _Sum:
    value = _Walk().value(_parsed(text))
    if not isinstance(value, _Sum):
        raise NotExpressibleError("is no sum of samples", _WRITE)
    return value


@dataclass(slots=True)
class _Walk:
    """One walk over an expression."""

    depth: int = 0

    def value(self, expr: promql.Expr) -> _Value:
        if self.depth >= _DEEPEST:
            raise NotExpressibleError(f"is nested more than {_DEEPEST} times", _WRITE)
        self.depth += 1
        try:
            return self._value(expr)
        finally:
            self.depth -= 1

    def _value(self, expr: promql.Expr) -> _Value:
        match expr:
            case promql.ParenExpr():
                return self.value(expr.expr)
            case promql.NumberLiteral():
                return float(expr.val)
            case promql.AggregateExpr():
                return self._aggregate(expr)
            case promql.BinaryExpr():
                return self._binary(expr)
            case promql.Call():
                return self._call(expr)
        raise NotExpressibleError("is not said by samples in a window", _WRITE)

    def _aggregate(self, expr: promql.AggregateExpr) -> _Value:
        value, modifier = self.value(expr.expr), expr.modifier
        if modifier is not None and modifier.type == promql.AggModifierType.Without:
            raise NotExpressibleError("sums by all labels but some", "write sum by (...)")
        by = () if modifier is None else tuple(dict.fromkeys(modifier.labels))
        match str(expr.op), value:
            case "sum", _Sum():
                return _regrouped(value, by)
            # A mean over series of means over samples: each sample counts once where all series are sampled alike.
            case "avg", _Ratio() if value.above.by is None:
                return _Ratio(_regrouped(value.above, by), _regrouped(value.below, by))
        raise NotExpressibleError(f"{expr.op} is not a sum of samples", _WRITE)

    def _call(self, expr: promql.Call) -> _Value:
        name, args = expr.func.name, expr.args
        match name:
            case "count_over_time":
                return _Sum({_condition_in(args[0]) or (_selector_in(args[0]), EverySample()): 1.0})
            case "sum_over_time":
                return _Sum(_values_in(args[0]))
            case "avg_over_time":
                above = _values_in(args[0])
                selector, _ = next(iter(above))
                return _Ratio(_Sum(above), _Sum({(selector, EverySample()): 1.0}))
            case "clamp_min" if _number(args[1]) == 0.0:
                # Bad events of a window are never less than none.
                return self.value(args[0])
            case "vector" if _number(args[0]) == 0.0:
                return _Sum()
        raise NotExpressibleError(f"{name}() is not a sum of samples", _WRITE)

    def _binary(self, expr: promql.BinaryExpr) -> _Value:
        operator, left, right = str(expr.op), self.value(expr.lhs), self.value(expr.rhs)
        match operator, left, right:
            case "or", _Sum() | _Ratio(), _Sum() if not right.times or not any(right.times.values()):
                # What is absent counts nothing.
                return left
            case "+" | "-", _Sum(), _Sum():
                return _plus(left, right, 1.0 if operator == "+" else -1.0)
            case "*", float(), _Sum():
                return _Sum({key: left * times for key, times in right.times.items()}, right.by)
            case "*", _Sum(), float():
                return _Sum({key: right * times for key, times in left.times.items()}, left.by)
            case "/", _Sum(), _Sum():
                return _Ratio(left, right)
            case "-", float(), _Ratio() if left == 1.0:
                return _Ratio(_plus(right.below, right.above, -1.0), right.below)
        raise NotExpressibleError(f"`{operator}` is not between sums of samples", _WRITE)


def _plus(one: _Sum, other: _Sum, sign: float) -> _Sum:
    sums = {key: one.times.get(key, 0.0) + sign * other.times.get(key, 0.0) for key in {**one.times, **other.times}}
    if one.times and other.times and one.by != other.by:
        raise NotExpressibleError("adds up sums by different labels", "write the same `by` in both")
    return _Sum({key: times for key, times in sums.items() if times}, one.by if one.times else other.by)


def _regrouped(value: _Sum, by: tuple[str, ...]) -> _Sum:
    if value.by is not None and not set(by) <= set(value.by):
        raise NotExpressibleError("sums by a label that an inner sum has dropped", "write one sum")
    return _Sum(value.times, by)


def _number(expr: promql.Expr) -> float | None:
    expr = unwrapped(expr)
    return float(expr.val) if isinstance(expr, promql.NumberLiteral) else None


def _bare(expr: promql.Expr) -> Selector:
    expr = unwrapped(expr)
    if not isinstance(expr, promql.VectorSelector):
        raise NotExpressibleError("looks at values of an expression over time, not at samples", _WRITE)
    try:
        return bare(expr)
    except SelectorError as error:
        raise NotExpressibleError(error.problem, error.remedy) from error


def _selector_in(expr: promql.Expr) -> Selector:
    """The selector of a range or subquery over a bare metric."""
    match expr:
        case promql.MatrixSelector():
            return _bare(expr.vector_selector)
        case promql.SubqueryExpr():
            return _bare(expr.expr)
    return _bare(expr)


def _values_in(expr: promql.Expr) -> Coefficients:
    """What the values in a range or subquery add up to: samples, those that a comparison is 1 for, or one less each."""
    complement = _complement_in(expr)
    if complement is not None:
        return {(complement, EverySample()): 1.0, (complement, SampleValues()): -1.0}
    return {_bool_in(expr) or (_selector_in(expr), SampleValues()): 1.0}


def _complement_in(expr: promql.Expr) -> Selector | None:
    """The gauge of a subquery over one minus a gauge; None for anything else."""
    inner = unwrapped(expr.expr if isinstance(expr, promql.SubqueryExpr) else expr)
    if not isinstance(inner, promql.BinaryExpr) or str(inner.op) != "-" or _number(inner.lhs) != 1.0:
        return None
    return _bare(inner.rhs)


def _condition_in(expr: promql.Expr) -> tuple[Selector, Reading] | None:
    """The samples that a comparison within a subquery leaves; None where there is none."""
    return _compared(expr, is_bool=False)


def _bool_in(expr: promql.Expr) -> tuple[Selector, Reading] | None:
    """The samples for which a comparison by `bool` within a subquery is 1; None where there is none."""
    return _compared(expr, is_bool=True)


def _compared(expr: promql.Expr, *, is_bool: bool) -> tuple[Selector, Reading] | None:
    inner = unwrapped(expr.expr if isinstance(expr, promql.SubqueryExpr) else expr)
    if not isinstance(inner, promql.BinaryExpr) or str(inner.op) not in _COMPARISONS:
        return None
    by_bool = inner.modifier is not None and inner.modifier.return_bool
    comparison, left, right = _COMPARISONS[str(inner.op)], _number(inner.lhs), _number(inner.rhs)
    if by_bool is not is_bool or (left is None) == (right is None):
        raise NotExpressibleError("adds up what a comparison leaves", _WRITE)
    if right is not None:
        return _bare(inner.lhs), SamplesThat(Condition(comparison, right))
    return _bare(inner.rhs), SamplesThat(Condition(_MIRRORED.get(comparison, comparison), left or 0.0))
