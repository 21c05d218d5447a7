"""Gauges that say how many there are, added up over samples: bad or good out of all, as `unavailable / desired`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from typing_extensions import override

from app.promql.gauges import share_of_sums, sum_of_samples
from app.promql.matching import implied_by, matches
from app.promql.selector_text import render
from app.promql.slices import sampled
from app.sli.key import key_of
from app.sli.sample_events import SampleValues
from app.sli.samples import OfSamples
from app.sli.weights import BAD, GOOD, TOTAL, TOTAL_UNLESS_GOOD
from app.slo import DEFAULT_SOURCE, CellFunction, Contribution, Events, Selector, SliKind, Term, Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeSums(OfSamples):
    """An SLI of the sums of two selectors' samples; each sample is as many events as its value.

    *selected* are those of all events that are bad, or good, as *events* says.
    """

    total: Selector
    selected: Selector
    events: Events = Events.BAD
    by: tuple[str, ...] = ()
    source: str = DEFAULT_SOURCE

    @property
    @override
    def kind(self) -> SliKind:
        return SliKind.GAUGE

    @property
    @override
    def terms(self) -> tuple[Term, Term]:
        total, part = (TOTAL, BAD) if self.events is Events.BAD else (TOTAL_UNLESS_GOOD, GOOD)
        return (
            Term(events=Events.TOTAL, selector=self.total, weights=total),
            Term(events=self.events, selector=self.selected, weights=part),
        )

    @property
    @override
    def key(self) -> str:
        return key_of(
            f"sum of samples {render(self.total)}",
            f"{self.events} {render(self.selected)}",
            by=self.by,
            source=self.source,
        )

    @property
    @override
    def queries(self) -> tuple[Selector, ...]:
        if implied_by(self.total, self.selected):
            return (self.total,)
        return (self.selected,) if implied_by(self.selected, self.total) else (self.total, self.selected)

    @property
    @override
    def cell_functions(self) -> tuple[CellFunction, ...]:
        return CellFunction.SUM, CellFunction.MIN

    @property
    @override
    def description(self) -> tuple[tuple[str, str], ...]:
        return ("sum of samples of all events", render(self.total)), (
            f"sum of samples of {self.events.words}",
            render(self.selected),
        )

    @override
    def from_source(self, source: str) -> Self:
        return replace(self, source=source)

    @override
    def contributions(self, labels: Mapping[str, str]) -> tuple[Contribution, ...]:
        found = [term.weights for term in self.terms if matches(term.selector, labels)]
        if not found:
            return ()
        weights = Weights(total=sum(one.total for one in found), bad=sum(one.bad for one in found))
        return (Contribution(weights=weights, events=SampleValues()),)

    @override
    def event_queries(self, group: tuple[tuple[str, str], ...], window: timedelta) -> tuple[tuple[str, Weights], ...]:
        return tuple((sum_of_samples(term.selector, group, window), term.weights) for term in self.terms)

    @override
    def in_slice(self, length: timedelta) -> tuple[tuple[str, Weights], ...]:
        return tuple((sampled(CellFunction.SUM, one.selector, length, self.by), one.weights) for one in self.terms)

    @override
    def error_ratio(self, window: timedelta) -> str:
        share = share_of_sums(self.selected, self.total, window, self.by)
        return share if self.events is Events.BAD else f"clamp_min(1 - {share}, 0)"
