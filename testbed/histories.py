"""Random histories of services as people really run them, whose true event counts are known to the second.

A history is a service with random traffic and incidents, to which one or more *kinds* of trouble happen: what public
bug reports of Prometheus, exporters and SLO tools describe. The same seed makes the same history.

Kinds change a `Draft` at one of three places: its processes (restarts, deployments), its scrapes (gaps, outages), or
the series that come of them (labels, replicas, dips).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import Final

import numpy as np
from typing_extensions import override

from app.slo.arrays import Floats
from testbed.increase import joined
from testbed.processes import Counter, Process, add_truth, grid, relabelled, scrape, without
from testbed.traces import Counts, Labels, Samples, Trace

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400
Span = tuple[int, int]
"""First and last second (exclusive), since the start of the history."""
View = Callable[[list[Samples]], list[Samples]]
"""What becomes of the series between the scrape and the reader."""

_MOST_EVENTS: Final = 60_000_000
"""Of one history: more need more memory than they teach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A trace and how it came about, scraped every *interval_s*, with *pace* events per second.

    Samples are at most *lag_s* older than the scrape that brings them.
    *second* is what another Prometheus server has of the same processes, if there are two behind one balancer.
    """

    trace: Trace
    kinds: tuple[str, ...]
    seed: int
    interval_s: int
    pace: float
    lag_s: float = 0.0
    second: tuple[Samples, ...] = ()

    @override
    def __str__(self) -> str:
        return f"seed {self.seed}: {' + '.join(self.kinds)}, {self.pace:.3g}/s, scraped every {self.interval_s}s"


@dataclass(slots=True)
class Draft:
    """A history in the making."""

    trace: Trace
    rng: np.random.Generator
    interval_s: int = 30
    pace: float = 10.0
    instances: int = 2
    routes: int = 1
    carried: int = 0
    lazy: bool = True
    base_errors: float = 1e-3
    incidents: list[tuple[Span, float]] = field(default_factory=list)
    restarts: list[tuple[int, int]] = field(default_factory=list)
    outages: list[Span] = field(default_factory=list)
    failing: float = 0.0
    offsets_ms: int = 0
    processes: list[Process] = field(default_factory=list)
    others: list[Process] = field(default_factory=list)
    replicas: list[View] = field(default_factory=list)
    views: list[View] = field(default_factory=list)
    start_times: bool = False
    when: Callable[[Counts], Counts] | None = None
    longest_s: int = 0
    lag_s: float = 0.0
    layout: Callable[["Draft"], None] | None = None

    @property
    def seconds(self) -> int:
        """The length of the history."""
        return self.trace.end - self.trace.start

    def moment(self, *, low: float = 0.05, high: float = 0.97) -> int:
        """A random second; half of the time in the last 70 minutes, so that live counting meets it."""
        if self.rng.random() < 0.5:
            low = max(low, 1 - 70 * MINUTE / self.seconds)
        return int(self.seconds * self.rng.uniform(low, min(max(low + 0.01, high), 1 - MINUTE / self.seconds)))

    def span(self, shortest: float, longest: float) -> Span:
        """A random span of time, its length drawn evenly over orders of magnitude."""
        first = self.moment()
        return first, min(self.seconds, first + int(log_uniform(self.rng, shortest, longest)))

    def rates(self, pace: float, born: int, died: int) -> tuple[Floats, Floats]:
        """Expected events per second, and the share of errors, in each second of a life."""
        share = np.full(died - born, self.base_errors)
        for (first, last), errors in self.incidents:
            share[max(first - born, 0) : max(last - born, 0)] = errors
        return np.full(died - born, pace), share

    def counters(
        self, pace: float, born: int, died: int, *, more: Labels = (), carried: int = 0, route: str = "/"
    ) -> list[Counter]:
        """A counter of good events and one of bad ones, for one route of one process."""
        rate, share = self.rates(pace, born, died)
        total = self.rng.poisson(rate)
        bad = self.rng.binomial(total, share)
        carried_bad = int(carried * min(0.05, self.base_errors * 10))
        labels = (*more, ("route", route))
        return [
            Counter(labels=(*labels, ("code", "200")), events=total - bad, carried=carried),
            Counter(
                labels=(*labels, ("code", "500")),
                events=bad,
                bad=True,
                carried=carried_bad,
                lazy=self.lazy and not carried_bad,
            ),
        ]

    def process(
        self, instance: str, born: int, died: int, *, pace: float, carried: int = 0, more: Labels = ()
    ) -> Process:
        """One run of one instance with all its routes."""
        made = Process(target=(("job", self.trace.service), ("instance", instance)), born=born)
        for number in range(self.routes):
            route = f"/{number}"
            made.counters += self.counters(
                pace / self.routes, born, died, more=more, carried=carried // (number + 1), route=route
            )
        if self.offsets_ms:
            for counter in made.counters:
                counter.offset_ms = int(self.rng.integers(0, self.offsets_ms))
        return made


Kind = Callable[[Draft], None]


# Processes: who runs when.


def calm(_draft: Draft) -> None:
    """Nothing happens."""


def full_restarts(draft: Draft) -> None:
    """Processes restart: all counters of an instance begin again from zero."""
    for _ in range(int(draft.rng.integers(1, 4))):
        draft.restarts.append((int(draft.rng.integers(0, draft.instances)), draft.moment()))


def partial_restarts(draft: Draft) -> None:
    """One target serves many processes (an OpenTelemetry collector), of which some restart and others go on."""

    def layout(draft: Draft) -> None:
        target = (("job", draft.trace.service), ("instance", "collector:8889"))
        weights = draft.rng.dirichlet(np.ones(4))
        for number, weight in enumerate(weights.tolist()):
            more: Labels = (("service_name", f"service-{number}"),)
            cuts = [draft.moment() for _ in range(int(draft.rng.integers(0, 3)))] if number else []
            for born, died in _lives(cuts, draft.seconds, down=int(draft.rng.integers(0, 90))):
                carried = 0 if born else int(draft.carried * weight)
                pace = max(draft.pace * weight, 1 / MINUTE)
                process = Process(target=target, born=born)
                process.counters = draft.counters(pace, born, died, more=more, carried=carried)
                draft.processes.append(process)

    draft.layout = layout


def short_lived_pods(draft: Draft) -> None:
    """Pods of a few minutes that come and go beside a steady instance; some fail all they do at their start."""
    for number in range(int(draft.rng.integers(3, 15))):
        born = draft.moment()
        died = min(draft.seconds, born + int(log_uniform(draft.rng, 2 * draft.interval_s, 15 * MINUTE)))
        pod = draft.process(f"pod-{number}:80", born, died, pace=draft.pace / 4)
        if draft.rng.random() < 0.5:
            pod.counters[1].events[0] += min(50, int(draft.pace * 10) + 1)
        draft.others.append(pod)


def rolling_deployments(draft: Draft) -> None:
    """Every instance is replaced by one of another name and version that begins at zero."""
    cut = draft.moment(high=0.9)

    def layout(draft: Draft) -> None:
        for number in range(draft.instances):
            pace = draft.pace / draft.instances
            moved = min(draft.seconds - 1, cut + number * int(draft.rng.integers(20, 90)))
            overlap = int(draft.rng.integers(-60, 60))
            old = min(draft.seconds, max(moved + overlap, 1))
            draft.processes += [
                draft.process(f"old-{number}:80", 0, old, pace=pace, carried=draft.carried, more=(("version", "v1"),)),
                draft.process(f"new-{number}:80", moved, draft.seconds, pace=pace, more=(("version", "v2"),)),
            ]

    draft.layout = layout


def deployed_in_place(draft: Draft) -> None:
    """A deployment changes a label and restarts the process: the new series begin at zero, the old ones end."""
    cuts = sorted(draft.moment() for _ in range(int(draft.rng.integers(1, 4))))

    def layout(draft: Draft) -> None:
        for number in range(draft.instances):
            lives = _lives(cuts, draft.seconds, down=int(draft.rng.integers(0, 60)))
            for version, (born, died) in enumerate(lives):
                more: Labels = (("version", f"v{version}"),)
                carried = 0 if born else draft.carried
                pace = draft.pace / draft.instances
                draft.processes.append(
                    draft.process(f"api-{number}:80", born, died, pace=pace, carried=carried, more=more)
                )

    draft.layout = layout


def first_scraped_late(draft: Draft) -> None:
    """An instance that had run for long is first scraped in the middle of the history."""
    first = draft.moment()
    past = int(log_uniform(draft.rng, 1000, 5e9))
    draft.others.append(draft.process("late:80", first, draft.seconds, pace=draft.pace, carried=past))


def equal_siblings(draft: Draft) -> None:
    """Two instances behind an exact round robin, and two routes that are always asked together: nearly equal counts."""

    def layout(draft: Draft) -> None:
        born = draft.moment(high=0.5) if draft.rng.random() < 0.5 else 0
        first = draft.process(
            "even-0:80", born, draft.seconds, pace=draft.pace / 2, carried=0 if born else draft.carried
        )
        second = Process(
            target=(("job", draft.trace.service), ("instance", "even-1:80")),
            born=born,
            counters=[
                Counter(labels=one.labels, events=one.events.copy(), bad=one.bad, carried=one.carried, lazy=one.lazy)
                for one in first.counters
            ],
        )
        together = [
            Counter(
                labels=tuple((name, f"/pair{value}" if name == "route" else value) for name, value in one.labels),
                events=one.events.copy(),
                bad=one.bad,
                carried=one.carried,
                lazy=one.lazy,
            )
            for one in first.counters
        ]
        first.counters += together
        draft.processes += [first, second]

    draft.layout = layout


def late_errors(draft: Draft) -> None:
    """Error counters appear with their first error, hours after their process began, some with many at once."""
    draft.base_errors = 0.0
    draft.lazy = True
    draft.incidents = [(draft.span(1, 20 * MINUTE), float(draft.rng.choice([0.01, 0.3, 1.0])))]


def outage_of_the_service(draft: Draft) -> None:
    """For a while every request fails: the good counters stand still."""
    draft.incidents.append((draft.span(2 * MINUTE, HOUR), 1.0))


# Scrapes: what is seen when.


def scrape_gaps(draft: Draft) -> None:
    """Scrapes fail by chance."""
    draft.failing = float(draft.rng.choice([0.01, 0.05, 0.2]))


def scrape_outage(draft: Draft) -> None:
    """Nothing is scraped for minutes or hours."""
    draft.outages.append(draft.span(2 * draft.interval_s, min(2 * HOUR, draft.seconds / 3)))


def restart_in_an_outage(draft: Draft) -> None:
    """Nothing is scraped for a while, in which an instance restarts and may pass its old counts."""
    first, last = draft.span(3 * MINUTE, min(2 * HOUR, draft.seconds / 3))
    draft.outages.append((first, last))
    draft.restarts.append((int(draft.rng.integers(0, draft.instances)), (first + last) // 2))


def own_timestamps(draft: Draft) -> None:
    """The series of one scrape carry timestamps of their own, milliseconds to many seconds apart."""
    draft.offsets_ms = int(log_uniform(draft.rng, 5, 1000 * draft.interval_s))


# Series: what is made of the scrapes.


def label_added(draft: Draft) -> None:
    """All series go on with another label."""
    name = str(draft.rng.choice(["version", "az", "cluster"]))
    draft.views.append(relabelling(draft, lambda labels: (*labels, (name, "new"))))


def label_removed(draft: Draft) -> None:
    """All series go on without a label that they had."""
    draft.views += [
        lambda every: [with_labels(one, (("pod_template_hash", "6d4b75cb6d"),)) for one in every],
        relabelling(draft, lambda labels: tuple(pair for pair in labels if pair[0] != "pod_template_hash")),
    ]


def label_renamed(draft: Draft) -> None:
    """A label is renamed: `exported_service` becomes `service`."""
    draft.views += [
        lambda every: [with_labels(one, (("exported_service", "shop"),)) for one in every],
        relabelling(
            draft,
            lambda labels: tuple(("service" if name == "exported_service" else name, value) for name, value in labels),
        ),
    ]


def instance_rewritten(draft: Draft) -> None:
    """The instance label is rewritten: from address to name."""

    def rewritten(labels: Labels) -> Labels:
        return tuple((name, f"node-{value.split(':')[0]}" if name == "instance" else value) for name, value in labels)

    draft.views.append(relabelling(draft, rewritten))


def label_flaps(draft: Draft) -> None:
    """A label is added and taken away again."""
    first, last = draft.span(2 * draft.interval_s, HOUR)

    def flap(every: list[Samples]) -> list[Samples]:
        parts: list[Samples] = []
        for one in every:
            for part in _cut(one, [draft.trace.start * 1000 + second * 1000 for second in (first, last)]):
                middle = first <= part.times_ms[0] / 1000 - draft.trace.start < last
                parts.append(with_labels(part, (("debug", "on"),)) if middle else part)
        return parts

    draft.views.append(flap)


def relabelled_in_part(draft: Draft) -> None:
    """Only the error series go on under another label: `code` 500 becomes 503, as after an upgrade of a framework."""

    def recoded(labels: Labels) -> Labels:
        return tuple((name, "503" if (name, value) == ("code", "500") else value) for name, value in labels)

    draft.views.append(relabelling(draft, recoded))


def replicas_behind_a_proxy(draft: Draft) -> None:
    """Two Prometheus replicas scrape at different times; a deduplicating proxy shows now one, now the other.

    What a replica shows may lag behind its timestamps by seconds, so that a switch can be a dip.
    """
    lag_ms = int(draft.rng.choice([0, 500, 3000, 12_000]))
    phase_ms = int(draft.rng.integers(1000, draft.interval_s * 1000))
    dice = np.random.default_rng(draft.rng.integers(2**32))
    blocks = float(log_uniform(draft.rng, draft.interval_s, HOUR))

    def proxied(every: list[Samples]) -> list[Samples]:
        switches = np.cumsum(dice.exponential(blocks, int(3 * draft.seconds / blocks) + 10))
        both = second_view(draft, phase_ms=phase_ms, lag_ms=lag_ms)
        return _merged(every, both, switches, draft.trace.start)

    draft.replicas.append(proxied)


def replicas_side_by_side(draft: Draft) -> None:
    """A second Prometheus replica writes to the same store with a label of its own, for a while or always."""
    first = draft.moment() if draft.rng.random() < 0.7 else 0
    last = draft.seconds if draft.rng.random() < 0.7 else draft.moment()
    phase_ms = int(draft.rng.integers(0, draft.interval_s * 1000))
    plain = draft.rng.random() < 0.3

    def doubled(every: list[Samples]) -> list[Samples]:
        second = [
            one
            for one in second_view(draft, phase_ms=phase_ms, lag_ms=0)
            for one in [between(one, draft.trace.start, first, last)]
            if len(one.times_ms)
        ]
        named = every if plain else [with_labels(one, (("prometheus_replica", "a"),)) for one in every]
        return [*named, *(with_labels(one, (("prometheus_replica", "b"),)) for one in second)]

    draft.replicas.append(doubled)


def dips(draft: Draft) -> None:
    """Counters read a little less now and then, and go on from where they were."""
    times = int(log_uniform(draft.rng, 1, 40))
    depth = float(log_uniform(draft.rng, 1, 1000))
    dice = np.random.default_rng(draft.rng.integers(2**32))

    def dipped(every: list[Samples]) -> list[Samples]:
        return [_dipped(one, dice, times, depth) for one in every]

    draft.views.append(dipped)


def corrected_downwards(draft: Draft) -> None:
    """One counter is corrected once: it falls a little and goes on from there."""
    at = draft.moment()
    depth = int(log_uniform(draft.rng, 1, 2000))
    only = int(draft.rng.integers(0, 8))

    def corrected(every: list[Samples]) -> list[Samples]:
        names = [but_server(one.labels) for one in every]
        chosen = names[only % len(names)] if names else ()
        lower = {
            place: _corrected(one, depth, draft.trace.start + at)
            for place, (name, one) in enumerate(zip(names, every, strict=True))
            if name == chosen
        }
        # A correction that does not show cannot be known; one that a replica shows is of the counter itself.
        shown = any((np.diff(one.values) < 0).any() for one in lower.values())
        return [lower.get(place, one) if shown else one for place, one in enumerate(every)]

    draft.views.insert(0, corrected)


def good_reads_one_less(draft: Draft) -> None:
    """In a total outage the good counter reads one less now and then."""
    outage = draft.span(5 * MINUTE, HOUR)
    draft.incidents.append((outage, 1.0))
    dice = np.random.default_rng(draft.rng.integers(2**32))

    def less(every: list[Samples]) -> list[Samples]:
        changed = []
        for one in every:
            seconds = one.times_ms / 1000 - draft.trace.start
            odd = (seconds >= outage[0]) & (seconds < outage[1]) & (dice.random(len(seconds)) < 0.3)
            good = ("code", "200") in one.labels
            changed.append(_replaced(one, np.maximum(one.values - odd, 0)) if good else one)
        return changed

    draft.views.append(less)


def expiring_series(draft: Draft) -> None:
    """Some series vanish for a while, as an exporter forgets what is idle, and go on where they were."""
    spans = [draft.span(2 * draft.interval_s, 2 * HOUR) for _ in range(int(draft.rng.integers(1, 4)))]
    only_bad = draft.rng.random() < 0.7

    def expired(every: list[Samples]) -> list[Samples]:
        return [
            _outside(one, draft.trace.start, spans) if not only_bad or ("code", "500") in one.labels else one
            for one in every
        ]

    draft.views.append(expired)


def series_that_begin_again(draft: Draft) -> None:
    """An error series vanishes and comes back from zero while its process goes on (statsd exporters)."""
    first, last = draft.span(2 * draft.interval_s, HOUR)
    draft.incidents.append(((max(first - 60, 0), last), 0.0))

    def begun_again(every: list[Samples]) -> list[Samples]:
        changed = []
        for one in every:
            if ("code", "500") not in one.labels:
                changed.append(one)
                continue
            seconds = one.times_ms / 1000 - draft.trace.start
            before, after = seconds < first, seconds >= last
            base = int(one.values[seconds < last][-1]) if (seconds < last).any() else 0
            values = np.where(after, one.values - base, one.values)
            kept = before | (after & (values > 0))
            changed.append(but(_replaced(one, values), kept))
        return changed

    draft.views.insert(0, begun_again)


def wrapping(draft: Draft) -> None:
    """Counters of 32 bits (SNMP) that wrap around."""
    draft.carried = int(2**32 - draft.pace * draft.rng.uniform(0.05, 1) * draft.seconds / draft.instances)

    def wrapped(every: list[Samples]) -> list[Samples]:
        return [_replaced(one, one.values % 2**32) for one in every]

    draft.views.append(wrapped)


def behind_a_balancer(draft: Draft) -> None:
    """One target is a balancer before two processes: each scrape shows one of them."""

    def layout(draft: Draft) -> None:
        for number in range(2):
            past = int(draft.carried * draft.rng.uniform(0.2, 1.0))
            draft.processes.append(
                draft.process(f"side-{number}:80", 0, draft.seconds, pace=draft.pace / 2, carried=past)
            )

    dice = np.random.default_rng(draft.rng.integers(2**32))

    def one_target(every: list[Samples]) -> list[Samples]:
        sides = [[one for one in every if f"side-{number}:80" in dict(one.labels).values()] for number in range(2)]
        renamed = [
            [_labelled(one, lambda name, value: "vip:80" if name == "instance" else value) for one in side]
            for side in sides
        ]
        switches = np.cumsum(dice.exponential(3 * draft.interval_s, int(draft.seconds / draft.interval_s) + 10))
        return _merged(renamed[0], renamed[1], switches, draft.trace.start)

    draft.layout = layout
    draft.failing = 0.0
    draft.views.insert(0, one_target)


KINDS: Final[dict[str, Kind]] = {
    kind.__name__: kind
    for kind in (
        calm,
        full_restarts,
        partial_restarts,
        short_lived_pods,
        rolling_deployments,
        deployed_in_place,
        first_scraped_late,
        equal_siblings,
        late_errors,
        outage_of_the_service,
        scrape_gaps,
        scrape_outage,
        restart_in_an_outage,
        own_timestamps,
        label_added,
        label_removed,
        label_renamed,
        instance_rewritten,
        label_flaps,
        relabelled_in_part,
        replicas_behind_a_proxy,
        replicas_side_by_side,
        dips,
        corrected_downwards,
        good_reads_one_less,
        expiring_series,
        series_that_begin_again,
        wrapping,
        behind_a_balancer,
    )
}

STEADY_VIEWS: Final = tuple(
    kind.__name__
    for kind in (
        calm,
        full_restarts,
        partial_restarts,
        short_lived_pods,
        rolling_deployments,
        deployed_in_place,
        first_scraped_late,
        late_errors,
        outage_of_the_service,
        scrape_gaps,
        scrape_outage,
        label_added,
        instance_rewritten,
    )
)
"""Kinds that two servers see alike, but for the times of their scrapes."""

SERVER_LABELS: Final = frozenset(
    (
        *("prometheus_replica", "prometheus", "cluster", "region", "shard"),
        *("vantage", "origin", "monitor", "dc", "env"),
    )
)
"""The labels in which servers differ that scrape the same targets, here and in further kinds."""

BEYOND_COUNTING: Final = frozenset({"behind_a_balancer"})
"""Kinds that nobody can count: random histories are not of them."""

LAYOUTS: Final = frozenset(
    ("partial_restarts", "rolling_deployments", "deployed_in_place", "equal_siblings", "behind_a_balancer")
)
"""Kinds that decide which processes there are; at most one of them happens to a history."""


def random_history(
    seed: int,
    *,
    service: str,
    end: int,
    kinds: Sequence[str] | None = None,
    two_servers: bool = False,
    more: Mapping[str, Kind] = MappingProxyType({}),
) -> History:
    """A history that ends at *end* (seconds since the epoch), of *kinds* if they are given, some of them *more*."""
    rng = np.random.default_rng([seed, 8])
    names = tuple(kinds) if kinds is not None else _some_kinds(rng)
    hours = float(rng.choice([2.5, 4.0, 8.0, 30.0], p=[0.45, 0.35, 0.15, 0.05]))
    seconds = int(hours * HOUR) + int(rng.integers(0, 600))
    trace = Trace(service=service, start=end - seconds, end=end, objective=0.999)
    draft = Draft(trace, rng)
    draft.interval_s = int(rng.choice([15, 30, 60], p=[0.15, 0.7, 0.15]))
    draft.pace = min(float(log_uniform(rng, 1 / MINUTE, 1000)), _MOST_EVENTS / seconds)
    draft.instances = int(rng.integers(1, 4))
    draft.routes = int(rng.integers(1, 3))
    draft.carried = int(log_uniform(rng, 1, 5e9)) if rng.random() < 0.7 else 0
    draft.lazy = rng.random() < 0.6
    draft.base_errors = float(rng.choice([0.0, log_uniform(rng, 1e-5, 0.02)]))
    draft.start_times = rng.random() < 0.3
    for _ in range(int(rng.integers(0, 3))):
        draft.incidents.append((draft.span(10, HOUR), float(log_uniform(rng, 0.001, 1.0))))
    for name in names:
        (more.get(name) or KINDS[name])(draft)
    fill(draft)
    second: list[Samples] = []
    if two_servers:
        second = second_view(draft, phase_ms=int(rng.integers(0, draft.interval_s * 1000)), lag_ms=0)
        for view in draft.views:
            second = view(second)
    return History(
        trace=trace,
        kinds=names,
        seed=seed,
        interval_s=max(draft.interval_s, draft.longest_s),
        pace=draft.pace,
        # What one server shows may be as much older than what the other does.
        lag_s=draft.lag_s + draft.offsets_ms / 1000 + two_servers * draft.interval_s,
        second=tuple(second),
    )


def random_histories(
    seeds: Sequence[int], *, end: int, two_servers: bool = False, more: Mapping[str, Kind] = MappingProxyType({})
) -> list[History]:
    """The histories of some seeds, each of a service of its own; with *two_servers*, of kinds that both see alike.

    If *more* kinds are given, each history is of one of them.
    """
    return [
        random_history(
            seed,
            service=f"service-{seed}",
            end=end,
            kinds=_one_of(tuple(more) or STEADY_VIEWS, seed) if two_servers or more else None,
            two_servers=two_servers,
            more=more,
        )
        for seed in seeds
    ]


def _one_of(names: Sequence[str], seed: int) -> tuple[str, ...]:
    return (names[seed % len(names)],)


def fill(draft: Draft) -> None:
    """Make the series and the truth of a draft's trace."""
    if draft.layout is None:
        _usual(draft)
    else:
        draft.layout(draft)
    draft.processes += draft.others
    schedule = _schedules(draft)
    series: list[Samples] = []
    for process in draft.processes:
        times = schedule[process.target]
        add_truth(process, times, draft.trace)
        series += scrape(process, times, draft.trace)
    for view in (*draft.replicas, *draft.views):
        series = view(series)
    draft.trace.series += [one for one in series if len(one.times_ms)]


