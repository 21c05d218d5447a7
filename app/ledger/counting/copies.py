"""Which series are seen twice: the same counters scraped by a second Prometheus server, under a label of its own.

Copies differ in the labels of their servers alone, and stand between each other's neighbouring samples. Where these are
labels that replicas are known by, that is proof; any others must also be scraped at other times, since counters of one
scrape may grow alike by chance, and count evenly between each other's samples, since equally busy counters do not. What
one large counter proves holds for all series of its row that differ by the same values of these labels.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from app.ledger.counting.samples import Samples
from app.ledger.counting.steps import SampleContext
from app.ledger.registry import Labels, Registry
from app.ledger.runs import LOOKBACK_S
from app.slo.arrays import Floats, Ints

# So many samples of both show whether two living series grow alike.
PROOF_SAMPLES = 3
# Two counters do not both stand so high by chance.
CERTAIN_EVENTS = 100.0
# So many samples of both show whether two servers scrape one counter: equally busy counters drift apart by then. With
# ten, 1 of 60 pairs with timestamps of their own, half a scrape apart, was taken for one; with twenty none of 240.
_PROOF_SAMPLES_OF_SERVERS = 20
# This share of samples must agree: restarts are seen apart.
_AGREEING = 0.8
_DEVIATIONS = 4.0
# By how much the squares of deviations may be more than chance explains: counters that are apart drift.
_EXCESS = 1.5
# So often two counters may deviate by chance until they are taken for two.
_CHANCES = 3
# A sample has the time at which its scrape began; its counter was read so much later at most.
_READ_WITHIN_S = 1.0
# Between the scrapes of two servers a counter may be read in the middle of a change.
_SLACK_EVENTS = 2.0
# Counters of the same value are looked for among so many.
_NEAREST = 8
_SERVERS = 4
# Two servers do not scrape one target so shortly one after the other, scrape by scrape.
_SAME_SCRAPE_S = 0.5
# Labels in which copies do not differ: they name what is counted, not the server that scrapes it.
_SAME_LABELS = frozenset(
    (
        *("__name__", "instance", "job", "le", "code", "status", "method", "route", "path", "handler", "namespace"),
        *("pod", "pod_name", "container", "container_name", "id", "image", "name", "uid", "node", "host", "hostname"),
        *("service", "service_name", "service_instance_id", "app", "version"),
    )
)
Names = Iterable[frozenset[str]]


class Link(NamedTuple):
    """Counter *new*, first seen at a time, is counter *old*; *duplicate* if both are alive."""

    new: int
    old: int
    duplicate: bool
    at: float


def may_find_copies(samples: Samples, registry: Registry) -> bool:
    """Whether some counters are to be compared, among them the small ones that have counted enough by now."""
    if registry.small:
        small = np.zeros(registry.sizes[2], dtype=bool)
        small[list(registry.small)] = True
        large = small[samples.counter] & (samples.value >= CERTAIN_EVENTS)
        registry.are_large(samples.counter[large].tolist())
    return registry.has_uncompared


def may_differ_as_copies(registry: Registry, one: int, other: int) -> bool:
    """Whether no label in which two series differ names what is counted: pods of equal traffic are no copies."""
    mine, theirs = (registry.labels_of(counter) or () for counter in (one, other))
    return _SAME_LABELS.isdisjoint(name for name, _ in set(mine) ^ set(theirs))


def find_copies(context: SampleContext, registry: Registry) -> list[Link]:
    """The links of series that are seen twice, among those that have not been looked at yet."""
    if not registry.has_uncompared:
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
        # At the edge of a cell stands the last sample before it, of either replica.
        lag_s = LOOKBACK_S if samples.steady[mine].any() and samples.steady[theirs].any() else 0.0
        if are_alike(samples.time, samples.value, mine, theirs, lag_s=lag_s):
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
    known_s, whole = context.cursor.time[waiting], np.isin(arrays.row[waiting], list(registry.whole_rows))
    # Where older history is still to be read, those that have ended are compared there.
    ended = whole & (seen == 0) & (known_s < float(samples.time.max()) - 2 * LOOKBACK_S)
    registry.were_compared(waiting[ended].tolist())
    fresh = waiting[seen >= PROOF_SAMPLES]
    if not len(fresh):
        return []
    ends = np.flatnonzero(np.append(samples.counter[1:] != samples.counter[:-1], True))
    present, last_s = samples.counter[ends], samples.time[ends]
    links: list[Link] = []
    undecided: set[int] = set()
    small: list[int] = []
    for target in np.unique(arrays.target[fresh]).tolist():
        of_target = arrays.target[present] == target
        # The samples of one server's scrape have one timestamp, or one each where the exporter writes its own.
        if np.ptp(last_s[of_target]) > _SAME_SCRAPE_S:
            found = _CopiesOfTarget(context, registry, present[of_target].tolist(), set(fresh.tolist()))
            links += found.links()
            undecided |= found.undecided
            small += present[of_target & (samples.value[ends] < CERTAIN_EVENTS)].tolist()
    decided = set(fresh.tolist()) - undecided
    registry.were_compared(decided)
    registry.wait_until_large(decided.intersection(small) - {link.new for link in links})
    return links


class _CopiesOfTarget:
    """Compares the *counters* of one target, those that are *fresh* with all; *undecided* need more samples."""

    def __init__(self, context: SampleContext, registry: Registry, counters: Sequence[int], fresh: set[int]) -> None:
        self._context = context
        self._registry = registry
        self._labels = {counter: dict(registry.labels_of(counter) or ()) for counter in sorted(counters)}
        # Counters may have been relabelled: a second server shows them under the labels that they have now.
        self._newest = {counter: dict(registry.newest_labels_of(counter) or ()) for counter in sorted(counters)}
        self._fresh = fresh
        self.undecided: set[int] = set()

    def links(self) -> list[Link]:
        """All counters that differ from another by one change of labels, if none that do so disagrees."""
        links: list[Link] = []
        for labels in (self._labels, self._newest) if self._newest != self._labels else (self._labels,):
            for names in sorted(
                _label_sets(self._context, labels, self._fresh), key=lambda each: (len(each), sorted(each))
            ):
                known = {link.new for link in links}
                links += [link for link in self._links_by(names, labels) if link.new not in known]
        return links

    def _links_by(self, names: frozenset[str], labels: Mapping[int, Mapping[str, str]]) -> Iterable[Link]:
        """The links of counters that differ in the labels *names* if they have *labels*."""
        samples = self._context.steps.samples
        changes: dict[_Change, list[tuple[int, int]]] = {}
        disproved, certain = set(), set()
        for change, new, old in _pairs(self._context, labels, names):
            verdict = self._compare(new, old)
            if verdict is False:
                disproved.add(change)
            if not verdict:
                continue
            mine = _span(self._context, new)
            # It has grown, whether or not it restarted since.
            if samples.value[mine].max() >= CERTAIN_EVENTS and (np.diff(samples.value[mine]) > 0).any():
                certain.add(change)
            if new in self._fresh or old in self._fresh:
                changes.setdefault(change, []).append((new, old))
        for change in certain - disproved:
            for new, old in changes.get(change, ()):
                yield Link(new, old, duplicate=True, at=float(samples.time[_span(self._context, new)[0]]))

    def _compare(self, new: int, old: int) -> bool | None:
        """Whether two servers scrape one counter under two names; None while too few samples agree."""
        samples = self._context.steps.samples
        mine, theirs = _span(self._context, new), _span(self._context, old)
        if min(len(mine), len(theirs)) < PROOF_SAMPLES:
            return None
        apart_s = np.abs(samples.time[theirs][:, None] - samples.time[mine][None, -PROOF_SAMPLES:]).min()
        if apart_s <= _SAME_SCRAPE_S or not are_alike(samples.time, samples.value, mine, theirs):
            self._registry.forget_agreement(new, old)
            return False
        fewer = mine if len(mine) < len(theirs) else theirs
        known = self._registry.agreement(new, old)
        if is_one_counter(samples.time, samples.value, mine, theirs):
            known.agree(samples.time[fewer])
        else:
            known.deviate()
        if known.samples >= _PROOF_SAMPLES_OF_SERVERS or known.deviations >= _CHANCES:
            self._registry.forget_agreement(new, old)
            return known.deviations < _CHANCES
        self.undecided |= {new, old}
        return None


# Names of labels, each with its value on the older and on the newer series; empty where it has none.
_Change = frozenset[tuple[str, str, str]]


def _label_sets(context: SampleContext, of_counter: Mapping[int, Mapping[str, str]], fresh: set[int]) -> Names:
    """The names of labels in which large counters that stand side by side differ from each other, set by set.

    A label that takes several values in one scrape names what is counted, not by whom.
    """
    samples, arrays = context.steps.samples, context.arrays
    last = {counter: int(_span(context, counter)[-1]) for counter in of_counter}
    excluded = _SAME_LABELS | _varying([(float(samples.time[last[each]]), of_counter[each]) for each in of_counter])
    by_value = sorted(
        (counter for counter in of_counter if samples.value[last[counter]] >= CERTAIN_EVENTS),
        key=lambda counter: (float(arrays.total[counter]), float(arrays.bad[counter]), samples.value[last[counter]]),
    )
    found: set[frozenset[str]] = set()
    for place, one in enumerate(by_value):
        for other in by_value[place + 1 : place + 1 + _NEAREST]:
            mine, theirs = of_counter[one], of_counter[other]
            if (one not in fresh and other not in fresh) or mine.get("__name__") != theirs.get("__name__"):
                continue
            names = frozenset(name for name, _ in set(mine.items()) ^ set(theirs.items()))
            if not names & excluded:
                found.add(names)
    return found


def _varying(labelled: Iterable[tuple[float, Mapping[str, str]]]) -> frozenset[str]:
    """The names of labels that take several values among series of the same timestamp."""
    by_time: dict[float, list[Mapping[str, str]]] = {}
    for time, labels in labelled:
        by_time.setdefault(time, []).append(labels)
    return frozenset(
        name
        for together in by_time.values()
        for name in {name for labels in together for name in labels}
        if len({labels.get(name, "") for labels in together}) > 1
    )


def _pairs(
    context: SampleContext, of_counter: Mapping[int, Mapping[str, str]], names: frozenset[str]
) -> Iterable[tuple[_Change, int, int]]:
    """Counters that count alike and differ in the labels *names* alone: the change, the newer and the older one."""
    by_rest: dict[tuple[float, float, Labels], list[int]] = {}
    for counter, labels in of_counter.items():
        rest = tuple(sorted(pair for pair in labels.items() if pair[0] not in names))
        key = float(context.arrays.total[counter]), float(context.arrays.bad[counter]), rest
        by_rest.setdefault(key, []).append(counter)
    for members in by_rest.values():
        # Labels of more values are no servers'.
        for old, new in combinations(members, 2) if len(members) <= _SERVERS else ():
            before, after = of_counter[old], of_counter[new]
            change = frozenset(
                (name, before.get(name, ""), after.get(name, ""))
                for name in names
                if before.get(name, "") != after.get(name, "")
            )
            if len(change) == len(names):
                yield change, new, old


def _span(context: SampleContext, counter: int) -> Ints:
    first, last = context.span(counter)
    return np.arange(first, last)


def are_alike(time: Floats, value: Floats, mine: Ints, theirs: Ints, *, lag_s: float = 0.0) -> bool:
    """Whether two series show one counter: at the time of each sample, the other one stands between its neighbours.

    Either may be up to *lag_s* older than its time.
    """
    between = (time[mine] >= time[theirs[0]]) & (time[mine] <= time[theirs[-1]])
    inside = mine[between]
    if len(inside) < PROOF_SAMPLES - 1:
        return False
    before = theirs[np.maximum(np.searchsorted(time[theirs], time[inside] - lag_s, side="right") - 1, 0)]
    after = theirs[np.minimum(np.searchsorted(time[theirs], time[inside] + lag_s, side="left"), len(theirs) - 1)]
    low = np.minimum(value[before], value[after]) - _SLACK_EVENTS
    high = np.maximum(value[before], value[after]) + _SLACK_EVENTS
    return bool(((value[inside] >= low) & (value[inside] <= high)).mean() >= _AGREEING)


def are_different(time: Floats, value: Floats, mine: Ints, theirs: Ints) -> bool | None:
    """Whether two series show different values at the same time, or count apart; None if it is not known."""
    between = (time[mine] >= time[theirs[0]]) & (time[mine] <= time[theirs[-1]])
    if min(len(mine), len(theirs)) < PROOF_SAMPLES or int(between.sum()) < PROOF_SAMPLES - 1:
        return None
    return not are_alike(time, value, mine, theirs) or not is_one_counter(time, value, mine, theirs)


def is_one_counter(time: Floats, value: Floats, mine: Ints, theirs: Ints) -> bool:
    """Whether two series that are alike and scraped at different times show one counter, not two that are equally busy.

    At each sample of one, the other has counted as much of what lies between its neighbours as time has passed, but
    for chance, for the bursts that its own steps show, and for a scrape that takes its time.
    """
    inside = mine[(time[mine] > time[theirs[0]]) & (time[mine] < time[theirs[-1]])]
    after = np.searchsorted(time[theirs], time[inside], side="left")
    since, until = theirs[after - 1], theirs[after]
    events, took_s = value[until] - value[since], time[until] - time[since]
    grown = (events > 0) & (took_s <= LOOKBACK_S)
    if not grown.any():
        return True
    inside, since, events, took_s = inside[grown], since[grown], events[grown], took_s[grown]
    passed = (time[inside] - time[since]) / took_s
    off = value[inside] - value[since] - events * passed
    read_late_s = np.clip(np.median(off * took_s / events), -_READ_WITHIN_S, _READ_WITHIN_S)
    off = np.maximum(np.abs(off - read_late_s * events / took_s) - 1.0, 0.0)
    variance = events * passed * (1 - passed) * _dispersion(time[theirs], value[theirs])
    within = off**2 / np.maximum(variance, 1.0) <= _DEVIATIONS**2  # a restart between two samples is neither
    return bool(
        within.mean() >= _AGREEING and (off**2)[within].sum() <= _EXCESS * np.maximum(variance, 1.0)[within].sum()
    )


def _dispersion(time: Floats, value: Floats) -> float:
    """By how much the events of steps vary more than by chance: their variance over their mean, 1 at least."""
    counted, took_s = np.diff(value), np.diff(time)
    plain = (counted >= 0) & (took_s <= LOOKBACK_S)
    counted, took_s = counted[plain], took_s[plain]
    if len(counted) < 2 or counted.sum() <= 0:  # noqa: PLR2004  the variance of one step
        return 1.0
    expected = counted.sum() / took_s.sum() * took_s
    return max(1.0, float(((counted - expected) ** 2 / np.maximum(expected, 1e-9)).sum() / (len(counted) - 1)))
