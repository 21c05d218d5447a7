"""Further kinds of trouble that counters have in the field; random histories are of them only where they are asked for.

Apart from `histories.KINDS`, so that the random histories of a seed stay the same when a kind is added.
"""

import itertools
from collections.abc import Callable
from typing import Final

import numpy as np

from testbed.histories import (
    HOUR,
    MINUTE,
    Draft,
    Kind,
    between,
    but,
    log_uniform,
    relabelling,
    replicas_behind_a_proxy,
    second_view,
    with_labels,
)
from testbed.increase import joined
from testbed.processes import Process
from testbed.traces import Labels, Samples


def relabelled_in_an_incident(draft: Draft) -> None:
    """A label is added to all series in the middle of an incident."""
    cut = draft.moment(low=0.3, high=0.9)
    draft.incidents.append(((cut - 10 * MINUTE, cut + 10 * MINUTE), float(draft.rng.choice([0.05, 0.3, 1.0]))))
    name = str(draft.rng.choice(["version", "az", "cluster", "helm_sh_chart"]))
    draft.views.append(relabelling(draft, lambda labels: (*labels, (name, "new")), at=cut))


def relabelled_and_restarted(draft: Draft) -> None:
    """Two labels change for half of the instances while the others restart."""
    cut = draft.moment(high=0.9)
    draft.instances = 4
    draft.restarts += [(number, cut + int(draft.rng.integers(-60, 60))) for number in (0, 1)]

    def changed(labels: Labels) -> Labels:
        if dict(labels).get("instance") in ("api-0:80", "api-1:80"):
            return labels
        return (*labels, ("team", "shop"), ("tier", "web"))

    draft.views.append(relabelling(draft, changed, at=cut))


def interval_changed(draft: Draft) -> None:
    """The scrape interval changes, to a shorter or a longer one."""
    cut = draft.moment(high=0.9) * 1000
    factor = int(draft.rng.choice([2, 4]))
    longer_after = draft.rng.random() < 0.5
    draft.when = lambda times: np.array(
        [at for number, at in enumerate(times.tolist()) if number % factor == 0 or (at < cut) == longer_after],
        dtype=np.int64,
    )
    draft.longest_s = draft.interval_s * factor


def second_server_of_another_interval(draft: Draft) -> None:
    """A second Prometheus scrapes twice or four times as often or seldom, under labels of its own."""
    factor = float(draft.rng.choice([0.5, 2, 4]))
    _second_server(draft, factor, (("prometheus_replica", "a"),), (("prometheus_replica", "b"),))


def second_server_of_two_labels(draft: Draft) -> None:
    """A second Prometheus differs from the first in two labels at once, of which none is a replica's."""
    pairs: list[tuple[Labels, Labels]] = [
        ((("cluster", "a"), ("region", "eu")), (("cluster", "b"), ("region", "us"))),
        ((("prometheus", "mon/k8s"), ("prometheus_replica", "p-0")), (("prometheus", "ops/k8s"), ("shard", "1"))),
        ((), (("vantage", "two"), ("origin", "thanos"))),
        ((("monitor", "a"), ("dc", "x"), ("env", "p")), (("monitor", "b"), ("dc", "y"), ("env", "q"))),
    ]
    first, second = pairs[int(draft.rng.integers(0, len(pairs)))]
    _second_server(draft, 1.0, first, second)


def _second_server(draft: Draft, factor: float, first: Labels, second: Labels) -> None:
    begun = draft.moment() if draft.rng.random() < 0.5 else 0
    ended = draft.seconds if draft.rng.random() < 0.5 else max(draft.moment(), begun + 15 * MINUTE)
    interval_s = max(int(draft.interval_s * factor), 5)
    phase_ms = int(draft.rng.integers(2000, interval_s * 1000))

    def doubled(every: list[Samples]) -> list[Samples]:
        theirs = second_view(draft, phase_ms=phase_ms, lag_ms=0, interval_s=interval_s)
        shown = [between(one, draft.trace.start, begun, ended) for one in theirs]
        return [
            *(with_labels(one, first) for one in every),
            *(with_labels(one, second) for one in shown if len(one.times_ms)),
        ]

    draft.replicas.append(doubled)


