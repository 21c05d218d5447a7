"""The ledger, the positions up to which it has been counted (live and in history), and its changes in an evaluation.

Counts are made twice. In each slot the newest samples are counted from the *live* cursor on; when late samples have
had their time, the same time_range is counted again from the *settled* cursor on, for good. Both are one function of
the samples, so a service that has run for hours and one that has just started agree.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

import numpy as np

from app.ingest.counting.ended_series import EndedSeries
from app.ingest.series.series_index import SeriesIndex
from app.ingest.series.tracked_slis import CountedApart, TrackedSli, take_turns
from app.ledger import (
    COARSE_WIDTH_S,
    FINE_REACH_S,
    HOUR_S,
    LOOKBACK_S,
    MIDDLE_REACH_S,
    MIDDLE_WIDTH_S,
    PACE_GRID_S,
    WARM_UP_S,
    Count,
    FirstSighting,
    Increments,
    LastSamples,
    Ledger,
    NewSeries,
    Samples,
    Stage,
    Starts,
    count,
    count_first_samples,
    link_series_to_older,
    link_targets_to_older,
    positions_at,
    united,
)
from app.slo.arrays import Bools, Ints

# A counter that comes back within a week goes on where it positions.
_REMEMBERED_S = 7 * 86_400.0
# What a server has not got for so long is lost, also where nothing newer is there.
_MOST_LAG_S = 900.0
# Copies of a series are found one by one at worst, each where it begins: not all of a month is read for each.
_MOST_RECOUNTS = 3
# A new evaluator reads the whole ledger: not for some thousand series that it would forget.
_ROOM_FOR_SERIES = 20_000
# Rows of members that have left their groups; each evaluation writes what is known of them, too.
_ROOM_FOR_LEFT = 1_000


class LedgerWriter:
    """Ledger, last samples and tracked SLIs; without IO. All times are unix seconds.

    *history* is the most that is counted back of a new SLI; None is as much as its windows need.
    """

    def __init__(
        self, tracked_slis: Sequence[TrackedSli], *, interval_s: int, history: timedelta | None = None
    ) -> None:
        self.tracked_slis = tuple(tracked_slis)
        take_turns(self.tracked_slis, max(1, MIDDLE_WIDTH_S // interval_s))
        self.ledger = Ledger(interval_s)
        self.settled = LastSamples.empty()
        self.live = LastSamples.empty()
        self.starts = Starts()
        self.series_index = SeriesIndex(self.ledger, self.tracked_slis)
        self._united = self._parted = 0
        self.ended_series = EndedSeries()
        self.history_s = np.inf if history is None else history.total_seconds()
        self._tracked_of = {tracked.key: tracked for tracked in tracked_slis}

    def start(self, tracked_slis: Iterable[TrackedSli], *, at_s: float) -> None:
        """Begin to count SLIs: what is before *at_s* is history, to be counted back to the horizon."""
        for tracked in tracked_slis:
            tracked.started = True
            tracked.settled_s = tracked.counted_s = tracked.complete_from_s = at_s
            tracked.wanted_from_s = at_s - min(tracked.horizon_s, self.history_s)
            self.ledger.set_progress(rows_of([tracked]), settled_s=at_s, counted_s=at_s, complete_from_s=at_s)
            self.ledger.set_history_edge(rows_of([tracked]), at_s)

    def set_start_positions(self, tracked_slis: Sequence[TrackedSli], samples: Samples, *, until_s: float) -> None:
        """Learn where the counters positions at *until_s*, without counting."""
        positions = positions_at(
            samples, self.ledger.registry, until=until_s, starts=self.starts, known_s=until_s + LOOKBACK_S
        )
        self._unite()
        for cursor in (self.settled, self.live):
            cursor.copy_from(positions, rows_of(tracked_slis), self.ledger.registry)

    def settle(self, tracked_slis: Sequence[TrackedSli], samples: Samples, *, until_s: float, at_s: float) -> None:
        """Count *samples* after the settled cursor again: up to *until_s* for good, up to *at_s* provisionally."""
        # What the finest tier no longer holds cannot be taken back.
        late = max(self.ledger.newest_s, at_s) - FINE_REACH_S
        self.finalise([tracked for tracked in tracked_slis if tracked.settled_s < late])
        forgotten, lagging = self._forgotten(tracked_slis, samples, at_s=at_s)
        if forgotten:
            self.finalise(forgotten)
        # By hash: where a whole server lags these are thousands.
        apart = dict.fromkeys([*forgotten, *lagging])
        if apart:
            # What lags is settled once it has caught up.
            self.count_live([*apart], self.only(samples, [*apart]), at_s=at_s)
            tracked_slis = [tracked for tracked in tracked_slis if tracked not in apart]
            samples = self.only(samples, tracked_slis)
        if not tracked_slis:
            return
        rows, registry = rows_of(tracked_slis), self.ledger.registry
        if registry.uncompared:
            registry.note_history(rows_of(each for each in tracked_slis if each.backfilled).tolist(), whole=True)
        self.ledger.rollback_provisional(rows)
        self.ledger.advance(at_s)
        final = count(
            samples,
            self.settled,
            registry,
            until=until_s,
            gap_s=self.ledger.gap_s,
            starts=self.starts,
            known_s=until_s + LOOKBACK_S,
        )
        self._note(final)
        self.settled.copy_from(final.cursor, rows, registry)
        for tracked in tracked_slis:
            tracked.settled_s = until_s
        self.ledger.set_progress(rows, settled_s=until_s)
        new_series, new_targets = self._not_pending(final)
        first = count_first_samples(new_targets, new_series, registry)
        self._record(Increments.joined([final.increments, first]), Stage.FINAL)
        self._count_live_from(tracked_slis, samples, at_s=at_s, start=final.cursor)

    def count_live(self, tracked_slis: Sequence[TrackedSli], samples: Samples, *, at_s: float) -> None:
        """Count *samples* after the live cursor, provisionally, up to the slot *at_s*."""
        self.ledger.advance(at_s)
        self._count_live_from(tracked_slis, samples, at_s=at_s, start=self.live)

    def count_past(
        self, tracked_slis: Sequence[TrackedSli], samples: Samples, *, since_s: float, until_s: float
    ) -> None:
        """Count the newest range of history that is not counted yet."""
        registry = self.ledger.registry
        known_unions, known_partings = len(registry.unions), len(registry.partings)
        past = self._count_range(samples, since_s=since_s, until_s=until_s, starts=self.starts)
        united = registry.unions[known_unions:]
        counted_again = [
            *self._counted_twice(united, until_s),
            *self._counted_as_one(registry.partings[known_partings:]),
            *self._began_without_dips(past, until_s),
        ]
        self._note(past)
        increments = [past.increments]
        for tracked in tracked_slis:
            if tracked.pending_targets or tracked.pending_series:
                met, unmet = link_targets_to_older(
                    tracked.pending_targets, tracked.pending_series, past.cursor, registry
                )
                known, unknown = link_series_to_older(tracked.pending_series, past.cursor, registry)
                increments += [met, known]
                tracked.pending_targets, tracked.pending_series = list(unmet), list(unknown)
            tracked.complete_from_s = since_s
        new_series, new_targets = self._not_pending(past)
        increments.append(count_first_samples(new_targets, new_series, registry))
        for tracked in tracked_slis:
            if tracked.backfilled:
                increments.append(count_first_samples(tracked.pending_targets, tracked.pending_series, registry))
                tracked.pending_targets, tracked.pending_series = [], []
        rows = rows_of(tracked_slis)
        for tracked in tracked_slis:
            self.set_history_progress(tracked)
        self._fill_missing_from(past.cursor, rows)
        self._record(Increments.joined(increments), Stage.PAST)
        for tracked in dict.fromkeys(counted_again):
            self._forget_history(tracked)

    def _began_without_dips(self, past: Count, until_s: float) -> list[TrackedSli]:
        """The SLIs that were counted live from *until_s* on without knowing what counters had fallen from.

        The samples right before *until_s* do not show a fall of the last hour. Where nothing is final yet, it is enough
        to know it from now on; the SLIs that are given are to be counted again.
        """
        # The piece next to what is counted live is the only one that does not end on the grid of cells.
        if not past.cursor.dips or until_s % COARSE_WIDTH_S == 0:
            return []
        registry, found = self.ledger.registry, []
        for counter, dip in past.cursor.dips.items():
            if self.settled.dips.get(counter) == dip:
                continue
            tracked = self._tracked_of[registry.rows[int(registry.arrays.row[counter])].sli]
            if tracked.settled_s == until_s:
                self.settled.dips[counter] = dip
            elif dip.counted and dip.at < until_s - WARM_UP_S:
                found.append(tracked)
        return [tracked for tracked in found if tracked.history_recounts < _MOST_RECOUNTS]

    def _counted_twice(self, pairs: Iterable[tuple[int, int]], until_s: float) -> list[TrackedSli]:
        """The SLIs of which two series, that proved to be one in what is before *until_s*, were counted after it.

        A series that goes on under other labels is not: the one that it continues has ended.
        """
        registry = self.ledger.registry
        self.live.grow(registry.sizes)
        time = self.live.time
        copies = [new for new, old in pairs if time[new] > until_s and time[old] > until_s]
        slis = {registry.rows[row].sli for row in registry.arrays.row[copies].tolist()}
        found = [self._tracked_of[sli] for sli in sorted(slis)]
        return [each for each in found if each.settled_s > until_s and each.history_recounts < _MOST_RECOUNTS]

    def _counted_as_one(self, pairs: Iterable[tuple[int, int]]) -> list[TrackedSli]:
        """The SLIs of which two counters were counted as one, until history showed that they are two."""
        registry = self.ledger.registry
        slis = {registry.rows[int(registry.arrays.row[new])].sli for _, new in pairs}
        found = [self._tracked_of[sli] for sli in sorted(slis)]
        return [each for each in found if each.history_recounts < _MOST_RECOUNTS]

    def _forget_history(self, tracked: TrackedSli) -> None:
        """Take back all that is final of an SLI, to count it again."""
        tracked.history_recounts += 1
        tracked.complete_from_s = tracked.settled_s
        tracked.pending_targets, tracked.pending_series, tracked.copies = [], [], []
        for row in tracked.rows.values():
            self.ledger.forget_until(row, tracked.complete_from_s)
        self.set_history_progress(tracked)

    def count_partial_past(
        self, tracked_slis: Sequence[TrackedSli], samples: Samples, *, since_s: float, until_s: float
    ) -> None:
        """Count a range of history from which data is missing, until it is counted again.

        First values are not counted: whether a series is new is not known where older samples may be missing.
        """
        past = self._count_range(samples, since_s=since_s, until_s=until_s)
        for tracked in tracked_slis:
            tracked.partial_history_from_s = since_s
            self.set_history_progress(tracked)
        self._record(past.increments, Stage.PARTIAL_PAST)

    def count_copies_again(
        self, tracked: TrackedSli, samples: Samples, counters: Sequence[CountedApart], *, since_s: float, until_s: float
    ) -> None:
        """Count in (since, until] once what *counters* counted for good beside those that they are copies of.

        Only the difference is recorded: what else was counted may go on from what was long before *samples*.
        """
        registry, found = self.ledger.registry, []
        samples = self.only(samples, [tracked])
        for sign, moved in ((-1.0, [one.counters for one in counters]), (1.0, [])):
            with registry.counted_apart(moved):
                counted = self._count_range(
                    samples, since_s=since_s, until_s=until_s, starts=self.starts, finds_links=False
                ).with_first_samples(registry)
            # The time was measured, whichever of the copies was seen.
            seen = np.zeros(len(counted.row), dtype=bool)
            found.append(replace(counted, total=sign * counted.total, bad=sign * counted.bad, seen=seen))
        self.ledger.record(Increments.joined(found), Stage.FINAL)
        tracked.copies = [one for one in tracked.copies if one not in counters]

    def _count_range(
        self,
        samples: Samples,
        *,
        since_s: float,
        until_s: float,
        starts: Starts | None = None,
        finds_links: bool = True,
    ) -> Count:
        """Count *samples* of history after *since_s*; those before show where the counters stood then."""
        registry = self.ledger.registry
        known_s = until_s + LOOKBACK_S
        positions = positions_at(
            samples,
            registry,
            until=since_s,
            within_s=PACE_GRID_S,
            starts=starts,
            known_s=known_s,
            finds_links=finds_links,
        )
        return count(
            samples.after(since_s),
            positions,
            registry,
            until=until_s,
            gap_s=self.ledger.gap_s,
            starts=starts,
            known_s=known_s,
            finds_links=finds_links,
        )

    def forget_partial_past(self, tracked: TrackedSli) -> None:
        """Take back all that was counted before the whole history begins, such as a range with data missing."""
        for row in tracked.rows.values():
            self.ledger.forget_until(row, tracked.complete_from_s)
        tracked.partial_history = tracked.partial_history_from_s = None
        tracked.partial_history_apart = False
        self.set_history_progress(tracked)

    def _keep_partial_past_apart(self, tracked: TrackedSli, at_s: float) -> None:
        """Once nothing finer is left of the coarse cell in which whole counts begin, it holds only these."""
        tracked.partial_history_apart = at_s - tracked.complete_from_s > MIDDLE_REACH_S
        for row in tracked.rows.values() if tracked.partial_history_apart else ():
            self.ledger.forget_in_cut(row, tracked.complete_from_s)

    def forget_unfinished_history(self) -> None:
        """After a restart, take back history from which data was missing: which that was is not stored."""
        for tracked in self.tracked_slis:
            if tracked.started and not tracked.backfilled:
                self.forget_partial_past(tracked)

    def increments_of(
        self, tracked_slis: Sequence[TrackedSli], samples: Samples, *, since_s: float, until_s: float
    ) -> Increments:
        """What *samples* of a range of history come to, without counting it."""
        counted = self.count_apart(tracked_slis, samples, since_s=since_s, until_s=until_s)
        return counted.with_first_samples(self.ledger.registry)

    def only(self, samples: Samples, tracked_slis: Sequence[TrackedSli]) -> Samples:
        """The samples of the counters of some SLIs, which `SeriesIndex.only` would remember."""
        return samples.of_counters(np.isin(self.ledger.registry.arrays.row, rows_of(tracked_slis)))

    def count_apart(
        self, tracked_slis: Sequence[TrackedSli], samples: Samples, *, since_s: float, until_s: float
    ) -> Count:
        """Count the *samples* of some SLIs in a range of history, without recording anything."""
        return self._count_range(self.only(samples, tracked_slis), since_s=since_s, until_s=until_s, starts=self.starts)

    def detail(self, tracked_slis: Sequence[TrackedSli], samples: Samples, *, hour: int) -> None:
        """Learn the slots of one hour of the past, which windows are about to leave."""
        begin_s, registry = (hour - 1) * float(HOUR_S), self.ledger.registry
        positions = positions_at(samples, registry, until=begin_s, starts=self.starts)
        counted = count(
            samples, positions, registry, until=begin_s + HOUR_S, gap_s=self.ledger.gap_s, starts=self.starts
        )
        self.ledger.set_edge_slots(hour, rows_of(tracked_slis), counted.with_first_samples(registry))

    def set_history_progress(self, tracked: TrackedSli) -> None:
        """Note how far back the rows of an SLI are known; once all that windows need is counted, for good.

        A window of an SLI that has gone ends where it was last seen, and begins before what is wanted now.
        """
        whole = tracked.backfilled and tracked.horizon_s <= self.history_s
        counted_from_s = tracked.partial_history_from_s
        counted_from_s = tracked.complete_from_s if counted_from_s is None else counted_from_s
        self.ledger.registry.note_history(tracked.rows.values(), whole=tracked.backfilled)
        self.ledger.set_progress(rows_of([tracked]), complete_from_s=0.0 if whole else counted_from_s)
        self.ledger.set_history_edge(rows_of([tracked]), tracked.complete_from_s)

    def finalise(self, tracked_slis: Sequence[TrackedSli]) -> None:
        """Make final what was counted so far, since it cannot be counted again."""
        rows = rows_of(tracked_slis)
        self.ledger.finalise(rows)
        self.settled.copy_from(self.live, rows, self.ledger.registry)
        for tracked in tracked_slis:
            tracked.settled_s = tracked.counted_s

    def remembered(self) -> Bools:
        """Which counters are worth remembering: seen lately, or waiting for older history; shape (counters,)."""
        registry = self.ledger.registry
        self.live.grow(registry.sizes)
        rows = registry.arrays.row
        kept = ~(self.live.time[: len(rows)] < self.ledger.counted_s[rows] - _REMEMBERED_S)
        kept[
            [
                counter
                for tracked in self.tracked_slis
                for sighting in tracked.pending_targets
                for counter, _ in sighting.values
            ]
        ] = True
        kept[[series.counter for tracked in self.tracked_slis for series in tracked.pending_series]] = True
        kept[registry.arrays.stream[kept]] = True
        return kept

    @property
    def mostly_ended_series(self) -> bool:
        """Whether most series that are known have long gone."""
        if self.series_index.left > _ROOM_FOR_LEFT:
            return True
        kept = int(self.remembered().sum())
        return max(self.ledger.registry.sizes[2], self.series_index.size) > 2 * kept + _ROOM_FOR_SERIES

    def _count_live_from(
        self, tracked_slis: Sequence[TrackedSli], samples: Samples, *, at_s: float, start: LastSamples
    ) -> None:
        rows, registry = rows_of(tracked_slis), self.ledger.registry
        counted = count(samples, start, registry, until=at_s, gap_s=self.ledger.gap_s, starts=self.starts)
        self._note(counted)
        self.live.copy_from(counted.cursor, rows, registry)
        self._record(counted.with_first_samples(registry), Stage.PROVISIONAL)
        for tracked in tracked_slis:
            tracked.counted_s = at_s
            if tracked.partial_history is not None and not tracked.partial_history_apart:
                self._keep_partial_past_apart(tracked, at_s)
        self.ledger.set_progress(rows, counted_s=at_s)
        self.ledger.extend(rows, self.live.row[rows])
        self.ledger.ended_s[rows] = self.ended_series.ended_s(rows, self.live, registry)

    def _note(self, counted: Count) -> None:
        """Note what counting has found out about series: those that are one counter, and those that dipped."""
        registry = self.ledger.registry
        rows = registry.arrays.row
        for counter, at_s in counted.dipped:
            self.ledger.note_dip(int(rows[counter]), at_s)
        for counter, at_s in counted.doubled:
            self.ledger.note_copy(int(rows[counter]), at_s)
        for link in counted.links:
            if link.duplicate:
                self.ledger.note_copy(int(rows[link.new]), float(counted.cursor.time[registry.arrays.stream[link.old]]))
        self._note_copies(counted)
        self._unite()

    def _note_copies(self, counted: Count) -> None:
        """Note which of the counters that have just proved to be others had been counted for good beside them."""
        registry = self.ledger.registry
        unions, moved = registry.unions[self._united :], registry.moved[self._united :]
        if not unions:
            return
        self.settled.grow(registry.sizes)
        # One that goes on as another, which has ended, was no copy of it.
        ended = {(link.new, link.old) for link in counted.links if not link.duplicate}
        for pair, counters in zip(unions, moved, strict=True):
            tracked = self._tracked_of[registry.rows[int(registry.arrays.row[pair[0]])].sli]
            # What is older is read as history, in which they count once.
            since_s, until_s = tracked.complete_from_s, tracked.settled_s
            if pair not in ended and since_s < until_s and not np.isnan(self.settled.time[list(pair)]).any():
                tracked.copies.append(CountedApart(counters, since_s, until_s))

    def _unite(self) -> None:
        """Go on with counters that proved to be others."""
        registry = self.ledger.registry
        unions, self._united = registry.unions[self._united :], len(registry.unions)
        partings, self._parted = registry.partings[self._parted :], len(registry.partings)
        for cursor in (self.settled, self.live):
            for pair in partings:
                cursor.part(*pair)
        if not unions:
            return
        for cursor in (self.settled, self.live):
            cursor.grow(registry.sizes)
            for new, old in unions:
                cursor.merge(new, old)
            cursor.merge_targets(registry)

    def _record(self, increments: Increments, stage: Stage) -> None:
        self.ledger.note_first_samples(*increments.rows_seen)
        self.ledger.record(increments, stage)

    def _not_pending(self, counted: Count) -> tuple[list[NewSeries], list[FirstSighting]]:
        """New series and targets that can be counted now; those of SLIs being backfilled wait for older history."""
        new_series: list[NewSeries] = []
        new_targets: list[FirstSighting] = []
        for series in counted.new_series:
            tracked = self._tracked_of[self.ledger.registry.rows[series.row].sli]
            (new_series if tracked.backfilled or series.decided else tracked.pending_series).append(series)
        for sighting in counted.new_targets:
            tracked = self._tracked_of[self.ledger.registry.rows[sighting.row].sli]
            (new_targets if tracked.backfilled else tracked.pending_targets).append(sighting)
        return new_series, new_targets

    def _fill_missing_from(self, older: LastSamples, rows: Ints) -> None:
        only = LastSamples.empty()
        only.copy_from(older, rows, self.ledger.registry)
        for cursor in (self.settled, self.live):
            cursor.grow(self.ledger.registry.sizes)
            cursor.fill_missing_from(only)

    def _forgotten(
        self, tracked_slis: Sequence[TrackedSli], samples: Samples, *, at_s: float
    ) -> tuple[list[TrackedSli], list[TrackedSli]]:
        """The SLIs of which Prometheus no longer has samples that it had when they were counted; those that may lag.

        Where nothing newer is there either, the answer may come from a server that lags, as one of several may.
        """
        registry = self.ledger.registry
        self.live.grow(registry.sizes)
        samples = united(samples, registry)
        rows = registry.arrays.row
        counted = self.live.time[: len(rows)]
        there = np.zeros(len(rows), dtype=bool)
        # The very sample: one that has lost its data may have scraped later ones.
        there[samples.counter[samples.time == counted[samples.counter]]] = True
        newer = np.zeros(len(rows), dtype=bool)
        newer[samples.counter[samples.time > counted[samples.counter]]] = True
        lost = (counted > self.ledger.settled_s[rows]) & ~there
        lags = lost & ~newer & (at_s - counted <= _MOST_LAG_S)
        gone = {registry.rows[row].sli for row in (*np.unique(rows[lost & ~lags]), *self._with_new_holes(samples))}
        late = {registry.rows[row].sli for row in np.unique(rows[lags])} - gone
        return (
            [tracked for tracked in tracked_slis if tracked.key in gone],
            [tracked for tracked in tracked_slis if tracked.key in late],
        )

    def _with_new_holes(self, samples: Samples) -> Ints:
        """Rows whose first samples after the settled time were measured once and are not there any more."""
        rows = self.ledger.registry.arrays.row[samples.counter]
        settled_s, first_s = self.ledger.settled_s, np.full(len(self.ledger.settled_s), np.nan)
        after = samples.time > settled_s[rows]
        np.fmin.at(first_s, rows[after], samples.time[after])
        # With less between them, two samples leave no hole.
        suspects = np.flatnonzero(first_s - settled_s > LOOKBACK_S)
        if not len(suspects):
            return suspects
        start_s, end_s = settled_s[suspects], np.minimum(first_s, self.ledger.counted_s)[suspects]
        measured = self.ledger.sums(suspects, start_s, end_s).coverage * (end_s - start_s)
        lost: Ints = suspects[measured > LOOKBACK_S / 2]
        return lost


def rows_of(tracked_slis: Iterable[TrackedSli]) -> Ints:
    """The rows of some SLIs."""
    return np.array([row for tracked in tracked_slis for row in tracked.rows.values()], dtype=np.int64)
