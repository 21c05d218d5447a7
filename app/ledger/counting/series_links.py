"""Which series are one counter: a series that takes over from one that ended, and a series that is seen twice.

A relabelling ends every series of a target and begins others at the same values; a second Prometheus replica shows
every series once more. Both are recognised by values: a series that begins at the value of another of the same row, and
whose other labels agree, is that counter. Large values prove it by themselves, small ones only together with large
ones of the same change, or if all series of the target changed at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.ledger.counting.copies import CERTAIN_EVENTS, PROOF_SAMPLES, Link, are_alike
from app.ledger.counting.plausibility import PROOF_PACES, SLACK_EVENTS, is_first_value_plausible
from app.ledger.counting.steps import SampleContext, fastest
from app.ledger.registry import Labels, Registry
from app.ledger.runs import LOOKBACK_S
from app.slo.arrays import Bools, Floats, Ints

# First samples so far apart belong to one change.
_ROUND_S = 30.0
# A value so many times larger than what it may be off by is not met by chance.
_CERTAIN_RATIO = 10.0
_TARGET_LABELS = frozenset(("instance", "job"))
# As in `copies.py`.
_SLACK_EVENTS = 2.0
# Counters of nearly the same value are few; further ones are never a link, and looking at all is quadratic.
_NEAREST = 16
# A single small counter may show by chance what another one does, two at once do not.
_LEAST_TWINS = 2
# A counter that is not seen for so many scrapes has ended.
_LIVES_SCRAPES = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Others:
    """The other counters of a row that were seen in the look-back before a time, by value.

    The last *time* and *value* of each, and whether it *lives*: it was seen after that time too, before it was *due*,
    by when it must be seen again unless it has ended. *returns*: it was seen within the look-back. Of those that were
    away for longer, and are back by the time, it is their first sample since. It is seen *again_s* at a value *again*,
    infinite and NaN if it is not.
    """

    counter: Ints
    time: Floats
    value: Floats
    due: Floats
    lives: Bools
    returns: Bools
    again_s: Floats
    again: Floats


@dataclass(frozen=True, slots=True)
class _OfRow:
    """The counters of one row, and their samples; both by index, in order."""

    counters: Ints
    samples: Ints


def find_links(context: SampleContext, first_samples: Ints, registry: Registry) -> list[Link]:
    """The links of counters that are first_samples at some samples."""
    row_of, counter = context.arrays.row, context.steps.samples.counter
    # Found for all rows at once: to look through all samples for each row would take minutes for thousands of SLOs.
    first_of, counters_of = _ByRow.of(row_of[counter[first_samples]]), _ByRow.of(row_of)
    samples_of = _ByRow.of(row_of[counter])
    first_s = _first_seen(context)
    links: list[Link] = []
    for row in np.unique(row_of[counter[first_samples]]).tolist():
        # Before anything of a row was seen there is nothing to go on from: all rows of a new service.
        if not first_s[row] < context.steps.samples.time[first_samples[first_of.places(row)]].max():
            continue
        own = _OfRow(counters_of.places(row), samples_of.places(row))
        ended: set[int] = set()
        for together in _rounds(context, first_samples[first_of.places(row)]):
            found = _Round(context, own, together, registry, ended).links()
            ended |= {link.old for link in found if not link.duplicate}
            links += found
    return links


def _first_seen(context: SampleContext) -> Floats:
    """When each row was seen first, of all that is known here; infinite if never."""
    row_of, samples = context.arrays.row, context.steps.samples
    first_s = np.full(int(row_of.max(initial=-1)) + 1, np.inf)
    np.fmin.at(first_s, row_of, context.cursor.time[: len(row_of)])
    np.minimum.at(first_s, row_of[samples.counter], samples.time)
    return first_s


@dataclass(frozen=True, slots=True)
class _ByRow:
    """Where each row is found among many."""

    order: Ints
    rows: Ints

    @classmethod
    def of(cls, rows: Ints) -> "_ByRow":
        order = np.argsort(rows, kind="stable")
        return cls(order, rows[order])

    def places(self, row: int) -> Ints:
        """The positions of a row, in order."""
        first, last = np.searchsorted(self.rows, [row, row + 1])
        return self.order[first:last]


def _rounds(context: SampleContext, first_samples: Ints) -> Iterable[Ints]:
    time = context.steps.samples.time[first_samples]
    order = np.argsort(time, kind="stable")
    first_samples, time = first_samples[order], time[order]
    first = 0
    while first < len(first_samples):
        last = int(np.searchsorted(time, time[first] + _ROUND_S, side="right"))
        yield first_samples[first:last]
        first = last


class _Round:
    """The first_samples of one row at about one time; counters that *ended* are those that others have gone on from."""

    def __init__(
        self, context: SampleContext, own: _OfRow, first_samples: Ints, registry: Registry, ended: set[int]
    ) -> None:
        samples = context.steps.samples
        self._context = context
        self._registry = registry
        # The largest values prove most.
        self._first_samples = first_samples[np.argsort(-samples.value[first_samples], kind="stable")]
        self._begin = float(samples.time[first_samples].min())
        self._newest = context.newest_s
        # Those that return may be living twins of those that appear with them.
        appear = samples.counter[first_samples[~self._returns(first_samples)]]
        self._others = self._seen_before(own, np.union1d(appear, self._appear_together(own)))
        self._by_signature: dict[frozenset[str], dict[Labels, list[int]]] = {}
        self._taken = set(ended)
        self._renamed: dict[int, int] = {}

    def links(self) -> list[Link]:
        """All links of the round."""
        if not len(self._others.counter):
            return []
        changes: list[frozenset[str]] = []
        links: list[Link] = []
        unsure: list[int] = []
        for sample in self._first_samples.tolist():
            link = self._certain(sample, changes)
            if link is None:
                unsure.append(sample)
            else:
                links.append(link)
        for sample in unsure:
            found = (self._consistent(sample, change) for change in changes)
            links += [link for link in found if link is not None][:1]
        self._first_samples = self._first_samples[~self._returns(self._first_samples)]
        return links or self._takeover() or self._twins()

    def _returns(self, samples: Ints) -> Bools:
        """Which samples are of series that were seen before, and were away."""
        return ~np.isnan(self._context.steps.since[samples])

    def _appear_together(self, own: _OfRow) -> Ints:
        """The living counters that are first seen so near to the round that they appear with it.

        Where series of one scrape have timestamps of their own, what is counted may begin or end between them.
        """
        steps, cursor, begin = self._context.steps, self._context.cursor, self._begin
        at, counter = steps.samples.time[own.samples], steps.samples.counter[own.samples]
        first = counter[np.isnan(steps.since[own.samples]) & (np.abs(at - begin) <= _ROUND_S)]
        once = own.counters[(cursor.time[own.counters] >= begin - _ROUND_S) & np.isnan(cursor.latest[own.counters])]
        return np.intersect1d(np.union1d(first, once), counter[at >= begin])

    def _seen_before(self, own: _OfRow, new: Ints) -> _Others:
        context, begin = self._context, self._begin
        cursor, counters = context.cursor, own.counters[~np.isin(own.counters, new)]
        time, value = cursor.time[counters].copy(), cursor.value[counters].copy()
        at, counter = context.steps.samples.time[own.samples], context.steps.samples.counter[own.samples]
        place = _places(counters, counter)
        near = np.flatnonzero((at < begin) & (at > begin - LOOKBACK_S - _ROUND_S) & (place >= 0))
        # Samples are in the order of time within each counter: the last one counts.
        time[place[near]] = at[near]
        value[place[near]] = context.steps.samples.value[own.samples[near]]
        # One that is seen again much later, under labels that come and go, did not live in between.
        soon = np.flatnonzero((at >= begin) & (place >= 0))[::-1]
        again_s, again = np.full(len(counters), np.inf), np.full(len(counters), np.nan)
        again_s[place[soon]], again[place[soon]] = at[soon], context.steps.samples.value[own.samples[soon]]
        known = ~np.isnan(value) & (time > _oldest_s(time, begin)) & (time < begin)
        back = ~known & (again_s <= begin + _ROUND_S)
        time[back], value[back] = again_s[back], again[back]
        kept = np.flatnonzero(known | back)
        kept = kept[np.argsort(value[kept], kind="stable")]
        due = time[kept] + _LIVES_SCRAPES * self._scrape_s(own, place, len(counters))[kept]
        return _Others(
            counter=counters[kept],
            time=time[kept],
            value=value[kept],
            due=due,
            lives=again_s[kept] <= due,
            returns=again_s[kept] <= time[kept] + LOOKBACK_S,
            again_s=again_s[kept],
            again=again[kept],
        )

    def _scrape_s(self, own: _OfRow, place: Ints, size: int) -> Floats:
        """How far apart the samples of the counters at *place* may be around the first_samples, shape (size,).

        The longest step counts: edges of cells lie among the scrapes. Those of which no step is known are scraped like
        the rest of their row, whose newest steps are always known; or as seldom as may be, if it has none either.
        """
        time, since = self._context.steps.samples.time[own.samples], self._context.steps.since[own.samples]
        begin = self._begin
        before = (time < begin) & (since > begin - 2 * LOOKBACK_S)
        around = before | ((since >= begin) & (time <= begin + LOOKBACK_S))
        step_s, places = (time - since)[around], place[around]
        longest = np.full(size, np.nan)
        np.fmax.at(longest, places[places >= 0], step_s[places >= 0])
        unknown_s = float(step_s.max()) if len(step_s) else LOOKBACK_S / _LIVES_SCRAPES
        return np.minimum(np.where(np.isnan(longest), unknown_s, longest), LOOKBACK_S)

    def _certain(self, sample: int, changes: list[frozenset[str]]) -> Link | None:
        """The link of a first sample whose value alone proves it; the labels that changed are added to *changes*."""
        value = float(self._context.steps.samples.value[sample])
        if value < CERTAIN_EVENTS:
            return None
        for change in changes:
            link = self._consistent(sample, change)
            if link is not None:
                return link
        middle = int(np.searchsorted(self._others.value, value))
        near = range(max(0, middle - _NEAREST), min(len(self._others.value), middle + 2))
        candidates: list[tuple[int, bool, float, int, frozenset[str]]] = []
        likely: list[tuple[int, bool, frozenset[str]]] = []
        for place in near:
            found = self._change(sample, place)
            if found is not None and self._is_near(sample, place, certain=True):
                candidates.append(
                    (len(found), self._names_another(sample, found), self._deviation(sample, place), place, found)
                )
            elif found is not None and self._is_near(sample, place, certain=False):
                likely.append((len(found), self._names_another(sample, found), found))
        # Where one that differs in less has about the same value, the value of another one is met by chance.
        candidates = [
            each
            for each in candidates
            if not any(
                fewer < each[4] or (each[1] and not another and many <= each[0]) for many, another, fewer in likely
            )
        ]
        for _, _, _, place, change in sorted(candidates, key=lambda each: each[:4]):
            link = self._link(sample, place)
            if link is not None:
                changes.append(change)
                return link
            if self._is_undecided(sample, place):
                return None  # a worse candidate would be taken in its place
        return None

    def _names_another(self, sample: int, change: frozenset[str]) -> bool:
        """Whether a *change* would give a counter what names another one: what is renamed has a name that is new.

        Targets are apart: what kube-state-metrics counts goes from shard to shard.
        """
        labels = self._registry.own_labels_of(int(self._context.steps.samples.counter[sample])) or ()
        return any(
            name in change and name not in _TARGET_LABELS and (name, value) in self._known_labels
            for name, value in labels
        )

    @cached_property
    def _known_labels(self) -> frozenset[tuple[str, str]]:
        """The labels of the others, with their values."""
        others = (self._registry.own_labels_of(counter) or () for counter in self._others.counter.tolist())
        return frozenset(pair for labels in others for pair in labels)

    def _consistent(self, sample: int, change: frozenset[str]) -> Link | None:
        """The link of a sample to the counter that differs by the labels that changed, if its value allows it."""
        for place in self._partners(sample, change):
            if self._is_near(sample, place, certain=False):
                link = self._link(sample, place)
                if link is not None:
                    return link
        return None

    def _takeover(self) -> list[Link]:
        """Links of small values: all series of a target ended, and as many began that differ in the same labels."""
        arrays, counter = self._context.arrays, self._context.steps.samples.counter
        targets = arrays.target[counter[self._first_samples]]
        options: list[tuple[int, float, list[Link]]] = []
        for target in np.unique(targets).tolist():
            options += self._successions(target, self._first_samples[targets == target].tolist())
        chosen: list[Link] = []
        begun: set[int] = set()
        # The fewest labels that differ and the likeliest values first: instances of one job may stand close together.
        for _, _, links in sorted(options, key=lambda option: option[:2]):
            ended = {link.old for link in links}
            if self._taken.isdisjoint(ended) and begun.isdisjoint(link.new for link in links):
                self._taken |= ended
                begun |= {link.new for link in links}
                chosen += links
        return chosen

    def _twins(self) -> list[Link]:
        """Links of small values: each new series of a target shows, scrape by scrape, just what another one shows.

        Several that do so by the same change of labels are the same counters exported twice.
        """
        arrays, samples = self._context.arrays, self._context.steps.samples
        targets = arrays.target[samples.counter[self._first_samples]]
        links: list[Link] = []
        for target in np.unique(targets).tolist():
            new = self._first_samples[targets == target].tolist()
            if len(new) < _LEAST_TWINS or samples.value[new].sum() <= _LEAST_TWINS * SLACK_EVENTS:
                continue
            of_target = np.flatnonzero(self._others.lives & (arrays.target[self._others.counter] == target)).tolist()
            same = [place for place in of_target if self._shows_the_same(new[0], place)]
            for change in (self._change(new[0], place) for place in same):
                partners = [] if not change else [self._twin(sample, change) for sample in new]
                if partners and None not in partners and len(set(partners)) == len(partners):
                    links += [
                        Link(int(samples.counter[sample]), old, duplicate=True, at=float(samples.time[sample]))
                        for sample, old in zip(new, partners, strict=True)
                        if old is not None
                    ]
                    break
        return links

    def _twin(self, sample: int, change: frozenset[str]) -> int | None:
        """The counter that differs from a new one by a *change* of labels and shows the same."""
        places = (place for place in self._partners(sample, change) if self._shows_the_same(sample, place))
        return next((int(self._others.counter[place]) for place in places), None)

    def _shows_the_same(self, sample: int, place: int) -> bool:
        """Whether a new counter is scraped with a living one of its target, and never differs from it."""
        samples, old = self._context.steps.samples, int(self._others.counter[place])
        first, last = self._context.span(int(samples.counter[sample]))
        other_first, other_last = self._context.span(old)
        _, mine, theirs = np.intersect1d(
            samples.time[first:last], samples.time[other_first:other_last], return_indices=True
        )
        return (
            len(mine) >= PROOF_SAMPLES
            and int(self._context.arrays.target[samples.counter[sample]]) == int(self._context.arrays.target[old])
            and bool((samples.value[first:last][mine] == samples.value[other_first:other_last][theirs]).all())
        )

    def _successions(self, target: int, first_samples: list[int]) -> Iterable[tuple[int, float, list[Link]]]:
        """The ways in which the first_samples of a target may be series that ended: changed labels, distance, links."""
        samples, others = self._context.steps.samples, self._others
        counter, time, value = samples.counter, samples.time, samples.value
        of_target = self._context.arrays.target[others.counter]
        known, largest = bool((of_target == target).any()), float(value[first_samples[0]])
        if largest <= (0.0 if known else SLACK_EVENTS):
            return
        newest = self._newest
        if not known and newest < self._begin + LOOKBACK_S / 2:
            return  # the old target may not have been scraped yet
        for place in np.flatnonzero(~others.lives & ((of_target == target) | (not known))).tolist():
            mine = of_target == of_target[place]
            # Those that were not in the last scrapes of their target had ended before.
            mine &= others.due >= others.time[mine].max()
            if not mine[place]:
                continue
            ended = set(np.flatnonzero(~others.lives & mine).tolist())
            change = self._change(first_samples[0], place)
            if (
                change is None
                or self._names_another(first_samples[0], change)
                or len(ended) > len(first_samples)
                or not self._is_near(first_samples[0], place, certain=False)
            ):
                continue
            if not known and newest < others.due[mine].max():
                continue
            pairs = [
                (sample, partner)
                for sample in first_samples
                for partner in [each for each in self._partners(sample, change) if each in ended][:1]
                if self._is_near(sample, partner, certain=False)
                and not self._lived_together(sample, int(others.counter[partner]))
                and (known or not others.returns[partner] or self._stands_between(sample, partner))
                and (not others.lives[mine].any() or self._goes_on(sample, partner))
            ]
            # Where an exporter forgets idle series, others begin in the same scrape by chance, most with one event.
            if others.lives[mine].any() and others.value[list(ended)].sum() <= 1:
                continue
            if len({partner for _, partner in pairs}) == len(ended):
                distance = sum(self._deviation(sample, partner) for sample, partner in pairs)
                links = [
                    Link(int(counter[sample]), int(others.counter[partner]), duplicate=False, at=float(time[sample]))
                    for sample, partner in pairs
                ]
                yield len(change), distance, links

    def _change(self, sample: int, place: int) -> frozenset[str] | None:
        """The labels in which a sample differs from a counter; None if too little agrees, or they count otherwise."""
        arrays, samples = self._context.arrays, self._context.steps.samples
        new, old = int(samples.counter[sample]), int(self._others.counter[place])
        if arrays.total[new] != arrays.total[old] or arrays.bad[new] != arrays.bad[old]:
            return None
        mine, theirs = self._registry.own_labels_of(new), self._registry.own_labels_of(old)
        if mine is None or theirs is None:
            return frozenset()
        differing = frozenset(name for name, _ in set(mine) ^ set(theirs))
        names = {name for name, _ in (*mine, *theirs)}
        return differing if 2 * len(differing) <= len(names) else None

    def _partners(self, sample: int, change: frozenset[str]) -> list[int]:
        """The counters whose labels are those of a sample but for the ones that changed, the likeliest first.

        Those of the target that its target was before come first of all.
        """
        known = self._by_signature.get(change)
        if known is None:
            known = self._by_signature[change] = {}
            for place, counter in enumerate(self._others.counter.tolist()):
                labels = self._registry.own_labels_of(counter)
                if labels is not None:
                    known.setdefault(_without(labels, change), []).append(place)
        new = int(self._context.steps.samples.counter[sample])
        labels = self._registry.own_labels_of(new)
        if labels is None:
            return []
        arrays = self._context.arrays
        places = [
            place
            for place in known.get(_without(labels, change), [])
            if arrays.bad[self._others.counter[place]] == arrays.bad[new]
            and arrays.total[self._others.counter[place]] == arrays.total[new]
        ]
        was = self._renamed.get(int(arrays.target[new]), int(arrays.target[new]))

        def distance(place: int) -> tuple[bool, float]:
            elsewhere = int(arrays.target[self._others.counter[place]]) != was
            return elsewhere, self._deviation(sample, place)

        return sorted(places, key=distance)

    def _deviation(self, sample: int, place: int) -> float:
        """How far a first value is from where a counter will have got to by then, at its pace."""
        samples, old = self._context.steps.samples, int(self._others.counter[place])
        pace = float(np.nan_to_num(fastest(self._context.paces(old, self._begin))))
        gap_s = float(samples.time[sample]) - float(self._others.time[place])
        return abs(float(samples.value[sample]) - float(self._others.value[place]) - pace * gap_s)

    def _is_near(self, sample: int, place: int, *, certain: bool) -> bool:
        """Whether a first value is that of a counter, a little later; *certain*: and cannot be by chance."""
        samples = self._context.steps.samples
        old, stood = int(self._others.counter[place]), float(self._others.value[place])
        gap_s = float(samples.time[sample]) - float(self._others.time[place])
        growth = float(samples.value[sample]) - stood
        pace = float(np.nan_to_num(fastest(self._context.paces(old, self._begin))))
        # Two servers show it by turns, one of them a scrape behind. A counter of few scrapes' events is no more near to
        # what is behind it than to zero: jobs of a minute follow each other.
        lag = pace * (float(self._others.due[place]) - float(self._others.time[place]))
        if growth < -min(lag, stood / _CERTAIN_RATIO) - _SLACK_EVENTS:
            return False
        tolerance = PROOF_PACES * pace * gap_s + _SLACK_EVENTS
        if certain:
            return growth <= tolerance and stood >= _CERTAIN_RATIO * max(tolerance, -growth)
        target = int(self._context.arrays.target[old])
        target_pace = self._context.target_pace(target, self._begin)
        if target_pace is None and target != int(self._context.arrays.target[samples.counter[sample]]):
            # A job that was scraped once shows no pace by which the next one could be its continuation.
            return growth <= tolerance
        return growth <= tolerance or is_first_value_plausible(growth, gap_s=gap_s, pace=target_pace)

    def _goes_on(self, sample: int, place: int) -> bool:
        """Whether a small first value may be that of a counter of a target whose others keep their labels."""
        growth = float(self._context.steps.samples.value[sample]) - float(self._others.value[place])
        pace = fastest(self._context.paces(int(self._others.counter[place]), self._begin))
        return growth == 0 or (growth > 0 and (pace > 0 or self._others.value[place] > SLACK_EVENTS))

    def _link(self, sample: int, place: int) -> Link | None:
        """A link if it is sure by now whether the counter lives, and if it does, that both grow alike."""
        samples, arrays = self._context.steps.samples, self._context.arrays
        new, old = int(samples.counter[sample]), int(self._others.counter[place])
        if old in self._taken or not self._explains(sample, place):
            return None
        same_target = arrays.target[new] == arrays.target[old]
        both_live = bool(self._others.lives[place])
        if both_live and not (same_target and self._grow_alike(new, old)):
            return None
        if not both_live and (self._live_together(sample, old) or self._lived_together(sample, old)):
            return None
        comes_back = bool(self._others.returns[place]) and not self._stands_between(sample, place)
        if not both_live and not same_target and (comes_back or self._is_undecided(sample, place)):
            return None
        self._taken.add(old)
        self._renamed.setdefault(int(arrays.target[new]), int(arrays.target[old]))
        return Link(new, old, duplicate=both_live, at=float(samples.time[sample]))

    def _stands_between(self, sample: int, place: int) -> bool:
        """Whether a counter is only there while another one is away, and leads from where that one stood to its return.

        A target that is renamed for some scrapes has been the other one meanwhile.
        """
        samples = self._context.steps.samples
        _, last = self._context.span(int(samples.counter[sample]))
        ended_s, ended = float(samples.time[last - 1]), float(samples.value[last - 1])
        again_s, again = float(self._others.again_s[place]), float(self._others.again[place])
        return ended_s < again_s and ended <= again + _SLACK_EVENTS

    def _explains(self, sample: int, place: int) -> bool:
        """Whether a counter is nearer to a first value than the series itself, if that was there before it was away."""
        if not self._returns(np.array([sample]))[0]:
            return True
        own, stood = float(self._context.steps.raw[sample]), float(self._others.value[place])
        fell = float(self._context.steps.samples.value[sample]) < own
        return not self._others.lives[place] and (fell or own < stood)

    def _live_together(self, sample: int, old: int) -> bool:
        """Whether a counter is scraped at the times of another one, first seen in a *sample*: then they are two."""
        context, time = self._context, self._context.steps.samples.time
        (first, last), (other_first, other_last) = (
            context.span(counter) for counter in (int(context.steps.samples.counter[sample]), old)
        )
        return len(np.intersect1d(time[first:last], time[other_first:other_last])) >= PROOF_SAMPLES

    def _lived_together(self, sample: int, old: int) -> bool:
        """Whether a counter was there beside the one of a *sample* before: however alike they count, they are two.

        Targets of equal traffic whose scrapes fail by turns end and begin at the same values again and again.
        """
        context, seen = self._context, self._registry.seen
        if self._registry.are_apart(int(context.steps.samples.counter[sample]), old):
            return True
        if not self._returns(np.array([sample]))[0]:
            # Where history is counted, what follows is known of both.
            return seen.together_s(int(context.steps.samples.counter[sample]), old) > LOOKBACK_S
        first, last = context.span(old)
        here_s = float(context.steps.samples.time[first]) if first < last else np.inf
        known_s = float(np.nan_to_num(context.cursor.anchor[old], nan=np.inf))
        begun_s = min(here_s, known_s, seen.first_seen_s(old))
        return begun_s < float(context.steps.since[sample]) - LOOKBACK_S

    def _is_undecided(self, sample: int, place: int) -> bool:
        """Whether a counter of another target may live, and has only not been scraped yet."""
        samples, arrays = self._context.steps.samples, self._context.arrays
        if arrays.target[samples.counter[sample]] == arrays.target[self._others.counter[place]]:
            return False
        ended_by = max(self._begin + LOOKBACK_S / 2, float(self._others.due[place]))
        return not self._others.lives[place] and self._newest < ended_by

    def _grow_alike(self, new: int, old: int) -> bool:
        (first, last), (other_first, other_last) = self._context.span(new), self._context.span(old)
        samples = self._context.steps.samples
        begin = max(float(samples.time[first]), self._begin)
        mine = np.arange(first, last)[samples.time[first:last] >= begin]
        theirs = np.arange(other_first, other_last)[samples.time[other_first:other_last] >= begin]
        enough = len(mine) >= PROOF_SAMPLES and len(theirs) >= PROOF_SAMPLES
        return enough and are_alike(samples.time, samples.value, mine, theirs)


def _oldest_s(times: Floats, begin: float) -> float:
    """After when a counter was seen that one which begins at *begin* may go on from; *times* are when each was last.

    Those that were last seen together are all taken or none: with one of them missing, its sibling would be taken
    for it.
    """
    oldest_s = begin - LOOKBACK_S
    on_edge = (times > oldest_s - _ROUND_S) & (times <= oldest_s)
    return oldest_s + _ROUND_S if on_edge.any() else oldest_s


def _places(counters: Ints, found: Ints) -> Ints:
    """The place of each of those *found* among *counters*, which are in order; -1 for the others."""
    if not len(counters):
        return np.full(len(found), -1)
    place = np.minimum(np.searchsorted(counters, found), len(counters) - 1)
    return np.where(counters[place] == found, place, -1)


def _without(labels: Labels, names: frozenset[str]) -> Labels:
    return tuple(sorted(pair for pair in labels if pair[0] not in names))