def federated(draft: Draft) -> None:
    """A global Prometheus federates: it sees each sample with its own timestamp, as often as it federates."""
    every_s = int(draft.rng.choice([30, 60, 120]))
    phase_ms = int(draft.rng.integers(0, every_s * 1000))
    draft.longest_s = draft.interval_s + every_s
    draft.lag_s = every_s

    def federate(every: list[Samples]) -> list[Samples]:
        asked = draft.trace.start * 1000 + phase_ms + np.arange(0, draft.seconds * 1000, every_s * 1000)
        seen = []
        for one in every:
            newest = np.searchsorted(one.times_ms, asked, side="right") - 1
            fresh = (newest >= 0) & (asked - one.times_ms[np.maximum(newest, 0)] < 5 * MINUTE * 1000)
            kept = np.zeros(len(one.times_ms), dtype=bool)
            kept[newest[fresh]] = True
            seen.append(but(one, kept))
        return seen

    draft.views.append(federate)


def state_metrics_restart(draft: Draft) -> None:
    """kube-state-metrics is rescheduled: its counters are of others, and go on under the instance of its new pod."""
    cut, down = draft.moment(), int(draft.rng.integers(10, 200))
    draft.instances = 1
    draft.routes = 6
    draft.outages.append((cut, cut + down))

    def rescheduled(every: list[Samples]) -> list[Samples]:
        # Beside pods of other kinds: no two targets have one address.
        own = dict(every[0].labels).get("instance") if every else None

        def renamed(labels: Labels) -> Labels:
            return tuple(
                (name, "10.0.7.9:8080" if (name, value) == ("instance", own) else value) for name, value in labels
            )

        return relabelling(draft, renamed, at=cut)(every)

    draft.views.append(rescheduled)


def collector_restarts(draft: Draft) -> None:
    """A collector that adds up deltas of many services restarts: all begin at zero, each with its next events."""
    cuts = [draft.moment() for _ in range(int(draft.rng.integers(1, 3)))]
    down = int(draft.rng.integers(0, 60))

    def layout(draft: Draft) -> None:
        target = (("job", draft.trace.service), ("instance", "collector:8889"))
        weights = draft.rng.dirichlet(np.full(6, 0.5))
        edges = [0, *sorted(cuts), draft.seconds]
        for born, died in itertools.pairwise(edges):
            process = Process(target=target, born=born + (down if born else 0))
            if process.born >= died:
                continue
            for number, weight in enumerate(weights.tolist()):
                more: Labels = (("service_name", f"service-{number}"),)
                carried = 0 if born else int(draft.carried * weight)
                process.counters += draft.counters(
                    max(draft.pace * weight, 1 / HOUR), process.born, died, more=more, carried=carried
                )
            for counter in process.counters:
                counter.lazy = counter.lazy or bool(born)
            draft.processes.append(process)

    draft.layout = layout


def collector_passes_on(draft: Draft) -> None:
    """A collector that passes cumulative counters on restarts: they go on, each from its service's next export."""
    cut = draft.moment()
    draft.instances = 1
    draft.routes = 5
    waits = draft.rng.integers(0, 70, 20)

    def passed(every: list[Samples]) -> list[Samples]:
        shown = []
        for number, one in enumerate(every):
            seconds = one.times_ms / 1000 - draft.trace.start
            shown.append(but(one, (seconds < cut) | (seconds >= cut + int(waits[number % 20]))))
        return shown

    draft.views.append(passed)


def gap_of_the_lookback(draft: Draft) -> None:
    """All scrapes fail for about as long as Prometheus looks back."""
    length = int(draft.rng.choice([270, 299, 300, 301, 329, 330, 331, 360]))
    first = draft.moment()
    draft.outages.append((first, first + length))


