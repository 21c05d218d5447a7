"""An SLI as a weighted sum of counters, of any number of terms."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from app.promql.buckets import bound_of
from app.promql.error_ratios import bad_out_of_total, not_good_out_of_total, weighted_bad_out_of_total
from app.promql.inclusion import histogram_of, native_of
from app.promql.matching import implied_by, matches
from app.promql.samples import increases
from app.promql.selector_text import render, sum_text
from app.promql.slices import increases_in_slice, native_increases_in_slice
from app.sli.key import key_of
from app.sli.weights import BAD, GOOD, TOTAL, TOTAL_UNLESS_GOOD
from app.slo import (
    DEFAULT_SOURCE,
    CellFunction,
    Contribution,
    Evaluated,
    Events,
    GroupKey,
    Selector,
    SliKind,
    Term,
    Weights,
)

_BAD_RATIO: Final = (TOTAL, BAD)
_GOOD_RATIO: Final = (TOTAL_UNLESS_GOOD, GOOD)


@dataclass(frozen=True, slots=True)
class WeightedSum:
    """An SLI of counters: the increments of each series count with the sum of the weights of the terms that select it.

    The *terms* are in the order of `weighted_sum`, which makes it, so that sums of the same terms are equal.
    """

    terms: tuple[Term, ...]
    by: tuple[str, ...] = ()
    source: str = DEFAULT_SOURCE
    reads_native: bool = field(default=False, repr=False, compare=False)
    """Whether its PromQL reads native histograms too; its counts always do."""
    buckets: tuple[Selector, ...] = field(init=False, repr=False, compare=False)
    """The buckets of histograms that are counted beside the count, or a larger bucket, of the same histogram."""
    # By which terms select a series. Every new series is compared with the terms of every SLI that it may belong to,
    # and most series of an SLI have few weights.
    _weights: dict[int, Weights | None] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        bounds: defaultdict[str | None, set[Decimal | None]] = defaultdict(set)
        for term in self.terms:
            bounds[histogram_of(term.selector)].add(bound_of(term.selector))
        buckets = tuple(
            term.selector
            for term in self.terms
            if (histogram := histogram_of(term.selector)) is not None
            and len(bounds[histogram]) > 1
            and _is_threshold(term.selector)
        )
        object.__setattr__(self, "buckets", buckets)
        object.__setattr__(self, "_weights", {0: None})

    @property
    def total(self) -> Selector:
        """The selector of all events; the first of several."""
        return self.terms[0].selector

    @property
    def key(self) -> str:
        """A hash of the queries, their weights, and groups."""
        # In the two usual kinds the weights follow from which events a term selects.
        if self._kind in {_BAD_RATIO, _GOOD_RATIO}:
            lines = [f"{term.events} {render(term.selector)}" for term in self.terms]
        else:
            lines = [f"{one.weights.total:.12g} {one.weights.bad:.12g} {render(one.selector)}" for one in self.terms]
        return key_of(*lines, by=self.by, source=self.source)

    @property
    def query(self) -> str:
        """The selectors of all events."""
        return sum_text([(term.weights.total, term.selector) for term in self.terms])

    @property
    def kind(self) -> SliKind:
        """Counters."""
        return SliKind.COUNTERS

    @property
    def evaluated(self) -> Evaluated | None:
        """None: samples are read."""
        return None

    @property
    def samples_are_events(self) -> bool:
        """False: the increases of counters are the events."""
        return False

    @property
    def cell_functions(self) -> tuple[CellFunction, ...]:
        """None: counters are read at the edges of cells."""
        return ()

    @property
    def description(self) -> tuple[tuple[str, str], ...]:
        """The sums of all events, and of the bad or the good ones among them."""
        events, weights = weights_of_part([term.weights for term in self.terms])
        selectors = [term.selector for term in self.terms]
        return (Events.TOTAL.words, self.query), (events.words, sum_text(zip(weights, selectors, strict=True)))

    @property
    def queries(self) -> tuple[Selector, ...]:
        """The selectors of the terms without those whose series another one brings along."""
        return _widest([term.selector for term in self.terms])

    @property
    def native(self) -> tuple[Selector, ...]:
        """The histograms that the counts and buckets of the terms are parts of, as they are called where native."""
        selectors = [native for term in self.terms if (native := native_of(term.selector)) is not None]
        return _widest(selectors)

    def weights(self, labels: Mapping[str, str]) -> Weights | None:
        """The sum of the weights of the terms that select a series with these labels; None if it counts nothing."""
        selecting = 0
        for position, term in enumerate(self.terms):
            # Terms overlap (a bucket and the count), so a series is weighed by which of them select it, not by the
            # first.
            if matches(term.selector, labels):
                selecting |= 1 << position
        if selecting not in self._weights:
            self._weights[selecting] = self._sum_of(selecting)
        return self._weights[selecting]

    def contributions(self, labels: Mapping[str, str]) -> tuple[Contribution, ...]:
        """The weights of the series as a counter, if it counts for anything."""
        weights = self.weights(labels)
        return () if weights is None else (Contribution(weights=weights),)

    def event_queries(self, group: GroupKey, window: timedelta) -> tuple[tuple[str, Weights], ...]:
        """The increases of the series of each term."""
        native = self.reads_native
        return tuple((increases(term.selector, group, window, native=native), term.weights) for term in self.terms)

    def in_slice(self, length: timedelta) -> tuple[tuple[str, Weights], ...]:
        """The increases of the series of each term."""
        increase = native_increases_in_slice if self.reads_native else increases_in_slice
        return tuple((increase(term.selector, length, self.by), term.weights) for term in self.terms)

    def error_ratio(self, window: timedelta) -> str:
        """The PromQL of the share of bad events in the window, for Prometheus rules."""
        if self._kind == _BAD_RATIO:
            return bad_out_of_total(self.terms[1].selector, self.total, window, self.by, native=self.reads_native)
        if self._kind == _GOOD_RATIO:
            return not_good_out_of_total(self.terms[1].selector, self.total, window, self.by, native=self.reads_native)
        return weighted_bad_out_of_total(self.terms, window, self.by, native=self.reads_native)

    def from_source(self, source: str) -> "WeightedSum":
        """The same sum of counters of another source."""
        return replace(self, source=source)

    def including_native(self) -> "WeightedSum":
        """The SLI with PromQL that reads native histograms too; itself where it counts none."""
        return replace(self, reads_native=True) if self.native and not self.reads_native else self

    @property
    def _kind(self) -> tuple[Weights, ...]:
        return tuple(term.weights for term in self.terms)

    def _sum_of(self, selecting: int) -> Weights | None:
        chosen = [term.weights for position, term in enumerate(self.terms) if selecting >> position & 1]
        # Weights of twelve digits: a difference of two that are equal may leave an error of rounding.
        total, bad = (round(sum(values), 12) for values in zip(*((one.total, one.bad) for one in chosen), strict=True))
        return Weights(total=total, bad=bad) if total or bad else None


def weighted_sum(weights: Mapping[Selector, Weights], by: tuple[str, ...] = ()) -> WeightedSum:
    """The SLI of these selectors, each with what the series that it selects count for."""
    only_total = all(one.total for one in weights.values())
    terms = [
        Term(events=_events(one, only_total=only_total), selector=selector, weights=one)
        for selector, one in weights.items()
    ]
    return WeightedSum(terms=tuple(sorted(terms, key=_rank)), by=by)


def sli_of_bad(*, total: Selector, bad: Selector, by: tuple[str, ...] = ()) -> WeightedSum:
    """The SLI of the counters of all events and of the bad ones."""
    return _ratio(Events.BAD, _BAD_RATIO, (total, bad), by)


def sli_of_good(*, total: Selector, good: Selector, by: tuple[str, ...] = ()) -> WeightedSum:
    """The SLI of the counters of all events and of the good ones."""
    return _ratio(Events.GOOD, _GOOD_RATIO, (total, good), by)


def _ratio(
    part: Events, weights: tuple[Weights, Weights], selectors: tuple[Selector, Selector], by: tuple[str, ...]
) -> WeightedSum:
    of_all, of_part = weights
    total, selected = selectors
    return WeightedSum(
        terms=(
            Term(events=Events.TOTAL, selector=total, weights=of_all),
            Term(events=part, selector=selected, weights=of_part),
        ),
        by=by,
    )


def _events(weights: Weights, *, only_total: bool) -> Events:
    """What a term selects; *only_total*: all terms are of all events, so that some are the good ones of them."""
    if not weights.total:
        return Events.BAD if weights.bad > 0 else Events.GOOD
    if only_total and weights.total > 0:
        return {0.0: Events.GOOD, weights.total: Events.BAD}.get(weights.bad, Events.TOTAL)
    return Events.TOTAL


def weights_of_part(weights: Sequence[Weights]) -> tuple[Events, list[float]]:
    """Whether the bad or the good events are the simpler sum, and their weight in each term."""
    bad = [one.bad for one in weights]
    good = [round(one.total - one.bad, 12) for one in weights]
    # Without a difference if there is one: bad events are not described as all but the good ones.
    if any(bad) and (min(bad) >= 0 or min(good) < 0):
        return Events.BAD, bad
    return Events.GOOD, good


def _rank(term: Term) -> tuple[bool, float, float, str]:
    """Terms of all events first, those of most weight before the others."""
    weights = term.weights
    return not weights.total, -weights.total, -weights.bad, render(term.selector)


def _widest(selectors: Sequence[Selector]) -> tuple[Selector, ...]:
    """The selectors, each once, without those whose series another one brings along."""
    return tuple(
        selector
        for selector in dict.fromkeys(selectors)
        if not any(other != selector and implied_by(other, selector) for other in selectors)
    )


def _is_threshold(selector: Selector) -> bool:
    bound = bound_of(selector)
    return bound is not None and bound.is_finite()
