"""What an entry of the catalogue says: by which names an instrumentation is known, and what its labels mean.

Names of metrics are regular expressions that match whole names. A group named ``stem`` sets several things apart that
one convention instruments, such as ``orders`` and ``carts`` in ``orders_requests_total``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from app.slo import Matcher
from app.suggestions.statuses import Vocabulary


class Signal(StrEnum):
    """The golden signals.

    Source: https://sre.google/sre-book/monitoring-distributed-systems/#xref_monitoring_golden-signals
    """

    ERRORS = "errors"
    LATENCY = "latency"
    TRAFFIC = "traffic"
    SATURATION = "saturation"


@dataclass(frozen=True, slots=True)
class StatusLabel:
    """A label that says how a request ended; *vocabulary* where its values alone could be taken for another's."""

    label: str
    vocabulary: Vocabulary | None = None


@dataclass(frozen=True, slots=True)
class Preferred:
    """A label of which only one value is counted, since each counts every request: the first that exists."""

    label: str
    values: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorPair:
    r"""Events and bad events as two counters: *total* and *bad*, or *good* and *bad* that are added up.

    *bad* may refer to the groups of the other name, as in ``\g<stem>_errors_total``.
    """

    bad: tuple[str, ...]
    total: str = ""
    good: str = ""
    name: str = "availability"
    signal: Signal = Signal.ERRORS
    description: str = "Requests succeed."
    is_certain: bool = True
    """Whether the bad events are events of the total for sure; otherwise the SLI is only an alternative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodGauge:
    """A gauge that is 1 while all is well."""

    metric: str
    name: str
    description: str
    by: tuple[str, ...] = ()
    signal: Signal = Signal.ERRORS
    matchers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GaugeShare:
    """Gauges that say how many there are, and how many of them are bad, or good."""

    total: str
    name: str
    description: str
    bad: str = ""
    good: str = ""
    by: tuple[str, ...] = ()
    signal: Signal = Signal.SATURATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A value that is good while it is below a bound.

    *expression* has a placeholder for each of *metrics*: ``max({used} / {limit})``, which stands for the series of its
    name (the first that exists of an alternation) and *matchers*. The bound is the least of *bounds*
    that history kept, or, without them, one that history kept, rounded up.
    """

    name: str
    description: str
    expression: str
    metrics: Mapping[str, str]
    matchers: tuple[Matcher, ...] = ()
    bounds: tuple[float, ...] = ()
    signal: Signal = Signal.SATURATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrumentation:
    """How a library or an exporter exposes what a service does.

    Attributes:
        name: for people.
        key: what its SLOs are named after where a service has several: ``grpc-availability``.
        source: where its metrics are documented.
        services: labels that name the service, the best first.
        within: labels that say where services of one name are apart, such as namespaces, the best first.
        counters, histograms: names of request counters, and of histograms without ``_bucket``; the best first.
        excluded: names that look like them and are something else.
        statuses: labels that say how a request ended, the best first.
        routes: labels that SLOs may be grouped by.
        preferred: labels of which one value is counted.
        unless: keys of instrumentations that count the same requests better.
        doubt: why its SLIs are only alternatives; empty where they are not.
    """

    name: str
    key: str
    source: str
    services: tuple[str, ...] = ("job",)
    within: tuple[str, ...] = ()
    counters: tuple[str, ...] = ()
    histograms: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    statuses: tuple[StatusLabel, ...] = ()
    routes: tuple[str, ...] = ()
    preferred: tuple[Preferred, ...] = ()
    pairs: tuple[ErrorPair, ...] = ()
    gauges: tuple[GoodGauge, ...] = ()
    shares: tuple[GaugeShare, ...] = ()
    levels: tuple[Level, ...] = ()
    unless: tuple[str, ...] = ()
    doubt: str = ""


def labels(*names: str) -> tuple[StatusLabel, ...]:
    """Status labels whose values say what they mean."""
    return tuple(StatusLabel(name) for name in names)
