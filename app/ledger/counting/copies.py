"""Which series are seen twice: the same counters scraped by a second Prometheus server, under a label of its own.

Copies differ in one label, and stand between each other's neighbouring samples. Where the label is one of those that
replicas are known by, that is proof; any other must also be scraped at other times, since counters of one scrape may
grow alike by chance. What one large counter proves holds for all series of its row that differ in the same label.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from app.ledger.counting.steps import SampleContext
from app.ledger.registry import Labels, Registry
from app.ledger.runs import LOOKBACK_S
from app.slo.arrays import Floats, Ints

PROOF_SAMPLES = 3
"""So many samples of both show whether two living series grow alike."""
CERTAIN_EVENTS = 100.0
"""Two counters do not both stand so high by chance."""
_SLACK_EVENTS = 2.0
_SERVERS = 4
_SAME_SCRAPE_S = 0.5
"""Two servers do not scrape one target so shortly one after the other, scrape by scrape."""
_SAME_LABELS = frozenset({"__name__", "instance", "job", "le"})
"""Labels in which copies do not differ."""


class Link(NamedTuple):
    """Counter *new*, first seen at a time, is counter *old*; *duplicate* if both are alive."""

    new: int
    old: int
    duplicate: bool
    at: float


def find_copies(context: SampleContext, registry: Registry) -> list[Link]:
    """The links of series that are seen twice, among those that have not been looked at yet."""
    if not registry.copies and not registry.uncompared:
        return []
    return [*_replicas(context, registry), *_second_servers(context, registry)]


def further_copies(context: SampleContext, registry: Registry, links: Sequence[Link]) -> list[Link]:
    """The links of series that differ as those do of which large counters proved to be seen twice."""
    samples, known = context.steps.samples, {link.new for link in links}
    found: list[Link] = []
    for link in links:
        mine = _span(context, link.new)
        if not link.duplicate or not len(mine) or samples.value[mine[-1]] < CERTAIN_EVENTS:
            continue
        more = [(new, old) for new, old in registry.learn_copies(link.new, link.old) if new not in known]
        found += [Link(new, old, duplicate=True, at=link.at) for new, old in more]
        known |= {new for new, _ in more}
    return found


def _replicas(context: SampleContext, registry: Registry) -> list[Link]:
    """The links of counters that differ in nothing but a replica's label, wherever both are seen."""
    samples, links = context.steps.samples, []
    for new, old in registry.copies:
        mine, theirs = _span(context, new), _span(context, old)
        if not len(mine) or not len(theirs):
            continue
        if are_alike(samples.time, samples.value, mine, theirs):
            registry.copy_is_settled(new)
            links.append(Link(new, old, duplicate=True, at=float(samples.time[mine[0]])))
        elif len(mine) >= PROOF_SAMPLES and len(theirs) >= PROOF_SAMPLES:
            registry.copy_is_settled(new)
    return links


def _second_servers(context: SampleContext, registry: Registry) -> list[Link]:
    """The links of counters that a second server scrapes at other times, under a label that is no replica's."""
    samples, arrays = context.steps.samples, context.arrays
    waiting = np.array(sorted(registry.uncompared), dtype=np.int64)
    if not len(waiting) or not len(samples.time):
        return []
    seen = np.diff(np.searchsorted(samples.counter, [waiting, waiting + 1]), axis=0)[0]
    known_s = context.cursor.time[waiting]
    registry.were_compared(waiting[(seen == 0) & (known_s < float(samples.time.max()) - 2 * LOOKBACK_S)].tolist())
    fresh = waiting[seen >= PROOF_SAMPLES]
    if not len(fresh):
        return []
    registry.were_compared(fresh.tolist())
    ends = np.flatnonzero(np.append(samples.counter[1:] != samples.counter[:-1], True))
    present, last_s = samples.counter[ends], samples.time[ends]
    links: list[Link] = []
    for target in np.unique(arrays.target[fresh]).tolist():
        of_target = arrays.target[present] == target
        # The samples of one server's scrape have one timestamp, or one each where the exporter writes its own.
        if np.ptp(last_s[of_target]) > _SAME_SCRAPE_S:
            links += _copies_of_target(context, registry, present[of_target].tolist(), set(fresh.tolist()))
    return links


