"""The SLI of a method of slo-generator."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.documents.importing.events import sli_of_events, sli_of_ratio
from app.documents.importing.scope import Scope
from app.documents.slo_generator.model import IndicatorModel
from app.promql.buckets import le_matcher
from app.promql.metric_names import BUCKET, NAME
from app.promql.selector_text import SelectorError, parse_selector, render
from app.slo import Matcher, MatchOp, Selector, Sli

_BUCKETS = "_bucket"
# The placeholder of the window, which its documents may write behind a selector.
_WINDOW = re.compile(r"\s*\[\s*window\s*\]$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What is counted, by a method of a backend; each has its place."""

    backend: tuple[str, Scope]
    method: tuple[str, Scope]
    indicator: IndicatorModel
    scope: Scope


def sli_of_measurement(given: Measurement) -> Sli | None:
    """What is counted; None, and why, where it cannot be."""
    (backend, of_backend), (method, of_method) = given.backend, given.method
    # A backend may have a name: `prometheus/eu`.
    if backend.partition("/")[0].lower() != "prometheus":
        problem = f"reads from {backend}, and Sloburn from Prometheus"
        of_backend.error(problem, "write prometheus and the same metric in PromQL")
        return None
    match method:
        case "good_bad_ratio":
            return _ratio(given.indicator, given.scope)
        case "distribution_cut":
            return _bucket(given.indicator, given.scope)
        # Its expression is the ratio of good events, where Sloburn and Sloth read that of bad ones.
        case "query_sli":
            expression = given.indicator.expression
            if expression is None:
                given.scope.error("needs an expression", "write expression: and the PromQL of the ratio of good events")
                return None
            return sli_of_ratio((f"1 - ({expression})", given.scope.below("expression")))
        case _:
            of_method.error(f"{method!r} is not known", "write good_bad_ratio, distribution_cut or query_sli")
            return None


def _ratio(indicator: IndicatorModel, scope: Scope) -> Sli | None:
    good, bad, valid = (
        None if text is None else _events(text, indicator.operators)
        for text in (indicator.filter_good, indicator.filter_bad, indicator.filter_valid)
    )
    given = {name for name in ("good", "bad", "valid") if getattr(indicator, f"filter_{name}") is not None}
    of_good, of_bad, of_valid = (scope.below(f"filter_{name}") for name in ("good", "bad", "valid"))
    if given == {"good", "valid"} and good is not None and valid is not None:
        return sli_of_events(total=(valid, of_valid), good=(good, of_good))
    if given == {"bad", "valid"} and bad is not None and valid is not None:
        return sli_of_events(total=(valid, of_valid), bad=(bad, of_bad))
    if given == {"good", "bad"} and good is not None and bad is not None:
        return sli_of_events(total=(f"{good} + {bad}", of_good), bad=(bad, of_bad))
    scope.error("needs two of filter_good, filter_bad and filter_valid", "write filter_good: and filter_valid:")
    return None


def _events(text: str, operators: Sequence[str]) -> str:
    """The query of a filter: slo-generator writes *operators* around the window of its selector."""
    query = _WINDOW.sub("", text.strip())
    try:
        parse_selector(query)
    except SelectorError:
        return text
    query = f"{query}[window]"
    for operator in operators:
        query = f"{operator}({query})"
    return query


def _bucket(indicator: IndicatorModel, scope: Scope) -> Sli | None:
    place = scope.below("expression")
    if indicator.expression is None or indicator.threshold_bucket is None:
        problem = "needs an expression and a threshold_bucket"
        scope.error(problem, "write expression: a_seconds_bucket{...} and threshold_bucket: 0.25")
        return None
    try:
        buckets = parse_selector(_WINDOW.sub("", indicator.expression.strip()))
    except SelectorError as error:
        place.error(error.problem, error.remedy)
        return None
    matchers = [matcher for matcher in buckets.matchers if matcher.label not in {NAME, BUCKET}]
    name = next((matcher.value for matcher in buckets.matchers if matcher.label == NAME), "")
    if not name.endswith(_BUCKETS):
        place.error(f"{name or 'it'} is not a histogram's _bucket", "write a_seconds_bucket{...}")
        return None
    count = Matcher(NAME, MatchOp.EQUAL, f"{name.removesuffix(_BUCKETS)}_count")
    total = (render(Selector((count, *matchers))), place)
    bucket = Matcher(NAME, MatchOp.EQUAL, name)
    fast = (render(Selector((bucket, le_matcher(indicator.threshold_bucket), *matchers))), place)
    if indicator.good_below_threshold:
        return sli_of_events(total=total, good=fast, are_counters=True)
    return sli_of_events(total=total, bad=fast, are_counters=True)
