"""Any PromQL, evaluated again and again: joins, subqueries, recording rules, quantiles over a threshold."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Self

from app.promql.evaluable import divisor_of, ratio_selectors, selectors_in
from app.promql.evaluations import as_share, mean_share, ratio_of_events, weighted_share
from app.sli.condition import Condition
from app.sli.evaluations import OfEvaluations
from app.sli.key import key_of
from app.sli.sample_events import EverySample, SamplesThat, Shares
from app.sli.weights import BAD, GOOD, NOTHING, TOTAL
from app.slo import (
    DEFAULT_SOURCE,
    Contribution,
    Evaluated,
    Events,
    GroupKey,
    Selector,
    SliKind,
    Term,
    Weights,
    format_duration,
)

# In exported rules: the default `evaluation_interval` of Prometheus, not the slots here.
_EVERY_IN_RULES = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsOf:
    """Queries of all events and of the good or bad ones among them, of which an expression is the ratio."""

    total: str
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeOrAbsent:
    """A gauge whose samples fulfil a condition, and are bad for some time after they are absent."""

    gauge: Selector
    good_when: Condition
    absent_for: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression(OfEvaluations):
    """An SLI of the values of an expression; each evaluation is one event, or as many as *weight* says.

    The values are shares of *shares* events, from 0 to 1, or, with *good_when*, an evaluation is good if its value
    fulfils that. No value means that nothing is known; NaN, as of 0 / 0, that there were no events.

    *origin* is what a document has in the place of the expression, for those who write documents.
    """

    expression: str
    shares: Events = Events.BAD
    good_when: Condition | None = None
    weight: str | None = None
    every: timedelta | None = None
    by: tuple[str, ...] = ()
    source: str = DEFAULT_SOURCE
    origin: "EventsOf | GaugeOrAbsent | None" = field(default=None, compare=False, repr=False)

    @property
    def kind(self) -> SliKind:
        """An expression."""
        return SliKind.EXPRESSION

    @property
    def key(self) -> str:
        """A hash of the expressions, of how they are read and when, and of the groups."""
        every = "slot" if self.every is None else format_duration(self.every)
        reading = f"{self.shares} ratio" if self.good_when is None else f"good {self.good_when.exact}"
        return key_of(
            f"expression {self.expression}", reading, f"total {self.weight or 1}", every, by=self.by, source=self.source
        )

    @property
    def evaluated(self) -> Evaluated:
        """The expressions, and how often they are evaluated."""
        divisor = divisor_of(self.expression) if self.weight is None else None
        return Evaluated(value=self.expression, weight=self.weight, divisor=divisor, every=self.every)

    @property
    def query(self) -> str:
        """The expression."""
        return self.expression

    @property
    def description(self) -> tuple[tuple[str, str], ...]:
        """The expressions, and how they are read."""
        weight = () if self.weight is None else (("weighted by", self.weight),)
        every = "in each slot" if self.every is None else f"every {format_duration(self.every)}"
        if self.good_when is None:
            return (f"{self.shares} ratio", self.expression), *weight, ("evaluated", every)
        return ("values", self.expression), ("good values", str(self.good_when)), *weight, ("evaluated", every)

    def from_source(self, source: str) -> Self:
        """The same expression, evaluated by another source."""
        return replace(self, source=source)

    def contributions(self, labels: Mapping[str, str]) -> tuple[Contribution, ...]:  # noqa: ARG002  all of them
        """All events, and the bad ones among them."""
        bad = Shares(of_good=self.shares is Events.GOOD)
        return (
            Contribution(name="total", weights=TOTAL, events=EverySample()),
            Contribution(
                name="bad",
                weights=BAD,
                events=bad if self.good_when is None else SamplesThat(self.good_when.opposite),
            ),
        )

    def event_queries(self, group: GroupKey, window: timedelta) -> tuple[tuple[str, Weights], ...]:  # noqa: ARG002
        """None: which series contribute to the values is not known."""
        return ()

    def in_slice(self, length: timedelta) -> tuple[tuple[str, Weights], ...]:
        """The bad share at the end of the slice, and all of it."""
        mean = mean_share(self._bad_share, length, min(self.every or _EVERY_IN_RULES, length), self.by)
        return (mean, BAD), (f"{mean} * 0 + 1", TOTAL)

    def error_ratio(self, window: timedelta) -> str:
        """The mean of the bad shares of the evaluations in the window, for Prometheus rules."""
        every = self.every or _EVERY_IN_RULES
        if self.weight is None:
            return mean_share(self._bad_share, window, every, self.by)
        return weighted_share(self._bad_share, self.weight, window, every, self.by)

    @property
    def _bad_share(self) -> str:
        if self.good_when is not None:
            return as_share(self.expression, str(self.good_when.opposite))
        share = as_share(self.expression, None)
        return f"(1 - {share})" if self.shares is Events.GOOD else share


def terms_named(sli: Expression) -> tuple[Term, ...]:
    """The selectors that an expression names, those of all events first, each with the events that it counts.

    Of values that are compared, and of what is no ratio, that cannot be told: they are events without a weight.
    """
    if isinstance(sli.origin, EventsOf):
        whole, part, events = selectors_in(sli.origin.total), selectors_in(sli.origin.part), sli.shares
    else:
        ratio = ratio_selectors(sli.expression) if sli.good_when is None else None
        whole = selectors_in(sli.weight) if sli.weight is not None else ()
        part, events = selectors_in(sli.expression), Events.TOTAL
        if ratio is not None:
            whole, part = (*whole, *ratio.whole), ratio.part
            is_bad = (sli.shares is Events.BAD) != ratio.complement
            events = Events.BAD if is_bad else Events.GOOD
    weights = {Events.BAD: BAD, Events.GOOD: GOOD, Events.TOTAL: NOTHING}[events]
    named = {one: Term(events=Events.TOTAL, selector=one, weights=TOTAL) for one in whole}
    return tuple(
        (named | {one: Term(events=events, selector=one, weights=weights) for one in part if one not in named}).values()
    )


def expression_of_events(
    *, total: str, part: str, shares: Events, every: timedelta | None, by: tuple[str, ...]
) -> Expression:
    """The SLI of evaluated queries of all events and of the good or bad ones, each evaluation as many as there are."""
    return Expression(
        expression=ratio_of_events(part, total, by),
        shares=shares,
        weight=total,
        every=every,
        by=by,
        origin=EventsOf(total=total, part=part),
    )