def _some_kinds(rng: np.random.Generator) -> tuple[str, ...]:
    names = [name for name in KINDS if name not in BEYOND_COUNTING]
    count = int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))
    chosen: list[str] = []
    for name in rng.choice(names, count, replace=False).tolist():
        if name in LAYOUTS and LAYOUTS & set(chosen):
            continue
        chosen.append(name)
    return tuple(chosen)


def _usual(draft: Draft) -> None:
    for number in range(draft.instances):
        cuts = [at for instance, at in draft.restarts if instance == number]
        down = int(draft.rng.integers(0, 60))
        for born, died in _lives(cuts, draft.seconds, down=down):
            carried = draft.carried // (number + 1) if not born else 0
            draft.processes.append(
                draft.process(f"api-{number}:80", born, died, pace=draft.pace / draft.instances, carried=carried)
            )


def _lives(cuts: Iterable[int], seconds: int, *, down: int) -> list[Span]:
    """Runs between restarts that each take *down* seconds."""
    edges = [0, *sorted(cuts)]
    ends = [*(cut for cut in edges[1:]), seconds]
    return [
        (born + (down if born else 0), died)
        for born, died in zip(edges, ends, strict=True)
        if died > born + (down if born else 0)
    ]


def _schedules(draft: Draft) -> dict[Labels, Counts]:
    """When each target is scraped; the same for all processes behind it."""
    found: dict[Labels, Counts] = {}
    for process in draft.processes:
        if process.target not in found:
            phase_ms = int(draft.rng.integers(0, draft.interval_s * 1000))
            times = without(grid(phase_ms, draft.interval_s, draft.seconds), draft.outages)
            times = times[draft.rng.random(len(times)) >= draft.failing]
            found[process.target] = times if draft.when is None else draft.when(times)
    return found


