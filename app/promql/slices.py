"""What a series counted in a slice of time that ends now, so that each event lies in exactly one slice."""

from datetime import timedelta

from app.promql.metric_names import BUCKET
from app.promql.native import with_native
from app.promql.selector_text import by_clause, render
from app.slo import CellFunction, Selector, format_duration

# Fine enough for scrape intervals of 15 s: a coarser one would pass over samples of a slice of a minute.
_GRID = "10s"


def increases_in_slice(selector: Selector, length: timedelta, by: tuple[str, ...]) -> str:
    """The increases of counters since the end of the slice before; a counter that fell or is new began at zero.

    Unlike `increase`, the steps between neighbouring slices are not lost, and nothing is extrapolated.
    """
    now = render(selector)
    return _summed(f"{now} - {now} offset {format_duration(length)} >= 0 or {now}", by)


def native_increases_in_slice(selector: Selector, length: timedelta, by: tuple[str, ...]) -> str:
    """The same, where a series has no classic histogram of its native one; a slice in which it changes counts once."""
    before = with_native(selector, f"{{}} offset {format_duration(length)}".format)
    now, ignored = with_native(selector, "{}".format), f"ignoring ({BUCKET})"
    return _summed(f"{now} - {ignored} {before} >= 0 or {ignored} {now}", by)


def sampled(
    function: CellFunction, selector: Selector, length: timedelta, by: tuple[str, ...], *, on_grid: bool = False
) -> str:
    """How many samples gauges had in the slice, or what these add up to; *on_grid*, on that of `fulfilled`."""
    grid = f":{_GRID}" if on_grid else ""
    return _summed(f"{function}({render(selector)}[{format_duration(length)}{grid}])", by)


def fulfilled(selector: Selector, condition: str, length: timedelta, by: tuple[str, ...]) -> str:
    """How many samples of gauges, on a grid of ten seconds, fulfilled a condition such as ``!= 1`` in the slice."""
    operator, _, number = condition.partition(" ")
    tested = f"({render(selector)} {operator} bool {number})[{format_duration(length)}:{_GRID}]"
    return _summed(f"sum_over_time({tested})", by)


def _summed(expression: str, by: tuple[str, ...]) -> str:
    return f"sum{by_clause(by)} ({expression})"
