"""What an SLO asks of its SLI; the kinds of SLIs are in `app.sli`.

An SLI is a weighted sum: it has some terms, each a selector of series with a weight in `total` and one in `bad`. Its
events are those of all its series, each multiplied by the weights of the terms that select it. The events of a counter
are its increases; those of other series, such as gauges, are found from each sample by itself (ADR-0040).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from app.slo.arrays import Floats
from app.slo.composition import Composition
from app.slo.selector import Selector
from app.slo.slices import SliceRule


class Events(StrEnum):
    """Which events a term of an SLI selects; also its key in a document."""

    TOTAL = "total"
    GOOD = "good"
    BAD = "bad"

    @property
    def words(self) -> str:
        """The events in words, such as ``bad events``."""
        return "all events" if self is Events.TOTAL else f"{self.value} events"


class SliKind(StrEnum):
    """What the events of an SLI are: increases, samples, values, counts of intervals, slices, those of other SLIs."""

    COUNTERS = "counters"
    GAUGE = "gauge"
    EXPRESSION = "expression"
    INTERVAL_COUNTS = "interval_counts"
    TIME_SLICES = "time_slices"
    COMPOSITE = "composite"

    @property
    def reason(self) -> str:
        """Why an SLI is of this kind, and so how it is counted."""
        return {
            SliKind.COUNTERS: "its queries are sums of counters, of which every increase is counted",
            SliKind.GAUGE: "its queries are of gauges, of which every sample is counted",
            SliKind.EXPRESSION: "its queries are no sums of counters or samples, so that they are evaluated",
            SliKind.INTERVAL_COUNTS: "its source answers how many events there were in each interval",
            SliKind.TIME_SLICES: "it counts slices of time, each by what happened in it",
            SliKind.COMPOSITE: "it is made of other SLOs, whose counts it takes without a query of its own",
        }[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What one increment of a counter adds to the total and to the bad events."""

    total: float
    bad: float


class CellFunction(StrEnum):
    """What Prometheus says of all samples of a series in a cell of history, by the name of the function."""

    COUNT = "count_over_time"
    SUM = "sum_over_time"
    MIN = "min_over_time"
    MAX = "max_over_time"


class EventsOfSamples(Protocol):
    """How many events the samples of a series are, each by itself; frozen and comparable."""

    def of(self, values: Floats) -> Floats:
        """The events of each sample, shape (samples,); all values are finite."""

    def in_cells(self, cells: Mapping[CellFunction, Floats]) -> Floats:
        """The events of all samples of each cell; NaN where they can only be told from the samples themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """One way in which a series counts: the *weights* of each of its events, and what its events are.

    *events* is None for a counter: its increases are the events. A series may contribute in several ways, which *name*
    tells apart.
    """

    weights: Weights
    events: EventsOfSamples | None = None
    name: str = ""


class EmptyIntervals(StrEnum):
    """What an interval is for which a source has no number of events: services do not tell none from no data."""

    MISSING = "missing"
    """No data, which is missing coverage after a while."""
    NO_EVENTS = "no_events"
    """An interval without traffic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountQueries:
    """Queries of the numbers of all events and of the *shares* of them in each interval, in the source's language.

    A late number takes the place of one that was read before, within the late-sample grace of the source.
    """

    total: str
    part: str
    shares: Events
    empty: EmptyIntervals


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """PromQL that is evaluated at the times of a grid that are *every* so far apart; without it, in each slot.

    Each series of *value* is one event at each time, or as many as the series of *weight* with the labels of the same
    group has. *divisor* is what the value is divided by: where it is zero there were no events, also on servers that
    answer nothing for 0 / 0. Or, with a *rule*, what happened in the slice that ends then is the weighted sum *summed*.
    *with_native* is the same sum with native histograms where there are no classic ones, which servers without them
    reject; empty where no histogram is counted. With a *composition* nothing is asked: the events are those of other
    SLIs. With *counts* the source has the number of events of the interval that ends then.
    """

    value: str = ""
    weight: str | None = None
    divisor: str | None = None
    summed: tuple[tuple[str, Weights], ...] = ()
    with_native: tuple[tuple[str, Weights], ...] = ()
    rule: SliceRule | None = None
    every: timedelta | None = None
    composition: Composition | None = None
    counts: CountQueries | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One selector of an SLI, and what the series that it selects count for."""

    events: Events
    selector: Selector
    weights: Weights


class Sli(Protocol):
    """What is counted; frozen, and equal to another exactly if it counts the same in the same way."""

    # Kinds that inherit from it are dataclasses with slots: without this they would have a dictionary besides.
    __slots__ = ()

    @property
    def by(self) -> tuple[str, ...]:
        """The labels whose values identify the members of the group; empty without groups."""

    @property
    def terms(self) -> tuple[Term, ...]:
        """The terms of the sum, that of all events first; none where an expression is evaluated."""

    @property
    def query(self) -> str:
        """What all events are counted from, as people would try it in Prometheus."""

    @property
    def key(self) -> str:
        """The identity of its history: the same for the same queries and groups, however they were written."""

    @property
    def source(self) -> str:
        """The name of the source that is asked; of what other SLIs are counted for, that of none."""

    @property
    def queries(self) -> tuple[Selector, ...]:
        """The fewest selectors to ask for that bring every series."""

    @property
    def buckets(self) -> tuple[Selector, ...]:
        """The buckets of histograms that are counted beside the count, or a larger bucket, of the same histogram."""

    @property
    def native(self) -> tuple[Selector, ...]:
        """The native histograms to ask for, whose counts and buckets may be those of its terms; none for most."""

    @property
    def kind(self) -> SliKind:
        """What its events are."""

    @property
    def samples_are_events(self) -> bool:
        """Whether each sample is so many events, so that its series are gauges; False for counters."""

    @property
    def evaluated(self) -> Evaluated | None:
        """The expressions that are evaluated; None where the samples of `queries` are read."""

    @property
    def cell_functions(self) -> tuple[CellFunction, ...]:
        """What its `EventsOfSamples` are to be given of cells of history; empty for counters."""

    @property
    def description(self) -> tuple[tuple[str, str], ...]:
        """What is counted, for people: pairs of what it is and its PromQL."""

    def contributions(self, labels: Mapping[str, str]) -> tuple[Contribution, ...]:
        """How a series with these labels counts; empty if it is none of this SLI."""

    def event_queries(self, group: tuple[tuple[str, str], ...], window: timedelta) -> tuple[tuple[str, Weights], ...]:
        """PromQL of the events of each series of one member in a window, as Prometheus estimates them, with weights."""

    def in_slice(self, length: timedelta) -> tuple[tuple[str, Weights], ...]:
        """PromQL of the events of each member in the slice of time that ends now, with their weights."""

    def from_source(self, source: str) -> "Sli":
        """The same SLI counted from another source, and so with a history of its own; of a composite itself."""

    def including_native(self) -> "Sli":
        """The SLI with PromQL that reads native histograms where there are no classic ones; itself without histograms.

        Servers that have no native histograms, such as VictoriaMetrics, reject that PromQL.
        """

    def error_ratio(self, window: timedelta) -> str:
        """The PromQL of the share of bad events in the window, for Prometheus rules."""
