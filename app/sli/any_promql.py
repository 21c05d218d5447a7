"""From any PromQL to an SLI: counted from counters, or sample by sample, and evaluated where neither is possible.

Each kind is exact for what it takes, so that none is wrong in silence; the findings say what an SLI became and why.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from app.promql.evaluable import (
    bare_counter,
    compared_quantile,
    evaluable,
    grouping_of,
    is_percent,
    may_have_several_series,
    quantile_as_bool,
    with_one_fallback,
)
from app.promql.expressions import ExpressionError, with_window
from app.promql.metric_names import looks_like_counter, name_of
from app.sli.errors import NotExpressibleError, QueryFaultError
from app.sli.expression import Expression, expression_of_events
from app.sli.from_promql import POOLED, Reduced, reduce_error_ratio, reduce_events
from app.sli.from_samples import gauge_of_error_ratio, gauge_of_events
from app.sli.never_bad import NEVER_BAD, is_never_bad
from app.sli.reduction import QueryFinding
from app.slo import Events, format_duration

# The default `evaluation_interval` of Prometheus, at which the rules of Sloth and Pyrra would be evaluated.
_EVERY = timedelta(minutes=1)
# Takes the place of the SLO's windows: the shortest one that holds samples at usual scrape intervals.
_WINDOW = timedelta(minutes=5)
EVALUATED = "evaluated"
"""The code of what can neither be counted nor read sample by sample."""
QUANTILE = "quantile"
"""The code of a quantile over a threshold, which is better asked as a share of the requests."""
FALLBACK_SERIES = QueryFinding(
    "fallback_series",
    "`or vector(...)` would be a further series beside those with labels: it is read as `or on () vector(...)`",
    "write `or on () vector(...)`",
)
"""That a fallback is read as one."""


def sli_of_any_events(
    *,
    total: str,
    bad: str | None = None,
    good: str | None = None,
    by: tuple[str, ...] = (),
    are_counters: bool = False,
) -> Reduced:
    """The SLI of PromQL of all events and of the bad or the good ones among them; exactly one of these is given.

    *are_counters*: selectors without a function over time are counters, also without a counter's name.

    Raises:
        NotExpressibleError: it counts something else than its author means, or has no value.
    """
    try:
        return _looked_at(_counted(reduce_events(total=total, bad=bad, good=good, by=by), are_counters=are_counters))
    except QueryFaultError:
        raise
    except NotExpressibleError as counted:
        why = counted
    try:
        return _looked_at(Reduced(sli=gauge_of_events(total=total, bad=bad, good=good, by=by)))
    except QueryFaultError:
        raise
    except NotExpressibleError:
        findings: list[QueryFinding] = []
        of_total = _evaluable(total, "total", findings)
        part = _evaluable(bad if bad is not None else good or "", "part", findings)
    shares = Events.BAD if bad is not None else Events.GOOD
    if by:
        groups = by
    else:
        of_total, part = _summed(of_total, Events.TOTAL, findings), _summed(part, shares, findings)
        groups = grouping_of(of_total) or ()
        if set(groups) != set(grouping_of(part) or ()):
            problem = f"total and its part have different labels: {_labels(groups)} and {_labels(grouping_of(part))}"
            raise QueryFaultError(problem, "write the same `by` in both", "different_labels")
    sli = expression_of_events(total=of_total, part=part, shares=shares, every=_EVERY, by=groups)
    evaluated = _evaluated(sli, why, findings)
    return _with_never_bad(evaluated) if shares is Events.GOOD and part == of_total else evaluated


def sli_of_any_error_ratio(expression: str, *, by: tuple[str, ...] = ()) -> Reduced:
    """The SLI of PromQL of the share of bad events.

    Raises:
        NotExpressibleError: it counts something else than its author means, or has no value.
    """
    try:
        return _looked_at(_counted(reduce_error_ratio(expression, by=by), are_counters=False))
    except QueryFaultError:
        raise
    except NotExpressibleError as counted:
        why = counted
    try:
        return _looked_at(Reduced(sli=gauge_of_error_ratio(expression, by=by)))
    except QueryFaultError:
        raise
    except NotExpressibleError:
        findings: list[QueryFinding] = []
        ratio = _evaluable(expression, "", findings)
        if is_percent(ratio):
            problem = "is a hundred times a ratio: an error ratio is from 0 to 1, not in percent"
            raise QueryFaultError(problem, "remove the factor", "more_than_all") from None
        return _evaluated(Expression(expression=ratio, every=_EVERY, by=by or grouping_of(ratio) or ()), why, findings)


def reduced_ratio(expression: str, *, by: tuple[str, ...] = ()) -> Reduced | None:
    """The SLI of a ratio of sums of counters by `rate` or `increase`, or of samples; None where it is to be evaluated.

    Counters without a function over time are their values since processes began, or recorded ratios: who can tell?
    """
    try:
        reduced = reduce_error_ratio(expression, by=by)
    except NotExpressibleError:
        try:
            return Reduced(sli=gauge_of_error_ratio(expression, by=by))
        except NotExpressibleError:
            return None
    return reduced if reduced.over_time else None


def _counted(reduced: Reduced, *, are_counters: bool) -> Reduced:
    """The SLI, unless it would count increases of what is written without a function over time and may be a gauge."""
    if are_counters or reduced.over_time:
        return reduced
    for name in (name_of(term.selector) for term in reduced.sli.terms):
        if name is None or not looks_like_counter(name):
            named = name or "a metric of any name"
            problem = f"takes the values of {named} as they are, whose name is not that of a counter"
            raise NotExpressibleError(problem, f"write rate({name or '...'}[w]) if it is a counter")
    return reduced


def _looked_at(reduced: Reduced) -> Reduced:
    return _with_never_bad(reduced) if is_never_bad(reduced.sli) else reduced


def _with_never_bad(reduced: Reduced) -> Reduced:
    return replace(reduced, findings=(*reduced.findings, NEVER_BAD))


def _summed(expression: str, events: Events, findings: list[QueryFinding]) -> str:
    """The expression, summed where it may have several series, by labels that are not written."""
    if not may_have_several_series(expression):
        return expression
    problem = "may have several series, by labels that are not written: all are added up"
    findings.append(QueryFinding(POOLED, problem, "write sum(...), or sum by (...) in both queries", str(events)))
    return f"sum({expression})"


def _labels(groups: tuple[str, ...] | None) -> str:
    return ", ".join(groups or ()) or "none"


def _evaluable(text: str, field: str, findings: list[QueryFinding]) -> str:
    """The expression as it is evaluated; what is read otherwise than it is written is added to *findings*."""
    at = field if field == "total" else ""
    try:
        written = evaluable(quantile_as_bool(with_window(text, _WINDOW)))
        expression = with_one_fallback(written)
    except ExpressionError as error:
        raise QueryFaultError(error.problem, error.remedy, field=at) from error
    if expression != written:
        findings.append(FALLBACK_SERIES)
    counter = bare_counter(expression)
    if counter is not None:
        problem = f"takes the value of the counter {counter} since its process started"
        raise QueryFaultError(problem, f"write rate({counter}[w])", "bare_counter", at)
    return expression


def _evaluated(sli: Expression, why: NotExpressibleError, found: Sequence[QueryFinding]) -> Reduced:
    weighed = "each evaluation is one event" if sli.weight is None else "each evaluation weighs as much as its total"
    problem = (
        f"{why.reason}: it is evaluated every {format_duration(_EVERY)} over {format_duration(_WINDOW)}, and {weighed}"
    )
    findings = [QueryFinding(EVALUATED, problem, f"to have it counted, {why.remedy}", why.field), *found]
    compared = compared_quantile(sli.expression)
    if compared is not None:
        problem = f"compares a quantile, by interpolation; the share of requests within {compared.threshold:g} is exact"
        findings.append(QueryFinding(QUANTILE, problem, "write that, as `sloburn convert` does"))
    return Reduced(sli=sli, findings=tuple(findings))
