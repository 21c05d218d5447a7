"""SLIs for the golden signals from the metrics of a service: what each counts, and what is left to decide.

Pure. What is not certain becomes an alternative, with the reason: it is written as a comment.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from app.promql.metric_names import NAME
from app.promql.probe import named
from app.promql.selector_text import render
from app.slo import Matcher, MatchOp, Selector
from app.suggestions.discovery import ServiceMetric
from app.suggestions.instrumentations import GaugeShare, GoodGauge, Signal
from app.suggestions.recognition import CounterPair, Durations, LevelMetrics, RequestCounter
from app.suggestions.statuses import Meaning, belongs_to, meaning, vocabulary_of
from app.wording.sentences import listed

MOST_GROUPS = 50
"""Of a label that SLOs may be grouped by: more are rather users or paths than routes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedEvents:
    """Bad events among all events, which *totals* add up to; *is_native*: counts of native histograms."""

    totals: tuple[Selector, ...]
    bad: Selector
    is_native: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FastEvents:
    """Events of a histogram within a threshold that is still to be chosen."""

    histogram: str
    matchers: tuple[Matcher, ...]
    is_native: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GoodSamples:
    """Samples of a gauge that are 1."""

    gauge: Selector


@dataclass(frozen=True, slots=True, kw_only=True)
class SummedGauges:
    """Samples of gauges that say how many there are; *part* is bad or good."""

    total: Selector
    part: Selector
    part_is_bad: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueWithin:
    """Values of an expression below one of *bounds*, or one that is still to be chosen; *at_least*: not below it."""

    expression: str
    bounds: tuple[float, ...] = ()
    at_least: bool = False


