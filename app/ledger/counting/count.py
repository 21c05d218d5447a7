"""From raw counter samples to increments: telescoping, sample by sample.

What lies between two neighbouring samples of a counter is counted once and belongs to the later one. So counts add up
to the counter's true increase however the time between is cut into slots or chunks, and a failed scrape moves events
but loses none. The few steps that are no plain growth get a closer look: falls in `falls.py`, first samples in
`first_samples.py`, by the rules in `plausibility.py`.

Source for resets: https://prometheus.io/docs/concepts/metric_types/#counter
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from app.ledger.counting.copies import (
    CERTAIN_EVENTS,
    Link,
    are_different,
    find_copies,
    further_copies,
    may_differ_as_copies,
    may_find_copies,
)
from app.ledger.counting.falls import Falls, Hindsight, JudgedFalls
from app.ledger.counting.first_samples import FirstSighting, NewSeries, count_first_samples, find_first_samples
from app.ledger.counting.last_samples import LastSamples
from app.ledger.counting.sampled import count_sampled, sampled_apart
from app.ledger.counting.samples import Samples
from app.ledger.counting.series_links import find_links
from app.ledger.counting.starts import Starts
from app.ledger.counting.steps import SampleContext, Steps
from app.ledger.increments import Increments
from app.ledger.registry import Registry
from app.ledger.runs import LOOKBACK_S, WARM_UP_S
from app.slo.arrays import Bools, Floats, Ints

# Series are linked so often at most: what ended is known only once those that go on elsewhere are united.
_LINK_PASSES = 3
# The first scrapes of a stretch of time show series that were there before it.
_FIRST_SCRAPES_S = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What `count` makes of samples: increments, new targets and series to be decided, and the positions afterwards.

    *dipped* are the counters that dipped, and when; *links* the counters that proved to be others; *doubled* those of
    which samples came under two series at the same time, and when.
    """

    increments: Increments
    new_targets: tuple[FirstSighting, ...]
    new_series: tuple[NewSeries, ...]
    dipped: tuple[tuple[int, float], ...]
    links: tuple[Link, ...]
    doubled: tuple[tuple[int, float], ...]
    cursor: LastSamples

    def with_first_samples(self, registry: Registry) -> Increments:
        """The increments with the events of all first samples, where nothing older is left to read."""
        first = count_first_samples(self.new_targets, self.new_series, registry)
        return Increments.joined([self.increments, first])


def count(
    samples: Samples,
    cursor: LastSamples,
    registry: Registry,
    *,
    until: float,
    gap_s: Floats | float = LOOKBACK_S,
    starts: Starts | None = None,
    known_s: float | None = None,
    finds_links: bool = True,
) -> Count:
    """Count the samples after *cursor* up to *until*; further apart than *gap_s*, by row, they have a hole between.

    Later samples are hindsight: they help to judge and are not counted. Samples at or before the cursor are ignored,
    so that reading twice never counts twice. *starts* is what is known of when processes and series began. Of what
    came up to *known_s* nothing is missing; None: samples may be late. *finds_links*: counters may prove to be others.
    """
    if known_s is not None:
        samples = samples.until(known_s)
    cursor = cursor.copy()
    cursor.grow(registry.sizes)
    # Series that came with these samples may have proved by their labels to be others.
    cursor.merge_united(registry)
    gaps_s = np.broadcast_to(gap_s, registry.sizes[0])
    sampled, samples = sampled_apart(samples, registry)
    of_samples = count_sampled(sampled, cursor, registry, until=until, gap_s=gaps_s)
    original, samples = samples, _without_late_of_restarted(united(samples, registry), cursor, registry)
    cursor.go_on_apart(samples)
    passes = _LINK_PASSES if finds_links else 0
    steps, links = _linked(samples, cursor, registry, until=until, known_s=known_s, passes=passes)
    # Falls and first samples are judged with the samples behind *until*, and only those up to it are counted.
    within = steps.samples.time <= until
    context, findings = _judge_falls(steps, cursor, registry, until=until, starts=starts, known_s=known_s)
    new_series: tuple[NewSeries, ...] = ()
    new_targets: tuple[FirstSighting, ...] = ()
    if (steps.is_first & within).any():
        context = context or SampleContext(steps, cursor, registry, starts, known_s)
        new_series, new_targets = find_first_samples(
            context, np.flatnonzero(steps.is_first & within), findings, registry
        )
    parts = [of_samples, _increments(steps, within, registry, gaps_s)]
    if findings.hindsight:
        parts.append(_in_hindsight(findings.hindsight, registry, gaps_s))
    _advance(cursor, steps, within, findings, registry, notes_seen=True)
    doubled = _doubled(original, cursor, registry) if finds_links else ()
    cursor.merge_united(registry)
    return Count(
        increments=Increments.joined(parts),
        new_targets=new_targets,
        new_series=new_series,
        dipped=tuple(findings.dipped),
        links=links,
        doubled=doubled,
        cursor=cursor,
    )


