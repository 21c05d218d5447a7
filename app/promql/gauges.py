"""Expressions over the samples of gauges: what Prometheus says of those in a cell or a window.

Prometheus has no function that counts the samples that fulfil a condition. A subquery does it on samples of its own
grid, which is near enough for rules and for the shares of contributors; budgets are counted from the samples.
"""

from collections.abc import Sequence
from datetime import timedelta

from app.promql.samples import of_group
from app.promql.selector_text import by_clause, render
from app.slo import CellFunction, Selector, format_duration

Group = tuple[tuple[str, str], ...]
# The grid of subqueries in rules and estimates: about as many points as samples at usual scrape intervals.
_STEP_S = 30


def in_cell(function: CellFunction, selector: str, span_ms: int) -> str:
    """What the function says of each series' samples in the last *span_ms*; *selector* as `render` has written it."""
    return f"{function}({selector}[{span_ms}ms])"


def closed_on_the_left() -> str:
    """More than 1 where a range holds a sample at its very start: in Prometheus 2, not in 3 or VictoriaMetrics.

    To be asked at a whole second.
    """
    return "count_over_time(vector(1)[1s:1s])"


def samples_that_fulfil(selector: Selector, condition: str, group: Group, window: timedelta) -> str:
    """How many samples of each series fulfil a condition such as ``!= 1``."""
    return f"sum_over_time({_tested(of_group(selector, group), condition)}[{_seconds(window)}:{_STEP_S}s])"


def samples_at_all(selector: Selector, group: Group, window: timedelta, *, on_grid: bool) -> str:
    """How many samples each series has; *on_grid*, on that of `samples_that_fulfil`, to be compared with it."""
    return f"count_over_time({render(of_group(selector, group))}[{_seconds(window)}{_grid(on_grid)}])"


def sum_of_samples(selector: Selector, group: Group, window: timedelta, *, on_grid: bool = False) -> str:
    """The sum of each series' samples; *on_grid*, of those on that of `samples_that_fulfil`."""
    return f"sum_over_time({render(of_group(selector, group))}[{_seconds(window)}{_grid(on_grid)}])"


def good_or_absent(selector: Selector, condition: str, absent_for: timedelta) -> str:
    """1 for each series that fulfils a condition, 0 for one that does not, or had samples lately and has none now.

    While Prometheus scrapes nothing at all, what became of a series is not known: then it has no value.
    """
    gone = f"0 * last_over_time({render(selector)}[{format_duration(absent_for)}])"
    return f"{_tested(selector, condition)} or ({gone} and on () (count(up) > 0))"


def share_that_fulfil(selector: Selector, condition: str, window: timedelta, by: tuple[str, ...]) -> str:
    """The share of the samples that fulfil a condition, for Prometheus rules."""
    tested = f"{_tested(selector, condition)}[{format_duration(window)}:]"
    grouping = by_clause(by)
    return f"sum{grouping} (sum_over_time({tested})) / sum{grouping} (count_over_time({tested}))"


def share_of_sums(part: Selector, total: Selector, window: timedelta, by: tuple[str, ...]) -> str:
    """The sum of one selector's samples over that of another's, for Prometheus rules."""
    grouping, length = by_clause(by), format_duration(window)
    above, below = (f"sum{grouping} (sum_over_time({render(one)}[{length}]))" for one in (part, total))
    return f"({above} or 0 * {below}) / ({below} > 0)"


def share_of_terms(part: Sequence[tuple[float, str]], total: Sequence[tuple[float, str]], by: tuple[str, ...]) -> str:
    """A weighted sum of expressions over another one, for Prometheus rules; what has no series counts nothing."""
    grouping, everything = by_clause(by), f"sum{by_clause(by)} ({total[0][1]})"
    above, below = (
        " + ".join(f"{weight:g} * (sum{grouping} ({text}) or 0 * {everything})" for weight, text in weighted)
        for weighted in (part, total)
    )
    return f"clamp_min({above or f'0 * {everything}'}, 0) / (({below}) > 0)"


def _tested(selector: Selector, condition: str) -> str:
    operator, _, value = condition.partition(" ")
    return f"({render(selector)} {operator} bool {value})"


def _grid(on_grid: bool) -> str:
    return f":{_STEP_S}s" if on_grid else ""


def _seconds(window: timedelta) -> str:
    return f"{round(window.total_seconds())}s"
