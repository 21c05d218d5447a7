"""Any PromQL, evaluated again and again: joins, subqueries, recording rules, quantiles over a threshold."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from app.promql.evaluations import as_share, mean_share, weighted_share
from app.sli.condition import Condition
from app.sli.key import key_of
from app.sli.sample_events import EverySample, SamplesThat, Shares
from app.slo import (
    CellFunction,
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

_TOTAL = Weights(total=1.0, bad=0.0)
_BAD = Weights(total=0.0, bad=1.0)
_EVERY_IN_RULES = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """An SLI of the values of an expression; each evaluation is one event, or as many as *weight* says.

    The values are shares of *shares* events, from 0 to 1, or, with *good_when*, an evaluation is good if its value
    fulfils that. No value means that nothing is known; NaN, as of 0 / 0, that there were no events.
    """

    expression: str
    shares: Events = Events.BAD
    good_when: Condition | None = None
    weight: str | None = None
    every: timedelta | None = None
    by: tuple[str, ...] = ()

    @property
    def kind(self) -> SliKind:
        """An expression."""
        return SliKind.EXPRESSION

    @property
    def terms(self) -> tuple[Term, ...]:
        """None: no series is counted as it is."""
        return ()

    @property
    def key(self) -> str:
        """A hash of the expressions, of how they are read and when, and of the groups."""
        every = "slot" if self.every is None else format_duration(self.every)
        return key_of(f"expression {self.expression}", self._reading, f"total {self.weight or 1}", every, by=self.by)

    @property
    def queries(self) -> tuple[Selector, ...]:
        """None: no samples are read."""
        return ()

    @property
    def evaluated(self) -> Evaluated:
        """The expressions, and how often they are evaluated."""
        return Evaluated(value=self.expression, weight=self.weight, every=self.every)

    @property
    def query(self) -> str:
        """The expression."""
        return self.expression

    @property
    def buckets(self) -> tuple[Selector, ...]:
        """None: no bucket of a histogram is counted."""
        return ()

    @property
    def samples_are_events(self) -> bool:
        """True: each evaluation is so many events."""
        return True

    @property
    def cell_functions(self) -> tuple[CellFunction, ...]:
        """None: history is evaluated as the present is."""
        return ()

    @property
    def description(self) -> tuple[tuple[str, str], ...]:
        """The expressions, and how they are read."""
        weight = () if self.weight is None else (("weighted by", self.weight),)
        every = "in each slot" if self.every is None else f"every {format_duration(self.every)}"
        return ((self._reading, self.expression), *weight, ("evaluated", every))

    def contributions(self, labels: Mapping[str, str]) -> tuple[Contribution, ...]:  # noqa: ARG002  whatever it returns
        """All events, and the bad ones among them."""
        bad = Shares(of_good=self.shares is Events.GOOD)
        return (
            Contribution(name="total", weights=_TOTAL, events=EverySample()),
            Contribution(
                name="bad",
                weights=_BAD,
                events=bad if self.good_when is None else SamplesThat(self.good_when.opposite),
            ),
        )

    def event_queries(self, group: GroupKey, window: timedelta) -> tuple[tuple[str, Weights], ...]:  # noqa: ARG002
        """None: which series contribute to the values is not known."""
        return ()

    def in_slice(self, length: timedelta) -> tuple[tuple[str, Weights], ...]:
        """The bad share at the end of the slice, and all of it."""
        share = as_share(self.expression, None if self.good_when is None else str(self.good_when.opposite))
        if self.good_when is None and self.shares is Events.GOOD:
            share = f"(1 - {share})"
        mean = mean_share(share, length, min(self.every or _EVERY_IN_RULES, length), self.by)
        return (mean, _BAD), (f"{mean} * 0 + 1", _TOTAL)

    def error_ratio(self, window: timedelta) -> str:
        """The mean of the bad shares of the evaluations in the window, for Prometheus rules."""
        every = self.every or _EVERY_IN_RULES
        share = as_share(self.expression, None if self.good_when is None else str(self.good_when.opposite))
        if self.good_when is None and self.shares is Events.GOOD:
            share = f"(1 - {share})"
        if self.weight is None:
            return mean_share(share, window, every, self.by)
        return weighted_share(share, self.weight, window, every, self.by)

    @property
    def _reading(self) -> str:
        return f"{self.shares} ratio" if self.good_when is None else f"good {self.good_when}"
