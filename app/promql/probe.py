"""Questions about what a Prometheus holds, asked before an SLO goes live."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from app.promql.metric_names import BUCKET, NAME
from app.promql.selector_text import by_clause, label_text, render
from app.slo import Matcher, MatchOp, Selector

# Long enough for services that sleep at night.
_LOOK_BACK = "1d"

# Long enough to see how a metric behaves; a day of samples of every series would be much to read.
_BEHAVIOUR = "6h"
# Not all series of a metric have all of its labels.
_SOME_SERIES = 20
# Holds several scrapes, up to five minutes apart.
_LATELY_SCRAPED = "20m"


def series_count(selector: Selector) -> str:
    """How many series the selector has had in the last day; an empty answer means none."""
    return f"count({_lately(selector)})"


def series_without(selector: Selector, label: str) -> str:
    """How many of the selector's series lack the label; an empty answer means none."""
    return series_count(selector.with_matchers(Matcher(label, MatchOp.EQUAL, "")))


def bucket_bounds(selector: Selector) -> str:
    """One series for each bucket of the histogram that the selector picks a bucket of."""
    return f"group by ({BUCKET}) ({_lately(without(selector, BUCKET))})"


def outside(part: Selector, totals: Iterable[Selector]) -> str:
    """How many series of the part none of the *totals* selects."""
    return f"count({_lately(part)} unless ({' or '.join(map(_lately, totals))}))"


def without_bucket(total: Selector, bucket: Selector) -> str:
    """How many counts of a histogram are scraped now without the bucket."""
    counts, buckets = (f"last_over_time({render(selector)}[10m])" for selector in (total, bucket))
    return f"count({counts} unless ignoring ({BUCKET}) {buckets})"


def falls(selector: Selector) -> str:
    """How many times the selector's series fell in the last hours."""
    return f"sum(resets({render(selector)}[{_BEHAVIOUR}]))"


def changes(selector: Selector) -> str:
    """How many times the selector's series changed in the last hours."""
    return f"sum(changes({render(selector)}[{_BEHAVIOUR}]))"


def sorted_bounds(bounds: Iterable[str]) -> tuple[str, ...]:
    """The bounds of buckets in the order of their numbers, each once; what is no number is left out.

    >>> sorted_bounds(["+Inf", "0.5", "10", "0.1"])
    ('0.1', '0.5', '10', '+Inf')
    """
    numbers: dict[float, str] = {}
    for bound in bounds:
        with suppress(ValueError):
            numbers.setdefault(float(bound), bound)
    return tuple(numbers[number] for number in sorted(numbers))


def label_values(selector: Selector, label: str) -> str:
    """One series for each value of a label, one without labels for series that lack it."""
    return f"group by ({label_text(label)}) ({_lately(selector)})"


def some_series(selector: Selector) -> str:
    """A few of the selector's series, with all their labels but the name."""
    return f"topk({_SOME_SERIES}, {_lately(selector)})"


def sum_of(events: str) -> str:
    """The events of all series, given PromQL of those of each."""
    return f"sum({events})"


def sum_by(events: str, labels: Sequence[str]) -> str:
    """The events of each group, given PromQL of those of each series; of all series where there are no labels."""
    return f"sum{by_clause(labels)} ({events})" if labels else sum_of(events)


def scraped_series(selector: Selector) -> str:
    """One of the selector's series that has been scraped lately, with all its labels."""
    return f"topk(1, last_over_time({render(selector)}[{_LATELY_SCRAPED}]))"


def samples_of(selector: Selector, labels: Mapping[str, str]) -> str:
    """The samples of the series with these labels that the selector picks, as they were scraped lately."""
    exact = (Matcher(label, MatchOp.EQUAL, value) for label, value in labels.items() if label != NAME)
    return f"{render(selector.with_matchers(*exact))}[{_LATELY_SCRAPED}]"


def name_only(selector: Selector) -> Selector:
    """The selector with nothing but its metric name; itself where it names none."""
    names = tuple(matcher for matcher in selector.matchers if matcher.label == NAME)
    return Selector(names) if names else selector


def named(name: str) -> Selector:
    """The selector of all series of a metric."""
    return Selector((Matcher(NAME, MatchOp.EQUAL, name),))


def without(selector: Selector, label: str) -> Selector:
    """The selector without its matchers on a label."""
    return Selector(tuple(matcher for matcher in selector.matchers if matcher.label != label))


def _lately(selector: Selector) -> str:
    return f"last_over_time({render(selector)}[{_LOOK_BACK}])"