def second_view(draft: Draft, *, phase_ms: int, lag_ms: int, interval_s: int = 0) -> list[Samples]:
    """What another replica sees of the same processes; its samples are *lag_ms* younger than they claim to be."""
    times = without(grid(phase_ms, interval_s or draft.interval_s, draft.seconds), draft.outages)
    series = [one for process in draft.processes for one in scrape(process, times, draft.trace)]
    return [
        Samples(metric=one.metric, labels=one.labels, times_ms=one.times_ms + lag_ms, values=one.values)
        for one in series
    ]


def _merged(one: list[Samples], other: list[Samples], switches: Floats, start: int) -> list[Samples]:
    """Two views of the same series, shown by turns that end at *switches* (seconds since the start)."""
    shown = []
    for number, series in enumerate((one, other)):
        for samples in series:
            turn = np.searchsorted(switches, samples.times_ms / 1000 - start) % 2
            shown.append(but(samples, turn == number))
    return joined(shown)


def relabelling(draft: Draft, change: Callable[[Labels], Labels], at: int | None = None) -> View:
    """Series go on under other labels from second *at* on, or from a random one."""
    from_ms = (draft.trace.start + (draft.moment() if at is None else at)) * 1000
    return lambda every: [part for one in every for part in relabelled(one, change, from_ms=from_ms)]