CandidateSli = CountedEvents | FastEvents | GoodSamples | SummedGauges | ValueWithin


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An SLI that a service could have.

    Attributes:
        name: of its SLO; unique in the service.
        instrumentation: by which it was recognised, and *source*, where that is documented.
        notes: what was decided and how else it could be.
        groups: labels that it may be grouped by, with the number of their values.
        doubt: why it is only an alternative; empty otherwise.
    """

    service: str
    name: str
    signal: Signal
    description: str
    instrumentation: str
    source: str
    sli: CandidateSli
    notes: tuple[str, ...] = ()
    groups: tuple[tuple[str, int], ...] = ()
    doubt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCandidates:
    """The SLIs of a service, and what was found that none could be made of."""

    candidates: tuple[Candidate, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Requests:
    """The request metrics of one thing: of an instrumentation and a stem."""

    counters: list[ServiceMetric]
    histograms: list[ServiceMetric]


@dataclass(frozen=True, slots=True)
class _Status:
    """The status label of a metric, and what its values mean."""

    label: str
    meaning: Meaning


def candidates_of(metrics: Sequence[ServiceMetric]) -> ServiceCandidates:
    """The SLIs of one service, errors first; names are unique."""
    remarks: list[str] = []
    found = [candidate for requests in _by_what_they_measure(metrics) for candidate in _of_requests(requests, remarks)]
    has_errors = any(one.signal is Signal.ERRORS and not one.doubt for one in found)
    for metric in metrics:
        match metric.item:
            case CounterPair() as pair:
                found.append(_of_pair(metric, pair, has_errors=has_errors))
            case GoodGauge() as gauge:
                found.append(_of_gauge(metric, gauge, has_errors=has_errors))
            case GaugeShare() as share:
                found.append(_of_share(metric, share))
            case LevelMetrics() as level:
                found.append(_of_level(metric, level))
    return ServiceCandidates(candidates=tuple(_with_unique_names(found, metrics)), remarks=tuple(remarks))


def _by_what_they_measure(metrics: Sequence[ServiceMetric]) -> Iterator[_Requests]:
    things: dict[tuple[str, str], _Requests] = {}
    for metric in metrics:
        if isinstance(metric.item, RequestCounter | Durations):
            thing = things.setdefault((metric.entry.name, metric.item.stem), _Requests([], []))
            (thing.counters if isinstance(metric.item, RequestCounter) else thing.histograms).append(metric)
    yield from things.values()


def _of_requests(requests: _Requests, remarks: list[str]) -> Iterator[Candidate]:
    """Errors, latency of successful and of failed requests, and traffic."""
    counted = [*requests.counters, *requests.histograms]
    with_status = [(metric, status) for metric in counted if (status := _status(metric)) is not None]
    for number, (metric, status) in enumerate(with_status):
        if number and isinstance(metric.item, Durations):
            # The count of a histogram beside a counter of the same requests.
            continue
        yield _errors(metric, status, beside=with_status[0][0] if number else None)
    if not with_status:
        remarks.extend(_why_no_errors(counted[0]))
    for number, metric in enumerate(requests.histograms):
        yield from _latencies(metric, beside=requests.histograms[0] if number else None, remarks=remarks)
    yield _traffic(with_status[0][0] if with_status else counted[0], with_status[0][1] if with_status else None)


def _errors(metric: ServiceMetric, status: _Status, *, beside: ServiceMetric | None) -> Candidate:
    total, bad = _count(metric, _events_of(status)), _count(metric, (status.meaning.bad,))
    sli = CountedEvents(totals=(total,), bad=bad, is_native=_is_native_only(metric))
    notes = [f"bad: {status.meaning.vocabulary.name} in {status.label}"]
    if status.meaning.vocabulary.unclear:
        notes.append(status.meaning.vocabulary.unclear)
    if not status.meaning.is_seen:
        notes.append(f"no such value has occurred; those seen are {_listed(metric.values[status.label])}")
    others = _other_statuses(metric, status.label)
    if others:
        notes.append(f"{_listed(others)} may also say how requests ended")
    doubt = f"it may count the same requests as {_name(beside)}" if beside is not None else ""
    return _candidate(metric, "availability", Signal.ERRORS, "Requests succeed.", sli, notes=notes, doubt=doubt)


def _latencies(metric: ServiceMetric, *, beside: ServiceMetric | None, remarks: list[str]) -> Iterator[Candidate]:
    item = metric.item
    if not isinstance(item, Durations) or not (item.has_buckets or metric.is_native):
        remarks.append(f"{_name(metric)} has no buckets: share of fast requests unknown; give the histogram buckets")
        return
    doubt = f"it may measure the same requests as {_name(beside)}" if beside is not None else ""
    status = _status(metric)
    if status is None:
        sli = _fast(metric, _chosen(metric))
        note = "without a status label, successful and failed requests are not apart: failures may be fast"
        yield _candidate(metric, "latency", Signal.LATENCY, "Requests are fast.", sli, notes=[note], doubt=doubt)
        return
    # Apart, since failures are often fast and would make latency look good.
    # Source: https://sre.google/sre-book/monitoring-distributed-systems/
    for name, text, part in (
        ("latency", "Successful requests are fast.", (*_events_of(status), status.meaning.not_bad)),
        ("latency-of-failures", "Failed requests fail fast.", (status.meaning.bad,)),
    ):
        sli = _fast(metric, part)
        yield _candidate(metric, name, Signal.LATENCY, text, sli, doubt=doubt)


def _traffic(metric: ServiceMetric, status: _Status | None) -> Candidate:
    total = _count(metric, () if status is None else _events_of(status))
    rate = f"rate({render(total)}[5m])"
    expression = f"sum({rate})" if not _is_native_only(metric) else f"histogram_count(sum({rate}))"
    sli = ValueWithin(expression=expression, at_least=True)
    return replace(_candidate(metric, "traffic", Signal.TRAFFIC, "Requests arrive.", sli), groups=())


def _of_pair(metric: ServiceMetric, found: CounterPair, *, has_errors: bool) -> Candidate:
    bad = Selector((*named(found.bad).matchers, *metric.matchers))
    other = Selector((*named(found.other).matchers, *metric.matchers))
    pair = found.pair
    sli = CountedEvents(totals=(other,) if found.total else (other, bad), bad=bad)
    doubt = ""
    if not pair.is_certain:
        doubt = f"by their names, {found.bad} counts events of {found.other}"
        if has_errors:
            doubt += "; another SLI of this service counts errors"
    return _candidate(metric, pair.name, pair.signal, pair.description, sli, doubt=doubt)


def _of_gauge(metric: ServiceMetric, gauge: GoodGauge, *, has_errors: bool) -> Candidate:
    fixed = (Matcher(label, MatchOp.EQUAL, value) for label, value in gauge.matchers.items())
    selector = Selector((*named(gauge.metric).matchers, *metric.matchers, *fixed))
    is_up = gauge.metric == "up"
    doubt = "requests are measured, and an instance that is down may harm none" if is_up and has_errors else ""
    return _candidate(metric, gauge.name, gauge.signal, gauge.description, GoodSamples(gauge=selector), doubt=doubt)


def _of_share(metric: ServiceMetric, share: GaugeShare) -> Candidate:
    total, part = (
        Selector((*named(name).matchers, *metric.matchers)) for name in (share.total, share.bad or share.good)
    )
    sli = SummedGauges(total=total, part=part, part_is_bad=bool(share.bad))
    return _candidate(metric, share.name, share.signal, share.description, sli)


def _of_level(metric: ServiceMetric, found: LevelMetrics) -> Candidate:
    level = found.level
    selectors = {
        key: render(Selector((*named(name).matchers, *metric.matchers, *level.matchers)))
        for key, name in found.metrics.items()
    }
    expression = level.expression
    for key, selector in selectors.items():
        expression = expression.replace(f"{{{key}}}", selector)
    sli = ValueWithin(expression=expression, bounds=level.bounds)
    return _candidate(metric, level.name, level.signal, level.description, sli)


def _candidate(
    metric: ServiceMetric,
    name: str,
    signal: Signal,
    description: str,
    sli: CandidateSli,
    *,
    notes: Iterable[str] = (),
    doubt: str = "",
) -> Candidate:
    preferred = {matcher.label: matcher for matcher in _chosen(metric)}
    whys = [
        f"only {render_matcher(preferred[one.label])}: {one.why}"
        for one in metric.entry.preferred
        if one.label in preferred
    ]
    labels = metric.item.by if isinstance(metric.item, GoodGauge | GaugeShare) else metric.entry.routes
    fixed = {matcher.label for matcher in metric.matchers}
    return Candidate(
        service=metric.service,
        name=name,
        signal=signal,
        description=description,
        instrumentation=metric.entry.name,
        source=metric.entry.source,
        sli=sli,
        notes=(*whys, *notes),
        groups=tuple(
            (label, len(metric.values[label]))
            for label in labels
            if label not in fixed and 1 < len(metric.values.get(label, ())) <= MOST_GROUPS
        ),
        doubt=metric.entry.doubt or doubt,
    )


def _with_unique_names(found: Sequence[Candidate], metrics: Sequence[ServiceMetric]) -> Iterator[Candidate]:
    """The candidates, named after their instrumentation or metric where several would have one name."""
    keys = {metric.entry.name: metric.entry.key for metric in metrics}
    shared = Counter(candidate.name for candidate in found if not candidate.doubt)
    taken: set[str] = set()
    for candidate in sorted(found, key=lambda one: bool(one.doubt)):
        names = [
            candidate.name,
            f"{keys[candidate.instrumentation]}-{candidate.name}",
            f"{_metric_of(candidate.sli)}-{candidate.name}",
        ]
        names += [f"{names[-1]}-{number}" for number in range(2, len(found) + 2)]
        free = names if shared[candidate.name] <= 1 else names[1:]
        name = next(name for name in free if name not in taken)
        taken.add(name)
        yield replace(candidate, name=name)


def _status(metric: ServiceMetric) -> _Status | None:
    """The first status label whose values are words of a vocabulary."""
    for status in metric.entry.statuses:
        values = metric.values.get(status.label)
        if values is None:
            continue
        vocabulary = status.vocabulary or vocabulary_of(values)
        if vocabulary is not None and belongs_to(vocabulary, values):
            return _Status(status.label, meaning(status.label, values, vocabulary))
    return None


def _other_statuses(metric: ServiceMetric, label: str) -> list[str]:
    return [
        one.label
        for one in metric.entry.statuses
        if one.label != label and len([value for value in metric.values.get(one.label, ()) if value]) > 1
    ]


def _why_no_errors(metric: ServiceMetric) -> Iterator[str]:
    """What a team has to do to have its errors counted."""
    unknown = [label for label in _status_labels(metric) if any(metric.values.get(label, ()))]
    if unknown:
        shown = "; ".join(f"{label}: {_listed(metric.values[label])}" for label in unknown)
        yield f"errors of {_name(metric)}: which values are bad is not known ({shown}); write bad: yourself"
    else:
        yield f"errors of {_name(metric)}: it has no label that says how requests ended"


def _status_labels(metric: ServiceMetric) -> list[str]:
    return [status.label for status in metric.entry.statuses]


def _count(metric: ServiceMetric, more: Iterable[Matcher]) -> Selector:
    """The selector of all requests; of a native histogram, that of the histogram."""
    item = metric.item
    if isinstance(item, Durations):
        name = item.histogram if _is_native_only(metric) else f"{item.histogram}_count"
    else:
        name = item.metric if isinstance(item, RequestCounter | GoodGauge) else ""
    return Selector((*named(name).matchers, *metric.matchers, *_chosen(metric), *more))


def _fast(metric: ServiceMetric, more: Iterable[Matcher]) -> FastEvents:
    item = metric.item
    name = item.histogram if isinstance(item, Durations) else ""
    matchers = Selector((*named(name).matchers, *metric.matchers, *_chosen(metric), *more)).matchers
    own = tuple(matcher for matcher in matchers if matcher.label != NAME)
    return FastEvents(histogram=name, matchers=own, is_native=_is_native_only(metric))


def _is_native_only(metric: ServiceMetric) -> bool:
    """Whether only a native histogram is there; a classic one beside it counts the same."""
    return metric.is_native and isinstance(metric.item, Durations) and not metric.item.has_buckets


def _chosen(metric: ServiceMetric) -> tuple[Matcher, ...]:
    """What leaves one count of each request where several report it."""
    chosen = []
    for one in metric.entry.preferred:
        value = next((value for value in one.values if value in metric.values.get(one.label, ())), None)
        if value is not None:
            chosen.append(Matcher(one.label, MatchOp.EQUAL, value))
    return tuple(chosen)


def _events_of(status: _Status) -> tuple[Matcher, ...]:
    return () if status.meaning.events is None else (status.meaning.events,)


def render_matcher(matcher: Matcher) -> str:
    """One matcher as PromQL."""
    return render(Selector((matcher,))).strip("{}")


def _name(metric: ServiceMetric) -> str:
    item = metric.item
    return item.histogram if isinstance(item, Durations) else item.metric if isinstance(item, RequestCounter) else ""


def _metric_of(sli: CandidateSli) -> str:
    match sli:
        case CountedEvents():
            name = next(matcher.value for matcher in sli.bad.matchers if matcher.label == NAME)
        case FastEvents():
            name = sli.histogram
        case _:
            name = "more"
    return name.replace("_", "-").replace(".", "-")


def _listed(values: Sequence[str], most: int = 8) -> str:
    return listed([value or '""' for value in values], most)
