"""From a parsed PromQL expression to a weighted sum of counters, or to the reason why it is none.

Counting knows two things that an expression does not say: a series that is absent has counted no events, and the sums
of a window are never negative and never more than its total. So `or vector(0)`, `> 0` and clamps to these bounds
change nothing, and are dropped where that is certain. What is not certain is refused.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import promql_parser as promql

from app.promql.buckets import any_spelling, bound_of
from app.promql.expressions import PLACEHOLDER, unwrapped
from app.promql.metric_names import BUCKET, NAME, name_of
from app.promql.selector_text import SelectorError, bare, render
from app.sli.errors import NotExpressibleError, QueryFaultError
from app.sli.flows import ALL, SERIES, Coefficients, Flow, Grouping, Unit, added, never_negative, ratio_of, scaled
from app.slo import Matcher, MatchOp, Selector, format_duration

# Python recurses over the tree that the parser has made, three frames for each level, and stops at 1,000 frames.
_DEEPEST = 100
_UNITS = {
    "rate": Unit.PER_SECOND,
    "irate": Unit.PER_SECOND,
    "increase": Unit.PER_WINDOW,
    "delta": Unit.PER_WINDOW,
    "idelta": Unit.PER_WINDOW,
}
# The largest bounds of clamp_min() that people write only to avoid a division by 0: fewer events than there ever are.
_GUARDS: Final[Mapping[Unit | None, float]] = {Unit.PER_SECOND: 0.01, Unit.PER_WINDOW: 1.0}
_OVER_SAMPLES: Final = frozenset(
    {"avg_over_time", "count_over_time", "last_over_time", "max_over_time", "min_over_time"}
)
_SUM_OVER_SAMPLES: Final = frozenset({"sum_over_time", *_OVER_SAMPLES})
_NATIVE: Final = frozenset({"histogram_sum", "histogram_avg", "histogram_stddev", "histogram_stdvar"})
WRITE_A_SUM: Final = "write a sum of rates of counters, such as sum(rate(a[5m])) + sum(rate(b[5m]))"
_WRITE_A_GAUGE: Final = (
    "write gauge: and good_when: for samples of a gauge, such as probe_success; "
    "for counters a sum of rates, such as sum(rate(a[5m]))"
)
FIXED_RANGE: Final = "fixed_range"
"""The code of a range that is replaced by the windows of the SLO."""
Range = tuple[Unit, timedelta]
"""The range of a counter in an expression, and what its number means."""


@dataclass(frozen=True, slots=True)
class QueryFinding:
    """Something that is counted otherwise than it is written, or is probably not meant.

    *field* is which of ``total``, ``good``, ``bad`` it is about; empty where that is the whole.
    """

    code: str
    problem: str
    remedy: str
    field: str = ""


@dataclass(frozen=True, slots=True)
class Quotient:
    """Events out of events, with the labels that both have; *clamped*: brought between 0 and 1.

    *otherwise* is the value where there are no events, as `or vector(1)` makes it; None where it has none then.
    """

    above: Coefficients
    below: Coefficients
    flow: Flow
    clamped: bool = False
    otherwise: float | None = None

    def shifted(self, factor: float, number: float) -> "Quotient":
        """So many times the ratio, and the number added."""
        above = added(scaled(self.above, factor), scaled(self.below, number))
        otherwise = None if self.otherwise is None else self.otherwise * factor + number
        return replace(self, above=above, otherwise=otherwise)


Value = float | Flow | Quotient


@dataclass(slots=True)
class Reduction:
    """One walk over an expression; *ranges* are those of its counters."""

    findings: dict[str, QueryFinding] = field(default_factory=dict)
    ranges: set[Range] = field(default_factory=set)
    _depth: int = 0

    def value(self, expr: promql.Expr) -> Value:
        """What an expression comes to.

        Raises:
            NotExpressibleError: it is no number, sum of counters, or quotient of two.
        """
        if self._depth >= _DEEPEST:
            raise NotExpressibleError(f"is nested more than {_DEEPEST} times", "write fewer operands")
        self._depth += 1
        try:
            return self._value(expr)
        finally:
            self._depth -= 1

    def _value(self, expr: promql.Expr) -> Value:
        match expr:
            case promql.ParenExpr():
                return self.value(expr.expr)
            case promql.BinaryExpr():
                return self._binary(expr)
            case promql.AggregateExpr():
                return self._aggregate(expr)
            case promql.Call():
                return self._call(expr)
            case promql.UnaryExpr():
                return _times(self.value(expr.expr), -1.0)
        return self._operand(expr)

    def _operand(self, expr: promql.Expr) -> Value:
        match expr:
            case promql.NumberLiteral():
                return float(expr.val)
            case promql.VectorSelector():
                return self._counter(expr, Unit.SO_FAR)
            case promql.SubqueryExpr():
                raise NotExpressibleError("has a subquery, which evaluates an expression many times", WRITE_A_SUM)
            case promql.MatrixSelector():
                raise QueryFaultError("has a range without rate() or increase()", "write rate(...) around it")
        raise QueryFaultError("is text, not a number of events", WRITE_A_SUM)

    def _counter(self, found: promql.VectorSelector, unit: Unit) -> Flow:
        try:
            selector = any_spelling(bare(found))
        except SelectorError as error:
            timed = found.offset is not None or found.at is not None
            raise (NotExpressibleError if timed else QueryFaultError)(error.problem, error.remedy) from error
        _check_bucket(selector)
        return Flow(coefficients={selector: 1.0}, grouping=SERIES, unit=unit)

    def _call(self, expr: promql.Call) -> Value:
        name, args = expr.func.name, expr.args
        # irate and delta are no sums of all increases, but meant as such: counted, with a finding. An
        # error would be of no use to their authors.
        if name in _UNITS:
            return self._rate(name, args[0])
        if name in {"clamp", "clamp_min", "clamp_max"}:
            return self._clamp(expr)
        of_arguments: dict[str, Callable[[Sequence[promql.Expr]], Value]] = {
            "vector": lambda given: self._vector(given[0]),
            "label_replace": self._relabelled,
            "label_join": self._relabelled,
            "abs": lambda given: self._absolute(given[0]),
            "histogram_count": lambda given: self._histogram(given[0], None),
            "histogram_fraction": self._fraction,
            **dict.fromkeys(("sort", "sort_desc", "scalar"), lambda given: self.value(given[0])),
        }
        if name not in of_arguments:
            raise NotExpressibleError(*_why_not(name))
        return of_arguments[name](args)

    def _rate(self, name: str, over: promql.Expr) -> Flow:
        if not isinstance(over, promql.MatrixSelector):
            raise NotExpressibleError(
                f"{name}() of a subquery does not count the events of a counter", f"write {name}() around the counter"
            )
        unit = _UNITS[name]
        self.ranges.add((unit, over.range))
        # The range in a document is that of its tool's rules; what is counted has no range, and any window is a sum.
        if over.range != PLACEHOLDER:
            self._note_finding(
                FIXED_RANGE,
                f"the range [{format_duration(over.range)}] is replaced by the windows of the SLO",
                "write the selector alone, or the placeholder of the window",
            )
        if name in {"irate", "idelta"}:
            problem = f"{name}() looks at the last two samples of a window; all events are counted"
            self._note_finding(name, problem, f"write {'rate' if name == 'irate' else 'increase'}()")
        if name in {"delta", "idelta"}:
            problem = f"{name}() is for gauges: it takes the reset of a counter for a fall; resets are counted rightly"
            self._note_finding(name, problem, "write increase()")
        return self._counter(over.vector_selector, unit)

    def _histogram(self, of: promql.Expr, bound: float | None) -> Flow:
        """How many events native histograms hold, or how many of at most *bound*: as classic ones would count them."""
        value = self.value(of)
        if not isinstance(value, Flow):
            raise NotExpressibleError("counts the events of a ratio", WRITE_A_SUM)
        _refuse_floored(value, "counts the events of")
        counted: dict[Selector, float] = {}
        for selector, times in value.coefficients.items():
            part = _part_of_native(selector, bound)
            counted[part] = counted.get(part, 0.0) + times
        return replace(value, coefficients=counted)

    def _fraction(self, args: Sequence[promql.Expr]) -> Quotient:
        """The events of native histograms between two bounds, out of all."""
        lower, upper = self.value(args[0]), self.value(args[1])
        if not isinstance(lower, float) or not isinstance(upper, float):
            raise NotExpressibleError("histogram_fraction() has a bound that is no number", "write two numbers")
        if not lower < upper:
            raise QueryFaultError("histogram_fraction() has its bounds swapped", "write the lower one first")
        everything = self._histogram(args[2], None)
        within = everything if math.isinf(upper) else self._histogram(args[2], upper)
        above = within.coefficients
        # Durations and sizes are never below zero.
        if lower > 0:
            above = added(above, scaled(self._histogram(args[2], lower).coefficients, -1.0))
        return Quotient(above, everything.coefficients, everything)

    def _note_finding(self, code: str, problem: str, remedy: str) -> None:
        self.findings.setdefault(code, QueryFinding(code, problem, remedy))

    def _vector(self, of: promql.Expr) -> Flow:
        value = self.value(of)
        # `vector(0)` alone is what people write behind `or`, where an absent series is to be zero.
        if value != 0.0 or not isinstance(value, float):
            raise NotExpressibleError(
                "counts a constant as events", "write a counter; vector(0) is understood after `or`"
            )
        return Flow(coefficients={}, grouping=ALL)

    def _relabelled(self, args: Sequence[promql.Expr]) -> Value:
        value, label = self.value(args[0]), args[1]
        if not isinstance(value, Flow) or not isinstance(label, promql.StringLiteral):
            raise NotExpressibleError(
                "changes labels of a ratio", "write label_replace inside the sums, or leave it out"
            )
        return replace(value, relabelled=value.relabelled | {label.val})

    def _absolute(self, of: promql.Expr) -> Value:
        value = self.value(of)
        if isinstance(value, Flow) and never_negative(value.coefficients):
            return value
        raise NotExpressibleError("takes abs() of what may be negative", "remove abs()")

    def _clamp(self, expr: promql.Call) -> Value:
        """A clamp that never changes a sum of events, or no more than counting does by itself."""
        name, value = expr.func.name, self.value(expr.args[0])
        bounds = [self.value(arg) for arg in expr.args[1:]]
        numbers = [bound for bound in bounds if isinstance(bound, float)]
        if len(numbers) < len(bounds) or isinstance(value, float):
            raise NotExpressibleError(f"{name}() has a bound that is no number", f"remove {name}()")
        least = None if name == "clamp_max" else numbers[0]
        most = None if name == "clamp_min" else numbers[-1]
        if isinstance(value, Quotient):
            if least in {None, 0.0} and most in {None, 1.0}:
                return replace(value, clamped=True)
            raise NotExpressibleError(f"{name}() of a ratio changes it", "write clamp(..., 0, 1), or remove it")
        if most is not None and not math.isinf(most):
            raise NotExpressibleError(f"{name}() counts no more than {most:g} events", f"remove {name}()")
        if least is not None and least > 0 and least <= _GUARDS.get(value.unit, 0.0) and not value.floored:
            problem = f"clamp_min(..., {least:g}) is left out: what has no events is not divided by, and counts nothing"
            self._note_finding("divisor_guard", problem, "remove clamp_min()")
            return value
        if least is not None and least > 0:
            raise NotExpressibleError(f"{name}() counts events where there are none", "write clamp_min(..., 0)")
        if least is None or never_negative(value.coefficients):
            return value
        if least < 0 or value.grouping == SERIES:
            raise NotExpressibleError(f"{name}() of what may be negative", f"write {name}() around the sum, with 0")
        return replace(value, floored=True)

    def _aggregate(self, expr: promql.AggregateExpr) -> Flow:
        name = str(expr.op)
        if name != "sum":
            raise NotExpressibleError(*_why_not_aggregated(name))
        value = self.value(expr.expr)
        if isinstance(value, Quotient):
            raise NotExpressibleError(
                "adds up ratios: that is no ratio of events", "write the sums inside: sum(bad) / sum(total)"
            )
        if isinstance(value, float):
            raise QueryFaultError("adds up a constant", WRITE_A_SUM)
        _refuse_floored(value, "adds up")
        modifier = expr.modifier
        if modifier is None:
            return regrouped(value, ALL)
        labels = tuple(dict.fromkeys(modifier.labels))
        return regrouped(value, Grouping(labels, without=modifier.type == promql.AggModifierType.Without))

    def _binary(self, expr: promql.BinaryExpr) -> Value:
        op = str(expr.op)
        if op in {"and", "unless"}:
            raise NotExpressibleError(f"joins series by `{op}`", WRITE_A_SUM)
        left = self.value(expr.lhs)
        constant = _constant_vector(expr.rhs) if op == "or" and isinstance(left, Quotient) else None
        if constant is not None and isinstance(left, Quotient):
            return replace(left, otherwise=constant)
        right = self.value(expr.rhs)
        if op == "or":
            return _or(left, right)
        if op in {"==", "!=", ">", "<", ">=", "<="}:
            return _compared(op, left, right, is_bool=expr.modifier is not None and expr.modifier.return_bool)
        if op not in _ARITHMETIC:
            raise NotExpressibleError(f"the operator {op} is not one of a sum", WRITE_A_SUM)
        if not isinstance(left, float) and not isinstance(right, float):
            _check_matching(expr, left, right)
        return _ARITHMETIC[op](left, right)


def regrouped(flow: Flow, wanted: Grouping) -> Flow:
    """The sum of a flow over all labels but the *wanted* ones."""
    have = flow.grouping
    if not wanted.without:
        touched = sorted(flow.relabelled.intersection(wanted.labels))
        if touched:
            raise NotExpressibleError(
                f"groups by {touched[0]}, which label_replace or label_join makes", "group by labels of the counters"
            )
        lacking = [label for label in wanted.labels if not have.has(label)]
        if lacking and not flow.is_zero:
            raise NotExpressibleError(
                f"groups by {lacking[0]}, which the sum inside has removed", f"add {lacking[0]} to the sum inside"
            )
        return replace(flow, grouping=wanted, relabelled=frozenset())
    relabelled = flow.relabelled.difference(wanted.labels)
    if have.without:
        labels = tuple(dict.fromkeys((*have.labels, *wanted.labels)))
        return replace(flow, grouping=Grouping(labels, without=True), relabelled=relabelled)
    labels = tuple(label for label in have.labels if label not in wanted.labels)
    return replace(flow, grouping=Grouping(labels), relabelled=relabelled)


def _part_of_native(selector: Selector, bound: float | None) -> Selector:
    """The count of a histogram, or its bucket of at most *bound*, as the classic one is called."""
    name = name_of(selector)
    if name is None:
        raise NotExpressibleError("reads native histograms of any name", "write the name of the histogram")
    others = tuple(matcher for matcher in selector.matchers if matcher.label != NAME)
    if bound is None:
        return Selector((Matcher(NAME, MatchOp.EQUAL, f"{name}_count"), *others))
    text = "+Inf" if math.isinf(bound) else repr(bound)
    bucket = (Matcher(NAME, MatchOp.EQUAL, f"{name}_bucket"), Matcher(BUCKET, MatchOp.EQUAL, text))
    return any_spelling(Selector((*bucket, *others)))


def _check_bucket(selector: Selector) -> None:
    name = name_of(selector)
    if name is None or not name.endswith("_bucket") or bound_of(selector) is not None:
        return
    count = f"{name.removesuffix('_bucket')}_count"
    raise QueryFaultError(
        f"{render(selector)} selects several buckets, each of which counts the events of all smaller ones again",
        f'write {count} for all events, or one bucket such as {name}{{le="0.5"}}',
        "several_buckets",
    )


def _check_matching(expr: promql.BinaryExpr, left: Flow | Quotient, right: Flow | Quotient) -> None:
    """Whether series of both sides are matched by all of their labels, which are known."""
    flows = [side if isinstance(side, Flow) else side.flow for side in (left, right)]
    if any(flow.is_zero and flow.unit is None for flow in flows):
        return
    here, there = (flow.grouping for flow in flows)
    if here == there == SERIES and str(expr.op) in "+-" and all(flow.unit is Unit.SO_FAR for flow in flows):
        # A bare selector stands for the sum of all its series, so no series of one is matched with one of the other.
        return
    if here.without or there.without:
        raise NotExpressibleError(
            "combines series one by one, by labels that are not written",
            "write sum(...) or sum by (...) around each side",
        )
    if not here.same_as(there):
        raise NotExpressibleError(
            f"combines sums by different labels: {here} and {there}", "write the same `by` in all sums"
        )
    modifier = expr.modifier
    if modifier is None or modifier.matching is None:
        return
    # The parser tells on() from ignoring() only in the text of its matching.
    labels, is_on = set(modifier.matching.labels), str(modifier.matching).strip().startswith("on")
    by_all = set(here.labels) <= labels if is_on else labels.isdisjoint(here.labels)
    if modifier.group_labels or not by_all:
        raise NotExpressibleError(
            "joins series by some of their labels", "write the same `by` in all sums, without on()"
        )


def _times(value: Value, factor: float) -> Value:
    if isinstance(value, float):
        return value * factor
    if not math.isfinite(factor):
        raise QueryFaultError("multiplies events by infinity, or by what is no number", "write a number")
    if isinstance(value, Quotient):
        _refuse_clamped(value, "multiplies")
        return value.shifted(factor, 0.0)
    if factor < 0:
        _refuse_floored(value, "negates")
    return value.scaled(factor)


def _plus(left: Value, right: Value) -> Value:
    match left, right:
        case float(), float():
            return left + right
        case (Flow(), Flow()):
            return _sum_of_flows(left, right)
        case (Quotient(), Quotient()):
            return _sum_of_quotients(left, right)
        case (Quotient(), float()):
            return left.shifted(1.0, right)
        case (float(), Quotient()):
            return _plus(right, left)
        case (Flow(), float()) | (float(), Flow()):
            flow, number = (left, right) if isinstance(left, Flow) else (right, left)
            if number == 0.0 and isinstance(flow, Flow):
                return flow
            raise NotExpressibleError("adds a constant to a number of events", "remove the constant")
    raise NotExpressibleError("adds a number of events to a ratio", "write one ratio: sum(bad) / sum(total)")


def _minus(left: Value, right: Value) -> Value:
    # One minus a ratio between 0 and 1 lies there as well.
    if left == 1.0 and isinstance(right, Quotient) and right.clamped:
        return right.shifted(-1.0, 1.0)
    return _plus(left, _times(right, -1.0))


def _sum_of_flows(left: Flow, right: Flow) -> Flow:
    for side, other in ((left, right), (right, left)):
        if not other.is_zero:
            _refuse_floored(side, "adds something to")
    if not left.is_zero and not right.is_zero and left.unit is not right.unit:
        raise mixed_units(left.unit, right.unit)
    return left.plus(right)


def mixed_units(one: Unit | None, other: Unit | None) -> QueryFaultError:
    """That two numbers of events are not of one kind."""
    return QueryFaultError(f"combines {one} with {other}", "write rate() around all counters", "mixed_units")


def _sum_of_quotients(left: Quotient, right: Quotient) -> Quotient:
    times = ratio_of(left.below, right.below)
    if times is None or left.clamped or right.clamped:
        raise NotExpressibleError("adds ratios of different totals", "write one ratio: sum(bad) / sum(total)")
    return replace(left, above=added(left.above, scaled(right.above, times)))


def _multiplied(left: Value, right: Value) -> Value:
    if isinstance(left, float):
        return _times(right, left)
    if isinstance(right, float):
        return _times(left, right)
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Quotient) and isinstance(other, Flow):
            times = ratio_of(other.coefficients, one.below)
            if times is not None and not one.clamped and not other.floored:
                return replace(one.flow, coefficients=scaled(one.above, times))
        if isinstance(one, Quotient) and isinstance(other, Quotient):
            times = ratio_of(one.above, other.below)
            if times is not None and not one.clamped and not other.clamped:
                return replace(other, above=scaled(other.above, times), below=one.below)
    raise NotExpressibleError("multiplies events by events", "write one ratio: sum(bad) / sum(total)")


def _divided(left: Value, right: Value) -> Value:
    if isinstance(right, float):
        if right == 0.0:
            raise QueryFaultError("divides by 0", "write another divisor")
        return left / right if isinstance(left, float) else _times(left, 1.0 / right)
    if isinstance(right, Flow) and isinstance(left, Flow):
        return _quotient(left, right)
    if isinstance(right, Flow) and isinstance(left, Quotient):
        times = ratio_of(left.above, right.coefficients)
        if times is not None and not left.clamped:
            raise NotExpressibleError("divides a constant by events", "write one ratio: sum(bad) / sum(total)")
    if isinstance(right, Quotient) and isinstance(left, Flow | Quotient) and not right.clamped:
        return _multiplied(left, replace(right, above=right.below, below=right.above))
    raise NotExpressibleError("divides more than once", "write one ratio: sum(bad) / sum(total)")


def _quotient(above: Flow, below: Flow) -> Quotient:
    if below.is_zero:
        raise QueryFaultError("divides by 0", "write the total below the stroke")
    _refuse_floored(below, "divides by")
    if not above.is_zero and above.unit is not below.unit:
        raise mixed_units(above.unit, below.unit)
    first = below if above.is_zero else above
    flow = replace(first, relabelled=above.relabelled | below.relabelled, floored=False)
    return Quotient(above.coefficients, below.coefficients, flow, clamped=above.floored)


def _constant_vector(expr: promql.Expr) -> float | None:
    """The number that an expression makes a series of; None where it does nothing like it."""
    expr = unwrapped(expr)
    if not isinstance(expr, promql.Call) or expr.func.name != "vector":
        return None
    number = expr.args[0]
    return float(number.val) if isinstance(number, promql.NumberLiteral) else None


def _or(left: Value, right: Value) -> Value:
    """The left side, where the right one only says that what is absent is zero."""
    nothing = (isinstance(right, Flow) and right.is_zero) or (isinstance(right, Quotient) and not right.above)
    if not nothing and left != right:
        raise NotExpressibleError("has a fallback that counts something else", "write `or vector(0)`, or leave it out")
    if isinstance(left, float):
        raise QueryFaultError("has a constant before `or`", WRITE_A_SUM)
    return left


def _compared(op: str, left: Value, right: Value, *, is_bool: bool) -> Value:
    """What is compared, where the comparison only leaves out what counts as zero anyway."""
    # Prometheus drops the series whose value does not fulfil a comparison, unless it is written with `bool`.
    leaves_out_zero = right == 0.0 and op in {">", "!=", ">="} and not is_bool
    if leaves_out_zero and isinstance(left, Flow | Quotient):
        counted = left.coefficients if isinstance(left, Flow) else left.above
        if never_negative(counted):
            return left
    raise NotExpressibleError(f"compares by `{op}`, so that it counts samples rather than events", _WRITE_A_GAUGE)


def _refuse_floored(flow: Flow, verb: str) -> None:
    if flow.floored:
        raise NotExpressibleError(
            f"{verb} what clamp_min() has made of a difference that may be negative", "remove clamp_min()"
        )


def _refuse_clamped(quotient: Quotient, verb: str) -> None:
    if quotient.clamped:
        raise NotExpressibleError(f"{verb} a ratio that was clamped", "write the clamp around the whole expression")


_ARITHMETIC: dict[str, Callable[[Value, Value], Value]] = {"+": _plus, "-": _minus, "*": _multiplied, "/": _divided}


def _why_not(function: str) -> tuple[str, str]:
    if function == "histogram_quantile":
        return (
            "histogram_quantile() is no share of events",
            "write good: the bucket at the threshold, or histogram: and threshold:",
        )
    if function in _NATIVE:
        return f"{function}() reads native histograms", "write histogram: and threshold:"
    if function in _SUM_OVER_SAMPLES:
        return f"{function}() counts samples, not events of counters", _WRITE_A_GAUGE
    return f"{function}() is not a sum of counters", WRITE_A_SUM


def _why_not_aggregated(name: str) -> tuple[str, str]:
    if name in {"count", "group"}:
        return f"{name}() counts series, not events", _WRITE_A_GAUGE
    return f"{name}() of series is not a number of events", "write sum()"