def positions_at(
    samples: Samples,
    registry: Registry,
    *,
    until: float,
    within_s: float = np.inf,
    starts: Starts | None = None,
    known_s: float | None = None,
    finds_links: bool = True,
) -> LastSamples:
    """Where the counters stood at *until*: the cursor behind their last samples, without counting.

    Later *samples* are hindsight, as in `count`, so that both judge alike. Targets that were not seen in the last
    *within_s* are left out: too little of them is known to go on from.
    """
    sampled, samples = sampled_apart(samples, registry)
    if finds_links:
        # Copies that began before these samples are counted again elsewhere: from samples further back.
        _link_before(samples.after(until - WARM_UP_S), registry, until=until, known_s=known_s)
    cursor = LastSamples.empty()
    cursor.grow(registry.sizes)
    count_sampled(sampled, cursor, registry, until=until, gap_s=np.full(registry.sizes[0], LOOKBACK_S))
    samples = united(samples.until(until + LOOKBACK_S), registry)
    target, earlier = registry.arrays.target[samples.counter], samples.time <= until
    seen = np.full(registry.sizes[1], -np.inf)
    np.fmax.at(seen, target[earlier], samples.time[earlier])
    steps = Steps.of(cursor.fresh(samples.only(seen[target] >= until - within_s)), cursor)
    _, found = _judge_falls(steps, cursor, registry, until=until, starts=starts, known_s=known_s)
    _advance(cursor, steps, steps.samples.time <= until, found, registry)
    return cursor


def _without_late_of_restarted(samples: Samples, cursor: LastSamples, registry: Registry) -> Samples:
    """The samples without those from before a restart that left their counters behind.

    One of two servers behind a balancer has shown the restart, the other one shows the process before, seconds later.
    """
    target = registry.arrays.target[samples.counter]
    left_behind = np.isnan(cursor.value[samples.counter]) & ~np.isnan(cursor.time[samples.counter])
    late = left_behind & (samples.time <= cursor.restarted[target])
    return samples.only(~late) if late.any() else samples


def united(samples: Samples, registry: Registry) -> Samples:
    """The samples under the counters that they are counted as."""
    arrays = registry.arrays
    return replace(samples, counter=arrays.stream[samples.counter]) if arrays.united else samples


def _doubled(samples: Samples, cursor: LastSamples, registry: Registry) -> tuple[tuple[int, float], ...]:
    """The counters of which *samples* came under several series at the same time, each with the last such time.

    What they differ by is noted as a label of copies, so that the next series that differs in it counts once at once.
    Series that show different values at the same time are two counters, and are parted.
    """
    arrays = registry.arrays
    if not arrays.united:
        return ()
    present = np.unique(samples.counter)
    streams, members = np.unique(arrays.stream[present], return_counts=True)
    several = streams[members > 1]
    if not len(several):
        return ()
    known_partings = len(registry.partings)
    samples = samples.only(np.isin(arrays.stream[samples.counter], several))
    samples = samples.only(np.lexsort((samples.time, samples.counter)))
    found = []
    for one, other, end_s in _seen_together(samples, arrays.stream):
        counter, spans = int(arrays.stream[one]), [_span(samples, each) for each in (one, other)]
        if not registry.are_copies(one, other):
            different = are_different(samples.time, samples.value, *spans)
            if different:
                registry.part(one, other)
            if different is not False:
                continue
        found.append((counter, end_s))
        if samples.value[np.concatenate(spans)].max() >= CERTAIN_EVENTS and may_differ_as_copies(registry, one, other):
            for pair in registry.learn_copies(other, one):
                registry.unite(*pair)
    for pair in registry.partings[known_partings:]:
        cursor.part(*pair)
    return tuple(found)