def large_counters(draft: Draft) -> None:
    """Counters beyond 2^53, whose last digits a float does not hold."""
    draft.carried = int(2**53 + draft.rng.integers(0, 2**53))

    def rounded(every: list[Samples]) -> list[Samples]:
        return [
            Samples(
                metric=one.metric,
                labels=one.labels,
                times_ms=one.times_ms,
                values=one.values.astype(np.float64).astype(np.int64),
            )
            for one in every
        ]

    draft.views.append(rounded)


def blue_green(draft: Draft) -> None:
    """All of blue ends in the minute in which all of green begins; blue was young itself, or old."""
    cut = draft.moment(low=0.3, high=0.9)
    young = draft.rng.random() < 0.5
    born_blue = max(cut - int(log_uniform(draft.rng, 3 * MINUTE, 40 * MINUTE)), 1) if young else 0

    def layout(draft: Draft) -> None:
        pace = draft.pace / draft.instances
        for number in range(draft.instances):
            if born_blue:
                draft.processes.append(
                    draft.process(f"old-{number}:80", 0, born_blue, pace=pace, carried=draft.carried)
                )
            draft.processes.append(
                draft.process(
                    f"blue-{number}:80",
                    born_blue,
                    cut,
                    pace=pace,
                    carried=0 if born_blue else draft.carried,
                    more=(("color", "blue"),),
                )
            )
            begins = cut + int(draft.rng.integers(-30, 30))
            draft.processes.append(
                draft.process(f"green-{number}:80", begins, draft.seconds, pace=pace, more=(("color", "green"),))
            )

    draft.layout = layout


def blue_green_of_one_address(draft: Draft) -> None:
    """Blue and green take turns behind one address, which is scraped; their counters differ in one label."""
    cuts = sorted(draft.moment() for _ in range(int(draft.rng.integers(1, 4))))

    def layout(draft: Draft) -> None:
        edges = [0, *cuts, draft.seconds]
        for number, (born, died) in enumerate(itertools.pairwise(edges)):
            if died > born:
                color = ("blue", "green")[number % 2]
                carried = 0 if born else draft.carried
                draft.processes.append(
                    draft.process("vip:80", born, died, pace=draft.pace, carried=carried, more=(("color", color),))
                )

    draft.layout = layout


def pod_on_another_node(draft: Draft) -> None:
    """A StatefulSet's pod of the same name and instance begins again on another node."""
    cuts = sorted(draft.moment() for _ in range(int(draft.rng.integers(1, 3))))
    down = int(draft.rng.integers(5, 150))

    def layout(draft: Draft) -> None:
        for number in range(draft.instances):
            edges = [0, *(cuts if number == 0 else []), draft.seconds]
            for life, (born, died) in enumerate(itertools.pairwise(edges)):
                begun = born + (down if life else 0)
                if begun >= died:
                    continue
                draft.processes.append(
                    draft.process(
                        f"web-{number}:80",
                        begun,
                        died,
                        pace=draft.pace / draft.instances,
                        carried=0 if life else draft.carried,
                        more=(("node", f"node-{life}"),),
                    )
                )

    draft.layout = layout


def stateful_set_restarts(draft: Draft) -> None:
    """The pods of a StatefulSet restart one after the other under their old names."""
    draft.instances = 3
    first = draft.moment(high=0.9)
    draft.restarts += [(number, first + number * int(draft.rng.integers(30, 150))) for number in range(3)]


def crash_looping(draft: Draft) -> None:
    """A process is restarted again and again, after seconds or minutes, beside one that goes on."""
    first, last = draft.span(10 * MINUTE, HOUR)
    length = int(log_uniform(draft.rng, 20, 5 * MINUTE))
    draft.restarts += [(0, at) for at in range(first, last, length + 30)]


