"""Questions about what a Prometheus holds, asked before an SLO goes live."""

from app.promql.selector_text import render
from app.slo import Matcher, MatchOp, Selector

_LOOK_BACK = "1d"
"""Long enough for services that sleep at night."""

_NAME = "__name__"
BUCKET = "le"


def series_count(selector: Selector) -> str:
    """How many series the selector has had in the last day; an empty answer means none."""
    return f"count({_lately(selector)})"


def series_without(selector: Selector, label: str) -> str:
    """How many of the selector's series lack the label; an empty answer means none."""
    return series_count(selector.with_matchers(Matcher(label, MatchOp.EQUAL, "")))


def bucket_bounds(selector: Selector) -> str:
    """One series for each bucket of the histogram that the selector picks a bucket of."""
    return f"group by ({BUCKET}) ({_lately(without(selector, BUCKET))})"


def name_only(selector: Selector) -> Selector:
    """The selector with nothing but its metric name; itself where it names none."""
    names = tuple(matcher for matcher in selector.matchers if matcher.label == _NAME)
    return Selector(names) if names else selector


def without(selector: Selector, label: str) -> Selector:
    """The selector without its matchers on a label."""
    return Selector(tuple(matcher for matcher in selector.matchers if matcher.label != label))


def _lately(selector: Selector) -> str:
    return f"last_over_time({render(selector)}[{_LOOK_BACK}])"
