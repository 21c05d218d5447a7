"""The kinds of SLIs in a native document: for each its keys, what makes it unusable, and the SLI that it describes."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import Discriminator, Field, Tag
from typing_extensions import override

from app.documents.native.composites import COMPONENT, COMPONENT_ID, CompositeSliModel
from app.documents.native.counters import BadSliModel, GoodSliModel
from app.documents.native.expressions import ExpressionSliModel
from app.documents.native.fields import (
    MATCHERS_TABLE,
    MATCHERS_TEXT,
    Between,
    HistogramMatchers,
    HistogramName,
    Threshold,
)
from app.documents.native.gauges import GaugeSliModel, GaugeSumsSliModel
from app.documents.native.interval_counts import DatadogSliModel, NewRelicSliModel
from app.documents.native.sli_model import SliModel
from app.promql.buckets import le_matcher
from app.promql.metric_names import BUCKET, NAME
from app.sli import sli_of_good, weighted_sum
from app.slo import CompositeRule, Matcher, MatchOp, Selector, Sli, Weights, format_duration
from app.yamldoc.findings import FieldFinding

GOOD: Final = "<good and total>"
BAD: Final = "<bad and total>"
LATENCY: Final = "<latency>"
EXPRESSION: Final = "<expression>"
GAUGE: Final = "<gauge>"
GAUGE_SUMS: Final = "<gauge of total and part>"
COMPOSITE: Final = "<composite>"
DATADOG: Final = "<datadog>"
NEWRELIC: Final = "<newrelic>"
SLI_BRANCHES: Final = frozenset(
    {GOOD, BAD, LATENCY, EXPRESSION, GAUGE, GAUGE_SUMS, COMPOSITE, DATADOG, NEWRELIC}
    | {MATCHERS_TEXT, MATCHERS_TABLE, COMPONENT, COMPONENT_ID}
)
"""Names of the branches of unions: pydantic puts them into the paths of errors, where no key looks like one."""
# Prometheus's convention is seconds; client libraries of other systems export these units, as the suffix says.
_UNITS = {"milliseconds": "ms", "microseconds": "µs", "nanoseconds": "ns"}
_NOT_TIME = ("bytes", "ratio", "percent", "count", "size")
_MS = timedelta(milliseconds=1)
_MS_PER_SECOND = 1000


class LatencySliModel(SliModel):
    """Events of a classic histogram that are at most as slow, or as large, as one of its buckets."""

    histogram: HistogramName
    """The name of the histogram, without _bucket or _count."""
    selector: HistogramMatchers = Field(default_factory=dict)
    """Which of its series: labels and their values, or matchers in braces."""
    threshold: Threshold
    """The upper bound of a bucket: a duration, or a number in the unit of the histogram."""
    interpolate: Between | None = None
    """The bounds of the two buckets that the threshold lies between, to have what lies there counted by share."""

    @override
    def sli(self, by: tuple[str, ...]) -> Sli:
        """What is counted: the bucket at the threshold holds the good events."""
        total = Selector((_named(f"{self.histogram}_count"), *self._matchers))
        bucket = le_matcher(_bound(self.threshold))
        if self.interpolate is not None:
            return self._between(total, self.interpolate, by)
        good = Selector((_named(f"{self.histogram}_bucket"), bucket, *self._matchers))
        return sli_of_good(total=total, good=good, by=by)

    def _between(
        self, total: Selector, bounds: tuple[timedelta | Decimal, timedelta | Decimal], by: tuple[str, ...]
    ) -> Sli:
        """All of the lower bucket is good, and a share of what only the upper one has, as the threshold divides it."""
        lower, upper, threshold = (_bound(bound) for bound in (*bounds, self.threshold))
        share = float((threshold - lower) / (upper - lower))
        weights = {total: Weights(total=1.0, bad=1.0)}
        for bound, of_bucket in ((lower, 1.0 - share), (upper, share)):
            bucket = Selector((_named(f"{self.histogram}_bucket"), le_matcher(bound), *self._matchers))
            weights[bucket] = Weights(total=0.0, bad=-of_bucket)
        return weighted_sum(weights, by)

    @override
    def findings(self, by: tuple[str, ...]) -> Iterator[FieldFinding]:
        """Whether it names what is set for it, or a threshold of another unit than the histogram's."""
        for label in (BUCKET, NAME):
            if any(matcher.label == label for matcher in self._matchers):
                remedy = "write threshold:" if label == BUCKET else "write histogram:"
                yield FieldFinding(("sli", "selector"), f"{label} is set by the service", f"remove it; {remedy}")
        if self.interpolate is not None:
            lower, upper = map(_bound, self.interpolate)
            if not lower < _bound(self.threshold) < upper:
                problem = "the threshold does not lie between these two bounds"
                yield FieldFinding(("sli", "interpolate"), problem, "write the next lower and the next higher bucket")
        if isinstance(self.threshold, timedelta):
            yield from _check_unit(self.histogram, self.threshold)

    @property
    def _matchers(self) -> tuple[Matcher, ...]:
        """Which series of the histogram are meant."""
        if isinstance(self.selector, Selector):
            return self.selector.matchers
        return tuple(Matcher(label, MatchOp.EQUAL, value) for label, value in self.selector.items())