def batch_jobs(draft: Draft) -> None:
    """Jobs of one to three scrapes, each on a target of its own, beside a service."""
    for number in range(int(draft.rng.integers(3, 15))):
        born = draft.moment()
        died = min(draft.seconds, born + int(draft.interval_s * draft.rng.uniform(1, 3.5)))
        job = draft.process(f"cron-{number}:80", born, died, pace=draft.pace * draft.rng.uniform(0.1, 2))
        draft.others.append(job)


def only_batch_jobs(draft: Draft) -> None:
    """Nothing but jobs of a few scrapes, one after the other, with long pauses."""

    def layout(draft: Draft) -> None:
        at = int(draft.rng.integers(0, 10 * MINUTE))
        number = 0
        while at < draft.seconds - 2 * MINUTE:
            died = min(draft.seconds, at + int(draft.interval_s * draft.rng.uniform(1, 3.5)))
            draft.processes.append(draft.process(f"job-{number}:80", at, died, pace=draft.pace))
            at = died + int(log_uniform(draft.rng, 30, 20 * MINUTE))
            number += 1

    draft.layout = layout


def pushgateway(draft: Draft) -> None:
    """A batch job pushes its counters when it ends; each run's counts replace those of the last."""

    def layout(draft: Draft) -> None:
        target = (("job", draft.trace.service), ("instance", "pushgateway:9091"))
        at, number = int(draft.rng.integers(60, 20 * MINUTE)), 0
        every = int(log_uniform(draft.rng, 3 * MINUTE, 40 * MINUTE))
        while at < draft.seconds - 60:
            until = min(draft.seconds, at + every)
            made = draft.counters(0.0, at, until, carried=0)
            good = int(draft.rng.poisson(max(draft.pace * 60, 20)))
            made[0].events[0] = good
            made[1].events[0] = int(draft.rng.binomial(good, draft.base_errors * 5))
            made[1].lazy = False
            draft.processes.append(Process(target=target, born=at, counters=made))
            at, number = until, number + 1

    draft.layout = layout


