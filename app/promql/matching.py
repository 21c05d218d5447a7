"""Which series a selector selects: Prometheus's own matching, on labels that we have been given.

Regular expressions are RE2, as in Prometheus, and anchored at both ends.
Source: https://prometheus.io/docs/prometheus/latest/querying/basics/#instant-vector-selectors
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import re2

from app.slo import Matcher, MatchOp, Selector

Test = Callable[[str], bool]


def matches(selector: Selector, labels: Mapping[str, str]) -> bool:
    """Whether the selector selects a series with these labels; an absent label is empty."""
    return all(_test(matcher)(labels.get(matcher.label, "")) for matcher in selector.matchers)


def implied_by(selector: Selector, narrower: Selector) -> bool:
    """Whether *narrower* can only select series that *selector* selects too: it has all its matchers and more."""
    return set(selector.matchers) <= set(narrower.matchers)


@lru_cache(maxsize=100_000)
def _test(matcher: Matcher) -> Test:
    wanted = matcher.value
    match matcher.op:
        case MatchOp.EQUAL:
            return lambda value: value == wanted
        case MatchOp.NOT_EQUAL:
            return lambda value: value != wanted
        case MatchOp.REGEX:
            pattern = _compiled(wanted)
            return lambda value: pattern.fullmatch(value) is not None
        case MatchOp.NOT_REGEX:
            pattern = _compiled(wanted)
            return lambda value: pattern.fullmatch(value) is None


def _compiled(expression: str) -> Any:
    # Prometheus 3 compiles with (?s:...), so that a dot matches a newline too; 2.42 and VictoriaMetrics do without.
    return re2.compile(f"(?s:{expression})")
