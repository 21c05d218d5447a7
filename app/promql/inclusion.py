"""Which events are a part of which, by what is written: matchers that narrow, and buckets that hold smaller ones."""

from collections.abc import Iterable

from app.promql.buckets import bound_of
from app.promql.matching import implied_by
from app.promql.metric_names import BUCKET, NAME, name_of
from app.slo import Matcher, MatchOp, Selector


def includes(whole: Selector, part: Selector) -> bool:
    """Whether every event of *part* is one of *whole* too, by what is written."""
    return implied_by(whole, part) or is_larger_bucket(whole, part)


def histogram_of(selector: Selector) -> str | None:
    """The name of the classic histogram whose count, or one bucket, a selector selects; None if it is neither."""
    name = name_of(selector)
    if name is None:
        return None
    if name.endswith("_bucket") and bound_of(selector) is not None:
        return name.removesuffix("_bucket")
    return name.removesuffix("_count") if name.endswith("_count") else None


def native_of(selector: Selector) -> Selector | None:
    """The native histogram that a selector selects the count, or one bucket, of; None if it is neither.

    >>> from app.promql.selector_text import parse_selector, render
    >>> render(native_of(parse_selector('h_bucket{le="0.3",job="a"}')))
    'h{job="a"}'
    """
    name = histogram_of(selector)
    if name is None:
        return None
    return Selector((Matcher(NAME, MatchOp.EQUAL, name), *_others(selector)))


def is_larger_bucket(whole: Selector, part: Selector) -> bool:
    """Whether *whole* is the count, or a larger bucket, of the histogram that *part* is a bucket of."""
    part_bound, whole_bound = bound_of(part), bound_of(whole)
    if part_bound is None or histogram_of(part) is None or histogram_of(part) != histogram_of(whole):
        return False
    return (whole_bound is None or whole_bound > part_bound) and set(_others(whole)) <= set(_others(part))


def _others(selector: Selector) -> Iterable[Matcher]:
    return (matcher for matcher in selector.matchers if matcher.label not in {NAME, BUCKET})