def _copies_of_target(
    context: SampleContext, registry: Registry, counters: Sequence[int], fresh: set[int]
) -> Iterable[Link]:
    """The links among the counters of one target: all that differ by one change of a label, if none disagrees."""
    samples = context.steps.samples
    changes: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    disproved, certain = set(), set()
    for change, new, old in _pairs(context, registry, counters):
        mine, theirs = _span(context, new), _span(context, old)
        if len(mine) < PROOF_SAMPLES or len(theirs) < PROOF_SAMPLES:
            continue
        apart_s = np.abs(samples.time[theirs][:, None] - samples.time[mine][None, -PROOF_SAMPLES:]).min()
        if apart_s <= _SAME_SCRAPE_S or not are_alike(samples.time, samples.value, mine, theirs):
            disproved.add(change)
            continue
        if samples.value[mine[0]] >= CERTAIN_EVENTS and samples.value[mine[-1]] > samples.value[mine[0]]:
            certain.add(change)
        if new in fresh or old in fresh:
            changes.setdefault(change, []).append((new, old))
    for change in certain - disproved:
        for new, old in changes.get(change, ()):
            yield Link(new, old, duplicate=True, at=float(samples.time[_span(context, new)[0]]))


def _pairs(
    context: SampleContext, registry: Registry, counters: Sequence[int]
) -> Iterable[tuple[tuple[str, str, str], int, int]]:
    """Counters that count alike and differ in one label: its name and values, the newer and the older one."""
    by_rest: dict[tuple[str, float, float, Labels], list[int]] = {}
    for counter in sorted(counters):
        labels = registry.labels_of(counter) or ()
        weights = float(context.arrays.total[counter]), float(context.arrays.bad[counter])
        names = {name for name, _ in labels} - _SAME_LABELS
        for name in names:
            rest = tuple(sorted(pair for pair in labels if pair[0] != name))
            by_rest.setdefault((name, *weights, rest), []).append(counter)
        # One of the two servers may have no label of its own.
        by_rest.setdefault(("", *weights, tuple(sorted(labels))), []).append(counter)
    for (name, total, bad, rest), labelled in tuple(by_rest.items()):
        members = [*labelled, *by_rest.get(("", total, bad, rest), ())] if name else labelled
        # A label of more values is no server's.
        for old, new in combinations(sorted(members), 2) if len(members) <= _SERVERS else ():
            values = (dict(registry.labels_of(counter) or ()).get(name, "") for counter in (old, new))
            yield (name, *values), new, old  # type: ignore[misc]


def _span(context: SampleContext, counter: int) -> Ints:
    first, last = context.span(counter)
    return np.arange(first, last)


def are_alike(time: Floats, value: Floats, mine: Ints, theirs: Ints) -> bool:
    """Whether two series show one counter: at the time of each sample, the other one stands between its neighbours."""
    between = (time[mine] >= time[theirs[0]]) & (time[mine] <= time[theirs[-1]])
    inside = mine[between]
    if len(inside) < PROOF_SAMPLES - 1:
        return False
    before = theirs[np.searchsorted(time[theirs], time[inside], side="right") - 1]
    after = theirs[np.minimum(np.searchsorted(time[theirs], time[inside], side="left"), len(theirs) - 1)]
    low = np.minimum(value[before], value[after]) - _SLACK_EVENTS
    high = np.maximum(value[before], value[after]) + _SLACK_EVENTS
    return bool(((value[inside] >= low) & (value[inside] <= high)).mean() >= 0.8)  # noqa: PLR2004  restarts are seen apart
