"""Time slices: each slice of time is one event, good if the ratio of what happened in it meets a target."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from typing_extensions import override

from app.promql.evaluations import as_share, mean_share
from app.sli.evaluations import OfEvaluations
from app.sli.key import key_of
from app.sli.sample_events import EverySample
from app.sli.weights import BAD, TOTAL
from app.slo import (
    Contribution,
    Evaluated,
    GroupKey,
    Sli,
    SliceRule,
    SliKind,
    Term,
    Weights,
    format_duration,
    format_percent,
)

# Between evaluations of long slices: a longer rest would look like missing data, since Prometheus shows no sample older
# than five minutes either. Of a longer slice only the evaluation at its end counts.
_LONGEST_REST = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSlices(OfEvaluations):
    """The slices of another SLI; without a target in *rule*, each slice counts by its ratio."""

    of: Sli
    rule: SliceRule

    @property
    def by(self) -> tuple[str, ...]:
        """The groups of the SLI."""
        return self.of.by

    @property
    def source(self) -> str:
        """The source of the SLI."""
        return self.of.source

    @property
    def kind(self) -> SliKind:
        """Slices."""
        return SliKind.TIME_SLICES

    @property
    def query(self) -> str:
        """What the events of the slices are counted from."""
        return self.of.query

    @property
    def key(self) -> str:
        """A hash of the SLI and of the rule."""
        rule = self.rule
        return key_of(
            f"slices of {self.of.key}",
            f"{format_duration(rule.length)} {rule.target} {rule.without_events}",
            by=self.by,
        )

    @property
    def evaluated(self) -> Evaluated:
        """What happened in the slices that end at the times of a grid."""
        length, with_native = self.rule.length, self.of.including_native()
        return Evaluated(
            summed=self.of.in_slice(length),
            with_native=() if with_native is self.of else with_native.in_slice(length),
            rule=self.rule,
            every=min(length, _LONGEST_REST),
        )

    @property
    def description(self) -> tuple[tuple[str, str], ...]:
        """What the SLI counts, and when a slice is good."""
        rule = self.rule
        slices = f"of {format_duration(rule.length)}"
        target = "each counts by its ratio" if rule.target is None else f"good from {format_percent(rule.target)} on"
        return *self.of.description, ("slices", f"{slices}, {target}; without events: {rule.without_events}")

    def from_source(self, source: str) -> Self:
        """The slices of the SLI as it is counted from another source."""
        return replace(self, of=self.of.from_source(source))

    def contributions(self, labels: Mapping[str, str]) -> tuple[Contribution, ...]:  # noqa: ARG002  all of them
        """All slices, and the bad ones among them."""
        return (
            Contribution(name="total", weights=TOTAL, events=EverySample()),
            Contribution(name="bad", weights=BAD, events=EverySample()),
        )

    def event_queries(self, group: GroupKey, window: timedelta) -> tuple[tuple[str, Weights], ...]:
        """What contributes to the events of the slices."""
        return self.of.event_queries(group, window)

    def in_slice(self, length: timedelta) -> tuple[tuple[str, Weights], ...]:
        """None: there are no slices of slices."""
        raise ValueError(f"slices of {format_duration(length)} of slices")

    @override
    def including_native(self) -> Self:
        """The slices of the SLI with PromQL that reads native histograms too; itself where it counts none."""
        of = self.of.including_native()
        return self if of is self.of else replace(self, of=of)

    def error_ratio(self, window: timedelta) -> str:
        """The share of bad slices in the window, for Prometheus rules; slices without events are left out."""
        ratio = self.of.error_ratio(self.rule.length)
        condition = None if self.rule.target is None else f"> {1 - self.rule.target:.12g}"
        return mean_share(as_share(ratio, condition), window, self.rule.length, self.by)


def counted_terms(sli: Sli) -> tuple[Term, ...]:
    """The terms whose events are counted: its own, or those of what happens in its slices; none of an expression."""
    return sli.of.terms if isinstance(sli, TimeSlices) else sli.terms
