"""From the series of an answer to the counters of the ledger: which SLIs does a series belong to, and how?"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from app.ingest.series.buckets import HistogramParts, Unmeasured
from app.ingest.series.group_limit import GONE_S, free_places, has_room
from app.ingest.series.native_counters import NativeAnswer, NativeCounters
from app.ingest.series.source_labels import without_source
from app.ingest.series.tracked_slis import TrackedSli
from app.ledger import Ledger, Registry, RowKey, Samples, fingerprint
from app.prometheus import Matrix
from app.slo import Contribution, EventsOfSamples, GroupKey, Matcher, MatchOp, Selector
from app.slo.arrays import Bools, Floats, Ints

SeriesKey = tuple[tuple[str, str], ...]
# No series has a label of this name: it tells the contributions of one series apart.
_CONTRIBUTION = "\0contribution"
# Places of groups are renewed this often: each time all refused series are matched again.
_RENEWED_EVERY_S = 300.0
# Those that are read for one slot, those that become final in it, and the last ones of a piece of history.
_WANTED_KEPT = 4
# Of 200 SLIs each (`promql/plan.py`): live slots and what is settled name the same series.
_ANSWERS_KEPT = 256


class SeriesIndex:
    """Knows the counters of every series that it has seen; a series is matched against the selectors once.

    Attributes:
        native: the native histograms that are counted.
        left: how many rows belong to members that have left their groups.
        changes: how many times members have joined or left.
    """

    def __init__(self, ledger: Ledger, tracked_slis: Sequence[TrackedSli]) -> None:
        self._ledger = ledger
        self._tracked_slis = tracked_slis
        self._known: dict[SeriesKey, tuple[int, ...]] = {}
        # Thousands of series share most of their labels: each pair is in memory once.
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        # By the identity of their label sets, the series of answers that come slot after slot.
        self._answers: dict[int, tuple[Sequence[Mapping[str, str]], Ints, Ints]] = {}
        self._wanted: dict[tuple[TrackedSli, ...], Bools] = {}
        self._by_matcher: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        self._rest: dict[str, list[int]] = defaultdict(list)
        self._evaluated: dict[tuple[str, SeriesKey], tuple[int, ...]] = {}
        self._refused: set[SeriesKey] = set()
        self._renewed_s = 0.0
        self._leaving: set[int] = set()
        self.left = 0
        self.changes = 0
        self._histograms = HistogramParts()
        self.native = NativeCounters(tracked_slis)
        # By counter, which of the ways to tell events from samples is its own; -1 for what counts by its increases.
        self._ways: list[EventsOfSamples] = []
        self._way_of: dict[int, int] = {}
        self._way_column = np.empty(0, dtype=np.int64)
        self._position = {tracked.key: position for position, tracked in enumerate(tracked_slis)}
        self._with_buckets = {tracked.key for tracked in tracked_slis if tracked.sli.buckets}
        self._index(tracked_slis)
        self._add_rows([tracked for tracked in tracked_slis if not tracked.sli.by])

    def samples(
        self,
        matrix: Matrix,
        wanted: Iterable[TrackedSli],
        *,
        as_given: bool = False,
        levels: Floats | None = None,
    ) -> Samples:
        """The samples of an answer by counter, of the *wanted* SLIs only.

        Where samples are events themselves, their values are how many; the values of the answer if *as_given*. *levels*
        are what samples are to be counted from, shape of the answer's.
        """
        series, counters = self.counters(matrix)
        if len(counters):
            keep = self._rows_of(wanted)[self._ledger.registry.arrays.row[counters]]
            series, counters = series[keep], counters[keep]
        lengths = matrix.lengths[series]
        starts = (np.cumsum(matrix.lengths) - matrix.lengths)[series]
        index = np.arange(int(lengths.sum())) + np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
        samples = Samples(
            counter=np.repeat(counters, lengths),
            time=matrix.times[index],
            value=matrix.values[index],
            steady=np.zeros(len(index), dtype=bool),
            level=None if levels is None else levels[index],
        )
        return samples if as_given else self._as_events(samples)

    def native_samples(self, answer: NativeAnswer, wanted: Iterable[TrackedSli], *, as_given: bool = False) -> Samples:
        """The samples of native histograms by counter, of the *wanted* SLIs only; notes what was interpolated."""
        series, counters = self.counters(answer.matrix)
        ends = np.cumsum(answer.matrix.lengths)
        newest: dict[str, list[int]] = defaultdict(list)
        for position, counter in zip(series.tolist(), counters.tolist(), strict=True):
            newest[self.registry.rows[int(self.registry.arrays.row[counter])].sli].append(position)
        for key, positions in newest.items():
            self._tracked_slis[self._position[key]].interpolated.note(
                [answer.brackets[position] for position in positions],
                float(answer.matrix.times[ends[positions] - 1].max()),
            )
        return self.samples(answer.matrix, wanted, as_given=as_given, levels=answer.levels)

    def events_of(self, counter: int) -> EventsOfSamples | None:
        """How many events the samples of a series are; None for a counter."""
        way = self._way_of.get(counter)
        return None if way is None else self._ways[way]

    def owners(self, matrix: Matrix, series: Iterable[int]) -> set[str]:
        """The keys of the SLIs that count these series of an answer, given by position."""
        return self._owners(matrix, series, of_counters=False)

    def owners_of_counters(self, matrix: Matrix, series: Iterable[int]) -> set[str]:
        """The keys of the SLIs to which these series of an answer, given by position, are counters."""
        return self._owners(matrix, series, of_counters=True)

    def broken(self, matrix: Matrix) -> dict[int, float]:
        """The counters of good events whose newest sample no counter can have, each with when it had its last other."""
        positions, counters = self.counters(matrix)
        arrays, ends = self.registry.arrays, np.cumsum(matrix.lengths)
        good = (arrays.total[counters] > 0) & (arrays.bad[counters] == 0) & ~arrays.sampled[counters]
        found = {}
        for place in np.flatnonzero(good & np.isin(positions, matrix.broken)).tolist():
            position = int(positions[place])
            mine = slice(int(ends[position] - matrix.lengths[position]), int(ends[position]))
            sound = matrix.times[mine][matrix.values[mine] >= 0]
            found[int(counters[place])] = float(sound[-1]) if len(sound) else -np.inf
        return found

    def until_broken(self, samples: Samples, broken: Mapping[int, float]) -> Samples:
        """The samples without those beside *broken* counters: of a target whose good events are not known.

        Its bad events alone would be all of its events. It is as if the target had not been scraped since (ADR-0103).
        """
        arrays, kept = self.registry.arrays, np.ones(len(samples.time), dtype=bool)
        for counter, since_s in broken.items():
            same = (arrays.target == arrays.target[counter]) & (arrays.row == arrays.row[counter])
            kept &= ~same[samples.counter] | (samples.time <= since_s)
        return samples.only(kept)

    def _owners(self, matrix: Matrix, series: Iterable[int], *, of_counters: bool) -> set[str]:
        positions, counters = self.counters(matrix)
        counters = counters[np.isin(positions, list(series))]
        if of_counters:
            counters = counters[~self.registry.arrays.sampled[counters]]
        return {self.registry.rows[row].sli for row in self.registry.arrays.row[counters].tolist()}

    def _as_events(self, samples: Samples) -> Samples:
        """Samples of series that are no counters as numbers of events; no counter has a sample below zero."""
        if (samples.value < 0).any():
            samples = samples.only((samples.value >= 0) | self.registry.arrays.sampled[samples.counter])
        if not self._ways:
            return samples
        if len(self._way_column) < self.registry.sizes[2]:
            self._way_column = np.full(self.registry.sizes[2], -1, dtype=np.int64)
            self._way_column[list(self._way_of)] = list(self._way_of.values())
        way, value = self._way_column[samples.counter], samples.value.copy()
        for number in np.unique(way[way >= 0]).tolist():
            mine = way == number
            value[mine] = self._ways[number].of(value[mine])
        return replace(samples, value=value)

    @property
    def size(self) -> int:
        """How many series are known."""
        return len(self._known)

    @property
    def interval_s(self) -> int:
        """How long a slot is."""
        return self._ledger.interval_s

    @property
    def registry(self) -> Registry:
        """The rows and counters that series are admitted to."""
        return self._ledger.registry

    def only(self, samples: Samples, wanted: Iterable[TrackedSli]) -> Samples:
        """The samples of the *wanted* SLIs."""
        return samples.of_counters(self._rows_of(wanted)[self._ledger.registry.arrays.row])

    def measured(self, samples: Samples) -> tuple[Samples, Unmeasured | None]:
        """The samples without those of histograms that lack the bucket at their threshold; and which do."""
        return self._histograms.measured(samples)

    def note_unmeasured(self, unmeasured: Unmeasured) -> None:
        """Note on each SLI which of its histograms lack their bucket now, and when that was seen last."""
        for histogram, time in zip(unmeasured.histogram.tolist(), unmeasured.time.tolist(), strict=True):
            seen = self._tracked_slis[self._histograms.owner(histogram)].unmeasured
            seen[histogram] = max(time, seen.get(histogram, time))

    def counters(self, matrix: Matrix) -> tuple[Ints, Ints]:
        """Pairs of series (by position) and counter; a series that feeds several rows is there several times."""
        known = self._answers.get(id(matrix.labels))
        if known is not None and known[0] is matrix.labels:
            return known[1:]
        changes = self.changes
        found = self._look_up(matrix)
        if len(self._answers) >= _ANSWERS_KEPT:
            self._answers.clear()
        # With members that join or leave, what is known of a series may be another thing the next time.
        if matrix.known and changes == self.changes:
            self._answers[id(matrix.labels)] = (matrix.labels, *found)
        return found

    def _look_up(self, matrix: Matrix) -> tuple[Ints, Ints]:
        series: list[int] = []
        counters: list[int] = []
        ends = np.cumsum(matrix.lengths)
        for position, of_series in enumerate(matrix.labels):
            key = tuple(of_series.items())
            found = self._known.get(key)
            if found is None:
                # All samples of a series may have been left out, such as NaN.
                newest_s = (
                    float(matrix.times[ends[position] - 1]) if matrix.lengths[position] else self._ledger.newest_s
                )
                key = tuple(self._pairs.setdefault(pair, pair) for pair in key)
                found = self._known[key] = self._admit(of_series, key, newest_s)
            for counter in found:
                series.append(position)
                counters.append(counter)
        self._forget_left()
        return np.array(series, dtype=np.int64), np.array(counters, dtype=np.int64)

    def evaluated(
        self, tracked: TrackedSli, labels: Mapping[str, str], *, newest_s: float
    ) -> Iterator[tuple[int, EventsOfSamples]]:
        """The counters of one series of an expression's result, each with how its values are events.

        There are none while the group of the series has no place.
        """
        key = tracked.key, tuple(labels.items())
        found = self._evaluated.get(key)
        if found is None:
            group = group_of(tracked, labels)
            if not self._has_place(tracked, group, newest_s):
                return
            contributions = tracked.sli.contributions(labels)
            tracked.seen.labels.update(without_source(labels)[1])
            found = self._evaluated[key] = tuple(
                self._counter(tracked, group, labels, key[1], one) for one in contributions
            )
            self._forget_left()
        for counter in found:
            events = self.events_of(counter)
            if events is not None:
                yield counter, events

    def row(self, tracked: TrackedSli, group: GroupKey) -> int:
        """The ledger's row of one group, new if it was not known."""
        if group not in tracked.rows:
            self._add_rows([tracked], group)
        return tracked.rows[group]

    def renew_places(self) -> None:
        """Let members of groups leave that have gone for longer than any window needs; match refused series again."""
        now_s = self._ledger.newest_s
        if now_s - self._renewed_s < _RENEWED_EVERY_S:
            return
        self._renewed_s = now_s
        for tracked in self._tracked_slis:
            if tracked.sli.by:
                self._leaving |= free_places(tracked, self._ledger, gone_s=tracked.windows_s)
                seen_s = tracked.counted_s - 2 * _RENEWED_EVERY_S
                tracked.refused_groups = {
                    group: at_s for group, at_s in tracked.refused_groups.items() if at_s > seen_s
                }
        self._forget_left()
        for key in self._refused:
            self._known.pop(key, None)
        if self._refused:
            self._answers.clear()
        self._refused.clear()

    def _forget_left(self) -> None:
        """Forget the series of members that have left: one that comes back is admitted again."""
        if not self._leaving:
            return
        self.left += len(self._leaving)
        self.changes += 1
        self._wanted.clear()
        theirs = set(np.flatnonzero(np.isin(self._ledger.registry.arrays.row, list(self._leaving))).tolist())
        self._known = {key: counters for key, counters in self._known.items() if theirs.isdisjoint(counters)}
        self._answers.clear()
        self._pairs.clear()
        self._evaluated = {key: found for key, found in self._evaluated.items() if theirs.isdisjoint(found)}
        self._leaving.clear()

    def _add_rows(self, tracked_slis: Sequence[TrackedSli], group: GroupKey = ()) -> None:
        self.changes += 1
        self._wanted.clear()
        keys = [RowKey(tracked.key, group) for tracked in tracked_slis]
        self._ledger.add_rows(
            keys,
            horizon_s=np.array([tracked.horizon_s for tracked in tracked_slis]),
            from_s=np.array([tracked.settled_s for tracked in tracked_slis]),
            sampled=np.array([tracked.sli.samples_are_events for tracked in tracked_slis]),
        )
        for tracked, key in zip(tracked_slis, keys, strict=True):
            row = tracked.rows[group] = self._ledger.registry.row(key)
            self._ledger.settled_s[row] = tracked.settled_s
            self._ledger.counted_s[row] = tracked.counted_s
            self._ledger.complete_from_s[row] = tracked.complete_from_s

    def _rows_of(self, tracked_slis: Iterable[TrackedSli]) -> Bools:
        """Which rows belong to some SLIs: mostly to the same ones as before, for each answer of an evaluation."""
        wanted = tuple(tracked_slis)
        mask = self._wanted.get(wanted)
        if mask is None:
            if len(self._wanted) >= _WANTED_KEPT:
                self._wanted.clear()
            mask = self._wanted[wanted] = np.zeros(len(self._ledger.registry.rows), dtype=bool)
            mask[[row for tracked in wanted for row in tracked.rows.values()]] = True
        return mask

    def _index(self, tracked_slis: Sequence[TrackedSli]) -> None:
        """Find the candidates of a series by the rarest `label="value"` of each selector."""
        popularity = Counter(
            (matcher.label, matcher.value) for tracked in tracked_slis for matcher in _equalities(tracked.selectors)
        )
        for position, tracked in enumerate(tracked_slis):
            for selector in tracked.selectors:
                keys = [(matcher.label, matcher.value) for matcher in _equalities((selector,))]
                if keys:
                    rarest = min(keys, key=lambda key: popularity[key])
                    self._by_matcher[tracked.sli.source, *rarest].append(position)
                else:
                    self._rest[tracked.sli.source].append(position)

    def _admit(self, labels: Mapping[str, str], key: SeriesKey, newest_s: float) -> tuple[int, ...]:
        source, own = without_source(labels)
        candidates = set(self._rest.get(source, ()))
        for label, value in own.items():
            candidates.update(self._by_matcher.get((source, label, value), ()))
        found = []
        for position in sorted(candidates):
            tracked = self._tracked_slis[position]
            contributions = tracked.sli.contributions(own)
            if not contributions:
                continue
            group = group_of(tracked, own)
            if self._has_place(tracked, group, newest_s):
                tracked.seen.note(tracked.sli, own)
                found += [self._counter(tracked, group, labels, key, contribution) for contribution in contributions]
            else:
                self._refused.add(key)
        return tuple(found)

    def _has_place(self, tracked: TrackedSli, group: GroupKey, newest_s: float) -> bool:
        """Whether a group has a place among the members, or gets one; history gives none that a living one lacks."""
        if has_room(tracked, group):
            return True
        if newest_s < tracked.counted_s - GONE_S:
            return False
        left = free_places(tracked, self._ledger, gone_s=GONE_S, most=1)
        if not left:
            tracked.refused_groups[group] = tracked.counted_s
            return False
        self._leaving |= left
        tracked.refused_groups.pop(group, None)
        return True

    def _counter(
        self,
        tracked: TrackedSli,
        group: GroupKey,
        labels: Mapping[str, str],
        everything: SeriesKey,
        contribution: Contribution,
    ) -> int:
        row, weights = self.row(tracked, group), contribution.weights
        identity = fingerprint(labels if not contribution.name else {**labels, _CONTRIBUTION: contribution.name})
        counter = self._ledger.registry.counter(row, identity, weights, everything)
        if contribution.events is not None:
            if contribution.events not in self._ways:
                self._ways.append(contribution.events)
            self._way_of[counter] = self._ways.index(contribution.events)
            self._way_column = np.empty(0, dtype=np.int64)
        if tracked.key in self._with_buckets:
            in_total = weights.total > 0
            self._histograms.note(counter, self._position[tracked.key], tracked.sli, labels, in_total=in_total)
        return counter


def group_of(tracked: TrackedSli, labels: Mapping[str, str]) -> GroupKey:
    """The member of the SLI's group that a series with these labels belongs to."""
    return tuple((label, labels.get(label, "")) for label in sorted(tracked.sli.by))


def _equalities(selectors: Iterable[Selector]) -> list[Matcher]:
    return [
        matcher
        for selector in selectors
        for matcher in selector.matchers
        if matcher.op is MatchOp.EQUAL and matcher.value
    ]
