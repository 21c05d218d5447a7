"""Series selectors as values: a metric name and matchers, never text.

`app.promql` parses and renders them; nothing else builds PromQL, so that a label value can never become code.
"""

from dataclasses import dataclass
from enum import StrEnum


class MatchOp(StrEnum):
    """How a matcher compares a label with its value."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


@dataclass(frozen=True, slots=True, order=True)
class Matcher:
    """One label matcher, such as ``code=~"5.."``; the value is unquoted."""

    label: str
    op: MatchOp
    value: str


@dataclass(frozen=True, slots=True)
class Selector:
    """A bare vector selector; the metric name is the matcher on ``__name__``.

    Matchers are sorted and free of duplicates, so that equal selectors compare equal however they were written.
    """

    matchers: tuple[Matcher, ...]

    def __post_init__(self) -> None:
        if not self.matchers:
            raise ValueError("a selector needs at least one matcher")
        # The way to set a field of a frozen dataclass; Prometheus takes matchers in any order.
        object.__setattr__(self, "matchers", tuple(sorted(set(self.matchers))))

    def with_matchers(self, *more: Matcher) -> "Selector":
        """This selector narrowed by further matchers."""
        return Selector((*self.matchers, *more))