def _seen_together(samples: Samples, stream: Ints) -> Iterator[tuple[int, int, float]]:
    """The pairs of series of one *stream* that were there at the same time, with the last such time."""
    present = np.unique(samples.counter)
    for counter in np.unique(stream[present]).tolist():
        mine = present[stream[present] == counter].tolist()
        times = {each: samples.time[_span(samples, each)] for each in mine}
        for one, other in combinations(mine, 2):
            end_s = float(min(times[one][-1], times[other][-1]))
            if max(times[one][0], times[other][0]) < end_s:
                yield one, other, end_s


def _span(samples: Samples, counter: int) -> Ints:
    return np.arange(*np.searchsorted(samples.counter, [counter, counter + 1]))


def _linked(
    samples: Samples, cursor: LastSamples, registry: Registry, *, until: float, known_s: float | None, passes: int
) -> tuple[Steps, tuple[Link, ...]]:
    """The steps of *samples* once counters that prove to be one are united, and how these were linked."""
    steps = Steps.of(cursor.fresh(samples), cursor)
    links: tuple[Link, ...] = ()
    # Each union may show another one: a series that ended continues in one that is itself a copy.
    for _ in range(passes):
        found = _link(steps, cursor, registry, until=until, known_s=known_s)
        if not found:
            break
        links += found
        steps = Steps.of(cursor.fresh(united(samples, registry)), cursor)
    return steps, links


def _link(
    steps: Steps,
    cursor: LastSamples,
    registry: Registry,
    *,
    until: float,
    known_s: float | None,
    after: float = -np.inf,
) -> tuple[Link, ...]:
    """Unite counters that prove to be one, in the registry and in the cursor; gives those that were two until now."""
    appears = np.isnan(steps.raw) & np.isnan(cursor.time[steps.samples.counter])
    # A series that was away may have gone on under other labels meanwhile.
    first_samples = np.flatnonzero(appears | _returns(steps, cursor, registry))
    first_samples = first_samples[
        (steps.samples.time[first_samples] <= until) & (steps.samples.time[first_samples] > after)
    ]
    compares = may_find_copies(steps.samples, registry)
    if not len(first_samples) and not compares:
        return ()
    context = SampleContext(steps, cursor, registry, known_s=known_s)
    found = find_copies(context, registry)
    known = {link.new for link in found}
    found += [link for link in find_links(context, first_samples, registry) if link.new not in known]
    found += further_copies(context, registry, found)
    proved = []
    for link in found:
        # Several links may prove the same: what is united already has one position, and must keep it.
        pair = registry.unite(link.new, link.old)
        if pair is not None:
            cursor.merge(*pair)
            proved.append(Link(*pair, duplicate=link.duplicate, at=link.at))
        if not link.duplicate:
            registry.note_relabelling(link.old, link.at)
    cursor.merge_targets(registry)
    return tuple(proved)


def _returns(steps: Steps, cursor: LastSamples, registry: Registry) -> Bools:
    """Which samples are of series that their targets did not show for a while.

    Where nothing of the target was seen meanwhile, it is scraped seldom, or was away as a whole.
    """
    samples = steps.samples
    away = ~samples.steady & (samples.time - steps.since > LOOKBACK_S)
    if not away.any():
        return away
    target, begin_s = registry.arrays.target[samples.counter], float(samples.time.min())
    # One number for target and time, so that all targets are searched at once.
    each_s = float(np.ptp(samples.time)) + 2 * _FIRST_SCRAPES_S
    at_s = target * each_s + samples.time - begin_s
    order = np.argsort(at_s, kind="stable")
    before = np.searchsorted(at_s[order], at_s[away] - _FIRST_SCRAPES_S) - 1
    newest, of_target = order[np.maximum(before, 0)], target[away]
    known = (before >= 0) & (target[newest] == of_target)
    seen_s = np.where(known, samples.time[newest], cursor.target[of_target])
    away[away] = seen_s > steps.since[away] + _FIRST_SCRAPES_S
    return away


def _link_before(samples: Samples, registry: Registry, *, until: float, known_s: float | None) -> None:
    """Unite counters that prove to be one in the stretch before *until*, where its first scrapes show nothing new."""
    first_s = np.full(registry.sizes[2], np.inf)
    np.fmin.at(first_s, samples.counter, samples.time)
    new = np.flatnonzero((first_s <= until) & (first_s > first_s.min(initial=np.inf) + _FIRST_SCRAPES_S))
    samples = united(samples, registry)
    if len(new) or may_find_copies(samples, registry):
        cursor = LastSamples.empty()
        cursor.grow(registry.sizes)
        steps = Steps.of(cursor.fresh(samples), cursor)
        after_s = float(first_s.min()) + _FIRST_SCRAPES_S
        _link(steps, cursor, registry, until=until, known_s=known_s, after=after_s)


