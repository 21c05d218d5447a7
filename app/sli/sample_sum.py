"""Any weighted sum over samples of gauges: how many there are, how many fulfil a condition, what they add up to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from typing_extensions import override

from app.promql.gauges import samples_at_all, samples_that_fulfil, share_of_terms, sum_of_samples
from app.promql.matching import implied_by, matches
from app.promql.selector_text import render, sum_text
from app.promql.slices import fulfilled, sampled
from app.sli.key import key_of
from app.sli.sample_events import EverySample, SamplesThat, SampleValues
from app.sli.samples import OfSamples
from app.sli.weighted_sum import weights_of_part
from app.slo import DEFAULT_SOURCE, CellFunction, Contribution, Events, GroupKey, Selector, SliKind, Term, Weights

Reading = EverySample | SamplesThat | SampleValues


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTerm:
    """What the samples of a selector count for: each of their events, as *events* finds them, has the *weights*."""

    selector: Selector
    events: Reading
    weights: Weights


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSum(OfSamples):
    """An SLI of several terms over the samples of gauges; that of most events first."""

    summed: tuple[SampleTerm, ...]
    by: tuple[str, ...] = ()
    source: str = DEFAULT_SOURCE

    @property
    @override
    def kind(self) -> SliKind:
        return SliKind.GAUGE

    @property
    @override
    def terms(self) -> tuple[Term, ...]:
        return tuple(Term(events=_events(one), selector=one.selector, weights=one.weights) for one in self.summed)

    @property
    @override
    def query(self) -> str:
        return sum_text([(one.weights.total, one.selector) for one in self.summed])

    @property
    @override
    def key(self) -> str:
        lines = [
            f"{one.weights.total:.12g} {one.weights.bad:.12g} {_exact(one.events)} {render(one.selector)}"
            for one in self.summed
        ]
        return key_of("samples", *lines, by=self.by, source=self.source)

    @property
    @override
    def queries(self) -> tuple[Selector, ...]:
        # Not those whose samples another selector has too: they would be sent twice.
        selectors = tuple(dict.fromkeys(one.selector for one in self.summed))
        return tuple(
            selector
            for selector in selectors
            if not any(other != selector and implied_by(other, selector) for other in selectors)
        )

    @property
    @override
    def cell_functions(self) -> tuple[CellFunction, ...]:
        return CellFunction.COUNT, CellFunction.SUM, CellFunction.MIN, CellFunction.MAX

    @property
    @override
    def description(self) -> tuple[tuple[str, str], ...]:
        part, weights = weights_of_part([one.weights for one in self.summed])
        of_all = [(Events.TOTAL, one, one.weights.total) for one in self.summed]
        of_part = [(part, one, weight) for one, weight in zip(self.summed, weights, strict=True)]
        return tuple(
            (f"{one.events} of {events.words}", sum_text([(weight, one.selector)]))
            for events, one, weight in (*of_all, *of_part)
            if weight
        )

    @override
    def from_source(self, source: str) -> Self:
        return replace(self, source=source)

    @override
    def contributions(self, labels: Mapping[str, str]) -> tuple[Contribution, ...]:
        return tuple(
            Contribution(name=f"{position} {_exact(one.events)}", weights=one.weights, events=one.events)
            for position, one in enumerate(self.summed)
            if matches(one.selector, labels)
        )

    @override
    def event_queries(self, group: GroupKey, window: timedelta) -> tuple[tuple[str, Weights], ...]:
        on_grid = self._tests_samples
        return tuple((_in_window(one, group, window, on_grid=on_grid), one.weights) for one in self.summed)

    @override
    def in_slice(self, length: timedelta) -> tuple[tuple[str, Weights], ...]:
        on_grid = self._tests_samples
        return tuple((_in_slice(one, length, self.by, on_grid=on_grid), one.weights) for one in self.summed)

    @override
    def error_ratio(self, window: timedelta) -> str:
        texts = self.event_queries((), window)
        bad = [(weights.bad, text) for text, weights in texts if weights.bad]
        return share_of_terms(bad, [(weights.total, text) for text, weights in texts if weights.total], self.by)

    @property
    def _tests_samples(self) -> bool:
        """Whether samples are compared: Prometheus can do that on a grid only, and all terms are to be of one grid."""
        return any(isinstance(one.events, SamplesThat) for one in self.summed)


def sample_sum(terms: Mapping[tuple[Selector, Reading], Weights], by: tuple[str, ...] = ()) -> SampleSum:
    """The SLI of these selectors and readings, each with what its events count for."""
    summed = [
        SampleTerm(selector=selector, events=events, weights=weights) for (selector, events), weights in terms.items()
    ]
    return SampleSum(summed=tuple(sorted(summed, key=_rank)), by=by)


def _events(term: SampleTerm) -> Events:
    if term.weights.total:
        return Events.TOTAL
    return Events.BAD if term.weights.bad > 0 else Events.GOOD


def _rank(term: SampleTerm) -> tuple[bool, float, float, str]:
    weights = term.weights
    return not weights.total, -weights.total, -weights.bad, f"{term.events} {render(term.selector)}"


def _exact(events: Reading) -> str:
    """The events as they are part of the key, and of the names that counts are stored by."""
    return f"samples {events.condition.exact}" if isinstance(events, SamplesThat) else str(events)


def _in_window(term: SampleTerm, group: GroupKey, window: timedelta, *, on_grid: bool) -> str:
    match term.events:
        case SamplesThat():
            return samples_that_fulfil(term.selector, str(term.events.condition), group, window)
        case SampleValues():
            return sum_of_samples(term.selector, group, window, on_grid=on_grid)
    return samples_at_all(term.selector, group, window, on_grid=on_grid)


def _in_slice(term: SampleTerm, length: timedelta, by: tuple[str, ...], *, on_grid: bool) -> str:
    match term.events:
        case SamplesThat():
            return fulfilled(term.selector, str(term.events.condition), length, by)
        case SampleValues():
            return sampled(CellFunction.SUM, term.selector, length, by, on_grid=on_grid)
    return sampled(CellFunction.COUNT, term.selector, length, by, on_grid=on_grid)
