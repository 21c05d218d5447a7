"""From PromQL, as documents of any tool have it, to an SLI that counts events.

`sli_of` takes the queries of all and of good or bad events, `sli_of_error_ratio` one expression of the error ratio.
Start at `reduction.py` for what is understood.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from app.promql.buckets import bound_of, bound_text
from app.promql.expressions import PLACEHOLDER, ExpressionError, parse_expression
from app.promql.inclusion import histogram_of, includes
from app.promql.metric_names import BUCKET
from app.sli.errors import NotExpressibleError, QueryFaultError
from app.sli.flows import Coefficients, Flow, Grouping, Unit, added, never_negative, scaled
from app.sli.reduction import WRITE_A_SUM, QueryFinding, Quotient, Range, Reduction, Value, mixed_units, regrouped
from app.sli.weighted_sum import weighted_sum
from app.slo import Events, Selector, Sli, Weights, format_duration

POOLED: Final = "pooled"
"""The code of groups whose labels are not written, so that they are counted together."""
# Weights are rounded to 12 digits; a factor of 100, for percent, is the mistake that is looked for.
_MOST_COUNTED = 1.0 + 1e-9
_PERCENT = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """One query of events: the sum of counters that it comes to, and what is counted otherwise than it says."""

    text: str
    flow: Flow
    ranges: frozenset[Range]
    findings: tuple[QueryFinding, ...]

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """The counters of the sum."""
        return tuple(self.flow.coefficients)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduced:
    """The SLI that queries come to, and what is counted otherwise than they say.

    *over_time*: all of its counters are in a function over a range, such as `rate`.
    """

    sli: Sli
    over_time: bool = False
    findings: tuple[QueryFinding, ...] = ()


def sli_of(*, total: str, bad: str | None = None, good: str | None = None, by: tuple[str, ...] = ()) -> Sli:
    """The SLI of all events and of the bad or the good ones among them; exactly one of *bad* and *good* is given.

    Raises:
        NotExpressibleError: a query is not a sum of counters.
    """
    return reduce_events(total=total, bad=bad, good=good, by=by).sli


def sli_of_error_ratio(expression: str, *, by: tuple[str, ...] = ()) -> Sli:
    """The SLI of an expression for the share of bad events, such as ``sum(rate(bad[w])) / sum(rate(total[w]))``.

    Raises:
        NotExpressibleError: the expression is not a ratio of sums of counters.
    """
    return reduce_error_ratio(expression, by=by).sli


def reduce_events(*, total: str, bad: str | None = None, good: str | None = None, by: tuple[str, ...] = ()) -> Reduced:
    """As `sli_of`, with what is counted otherwise than it is written."""
    part, events = (good, Events.GOOD) if bad is None else (bad, Events.BAD)
    if part is None or None not in {bad, good}:
        raise ValueError("exactly one of bad and good must be given")
    of_total, of_part = (_named(text, field) for text, field in ((total, Events.TOTAL), (part, events)))
    return reduce_queries(of_total, of_part, events, by=by)


def read_events(text: str) -> EventQuery:
    """The sum of counters that a query comes to.

    Raises:
        NotExpressibleError: it comes to none.
    """
    reduction = Reduction()
    value = _value(text, reduction)
    if isinstance(value, Quotient):
        raise NotExpressibleError("is a ratio, not a number of events", WRITE_A_SUM)
    if isinstance(value, float):
        raise NotExpressibleError("is a constant, not a sum of counters", WRITE_A_SUM)
    findings = tuple(reduction.findings.values())
    return EventQuery(text=text, flow=value, ranges=frozenset(reduction.ranges), findings=findings)


def reduce_queries(total: EventQuery, part: EventQuery, events: Events, *, by: tuple[str, ...] = ()) -> Reduced:
    """The SLI of all events and of a part of them, the good or the bad ones as *events* says.

    Raises:
        NotExpressibleError: they cannot be counted together.
    """
    of_total, of_part = total.flow, part.flow
    _refuse_floored_total(of_total, of_part, events)
    # A bare counter beside a rate is the same sum of increases: documents for other tools mix them.
    if not of_part.is_zero and of_part.unit is not of_total.unit and Unit.SO_FAR not in {of_part.unit, of_total.unit}:
        raise mixed_units(of_total.unit, of_part.unit)
    of_bad = of_part.coefficients
    if events is Events.GOOD:
        of_bad = added(of_total.coefficients, scaled(of_bad, -1.0))
    groups = _groups((of_total, of_part), by)
    findings = dict.fromkeys((*total.findings, *part.findings, *_of_groups((of_total, of_part), groups)))
    sli = _sli(of_total.coefficients, of_bad, groups, total.ranges | part.ranges)
    over_time = Unit.SO_FAR not in {of_total.unit, of_part.unit}
    return Reduced(sli=sli, findings=tuple(findings), over_time=over_time)


def reduce_error_ratio(expression: str, *, by: tuple[str, ...] = ()) -> Reduced:
    """As `sli_of_error_ratio`, with what is counted otherwise than it is written."""
    reduction = Reduction()
    ratio = _value(expression, reduction)
    if isinstance(ratio, Flow) and ratio.unit in {Unit.PER_SECOND, Unit.PER_WINDOW}:
        raise QueryFaultError(
            f"is {ratio.unit}, not the share of bad events",
            "write the bad events over all events: sum(rate(bad[w])) / sum(rate(total[w]))",
            "no_ratio",
        )
    if not isinstance(ratio, Quotient):
        raise NotExpressibleError(
            "is no ratio of events", "write the bad events over all events: sum(bad) / sum(total)"
        )
    if ratio.otherwise:
        raise NotExpressibleError(
            f"is {ratio.otherwise:g} while there are no events, which counting would leave out",
            "leave out `or vector(...)`",
        )
    sli = _sli(ratio.below, ratio.above, _groups((ratio.flow,), by), frozenset(reduction.ranges))
    over_time = ratio.flow.unit is not Unit.SO_FAR
    return Reduced(sli=sli, findings=tuple(reduction.findings.values()), over_time=over_time)


def _value(text: str, reduction: Reduction) -> Value:
    try:
        return reduction.value(parse_expression(text))
    except ExpressionError as error:
        raise QueryFaultError(error.problem, error.remedy) from error


def _named(text: str, field: Events) -> EventQuery:
    try:
        return read_events(text)
    except NotExpressibleError as error:
        error.field = str(field)
        raise


def _refuse_floored_total(total: Flow, part: Flow, events: Events) -> None:
    """Counting takes negative bad events of a window for none, and does nothing like it to total and good ones."""
    for flow, field in ((total, Events.TOTAL), (part, events)):
        if flow.floored and field is not Events.BAD:
            reason = f"{field} is a difference that may be negative, which clamp_min() takes for 0"
            raise NotExpressibleError(reason, "remove clamp_min()", field=str(field))


def _groups(flows: tuple[Flow, ...], by: tuple[str, ...]) -> tuple[str, ...]:
    """The labels of the groups: those that are asked for, or those that the sums have."""
    written = [flow.grouping for flow in flows if not flow.is_zero and not flow.grouping.without]
    for one, other in pairwise(written):
        if not one.same_as(other):
            raise NotExpressibleError(
                f"total and its part are summed by different labels: {one} and {other}", "write the same `by` in both"
            )
    labels = by or next((grouping.labels for grouping in written), ())
    for flow in flows:
        # A plain sum says nothing about groups that a document asks for.
        if flow.grouping.labels or flow.grouping.without or not by:
            regrouped(flow, Grouping(labels))
    return labels


def _of_groups(flows: tuple[Flow, ...], by: tuple[str, ...]) -> Iterator[QueryFinding]:
    """That sums by labels which are not written are added up."""
    for flow in flows:
        if flow.grouping.without and flow.grouping.labels and not by:
            problem = f"sums by {flow.grouping}, whose names are not known: all are counted together, as one SLO"
            yield QueryFinding(POOLED, problem, "write sum by (...) and the labels of the groups, or sum(...)")


def _sli(total: Coefficients, bad: Coefficients, by: tuple[str, ...], ranges: frozenset[Range]) -> Sli:
    _check_ranges(ranges)
    _check_events(total, bad)
    # Only ratios of weights matter: `100 * bad / (100 * total)` must be the SLI of `bad / total`, with its history.
    largest = max(abs(value) for value in total.values())
    total, bad = scaled(total, 1.0 / largest), scaled(bad, 1.0 / largest)
    weights = {
        selector: Weights(total=total.get(selector, 0.0), bad=bad.get(selector, 0.0)) for selector in {**total, **bad}
    }
    return weighted_sum(weights, by)


def _check_ranges(ranges: frozenset[Range]) -> None:
    increases = sorted({over for unit, over in ranges if unit is Unit.PER_WINDOW})
    if len(increases) > 1:
        texts = " and ".join(
            "[the window]" if over == PLACEHOLDER else f"[{format_duration(over)}]" for over in increases
        )
        raise QueryFaultError(f"compares increases over different ranges: {texts}", "write one range", "mixed_ranges")


def _check_events(total: Coefficients, bad: Coefficients) -> None:
    most = max(total.values(), default=0.0)
    if most <= 0:
        raise QueryFaultError("total never counts an event", "write a sum of counters", "no_total", Events.TOTAL)
    for selector, times in bad.items():
        counted = max((value for every, value in total.items() if includes(every, selector)), default=0.0)
        if counted <= 0 and times >= most * _PERCENT:
            # Of metrics of their own only percent is certainly not meant.
            counted = most
        if times > counted * _MOST_COUNTED and counted > 0:
            raise QueryFaultError(
                f"counts each bad event {times / counted:.10g} times: an error ratio is from 0 to 1, not in percent",
                "remove the factor",
                "more_than_all",
            )
    if bad and all(times > 0 and _is_threshold(selector) for selector, times in bad.items()):
        raise _bucket_as_bad(next(iter(bad)))
    if bad and never_negative(scaled(bad, -1.0)):
        raise QueryFaultError(
            "never counts a bad event: what is taken away is never less than what it is taken from",
            "swap what is on both sides of the minus",
            "never_bad",
        )


def _bucket_as_bad(bucket: Selector) -> QueryFaultError:
    histogram, bound = histogram_of(bucket), bound_text(bucket)
    threshold = bound.removeprefix(f'{BUCKET}="').removesuffix('"')
    return QueryFaultError(
        f"counts the fast events as bad: the bucket {bound} holds those that took at most that long",
        f"write {histogram}_count - {histogram}_bucket{{{bound}}}, or in a native document good: instead of bad:, or "
        f"histogram: {histogram} and threshold: {threshold}",
        "bucket_as_bad",
    )


def _is_threshold(selector: Selector) -> bool:
    """Whether it selects one bucket of a histogram that does not hold all events."""
    bound = bound_of(selector)
    return histogram_of(selector) is not None and bound is not None and bound.is_finite()
