"""The SLI of an indicator of Pyrra."""

from app.documents.importing.events import sli_of_events
from app.documents.importing.scope import Scope
from app.documents.lint.counter_names import COUNTER_NAME, unlike_a_counter
from app.documents.pyrra.model import BoolGaugeModel, IndicatorModel, LatencyModel, LatencyNativeModel, RatioModel
from app.promql.metric_names import BUCKET, NAME, looks_like_counter, name_of
from app.promql.selector_text import SelectorError, parse_selector
from app.slo import Events, MatchOp, Sli

Indicator = RatioModel | LatencyModel | LatencyNativeModel | BoolGaugeModel
_WINDOW = "[{{.window}}]"
_CLASSIC = ("_count", "_bucket", "_sum")
_KINDS = ("ratio", "latency", "latency_native", "bool_gauge")


def indicator_of(model: IndicatorModel, scope: Scope) -> tuple[Indicator, Scope] | None:
    """The only indicator and its place; None, and an error, where there is none or several."""
    given = [(name, getattr(model, name)) for name in _KINDS if getattr(model, name) is not None]
    if len(given) != 1:
        problem = "says nothing to count" if not given else "has more than one indicator"
        scope.error(problem, "write one of ratio, latency, latencyNative and bool_gauge")
        return None
    name, indicator = given[0]
    return indicator, scope.below(model.key(name))


def sli_of_indicator(indicator: Indicator, scope: Scope) -> Sli | None:
    """What is counted; None, and why, where it cannot be."""
    match indicator:
        case RatioModel():
            return _ratio(indicator, scope)
        case LatencyModel():
            success = scope.below("success", "metric")
            if not _has_bound(indicator.success.metric):
                success.error("says not how fast is good: it has no matcher on le", 'write {le="0.25"} of a bucket')
                return None
            total = (indicator.total.metric, scope.below("total", "metric"))
            good = (indicator.success.metric, success)
            return sli_of_events(total=total, good=good, by=indicator.grouping, are_counters=True)
        case LatencyNativeModel() if _is_classic(indicator.total.metric):
            problem = "is a series of a classic histogram, and latencyNative is of native ones"
            remedy = "write the name of the histogram, without _count or _bucket, or latency: instead of latencyNative:"
            scope.below("total", "metric").error(problem, remedy)
            return None
        case LatencyNativeModel():
            seconds = indicator.latency.total_seconds()
            counts = f"sum{_by(indicator.grouping)}(increase({indicator.total.metric}{_WINDOW}))"
            # Weighted by its events, so that a quiet night does not count as much as a busy day.
            events, place = f"histogram_count({counts})", scope.below("total", "metric")
            fast = f"histogram_fraction(0, {seconds:g}, {counts}) * {events}"
            return sli_of_events(total=(events, place), good=(fast, place), by=indicator.grouping)
        case BoolGaugeModel():
            metric, place = f"{indicator.metric}{_WINDOW}", scope.below("metric")
            by = _by(indicator.grouping)
            # The samples of a gauge of 0 and 1 add up to those that are 1.
            samples, ones = (f"sum{by}({over}_over_time({metric}))" for over in ("count", "sum"))
            return sli_of_events(total=(samples, place), good=(ones, place), by=indicator.grouping)


def fixed_labels(indicator: Indicator) -> dict[str, str]:
    """The labels with one value, by the matchers of all events, that are not grouped by: Pyrra's rules have them."""
    metric = indicator.metric if isinstance(indicator, BoolGaugeModel) else indicator.total.metric
    try:
        matchers = parse_selector(metric).matchers
    except SelectorError:
        return {}
    return {
        matcher.label: matcher.value
        for matcher in matchers
        if matcher.op is MatchOp.EQUAL and matcher.label not in {NAME, *indicator.grouping}
    }


def _ratio(indicator: RatioModel, scope: Scope) -> Sli | None:
    total = (indicator.total.metric, scope.below("total", "metric"))
    if (indicator.errors is None) == (indicator.success is None):
        problem = "needs errors" if indicator.errors is None else "has errors and success"
        scope.error(problem, "write one of errors and success")
        return None
    if indicator.errors is not None:
        bad = (indicator.errors.metric, scope.below("errors", "metric"))
        return _of_counters(sli_of_events(total=total, bad=bad, by=indicator.grouping, are_counters=True), scope)
    if indicator.success is not None:
        good = (indicator.success.metric, scope.below("success", "metric"))
        return _of_counters(sli_of_events(total=total, good=good, by=indicator.grouping, are_counters=True), scope)
    return None


def _of_counters(sli: Sli | None, scope: Scope) -> Sli | None:
    """The SLI; metrics without a counter's name are a warning, since Pyrra takes the rate of gauges, too."""
    for term in () if sli is None else sli.terms:
        name = name_of(term.selector)
        if name is not None and not looks_like_counter(name):
            key = "total" if term.events is Events.TOTAL else "errors" if term.events is Events.BAD else "success"
            scope.below(key, "metric").warning(*unlike_a_counter(name), COUNTER_NAME)
    return sli


def _is_classic(metric: str) -> bool:
    try:
        name = name_of(parse_selector(metric))
    except SelectorError:
        return False
    return name is not None and name.endswith(_CLASSIC)


def _has_bound(metric: str) -> bool:
    try:
        return any(matcher.label == BUCKET for matcher in parse_selector(metric).matchers)
    except SelectorError:
        # What is wrong with it is said where it is counted.
        return True


def _by(grouping: tuple[str, ...]) -> str:
    return f" by ({', '.join(grouping)}) " if grouping else ""
