"""Names of metrics to what they instrument: which entry of the catalogue knows each, without asking anything."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from app.promql.metric_names import BUCKET, NAME, looks_like_counter
from app.suggestions.instrumentations import (
    CATALOGUE,
    ErrorPair,
    GaugeShare,
    GoodGauge,
    Instrumentation,
    Level,
    labels,
)

_HISTOGRAM_PARTS = ("_bucket", "_count", "_sum", "_created")
_CLASSIC_END = "_bucket"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCounter:
    """A counter of requests; *stem* tells apart what one convention instruments."""

    metric: str
    stem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """A histogram of how long requests took, by its name without ``_bucket``.

    *has_buckets*: classic ones; *may_be_native*: a metric has just this name; *has_count*: as of summaries.
    """

    histogram: str
    has_buckets: bool
    may_be_native: bool
    has_count: bool
    stem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterPair:
    """Two counters: of bad events, and of all events or of the good ones."""

    pair: ErrorPair
    bad: str
    total: str = ""
    good: str = ""
    stem: str = ""

    @property
    def other(self) -> str:
        """The counter that is not the bad events."""
        return self.total or self.good


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelMetrics:
    """The metrics that exist for a level, by its placeholders."""

    level: Level
    metrics: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """What is there of one instrumentation, the best of each kind first."""

    instrumentation: Instrumentation
    counters: tuple[RequestCounter, ...] = ()
    histograms: tuple[Durations, ...] = ()
    pairs: tuple[CounterPair, ...] = ()
    gauges: tuple[GoodGauge, ...] = ()
    shares: tuple[GaugeShare, ...] = ()
    levels: tuple[LevelMetrics, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing of it."""
        return not (self.counters or self.histograms or self.pairs or self.gauges or self.shares or self.levels)


@dataclass(frozen=True, slots=True)
class _Names:
    """The names of a server, and which of them have been recognised."""

    every: frozenset[str]
    claimed: set[str] = field(default_factory=set)

    def matching(self, patterns: tuple[str, ...], excluded: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """Each unclaimed name that a pattern matches, with its stem, in the order of the patterns."""
        for pattern in map(re.compile, patterns):
            # Sorted, as sets have another order in each process and suggestions must not.
            for name in sorted(self.every - self.claimed):
                found = pattern.fullmatch(name)
                if found is not None and not any(re.fullmatch(other, name) for other in excluded):
                    self.claimed.add(name)
                    yield name, _stem(found)

    def first(self, pattern: str) -> str | None:
        """The first of a pattern's alternatives that exists."""
        found = (name for part in pattern.split("|") for name in sorted(self.every) if re.fullmatch(part, name))
        return next(found, None)


def recognise(names: Collection[str], catalogue: tuple[Instrumentation, ...] = CATALOGUE) -> tuple[Recognised, ...]:
    """What the metrics of these names instrument, in the order of the catalogue.

    >>> found = recognise(["http_requests_total", "http_request_duration_seconds_bucket", "queue_depth"])
    >>> [one.instrumentation.key for one in found], found[0].counters[0].metric
    (['http'], 'http_requests_total')
    """
    whole = _Names(frozenset(names))
    bases = _Names(frozenset(base for name in names for base in family_names(name)))
    found = [_recognised(entry, whole, bases) for entry in catalogue]
    there = {one.instrumentation.name for one in found if not one.is_empty}
    return tuple(one for one in found if not one.is_empty and not there.intersection(one.instrumentation.unless))


def _recognised(entry: Instrumentation, names: _Names, bases: _Names) -> Recognised:
    return Recognised(
        instrumentation=entry,
        counters=tuple(
            RequestCounter(metric=name, stem=stem) for name, stem in names.matching(entry.counters, entry.excluded)
        ),
        histograms=tuple(
            durations
            for name, stem in bases.matching(entry.histograms, entry.excluded)
            if (durations := _durations(name, stem, names.every)) is not None
        ),
        pairs=tuple(_pairs(entry, names)),
        gauges=tuple(gauge for gauge in entry.gauges if gauge.metric in names.every),
        shares=tuple(share for share in entry.shares if {share.total, share.bad or share.good} <= names.every),
        levels=tuple(_levels(entry, names)),
    )


def _durations(name: str, stem: str, names: frozenset[str]) -> Durations | None:
    has_count = f"{name}_count" in names
    found = Durations(
        histogram=name,
        stem=stem,
        has_buckets=has_count and f"{name}{_CLASSIC_END}" in names,
        # Native histograms have the name of the family; what ends in `_total` is a counter.
        may_be_native=name in names and not name.endswith("_total"),
        has_count=has_count,
    )
    return found if found.has_count or found.may_be_native else None


def _pairs(entry: Instrumentation, names: _Names) -> Iterator[CounterPair]:
    for pair in entry.pairs:
        pattern = re.compile(pair.total or pair.good)
        for name in sorted(names.every - names.claimed):
            found = pattern.fullmatch(name)
            bad = next((bad for bad in map(found.expand, pair.bad) if bad in names.every), None) if found else None
            if found is not None and bad is not None and bad != name:
                names.claimed.update((name, bad))
                other = {"total" if pair.total else "good": name}
                yield CounterPair(pair=pair, bad=bad, stem=_stem(found), **other)


def _levels(entry: Instrumentation, names: _Names) -> Iterator[LevelMetrics]:
    for level in entry.levels:
        found = {key: names.first(pattern) for key, pattern in level.metrics.items()}
        if all(found.values()):
            yield LevelMetrics(level=level, metrics={key: name for key, name in found.items() if name is not None})


def _stem(found: "re.Match[str]") -> str:
    return found.groupdict().get("stem") or ""


def of_given_metric(names: Collection[str], label_names: Collection[str]) -> Instrumentation:
    """An entry for metrics that somebody has named, whose labels may all be status labels."""
    counters = (name for name in names if looks_like_counter(name) and not name.endswith(_HISTOGRAM_PARTS))
    histograms = (name.removesuffix(_CLASSIC_END) for name in names if name.endswith(_CLASSIC_END))
    return Instrumentation(
        name="the metric that was given",
        key="requests",
        source="",
        counters=tuple(map(re.escape, counters)),
        histograms=tuple(map(re.escape, histograms)),
        # The labels of targets say where a request was handled, not how it ended.
        statuses=labels(*sorted(set(label_names) - {NAME, BUCKET, "job", "instance"})),
    )


def family_names(name: str) -> Iterator[str]:
    """The histogram that a metric may be a part of, and the metric itself, which may be a native one."""
    yield name
    for part in _HISTOGRAM_PARTS:
        if name.endswith(part):
            yield name.removesuffix(part)
