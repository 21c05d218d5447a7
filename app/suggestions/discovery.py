"""What a Prometheus has of a service: recognised metrics, by the services that their labels name.

Few and cheap questions: names of metrics and values of labels come from the index, and one `count by` for each metric
reads its newest samples only.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.prometheus import (
    BadQueryError,
    ExecutionError,
    MetricKind,
    PartialDataError,
    TimedOutError,
    TooLargeError,
    UnsupportedResultError,
    kind_of,
)
from app.promql.metric_names import NAME
from app.promql.probe import named, sum_of
from app.promql.selector_text import label_text, render
from app.slo import Matcher, MatchOp, Selector
from app.suggestions.instrumentations import GaugeShare, GoodGauge, Instrumentation
from app.suggestions.ports import MetricExplorer
from app.suggestions.recognition import (
    CounterPair,
    Durations,
    LevelMetrics,
    Recognised,
    RequestCounter,
    family_names,
    of_given_metric,
    recognise,
)

# As many at once as a Prometheus answers without delay; see `app/prometheus/client.py`.
_AT_ONCE = 8
DEADLINE_S = 30.0
TOO_MUCH = (TimedOutError, TooLargeError, ExecutionError, BadQueryError)
"""Errors of a query that a smaller one may not have."""
REFUSED = (*TOO_MUCH, PartialDataError, UnsupportedResultError)
"""Errors of one query: others may be answered."""
MOST_METRICS = 100
"""Of a Prometheus as a whole; with a selector or a job, there are never as many."""
# Each takes queries of weeks of history, on a Prometheus that others use, too.
MOST_SERVICES = 10

Item = RequestCounter | Durations | CounterPair | GoodGauge | GaugeShare | LevelMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceMetric:
    """A recognised metric of one service.

    Attributes:
        service: the value of the label that names the service, as a name; without one, the key of the instrumentation.
        item: what was recognised.
        entry: by which entry of the catalogue.
        matchers: what selects the series of this service, besides the metric's name.
        series: how many there are now.
        labels: the labels that they have.
        values: the values of the labels that may matter, of those that the series have.
        is_native: whether the metric is a native histogram, by its newest samples.
    """

    service: str
    item: Item
    entry: Instrumentation
    matchers: tuple[Matcher, ...]
    series: int
    labels: frozenset[str] = frozenset()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_native: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """The metrics of each service, those that measure most first; *left_out* names services beyond the bound.

    *unreadable* says of metrics that were recognised and could not be looked at why.
    """

    services: Mapping[str, tuple[ServiceMetric, ...]]
    left_out: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explorer:
    """Asks one Prometheus about the series that *scope* matches, at one time and back to another."""

    source: MetricExplorer
    at: datetime
    since: datetime
    scope: tuple[Matcher, ...] = ()

    async def discover(self, *, most_services: int = MOST_SERVICES) -> Discovery:
        """The recognised metrics of all services.

        Raises:
            PrometheusError: it does not answer.
        """
        found_names = await self._names()
        recognised = recognise(found_names) or await self._by_its_labels(found_names)
        items = [(one.instrumentation, item) for one in recognised for item in _items(one)]
        kept, beyond = items[:MOST_METRICS], items[MOST_METRICS:]
        gate = asyncio.Semaphore(_AT_ONCE)

        async def places(entry: Instrumentation, item: Item) -> list[ServiceMetric] | str:
            async with gate:
                return await self._places(entry, item)

        found = await asyncio.gather(*(places(entry, item) for entry, item in kept))
        unreadable = [text for text in found if isinstance(text, str)]
        if beyond:
            unreadable.append(f"{len(beyond)} more metrics, such as {anchor(beyond[0][1])}: give a job or a selector")
        everything = [metric for metrics in found if not isinstance(metrics, str) for metric in metrics]
        services = _ranked(everything)
        chosen = list(services)[:most_services]
        looked_at = await asyncio.gather(
            *(self._with_values(metric, gate) for service in chosen for metric in services[service])
        )
        unreadable += [text for text in looked_at if isinstance(text, str)]
        known = [metric for metric in looked_at if not isinstance(metric, str)]
        return Discovery(
            services={name: tuple(one for one in known if one.service == name) for name in chosen},
            left_out=tuple(services)[most_services:],
            unreadable=tuple(unreadable),
        )

    async def _names(self) -> Collection[str]:
        """The names of all metrics in the scope, with those of the other parts of their histograms."""
        names = await self._values(NAME, self.scope)
        if not self._names_metrics:
            return names
        families = {family for name in names for family in family_names(name)}
        beside = await self._values(NAME, self._others) if names else ()
        return [name for name in beside if families.intersection(family_names(name))]

    async def _by_its_labels(self, names: Collection[str]) -> tuple[Recognised, ...]:
        """What a metric is that somebody names and no entry knows: a counter or histogram with any status label."""
        if not self._names_metrics or not names:
            return ()
        selector = Selector((*named(min(names)).matchers, *self._others))
        there = await self.source.label_names(render(selector), self.since, self.at, deadline=DEADLINE_S)
        return recognise(names, (of_given_metric(names, there),))

    async def _values(self, label: str, matchers: Sequence[Matcher]) -> tuple[str, ...]:
        selector = render(Selector(tuple(matchers))) if matchers else None
        return await self.source.label_values(label, selector, self.since, self.at, deadline=DEADLINE_S)

    @property
    def _names_metrics(self) -> bool:
        return any(matcher.label == NAME for matcher in self.scope)

    @property
    def _others(self) -> tuple[Matcher, ...]:
        """The scope without names of metrics: a histogram has several."""
        return tuple(matcher for matcher in self.scope if matcher.label != NAME)

    async def _places(self, entry: Instrumentation, item: Item) -> list[ServiceMetric] | str:
        """The services that have a metric; or why that cannot be known."""
        selector = self._selector(item, ())
        try:
            if isinstance(item, RequestCounter | CounterPair):
                verdict = await kind_of(selector, self.source, self.at, deadline=DEADLINE_S)
                if verdict.kind is MetricKind.GAUGE:
                    return f"{anchor(item)} is a gauge, not a counter: {verdict.why}"
            there = await self.source.label_names(render(selector), self.since, self.at, deadline=DEADLINE_S)
            # Prometheus 2 does not read names with dots: only those are asked for that exist.
            labels = [label for label in (*entry.services, *entry.within) if label in there]
            grouping = ",".join(map(label_text, labels))
            answer = await self.source.instant(
                f"count by ({grouping}) ({render(selector)})", self.at, deadline=DEADLINE_S
            )
        except REFUSED as error:
            return f"{anchor(item)}: {error}"
        counts = dict(zip(map(_pairs, answer.labels), map(int, answer.values.tolist()), strict=True))
        return [
            ServiceMetric(
                service=service_name(name),
                item=item,
                entry=entry,
                matchers=_narrowed(self._others, matchers),
                series=series,
                labels=frozenset(there),
            )
            for name, matchers, series in services_in(entry, counts)
        ]

    async def _with_values(self, metric: ServiceMetric, gate: asyncio.Semaphore) -> ServiceMetric | str:
        """The metric with the values of the labels that may matter; or why they cannot be known."""
        entry, selector = metric.entry, self._selector(metric.item, metric.matchers)
        wanted = [status.label for status in entry.statuses]
        wanted += [*entry.routes, *(one.label for one in entry.preferred), *_groups(metric.item)]
        there = [label for label in dict.fromkeys(wanted) if label in metric.labels]
        try:
            async with gate:
                values = {label: await self._values(label, selector.matchers) for label in there}
                return replace(metric, values=values, is_native=await self._is_native(metric))
        except REFUSED as error:
            return f"{anchor(metric.item)} of {metric.service}: {error}"

    async def _is_native(self, metric: ServiceMetric) -> bool:
        """Whether the newest samples are native histograms: a metric of the same name may be anything."""
        item = metric.item
        if not isinstance(item, Durations) or not item.may_be_native:
            return False
        selector = Selector((*named(item.histogram).matchers, *metric.matchers))
        answer = await self.source.instant(sum_of(render(selector)), self.at, deadline=DEADLINE_S)
        return bool(answer.histograms)

    def _selector(self, item: Item, matchers: Iterable[Matcher]) -> Selector:
        return Selector((*named(anchor(item)).matchers, *(matchers or self._others)))


def anchor(item: Item) -> str:
    """The metric whose series say which services there are."""
    match item:
        case RequestCounter():
            return item.metric
        case Durations():
            return f"{item.histogram}_count" if item.has_count else item.histogram
        case CounterPair():
            return item.other
        case GoodGauge():
            return item.metric
        case GaugeShare():
            return item.total
        case LevelMetrics():
            return next(iter(item.metrics.values()))


def services_in(
    entry: Instrumentation, counts: Mapping[tuple[tuple[str, str], ...], int]
) -> Iterator[tuple[str, tuple[Matcher, ...], int]]:
    """The name of each service, what selects its series, and how many there are, from counts by labels.

    Of two services with one name, such as ingresses of two namespaces, each is named after its namespace too.
    """
    found = [dict(labels) for labels in counts]
    label = next((label for label in entry.services if all(labels.get(label) for labels in found)), None)
    within = next((one for one in entry.within if one != label and all(labels.get(one) for labels in found)), None)
    series: dict[tuple[str, str], int] = {}
    for labels, count in zip(found, counts.values(), strict=True):
        key = (labels.get(label or "", ""), labels.get(within or "", ""))
        series[key] = series.get(key, 0) + count
    names = Counter(value for value, _ in series)
    for (value, place), count in series.items():
        matchers = [
            Matcher(one, MatchOp.EQUAL, text) for one, text in ((label, value), (within, place)) if one is not None
        ]
        name = f"{place}-{value}" if names[value] > 1 else value or entry.key
        yield name, tuple(matchers), count


def service_name(value: str) -> str:
    """A label's value as the name of a service in documents.

    >>> service_name("shop/checkout"), service_name("https://example.com/")
    ('shop-checkout', 'https-example.com')
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", value).strip("-._") or "service"