def _judge_falls(
    steps: Steps,
    cursor: LastSamples,
    registry: Registry,
    *,
    until: float,
    starts: Starts | None,
    known_s: float | None,
) -> tuple[SampleContext | None, JudgedFalls]:
    if not cursor.dips and not cursor.turns and not cursor.suspected and not (steps.samples.value < steps.raw).any():
        return None, JudgedFalls()
    context = SampleContext(steps, cursor, registry, starts, known_s)
    return context, Falls(context, until=until).judge()


def _increments(steps: Steps, within: Bools, registry: Registry, gap_s: Floats) -> Increments:
    # Here samples are counted: what a counter has grown by since its last sample, or since zero where it fell. First
    # samples are decided apart.
    counted, arrays, samples = within & ~steps.is_first, registry.arrays, steps.samples
    counter, since, at = samples.counter[counted], steps.since[counted], samples.time[counted]
    delta = samples.value[counted] - steps.before[counted]
    # Across a hole the increase is exact, but when it happened is not known: it is spread over the hole, which is not
    # measured.
    follows = samples.steady[counted] | (at - since <= gap_s[arrays.row[counter]])
    return Increments(
        row=arrays.row[counter],
        since=since,
        at=at,
        total=delta * arrays.total[counter],
        bad=delta * arrays.bad[counter],
        steady=follows,
        seen=follows & (arrays.total[counter] > 0),
    )


def _in_hindsight(found: Sequence[Hindsight], registry: Registry, gap_s: Floats) -> Increments:
    arrays, counter = registry.arrays, np.array([one.counter for one in found], dtype=np.int64)
    since, at, events, spread = (np.array(column) for column in list(zip(*found, strict=True))[1:])
    return Increments(
        row=arrays.row[counter],
        since=since,
        at=at,
        total=events * arrays.total[counter],
        bad=events * arrays.bad[counter],
        steady=~spread & (at - since <= gap_s[arrays.row[counter]]),
        seen=np.zeros(len(found), dtype=bool),
    )


def _advance(
    cursor: LastSamples,
    steps: Steps,
    within: Bools,
    found: JudgedFalls,
    registry: Registry,
    *,
    notes_seen: bool = False,
) -> None:
    samples, arrays = steps.samples.only(within), registry.arrays
    if len(samples.counter):
        cursor.note_steps(samples.counter, samples.time, steps.delta[within])
        _note_last_steps(cursor, steps, within)
        # Samples are sorted by counter and time, so that the last of each counter comes before the next counter.
        same = samples.counter[1:] == samples.counter[:-1]
        last = np.append(~same, True)
        counter, time = samples.counter[last], samples.time[last]
        if notes_seen:
            registry.seen.note(counter, samples.time[np.append(True, ~same)], time)
        cursor.time[counter] = time
        cursor.value[counter] = samples.value[last]
        np.fmax.at(cursor.target, arrays.target[counter], time)
        totals = arrays.total[samples.counter] > 0
        cursor.note_rows_seen(arrays.row[samples.counter[totals]], samples.time[totals], samples.steady[totals])
    cursor.turns, cursor.suspected = found.turns, found.suspected
    cursor.dips = {counter: dip for counter, dip in found.dips.items() if counter not in found.forgotten}
    for counter, run in found.runs.items():
        cursor.value[counter] = run.newest
        if run.moved_at == run.at:
            # While it was taken for a dip, its steps told no pace: it has stood still.
            cursor.latest[counter], cursor.earlier[counter] = run.still_steps(float(cursor.time[counter]))
    for counter, dip in cursor.dips.items():
        if not dip.counted:
            cursor.value[counter] = dip.high
    for target, at in found.restarted:
        cursor.restarted[target] = at
    cursor.forget(found.forgotten)


def _note_last_steps(cursor: LastSamples, steps: Steps, within: Bools) -> None:
    kept = np.flatnonzero(within)
    counter = steps.samples.counter[kept]
    ends = np.flatnonzero(np.append(counter[1:] != counter[:-1], True))
    last, which = kept[ends], counter[ends]
    earlier = cursor.latest[which]
    several = np.flatnonzero(np.append(-1, ends[:-1]) < ends - 1)
    earlier[several] = steps.paces(last[several] - 1)
    cursor.earlier[which], cursor.latest[which], cursor.level[which] = earlier, steps.paces(last), steps.raw[last]
