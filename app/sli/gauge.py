"""A gauge of which every sample is an event, good while it fulfils a condition: `up`, `probe_success`, disk space."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from typing_extensions import override

from app.promql.gauges import samples_at_all, samples_that_fulfil, share_that_fulfil
from app.promql.matching import matches
from app.promql.selector_text import render
from app.promql.slices import fulfilled
from app.sli.condition import Condition
from app.sli.key import key_of
from app.sli.sample_events import EverySample, SamplesThat
from app.sli.samples import OfSamples
from app.sli.weights import BAD, TOTAL
from app.slo import DEFAULT_SOURCE, CellFunction, Contribution, Events, Selector, SliKind, Term, Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge(OfSamples):
    """An SLI of the samples of one selector; a sample is good if it fulfils *good_when*."""

    total: Selector
    good_when: Condition
    by: tuple[str, ...] = ()
    source: str = DEFAULT_SOURCE

    @property
    @override
    def kind(self) -> SliKind:
        return SliKind.GAUGE

    @property
    @override
    def terms(self) -> tuple[Term, Term]:
        return (
            Term(events=Events.TOTAL, selector=self.total, weights=TOTAL),
            Term(events=Events.BAD, selector=self.total, weights=BAD),
        )

    @property
    @override
    def key(self) -> str:
        return key_of(f"samples {render(self.total)}", f"good {self.good_when.exact}", by=self.by, source=self.source)

    @property
    @override
    def queries(self) -> tuple[Selector, ...]:
        return (self.total,)

    @property
    @override
    def cell_functions(self) -> tuple[CellFunction, ...]:
        return CellFunction.COUNT, CellFunction.MIN, CellFunction.MAX

    @property
    @override
    def description(self) -> tuple[tuple[str, str], ...]:
        return ("all samples", render(self.total)), ("good samples", str(self.good_when))

    @override
    def from_source(self, source: str) -> Self:
        return replace(self, source=source)

    @override
    def contributions(self, labels: Mapping[str, str]) -> tuple[Contribution, ...]:
        if not matches(self.total, labels):
            return ()
        return (
            Contribution(name="total", weights=TOTAL, events=EverySample()),
            Contribution(name="bad", weights=BAD, events=SamplesThat(self.good_when.opposite)),
        )

    @override
    def event_queries(self, group: tuple[tuple[str, str], ...], window: timedelta) -> tuple[tuple[str, Weights], ...]:
        bad = samples_that_fulfil(self.total, str(self.good_when.opposite), group, window)
        return (samples_at_all(self.total, group, window, on_grid=True), TOTAL), (bad, BAD)

    @override
    def in_slice(self, length: timedelta) -> tuple[tuple[str, Weights], ...]:
        bad, good = (
            fulfilled(self.total, str(one), length, self.by) for one in (self.good_when.opposite, self.good_when)
        )
        # Two conditions of which each sample fulfils one, on one grid: together they are the total.
        return (bad, Weights(total=1.0, bad=1.0)), (good, TOTAL)

    @override
    def error_ratio(self, window: timedelta) -> str:
        return share_that_fulfil(self.total, str(self.good_when.opposite), window, self.by)
