"""Is a metric a counter? By what its targets say of its type, and where they do not say, by how it behaves."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from app.prometheus.matrix import Matrix
from app.promql.metric_names import COUNTER_SUFFIXES, GAUGES_OF_PROMETHEUS, families, looks_like_counter, name_of
from app.promql.probe import changes, falls, named, series_count
from app.slo import Selector

_COUNTS = frozenset({"counter", "histogram", "summary"})
# Fewer changes say nothing: a counter that restarted twice in a quiet night looks like a gauge.
_LEAST_CHANGES = 5
# Of its changes at most this share of a counter's are falls: a counter falls when its process restarts.
_MOST_RESTARTS = 0.05
_PAIRS = (("_count", "_sum"), ("_sum", "_count"))
# A gauge falls about as often as it rises; a counter of a service that restarts every few minutes stays far below.
_GAUGE_FALLS = 0.2


class MetricKind(StrEnum):
    """What a metric is; *unknown* where its targets do not say and it does not behave like a gauge."""

    COUNTER = "counter"
    GAUGE = "gauge"
    UNKNOWN = "unknown"


class MetricSource(Protocol):
    """Answers PromQL and knows the types of metrics; raises `app.prometheus.PrometheusError`."""

    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        """The value of an expression at a time."""
        ...

    async def metric_types(self, metric: str, *, deadline: float | None = None) -> frozenset[str]:
        """The types that targets give a metric; none where the server does not know."""
        ...

    async def label_names(
        self, selector: str, start: datetime, end: datetime, *, deadline: float | None = None
    ) -> tuple[str, ...]:
        """The names of the labels that series of a selector have had between two times."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KindVerdict:
    """What a metric is, and *why*, to follow its name; empty where that is not known."""

    kind: MetricKind
    why: str = ""


async def kind_of(selector: Selector, source: MetricSource, at: datetime, *, deadline: float) -> KindVerdict:
    """What the series of a selector are at a time."""
    name = name_of(selector)
    if name is None:
        return KindVerdict(kind=MetricKind.UNKNOWN)
    if name in GAUGES_OF_PROMETHEUS:
        return KindVerdict(kind=MetricKind.GAUGE, why="Prometheus sets it at every scrape")
    types = await _types(name, source, deadline)
    if types & _COUNTS:
        return KindVerdict(kind=MetricKind.COUNTER, why=f"its metadata has the type {min(types & _COUNTS)}")
    if "gauge" not in types and await _is_named_like_counter(name, source, at, deadline):
        return KindVerdict(kind=MetricKind.UNKNOWN)
    fell, changed = [
        float((await source.instant(query(selector), at, deadline=deadline)).values.sum()) for query in (falls, changes)
    ]
    return _by_behaviour(fell, changed, said_to_be_gauge="gauge" in types)


async def _is_named_like_counter(name: str, source: MetricSource, at: datetime, deadline: float) -> bool:
    """Whether a metric has a counter's name; a count or a sum must be part of a histogram or summary, as both are.

    `sessions_count` and CloudWatch's `request_count_sum` are gauges.
    """
    if not looks_like_counter(name):
        return False
    sibling = next((f"{name.removesuffix(one)}{other}" for one, other in _PAIRS if name.endswith(one)), None)
    if sibling is None:
        return True
    found = await source.instant(series_count(named(sibling)), at, deadline=deadline)
    return bool(found.values.sum())


def _by_behaviour(fell: float, changed: float, *, said_to_be_gauge: bool) -> KindVerdict:
    if said_to_be_gauge:
        # Some exporters give all they have the type gauge; what only grows, restarts aside, counts all the same.
        if changed >= _LEAST_CHANGES and fell <= _MOST_RESTARTS * changed:
            return KindVerdict(kind=MetricKind.UNKNOWN)
        return KindVerdict(kind=MetricKind.GAUGE, why="its metadata has the type gauge")
    if fell >= _LEAST_CHANGES and fell >= _GAUGE_FALLS * changed:
        return KindVerdict(kind=MetricKind.GAUGE, why=f"{fell / changed:.0%} of its changes are falls")
    return KindVerdict(kind=MetricKind.UNKNOWN)


async def _types(name: str, source: MetricSource, deadline: float) -> frozenset[str]:
    """The types of a metric; of a part of a histogram, summary or OpenMetrics counter, those of the whole."""
    own = await source.metric_types(name, deadline=deadline)
    if own or not name.endswith(COUNTER_SUFFIXES):
        return own
    return frozenset().union(*[await source.metric_types(family, deadline=deadline) for family in families(name)])