def _dipped(samples: Samples, dice: np.random.Generator, times: int, depth: float) -> Samples:
    values = samples.values.copy()
    for at in dice.integers(0, len(values), min(times, len(values))):
        values[at] = max(0, values[at] - int(dice.integers(1, int(depth) + 2)))
    return _replaced(samples, values)


def but_server(labels: Labels) -> Labels:
    """The labels that all servers give to a series."""
    return tuple(pair for pair in labels if pair[0] not in SERVER_LABELS)


def _corrected(samples: Samples, depth: int, at: int) -> Samples:
    """A counter that is *depth* lower from second *at* on."""
    return _replaced(samples, np.maximum(samples.values - depth * (samples.times_ms >= at * 1000), 0))


def _cut(samples: Samples, at_ms: Sequence[int]) -> list[Samples]:
    edges = [0, *np.searchsorted(samples.times_ms, at_ms).tolist(), len(samples.times_ms)]
    parts = (
        Samples(
            metric=samples.metric,
            labels=samples.labels,
            times_ms=samples.times_ms[first:last],
            values=samples.values[first:last],
        )
        for first, last in pairwise(edges)
    )
    return [part for part in parts if len(part.times_ms)]


def between(samples: Samples, start: int, first: int, last: int) -> Samples:
    seconds = samples.times_ms / 1000 - start
    return but(samples, (seconds >= first) & (seconds < last))