def _check_unit(histogram: str, threshold: timedelta) -> Iterator[FieldFinding]:
    path = ("sli", "threshold")
    for unit, sign in _UNITS.items():
        if histogram.endswith(f"_{unit}"):
            amount = threshold // timedelta(microseconds=1)
            number = {"ms": amount / 1000, "µs": amount, "ns": amount * 1000}[sign]
            problem = f"durations are in seconds, and the buckets of {histogram} are in {unit}"
            yield FieldFinding(path, problem, f"write {number:g} without a unit")
    if histogram.endswith(tuple(f"_{unit}" for unit in _NOT_TIME)):
        problem = f"{format_duration(threshold)} is a duration, and {histogram} does not measure time"
        yield FieldFinding(path, problem, "write a number in the unit of the histogram")


def _bound(threshold: timedelta | Decimal) -> Decimal:
    return threshold if isinstance(threshold, Decimal) else Decimal(threshold // _MS) / _MS_PER_SECOND


def _named(metric: str) -> Matcher:
    return Matcher(NAME, MatchOp.EQUAL, metric)


_KEYS_OF_BRANCHES: dict[str, set[str]] = {
    COMPOSITE: {str(rule) for rule in CompositeRule},
    DATADOG: {"datadog"},
    NEWRELIC: {"newrelic"},
    EXPRESSION: {"bad_ratio", "good_ratio", "expression", "every"},
    GAUGE: {"gauge", "good_when", "absent", "absent_for"},
    BAD: {"bad"},
    GOOD: {"good"},
    LATENCY: {"histogram", "selector", "threshold", "interpolate"},
}


def _sli_branch(value: Any) -> str:
    keys = set(value) if isinstance(value, dict) else set()
    if isinstance(value, dict) and isinstance(value.get("gauge"), dict):
        return GAUGE_SUMS
    # The order matters where keys are mixed: `good` beside `histogram` gets the errors of the former, which name the
    # key. With none of them, BAD's errors say what an SLI needs.
    return next((branch for branch, own in _KEYS_OF_BRANCHES.items() if own & keys), BAD)


SliField = Annotated[
    Annotated[BadSliModel, Tag(BAD)]
    | Annotated[GoodSliModel, Tag(GOOD)]
    | Annotated[LatencySliModel, Tag(LATENCY)]
    | Annotated[ExpressionSliModel, Tag(EXPRESSION)]
    | Annotated[GaugeSliModel, Tag(GAUGE)]
    | Annotated[GaugeSumsSliModel, Tag(GAUGE_SUMS)]
    | Annotated[CompositeSliModel, Tag(COMPOSITE)]
    | Annotated[DatadogSliModel, Tag(DATADOG)]
    | Annotated[NewRelicSliModel, Tag(NEWRELIC)],
    Discriminator(_sli_branch),
]