def drained_reload(draft: Draft) -> None:
    """A proxy is reloaded: for minutes scrapes are answered by the old process or the new one, by chance."""
    cut, lasts = draft.moment(high=0.9), int(log_uniform(draft.rng, 1 * MINUTE, 10 * MINUTE))

    def layout(draft: Draft) -> None:
        pace = draft.pace
        draft.processes += [
            draft.process("old:80", 0, cut + lasts, pace=pace, carried=draft.carried),
            draft.process("new:80", cut, draft.seconds, pace=pace),
        ]
        old, new = draft.processes[-2:]
        for counter in old.counters:
            counter.events[cut:] = draft.rng.binomial(counter.events[cut:], 0.2)
        new.counters[0].events[:lasts] = draft.rng.binomial(new.counters[0].events[:lasts], 0.8)

    dice = np.random.default_rng(draft.rng.integers(2**32))

    def one_target(every: list[Samples]) -> list[Samples]:
        shown = []
        turns: dict[int, bool] = {}
        for one in every:
            is_new = "new:80" in dict(one.labels).values()
            seconds = one.times_ms / 1000 - draft.trace.start
            turn = np.array(
                [turns.setdefault(int(at // draft.interval_s), bool(dice.random() < 0.5)) for at in seconds]
            )
            within = (seconds >= cut) & (seconds < cut + lasts)
            shown.append(but(one, np.where(within, turn == is_new, (seconds >= cut) == is_new)))
        return joined(
            [
                Samples(
                    metric=one.metric,
                    labels=tuple((name, "vip:80" if name == "instance" else value) for name, value in one.labels),
                    times_ms=one.times_ms,
                    values=one.values,
                )
                for one in shown
                if len(one.times_ms)
            ]
        )

    draft.layout = layout
    draft.failing = 0.0
    draft.views.insert(0, one_target)


def shards_rebalanced(draft: Draft) -> None:
    """Targets move from one Prometheus shard to another: a label of theirs changes, for some of them at once."""
    cut = draft.moment()
    draft.instances = 4
    moving = {f"api-{number}:80" for number in range(4) if draft.rng.random() < 0.5}

    def moved(labels: Labels) -> Labels:
        if dict(labels).get("instance") not in moving:
            return labels
        return tuple((name, "1" if name == "shard" else value) for name, value in labels)

    draft.views += [
        lambda every: [with_labels(one, (("shard", "0"),)) for one in every],
        relabelling(draft, moved, at=cut),
    ]


def without_instance(draft: Draft) -> None:
    """Pods push over OTLP: their series have a pod label and no instance, so that all are of one target."""
    short = int(draft.rng.integers(2, 8))
    for number in range(short):
        born = draft.moment()
        died = min(draft.seconds, born + int(log_uniform(draft.rng, 5 * MINUTE, 2 * HOUR)))
        draft.others.append(draft.process(f"pod-{number}", born, died, pace=draft.pace / 4))

    def renamed(every: list[Samples]) -> list[Samples]:
        return [
            Samples(
                metric=one.metric,
                labels=tuple(("pod" if name == "instance" else name, value) for name, value in one.labels),
                times_ms=one.times_ms,
                values=one.values,
            )
            for one in every
        ]

    draft.views.insert(0, renamed)


def idle_series_expire(draft: Draft) -> None:
    """A dozen routes of few events, each of which an exporter forgets when it was idle, and begins again from zero."""
    ttl_s = int(draft.rng.choice([5, 10, 30])) * MINUTE
    draft.routes = int(draft.rng.integers(4, 13))
    draft.instances = 1
    draft.pace = draft.routes * float(log_uniform(draft.rng, 1 / (40 * MINUTE), 1 / MINUTE))
    draft.carried = 0
    if draft.rng.random() < 0.4:
        replicas_behind_a_proxy(draft)

    def layout(draft: Draft) -> None:
        target = (("job", draft.trace.service), ("instance", "statsd:9102"))
        steady = Process(target=target, born=0)
        steady.counters = draft.counters(1.0, 0, draft.seconds, carried=0, route="/steady")
        draft.processes.append(steady)
        for number in range(draft.routes):
            made = draft.counters(draft.pace / draft.routes, 0, draft.seconds, carried=0, route=f"/{number}")
            for counter in made:
                at = np.flatnonzero(counter.events)
                if not len(at):
                    continue
                starts = np.concatenate([[0], np.flatnonzero(np.diff(at) > ttl_s) + 1, [len(at)]])
                for first, last in itertools.pairwise(starts):
                    born, died = int(at[first]), min(draft.seconds, int(at[last - 1]) + ttl_s)
                    if died - born < 2 * draft.interval_s:
                        continue
                    part = type(counter)(
                        labels=counter.labels, events=counter.events[born:died], bad=counter.bad, lazy=True
                    )
                    draft.processes.append(Process(target=target, born=born, counters=[part]))

    draft.layout = layout


def summed_over_pods(draft: Draft) -> None:
    """The counter is a recorded sum over pods: it falls when a pod goes, and rises by nothing when one comes."""
    for number in range(int(draft.rng.integers(1, 4))):
        born = draft.moment()
        died = min(draft.seconds, born + int(log_uniform(draft.rng, 10 * MINUTE, 2 * HOUR)))
        draft.others.append(draft.process(f"pod-{number}:80", born, died, pace=draft.pace / 4))
    phase_ms = int(draft.rng.integers(0, draft.interval_s * 1000))

    def summed(every: list[Samples]) -> list[Samples]:
        times = draft.trace.start * 1000 + phase_ms + np.arange(0, draft.seconds * 1000, draft.interval_s * 1000)
        sums: dict[Labels, np.ndarray[tuple[int, ...], np.dtype[np.int64]]] = {}
        there: dict[Labels, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]] = {}
        for one in joined(every):
            labels = tuple(pair for pair in one.labels if pair[0] in ("job", "code"))
            newest = np.searchsorted(one.times_ms, times, side="right") - 1
            known = (newest >= 0) & (times - one.times_ms[np.maximum(newest, 0)] < 5 * MINUTE * 1000)
            values = np.where(known, one.values[np.maximum(newest, 0)], 0)
            sums[labels] = sums.get(labels, np.zeros(len(times), np.int64)) + values
            there[labels] = there.get(labels, np.zeros(len(times), bool)) | known
        return [
            Samples(
                metric="http_requests_total",
                labels=labels,
                times_ms=times[there[labels]],
                values=values[there[labels]],
            )
            for labels, values in sums.items()
        ]

    draft.views.append(summed)


def exported_twice(draft: Draft) -> None:
    """For a while a library exports each counter twice: as it was, and with a label more."""
    first, last = draft.span(10 * MINUTE, 3 * HOUR)

    def twice(every: list[Samples]) -> list[Samples]:
        more = [between(with_labels(one, (("handler", "all"),)), draft.trace.start, first, last) for one in every]
        return [*every, *(one for one in more if len(one.times_ms))]

    draft.views.append(twice)


def recoded_in_a_hole(draft: Draft) -> None:
    """The error series go on under another code while nothing is scraped, for minutes or an hour."""
    first, last = _hole(draft)

    def recoded(labels: Labels) -> Labels:
        return tuple((name, "503" if (name, value) == ("code", "500") else value) for name, value in labels)

    draft.views.append(relabelling(draft, recoded, at=int(draft.rng.integers(first, last))))


def relabelled_in_a_hole(draft: Draft) -> None:
    """All series go on under other labels while nothing is scraped: one or two labels more, or another instance."""
    first, last = _hole(draft)
    more = [(("version", "new"),), (("team", "shop"), ("tier", "web")), ()][int(draft.rng.integers(0, 3))]

    def changed(labels: Labels) -> Labels:
        if more:
            return (*labels, *more)
        return tuple((name, f"node-{value.split(':')[0]}" if name == "instance" else value) for name, value in labels)

    draft.views.append(relabelling(draft, changed, at=int(draft.rng.integers(first, last))))


def _hole(draft: Draft) -> tuple[int, int]:
    """A span without scrapes, longer than Prometheus looks back; in one of three an instance restarts in it."""
    length = int(log_uniform(draft.rng, 5 * MINUTE, 90 * MINUTE))
    first = min(draft.moment(low=0.1), draft.seconds - length - 3 * MINUTE)
    draft.outages.append((first, first + length))
    if draft.rng.random() < 1 / 3:
        instance = int(draft.rng.integers(0, draft.instances))
        draft.restarts.append((instance, first + int(draft.rng.integers(1, length))))
    return first, first + length


def _kinds(*kinds: Callable[[Draft], None]) -> dict[str, Kind]:
    return {kind.__name__: kind for kind in kinds}


FIELD_KINDS: Final[dict[str, Kind]] = _kinds(
    relabelled_in_an_incident,
    relabelled_and_restarted,
    interval_changed,
    second_server_of_another_interval,
    second_server_of_two_labels,
    federated,
    state_metrics_restart,
    collector_restarts,
    collector_passes_on,
    gap_of_the_lookback,
    large_counters,
    blue_green,
    blue_green_of_one_address,
    pod_on_another_node,
    stateful_set_restarts,
    crash_looping,
    batch_jobs,
    only_batch_jobs,
    pushgateway,
    drained_reload,
    shards_rebalanced,
    without_instance,
    idle_series_expire,
    summed_over_pods,
    exported_twice,
    recoded_in_a_hole,
    relabelled_in_a_hole,
)

FIELD_LAYOUTS: Final = frozenset(
    (
        "collector_restarts",
        "blue_green",
        "blue_green_of_one_address",
        "pod_on_another_node",
        "only_batch_jobs",
        "pushgateway",
        "drained_reload",
        "idle_series_expire",
    )
)
"""Kinds that decide which processes there are; at most one of them happens to a history."""

__all__ = ["FIELD_KINDS", "FIELD_LAYOUTS"]