def _outside(samples: Samples, start: int, spans: Sequence[Span]) -> Samples:
    seconds = samples.times_ms / 1000 - start
    kept = np.ones(len(seconds), dtype=bool)
    for first, last in spans:
        kept &= (seconds < first) | (seconds >= last)
    return but(samples, kept)


def but(samples: Samples, kept: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Samples:
    return Samples(
        metric=samples.metric, labels=samples.labels, times_ms=samples.times_ms[kept], values=samples.values[kept]
    )


def _replaced(samples: Samples, values: Counts) -> Samples:
    return Samples(
        metric=samples.metric, labels=samples.labels, times_ms=samples.times_ms, values=values.astype(np.int64)
    )


def with_labels(samples: Samples, more: Labels) -> Samples:
    return Samples(
        metric=samples.metric, labels=(*samples.labels, *more), times_ms=samples.times_ms, values=samples.values
    )


def _labelled(samples: Samples, change: Callable[[str, str], str]) -> Samples:
    labels = tuple((name, change(name, value)) for name, value in samples.labels)
    return Samples(metric=samples.metric, labels=labels, times_ms=samples.times_ms, values=samples.values)


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(max(high, low * 1.001)))))


# The inputs that issue reports gave in full: fixed, so that their figures can be told.


def relabelled_after_a_day(end: int, service: str = "api") -> History:
    """Two counters of a day go on with `version="v2"` half an hour before the end, without a restart."""
    cut = DAY
    trace = Trace(service=service, start=end - DAY - HOUR // 2, end=end)
    labels: Labels = (("instance", "a"),)
    process = Process(
        target=(("job", service),),
        born=0,
        counters=[
            _even((*labels, ("code", "200")), trace, 10, at_cut=10_000_000, cut=cut),
            _even((*labels, ("code", "500")), trace, 0.002, at_cut=500_000, cut=cut, bad=True),
        ],
    )
    every = _seen(process, trace)
    from_ms = (trace.start + cut) * 1000
    for one in every:
        trace.series += relabelled(one, lambda own: (*own, ("version", "v2")), from_ms=from_ms)
    return History(trace=trace, kinds=("relabelled_after_a_day",), seed=0, interval_s=30, pace=10)


def one_process_of_a_collector_restarts(end: int, service: str = "otel-collector") -> History:
    """`frontend` restarts from zero half an hour before the end; `checkout`, behind the same target, goes on."""
    cut = DAY
    trace = Trace(service=service, start=end - DAY - HOUR // 2, end=end)
    target: Labels = (("job", service), ("instance", "c:8889"))
    front, shop = (("service_name", "frontend"), ("code", "200")), (("service_name", "checkout"),)
    before = _even(front, trace, 20, at_cut=5_000_000, cut=cut)
    after = Counter(labels=front, events=_every(20, trace.end - trace.start - cut))
    before.events = before.events[:cut]
    checkout = [
        _even((*shop, ("code", "200")), trace, 5, at_cut=1_000_000, cut=cut),
        _even((*shop, ("code", "500")), trace, 0.001, at_cut=60_000, cut=cut, bad=True),
    ]
    for born, counters in ((0, [before]), (cut, [after]), (0, checkout)):
        trace.series += _seen(Process(target=target, born=born, counters=counters), trace)
    return History(trace=trace, kinds=("one_process_of_a_collector_restarts",), seed=0, interval_s=30, pace=25)


def one_counter_falls_by_120(end: int, service: str = "falling") -> History:
    """`code="200"` of 10,900,000 falls once by 120, half an hour before the end, and `code="500"` goes on."""
    cut = DAY
    trace = Trace(service=service, start=end - DAY - HOUR // 2, end=end)
    process = Process(
        target=(("job", service), ("instance", "a")),
        born=0,
        counters=[
            _even((("code", "200"),), trace, 10, at_cut=10_900_000, cut=cut),
            _even((("code", "500"),), trace, 0.002, at_cut=500_000, cut=cut, bad=True),
        ],
    )
    good, bad = _seen(process, trace)
    # Ten a second have come since the scrape before: what is seen is a fall by 120.
    fallen = good.values - (300 + 120) * (good.times_ms >= (trace.start + cut) * 1000)
    trace.series += [_replaced(good, fallen), bad]
    return History(trace=trace, kinds=("one_counter_falls_by_120",), seed=0, interval_s=30, pace=10)


def second_replica_for_two_hours(end: int, service: str = "replicated") -> History:
    """Three days of one counter pair; for the last two hours each appears once more from a second replica."""
    trace = Trace(service=service, start=end - 3 * DAY, end=end)
    process = Process(
        target=(("job", service), ("instance", "a")),
        born=0,
        counters=[
            _even((("code", "200"),), trace, 10, at_cut=12_000_000, cut=3 * DAY),
            _even((("code", "500"),), trace, 0.002, at_cut=5_000, cut=3 * DAY, bad=True),
        ],
    )
    first = [with_labels(one, (("prometheus_replica", "a"),)) for one in _seen(process, trace)]
    second = scrape(process, grid(19_000, 30, 3 * DAY), trace, (("prometheus_replica", "b"),))
    late = [between(one, trace.start, 3 * DAY - 2 * HOUR, 3 * DAY) for one in second]
    trace.series += [*first, *late]
    return History(trace=trace, kinds=("second_replica_for_two_hours",), seed=0, interval_s=30, pace=10)


def containers_with_own_timestamps(end: int, service: str = "cadvisor") -> History:
    """Ten containers of one target, first scraped a day ago, with timestamps 1.1 s apart and counters of billions."""
    trace = Trace(service=service, start=end - 2 * DAY, end=end)
    born = DAY
    process = Process(target=(("job", service), ("instance", "node-0")), born=born)
    for number in range(10):
        for code, rate, past in (("200", 100.0, 5_000_000_000), ("500", 0.01, 40_000_000)):
            labels = (("container", f"c-{number}"), ("code", code))
            counter = Counter(labels=labels, events=_every(rate, DAY), bad=code == "500", carried=past)
            counter.offset_ms = 1_100 * (9 - number)
            process.counters.append(counter)
    trace.series += _seen(process, trace)
    return History(trace=trace, kinds=("containers_with_own_timestamps",), seed=0, interval_s=30, pace=1000, lag_s=10)


NAMED: Final[tuple[Callable[[int], History], ...]] = (
    relabelled_after_a_day,
    one_process_of_a_collector_restarts,
    one_counter_falls_by_120,
    second_replica_for_two_hours,
    containers_with_own_timestamps,
)


def _every(per_second: float, seconds: int) -> Counts:
    """Events that come evenly."""
    whole = np.floor(np.arange(seconds + 1) * per_second + 1e-9)
    return np.asarray(np.diff(whole), dtype=np.int64)


def _even(labels: Labels, trace: Trace, per_second: float, *, at_cut: int, cut: int, bad: bool = False) -> Counter:
    """A counter that grows evenly and stands at *at_cut* in second *cut* of the trace."""
    events = _every(per_second, trace.end - trace.start)
    return Counter(labels=labels, events=events, bad=bad, carried=at_cut - int(events[:cut].sum()))


def _seen(process: Process, trace: Trace) -> list[Samples]:
    times = grid(7_000, 30, trace.end - trace.start)
    add_truth(process, times, trace)
    return scrape(process, times, trace)


__all__ = ["BEYOND_COUNTING", "KINDS", "NAMED", "STEADY_VIEWS", "Draft", "History", "fill", "random_history"]
