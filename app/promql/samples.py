"""Expressions that read samples: those of a slot or of history, and how much there is to read.

Where a selector is given as text, it is one that `render` has written.
"""

from collections.abc import Collection
from datetime import timedelta

from app.promql.metric_names import NAME, PROCESS_START
from app.promql.native import with_native
from app.promql.plan import any_of
from app.promql.selector_text import label_text, render
from app.slo import Matcher, MatchOp, Selector


def raw_samples(selector: str, span_ms: int) -> str:
    """All samples of the last *span_ms*."""
    return f"{selector}[{span_ms}ms]"


def last_samples(selector: str, lookback_s: int) -> str:
    """The newest value of each series, if it is at most *lookback_s* old."""
    return f"last_over_time({selector}[{lookback_s}s])"


def falls_within(selector: str, span_s: int) -> str:
    """How many times each series fell in the last *span_s*."""
    return f"resets({selector}[{span_s}s])"


def series_by_value(selector: Selector, label: str, span_ms: int) -> str:
    """How many series of each value of the label had samples in the last *span_ms*."""
    return f"count by ({label_text(label)}) ({_newest(selector, span_ms)})"


def any_series(selector: Selector, span_ms: int) -> str:
    """One of the series that had samples in the last *span_ms*, with all its labels but the name."""
    return f"topk(1, {_newest(selector, span_ms)})"


def increases(
    selector: Selector, group: tuple[tuple[str, str], ...], window: timedelta, *, native: bool = False
) -> str:
    """How much each series of one member of a group grew in the window, as Prometheus estimates it.

    *native*: that of a native histogram too, where there is no classic one.
    """
    read = f"increase({{}}[{round(window.total_seconds())}s])".format
    member = of_group(selector, group)
    return with_native(member, read) if native else read(render(member))


def of_group(selector: Selector, group: tuple[tuple[str, str], ...]) -> Selector:
    """The selector of one member of a group."""
    return selector.with_matchers(*(Matcher(label, MatchOp.EQUAL, value) for label, value in group))


def _newest(selector: Selector, span_ms: int) -> str:
    return f"last_over_time({render(selector)}[{span_ms}ms])"


def start_times(created: Collection[str], targets: Collection[tuple[str, str]], lookback_s: int) -> str:
    """When the processes of some targets, given by job and instance, began, and the series with the names *created*."""
    jobs, instances = ({target[place] for target in targets} for place in (0, 1))
    selector = Selector(
        (
            any_of(NAME, sorted({PROCESS_START, *created})),
            any_of("job", sorted(jobs)),
            any_of("instance", sorted(instances)),
        )
    )
    return last_samples(render(selector), lookback_s)
