"""Native histograms in queries, as the counters that classic ones have. Servers without them reject these functions."""

from collections.abc import Callable

from app.promql.buckets import bound_of
from app.promql.inclusion import native_of
from app.promql.metric_names import BUCKET
from app.promql.selector_text import render
from app.slo import Selector


def with_native(selector: Selector, read: Callable[[str], str]) -> str:
    """What *read* makes of a selector; where a series has no classic histogram, of its native one (ADR-0052).

    >>> from app.promql.selector_text import parse_selector
    >>> with_native(parse_selector("h_count"), "rate({}[5m])".format)
    '(rate(h_count[5m]) or histogram_count(rate(h[5m])))'
    """
    classic, histogram = read(render(selector)), native_of(selector)
    if histogram is None:
        return classic
    bound, native = bound_of(selector), read(render(histogram))
    events = f"histogram_count({native})"
    if bound is None:
        return f"({classic} or {events})"
    if bound.is_finite():
        # A histogram without events has a fraction of NaN, which would be the sum of all.
        events = f"histogram_fraction(-Inf, {bound.normalize():f}, {native}) * ({events} > 0)"
    return f"({classic} or ignoring ({BUCKET}) {events})"