def _items(found: Recognised) -> Iterator[Item]:
    yield from found.counters
    yield from found.histograms
    yield from found.pairs
    yield from found.gauges
    yield from found.shares
    yield from found.levels


def _groups(item: Item) -> tuple[str, ...]:
    return item.by if isinstance(item, GoodGauge | GaugeShare) else ()


def _pairs(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(labels.items()))


def _narrowed(scope: tuple[Matcher, ...], matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
    """The scope and the matchers of the service, which replace what the scope says of their labels."""
    replaced = {matcher.label for matcher in matchers}
    return (*(matcher for matcher in scope if matcher.label not in replaced), *matchers)


def _ranked(metrics: Sequence[ServiceMetric]) -> dict[str, list[ServiceMetric]]:
    """Metrics by service: first those that serve requests, with most series."""
    services: dict[str, list[ServiceMetric]] = {}
    for metric in metrics:
        services.setdefault(metric.service, []).append(metric)

    def rank(name: str) -> tuple[int, int, str]:
        requests = sum(metric.series for metric in services[name] if _is_of_requests(metric.item))
        return -int(requests > 0), -(requests or len(services[name])), name

    return {name: services[name] for name in sorted(services, key=rank)}


def _is_of_requests(item: Item) -> bool:
    return isinstance(item, RequestCounter | Durations | CounterPair)
