"""Expressions over expressions that are evaluated again and again: what they come to over a window, for rules."""

from datetime import timedelta

from app.promql.selector_text import by_clause, label_text
from app.slo import format_duration


def as_share(expression: str, condition: str | None) -> str:
    """An expression as a share from 0 to 1: clamped, or 1 while it fulfils a condition such as ``> 0.2``."""
    if condition is None:
        return f"clamp_max(clamp_min({expression}, 0), 1)"
    operator, _, number = condition.partition(" ")
    return f"(({expression}) {operator} bool {number})"


def mean_share(share: str, window: timedelta, every: timedelta, by: tuple[str, ...]) -> str:
    """The mean of a share over the evaluations of a window."""
    return f"avg{by_clause(by)} (avg_over_time({share}{_range(window, every)}))"


def weighted_share(share: str, events: str, window: timedelta, every: timedelta, by: tuple[str, ...]) -> str:
    """The mean of a share over the evaluations of a window, each weighted by its number of events."""
    labels, grouping, over = ", ".join(map(label_text, by)), by_clause(by), _range(window, every)
    bad = f"sum{grouping} (sum_over_time(({share} * on ({labels}) ({events})){over}))"
    return f"{bad} / (sum{grouping} (sum_over_time(({events}){over})) > 0)"


def ratio_of_events(part: str, total: str, by: tuple[str, ...]) -> str:
    """The ratio of some of the events to all of them; where the part has no series there are none of it."""
    labels = ", ".join(map(label_text, by))
    return f"(({part}) or on ({labels}) 0 * ({total})) / on ({labels}) ({total})"


def _range(window: timedelta, every: timedelta) -> str:
    return f"[{format_duration(window)}:{format_duration(every)}]"
