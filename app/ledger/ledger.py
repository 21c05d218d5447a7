"""The ledger: what every row counted, at three resolutions, up to the newest slot.

Each count goes into every resolution that reaches back far enough, so a window is a sum over one of them, and merging
changes no sum. What was counted after a row's *settled* time is provisional: it is counted once more when late samples
have had their time (`rollback_provisional`, then `record` again).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from app.ledger.edge_slots import HOUR_S, EdgeSlots
from app.ledger.history_edge import HistoryEdge
from app.ledger.increments import Increments
from app.ledger.past import RowPast
from app.ledger.registry import Registry, RowKey
from app.ledger.resolutions import Resolution, Sums, each_cell
from app.ledger.runs import LOOKBACK_S
from app.ledger.slot_columns import SlotColumns
from app.slo.arrays import Bools, Floats, Ints

# ADR-0005: the longest window that needs slots is that of a ticket, 1d/2h...
FINE_REACH_S = 86_400
# ...and 3d/6h is exact to five minutes.
MIDDLE_REACH_S = 3 * 86_400
# Counts become final every five minutes (ADR-0004), a whole cell each time.
MIDDLE_WIDTH_S = 300
# A quarter of an hour is the coarsest grid on which every calendar day of every modern time zone begins.
COARSE_WIDTH_S = 900
# A window may end some slots ago, where data is late, and must still find its first cell.
_SLACK_CELLS = 40
# Two scrapes, and what they may be late.
_GAP_SCRAPES = 2.1
# At this share of the difference in each slot, a scrape interval that doubles is known within the hour.
_SLOWER_SHARE = 0.02
# Of series whose samples are events: each sample that is missing is missing, but history may have been scraped once a
# minute where a target is scraped more often now.
_SHORTEST_GAP_S = _GAP_SCRAPES * 60.0
# Sums of 64-bit floats differ in the last digits; a missing sample differs by an event.
_AGREEMENT_EVENTS = 0.01
# Below an hour of middle cells, summing them costs less than two sums at two resolutions.
_LONG_CELLS = 12


class Stage(Enum):
    """What becomes of recorded increments: history, for good or to be counted again, final or provisional counts."""

    PAST = "past"
    PARTIAL_PAST = "partial past"
    FINAL = "final"
    PROVISIONAL = "provisional"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSums:
    """One window of many rows, shape (rows,): events, and which share of the time since the first sample was measured.

    0 <= *bad* <= *total* always; *excess* is what contradicts that in the counters: by how many events bad exceeded the
    total, or, negative, good did.
    """

    total: Floats
    bad: Floats
    coverage: Floats
    excess: Floats

    @classmethod
    def of(cls, total: Floats, bad: Floats, coverage: Floats) -> "WindowSums":
        """The sums as SLIs are judged by them: what is bad is an event, even if the total does not count it.

        `dropped / sent` and `errors / sent` have a total that stands still in an outage, and a Prometheus rule over
        them fires. Good events that the total does not count are no negative errors: they would hide real ones
        (ADR-0029).
        """
        excess = np.maximum(bad - total, 0.0) + np.minimum(bad, 0.0)
        bad = np.maximum(bad, 0.0)
        return cls(total=np.maximum(total, bad), bad=bad, coverage=coverage, excess=excess)


class Ledger:
    """Rows of counts on a grid of *interval_s* seconds.

    Columns by row, unix seconds: *first_sample_s* (NaN: none yet), *settled_s* up to where counts are final,
    *counted_s* up to where they were counted at all, *complete_from_s* how far back history has been counted,
    *covered_s* up to where they were measured, *good_shown* and *bad_shown* the most events that were ever shown,
    *dipped_s* when a counter last fell without having been reset, *copied_s* when a series was last found to be a
    copy of another one, *ended_s* since when a series of bad events is missing while others of its target go on
    (NaN: never).
    *scrape_s* is how far apart samples are (NaN: not known). *changed_from_s* is where the oldest change of its
    cells begins since `take_changes` (infinity: none), so that what is made of a row's slots is made of them again.
    """

    def __init__(self, interval_s: int) -> None:
        if MIDDLE_WIDTH_S % interval_s:
            raise ValueError(f"an interval of {interval_s} s does not divide {MIDDLE_WIDTH_S} s")
        self.interval_s = interval_s
        self.registry = Registry()
        self.fine = Resolution(interval_s)
        self.middle = Resolution(MIDDLE_WIDTH_S)
        self.coarse = Resolution(COARSE_WIDTH_S)
        self.resolutions = (self.fine, self.middle, self.coarse)
        self.edge_slots = EdgeSlots(interval_s)
        self.history_edge = HistoryEdge()
        self.newest_s = 0.0
        self.horizon_s = np.empty(0)
        self.first_sample_s = np.empty(0)
        self.settled_s = np.empty(0)
        self.counted_s = np.empty(0)
        self.complete_from_s = np.empty(0)
        self.ever_total = np.empty(0)
        self.ever_bad = np.empty(0)
        self.good_shown = np.empty(0)
        self.bad_shown = np.empty(0)
        self.covered_s = np.empty(0)
        self.dipped_s = np.empty(0)
        self.copied_s = np.empty(0)
        self.ended_s = np.empty(0)
        self.scrape_s = np.empty(0)
        self.changed_from_s = np.empty(0)
        self._spacing_s = np.empty(0)
        self._provisional_in_settled: list[tuple[Ints, Ints, Floats, Floats]] = []

    def add_row(self, key: RowKey, *, horizon_s: float, from_s: float, sampled: bool = False) -> int:
        """A row that remembers *horizon_s* seconds and is counted from *from_s* on; its index if it exists."""
        self.add_rows([key], horizon_s=np.array([horizon_s]), from_s=np.array([from_s]), sampled=np.array([sampled]))
        return self.registry.row(key)

    def add_rows(
        self, keys: Sequence[RowKey], *, horizon_s: Floats, from_s: Floats, sampled: Bools | None = None
    ) -> None:
        """Add many rows at once, of which each is there once; those that are known already are left as they are.

        *sampled*: each sample of the row's series is so many events as its value; without it all are of counters.
        Thousands that came one by one would be copied again and again, and what they do not use yet with them.
        """
        new = np.array([self.registry.find_row(key) is None for key in keys], dtype=bool)
        if not new.any():
            return
        for position in np.flatnonzero(new).tolist():
            row = self.registry.row(keys[position])
            if sampled is not None and sampled[position]:
                self.registry.note_sampled(row)
        horizon_s, from_s, many = horizon_s[new], from_s[new], int(new.sum())
        self.fine.add_rows(np.full(many, FINE_REACH_S // self.interval_s + _SLACK_CELLS))
        self.middle.add_rows(np.full(many, MIDDLE_REACH_S // MIDDLE_WIDTH_S + _SLACK_CELLS))
        self.coarse.add_rows((horizon_s // COARSE_WIDTH_S).astype(np.int64) + _SLACK_CELLS)
        self.history_edge.add_rows(many)
        for name, value in (
            ("horizon_s", horizon_s),
            ("first_sample_s", np.nan),
            ("settled_s", from_s),
            ("counted_s", from_s),
            ("complete_from_s", from_s),
            ("ever_total", 0.0),
            ("ever_bad", 0.0),
            ("good_shown", 0.0),
            ("bad_shown", 0.0),
            ("covered_s", 0.0),
            ("dipped_s", np.nan),
            ("copied_s", np.nan),
            ("ended_s", np.nan),
            ("scrape_s", np.nan),
            ("changed_from_s", np.inf),
            ("_spacing_s", np.inf),
        ):
            setattr(self, name, np.append(getattr(self, name), np.broadcast_to(value, many)))

    def advance(self, at_s: float) -> None:
        """Go on to the slot that ends at *at_s*."""
        self.newest_s = max(self.newest_s, at_s)
        for resolution in self.resolutions:
            resolution.advance(self.newest_s)

    def note_dip(self, row: int, at_s: float) -> None:
        """Note that a counter of a row fell and was not reset."""
        self.dipped_s[row] = np.fmax(self.dipped_s[row], at_s)

    def note_copy(self, row: int, at_s: float) -> None:
        """Note that a row has a series that is a copy of another one."""
        self.copied_s[row] = np.fmax(self.copied_s[row], at_s)

    def note_first_samples(self, row: Ints, time_s: Floats) -> None:
        """Note samples of rows, of which the earliest is kept."""
        np.fmin.at(self.first_sample_s, row, time_s)

    def set_progress(
        self,
        rows: Ints,
        *,
        settled_s: float | None = None,
        counted_s: float | None = None,
        complete_from_s: float | None = None,
        covered_s: float | None = None,
    ) -> None:
        """Note how far rows have been counted."""
        for column, value in (
            (self.settled_s, settled_s),
            (self.counted_s, counted_s),
            (self.complete_from_s, complete_from_s),
            (self.covered_s, covered_s),
        ):
            if value is not None:
                column[rows] = value

    def set_history_edge(self, rows: Ints, until_s: float) -> None:
        """Note up to where the history of rows is not counted for good: it may be taken back."""
        self.history_edge.move(rows, until_s, interval_s=self.interval_s)

    def record(self, increments: Increments, stage: Stage) -> None:
        """Add increments to the resolutions; all but history count for the counters that never reset."""
        row, cell, total, bad = self.events(increments)
        counted = (total != 0) | (bad != 0)
        row, cell, total, bad = row[counted], cell[counted], total[counted], bad[counted]
        np.minimum.at(self.changed_from_s, row, (cell - 1.0) * self.interval_s)
        live = stage in {Stage.FINAL, Stage.PROVISIONAL}
        if live:
            np.add.at(self.ever_total, row, total)
            np.add.at(self.ever_bad, row, bad)
        if stage is Stage.PROVISIONAL:
            early = cell * self.interval_s <= self.settled_s[row]
            if early.any():
                self.add_settled(row[early], cell[early], total[early], bad[early])
            row, cell, total, bad = row[~early], cell[~early], total[~early], bad[~early]
        elif stage is not Stage.PARTIAL_PAST:
            self.history_edge.note(row, cell, total, bad, interval_s=self.interval_s)
        self._add(row, cell, total, bad, to_save=True)
        if stage is not Stage.PARTIAL_PAST:
            self.history_edge.note_measured(*increments.times_seen)
        self._measure(increments, live=live)

    def extend(self, rows: Ints, row_seen_s: Floats) -> None:
        """Count the time since the newest sample as measured where the next one is not overdue yet.

        *row_seen_s*: newest sample of each of *rows*. Two scrapes may fail before a slot counts as a hole.
        """
        self._learn_scrape_intervals(rows)
        patience = np.maximum(2 * np.where(np.isinf(self._spacing_s[rows]), 0, self._spacing_s[rows]), self.interval_s)
        fine = self.newest_s - row_seen_s <= patience
        rows, row_seen_s = rows[fine], row_seen_s[fine]
        # What lies before a sample that follows on none is a hole, or the time before the row's first sample.
        self._cover(rows, np.maximum(self.covered_s[rows], row_seen_s), np.full(len(rows), self.newest_s))

    @property
    def gap_s(self) -> Floats:
        """How far apart neighbouring samples of each row may be without a hole between: one scrape may fail.

        What a counter counts is known at its next sample, however short its holes are.
        """
        shortest = np.full(len(self.scrape_s), LOOKBACK_S)
        shortest[self.registry.sampled_rows] = _SHORTEST_GAP_S
        scrape_s = np.nan_to_num(self.scrape_s, nan=LOOKBACK_S / _GAP_SCRAPES)
        return np.clip(_GAP_SCRAPES * scrape_s, shortest, _GAP_SCRAPES * LOOKBACK_S)

    def _learn_scrape_intervals(self, rows: Ints) -> None:
        """Follow the smallest distance of provisional samples: down at once, up slowly, since scrapes may fail."""
        seen, before = self._spacing_s[rows], self.scrape_s[rows]
        slower = before + _SLOWER_SHARE * (seen - before)
        self.scrape_s[rows] = np.where(np.isinf(seen), before, np.where(seen > before, slower, seen))

    def rollback_provisional(self, rows: Ints) -> None:
        """Take back what was counted of *rows* after they were settled, to count it again."""
        first = np.floor(self.settled_s[rows] / self.interval_s).astype(np.int64) + 1
        last = np.full(len(rows), self.fine.newest)
        total, bad, measured = self.fine.read_many(rows, first, last)
        row, cells = each_cell(rows, first, last)
        self.ever_total -= np.bincount(row, weights=total, minlength=len(self.ever_total))
        self.ever_bad -= np.bincount(row, weights=bad, minlength=len(self.ever_bad))
        for resolution in (self.middle, self.coarse):
            into = self._into(resolution, cells)
            resolution.subtract(row, into, total, bad)
            resolution.measure(row, into, -measured)
        self.covered_s[rows] = np.minimum(self.covered_s[rows], self.settled_s[rows])
        self.changed_from_s[rows] = np.minimum(self.changed_from_s[rows], self.settled_s[rows])
        self._spacing_s[rows] = np.inf
        self._clear_fine(rows)
        self._rollback_settled(rows)

    @property
    def provisional_in_settled(self) -> Floats:
        """Provisional counts in settled cells, from holes that began before: row, cell, total, bad; shape (n, 4)."""
        return np.concatenate([np.empty((0, 4)), *(np.stack(part, axis=1) for part in self._provisional_in_settled)])

    def add_settled(self, row: Ints, cell: Ints, total: Floats, bad: Floats) -> None:
        """Put back what `provisional_in_settled` gave."""
        self._provisional_in_settled.append((row, cell, total, bad))
        self._add(row, cell, total, bad, to_save=False)

    def read_final(self, resolution: Resolution, rows: Ints, first: Ints, last: Ints) -> tuple[Floats, Floats, Floats]:
        """What `Resolution.read_many` gives, without the provisional counts in settled cells."""
        total, bad, measured = resolution.read_many(rows, first, last)
        for of_row, cell, early_total, early_bad in self._provisional_in_settled:
            into = self._into(resolution, cell)
            held = resolution.holds(of_row, into)
            # Few rows have a hole across the settled time.
            for place in np.flatnonzero(np.isin(rows, of_row)).tolist():
                mine = held & (of_row == rows[place]) & (into >= first[place]) & (into <= last[place])
                at = into[mine] - first[place] + int((last[:place] - first[:place] + 1).sum())
                np.subtract.at(total, at, early_total[mine])
                np.subtract.at(bad, at, early_bad[mine])
        return total, bad, measured

    def finalise(self, rows: Ints) -> None:
        """Make what was counted of *rows* final although it was never read again: Prometheus has forgotten it."""
        kept = []
        for row, cell, total, bad in self._provisional_in_settled:
            mine = np.isin(row, rows)
            self.history_edge.note(row[mine], cell[mine], total[mine], bad[mine], interval_s=self.interval_s)
            for resolution in self.resolutions:
                resolution.mark_changed(row[mine], self._into(resolution, cell[mine]))
            if not mine.all():
                kept.append((row[~mine], cell[~mine], total[~mine], bad[~mine]))
        self._provisional_in_settled = kept
        self.settled_s[rows] = self.counted_s[rows]

    def forget_until(self, row: int, at_s: float) -> None:
        """Take back what was counted of a row's history before *at_s*, to count it again; *at_s* ends a middle cell.

        What samples behind *at_s* have counted and measured before it stays: they are not counted again.
        """
        edge = self.history_edge
        if edge.until_s[row] != at_s:
            edge.forget(row)
            # The first scrape after *at_s* has measured the time since the one before it.
            edge.measured_from_s[row] = at_s - float(np.nan_to_num(self.scrape_s[row], nan=self.interval_s))
        self.fine.clear_until(row, int(at_s // self.interval_s))
        self.middle.clear_until(row, int(at_s // MIDDLE_WIDTH_S))
        self.coarse.clear_until(row, int(at_s // COARSE_WIDTH_S))
        for resolution in (self.fine, self.middle):
            self._put_back(resolution, row, until_s=at_s)
        self._sum_up_cut(row, at_s)
        # The coarse cell that holds *at_s* is the sum of its middle cells now, or was not emptied.
        self._put_back(self.coarse, row, until_s=at_s // COARSE_WIDTH_S * COARSE_WIDTH_S)

    def forget_in_cut(self, row: int, at_s: float) -> None:
        """Take back what was counted of a row before *at_s* in the coarse cell that holds it.

        Later, when no middle cells are left that know apart what lies before and after, that could not be done.
        """
        first, cut = int(at_s // COARSE_WIDTH_S) * (COARSE_WIDTH_S // MIDDLE_WIDTH_S) + 1, int(at_s // MIDDLE_WIDTH_S)
        nothing = np.zeros(max(cut - first + 1, 0))
        self.middle.write(row, first, nothing, nothing, nothing)
        self._put_back(self.middle, row, since_s=(first - 1.0) * MIDDLE_WIDTH_S, until_s=at_s)
        self._sum_up_cut(row, at_s)

    def _put_back(self, resolution: Resolution, row: int, *, since_s: float = -np.inf, until_s: float) -> None:
        """Count again in (since, until], in cells that were emptied, what samples behind the row's history show."""
        final = (*self.history_edge.counts.T, True)
        for of_row, slot, total, bad, to_save in (final, *((*one, False) for one in self._provisional_in_settled)):
            mine = (of_row == row) & (slot * self.interval_s > since_s) & (slot * self.interval_s <= until_s)
            into = self._into(resolution, slot[mine].astype(np.int64))
            resolution.add(np.full(len(into), row), into, total[mine], bad[mine], to_save=to_save)
        measured_s = max(since_s, float(self.history_edge.measured_from_s[row]))
        span = np.array([row]), np.array([measured_s]), np.array([until_s])
        resolution.measure(*_seconds_in_cells(*span, resolution.width_s))

    def _sum_up_cut(self, row: int, at_s: float) -> None:
        """Make the coarse cell that holds *at_s* what its middle cells come to, as far as these are known."""
        cut = int(at_s // COARSE_WIDTH_S) + 1
        each = COARSE_WIDTH_S // MIDDLE_WIDTH_S
        first, last = (cut - 1) * each + 1, cut * each
        if at_s % COARSE_WIDTH_S and self.middle.holds(np.array([row]), np.array([first]))[0]:
            total, bad, measured_s = (column.sum(keepdims=True) for column in self.middle.read(row, first, last))
            self.coarse.write(row, cut, total, bad, measured_s)
            self.coarse.mark_changed(np.array([row]), np.array([cut]))

    def provisional(self, rows: Ints) -> tuple[Ints, Ints, Floats, Floats, Floats]:
        """The fine cells of rows that may be rewound, row after row.

        The number of each row's first cell and how many it has, shape (len(rows),); then total, bad and measured
        seconds of all cells.
        """
        first = np.floor(self.settled_s[rows] / self.interval_s).astype(np.int64) + 1
        last = np.floor(self.counted_s[rows] / self.interval_s).astype(np.int64)
        return first, np.maximum(last - first + 1, 0), *self.fine.read_many(rows, first, last)

    def restore(self, row: int, first: int, total: Floats, bad: Floats, measured_s: Floats) -> None:
        """Put back what `provisional` gave; the coarser cells that are not final are derived from the fine ones."""
        self.fine.clear(np.array([row]), int(self.settled_s[row] // self.interval_s))
        self.fine.write(row, first, total, bad, measured_s)
        for resolution in (self.middle, self.coarse):
            final = int(self.settled_s[row] // resolution.width_s)
            resolution.clear(np.array([row]), final)
            each = resolution.width_s // self.interval_s
            cells = np.arange(final * each + 1, self.fine.newest + 1)
            if len(cells):
                total, bad, measured_s = self.fine.read(row, int(cells[0]), int(cells[-1]))
                same, into = np.full(len(cells), row), self._into(resolution, cells)
                resolution.add(same, into, total, bad)
                resolution.measure(same, into, measured_s)

    def slots_of(self, increments: Increments, row: int, first: int, last: int) -> tuple[Floats, Floats, Floats]:
        """Total and bad events and measured seconds that *increments* are in slots of a row; nothing is recorded."""
        slots = SlotColumns.empty(last - first + 1)
        self.add_to_slots(slots, increments.only(increments.row == row), first)
        return slots.columns

    def add_to_slots(self, slots: SlotColumns, increments: Increments, first: int) -> None:
        """Add *increments* of one row to *slots*, which are those from number *first* on."""
        _, cell, total, bad = self.events(increments)
        _, measured, seconds = _seconds_in_cells(*_union(*increments.times_seen), self.interval_s)
        for column, cells, amounts in zip(slots.columns, (cell, cell, measured), (total, bad, seconds), strict=True):
            inside = (cells >= first) & (cells < first + len(column))
            np.add.at(column, cells[inside] - first, amounts[inside])
        touched = measured[(measured >= first) & (measured < first + len(slots.total))] - first
        slots.measured_s[touched] = np.minimum(slots.measured_s[touched], self.interval_s)

    def replace_slots(self, row: int, first: int, slots: SlotColumns, *, live: bool) -> None:
        """Make the slots of a row from number *first* on what *slots* say; those too old for the finest tier are added.

        All but history count for the counters that never reset (*live*).
        """
        many = len(slots.total)
        before = self.fine.read(row, first, first + many - 1)
        total, bad, measured_s = (new - old for new, old in zip(slots.columns, before, strict=True))
        changed = np.flatnonzero((total != 0) | (bad != 0) | (measured_s != 0))
        if not len(changed):
            return
        total, bad, measured_s = total[changed], bad[changed], measured_s[changed]
        same, cells = np.full(len(changed), row), changed + first
        for resolution in self.resolutions:
            into = self._into(resolution, cells)
            resolution.subtract(same, into, -total, -bad)
            resolution.measure(same, into, measured_s)
        if live:
            self.ever_total[row] += total.sum()
            self.ever_bad[row] += bad.sum()
        self.changed_from_s[row] = min(self.changed_from_s[row], (float(cells[0]) - 1.0) * self.interval_s)

    def take_changes(self) -> Floats:
        """Where the oldest change of each row began since this was asked last, shape (rows,)."""
        changed, self.changed_from_s = self.changed_from_s, np.full(len(self.changed_from_s), np.inf)
        return changed

    def set_edge_slots(self, hour: int, rows: Ints, increments: Increments) -> None:
        """Learn the slots of *rows* in one hour of the past; only where they add up to what was counted then."""
        row, cell, total, bad = self.events(increments)
        self.edge_slots.enter(hour, rows, row=row, cell=cell, total=total, bad=bad)
        each = HOUR_S // COARSE_WIDTH_S
        cells = np.arange((hour - 1) * each + 1, hour * each + 1)
        counted = [self.coarse.read(row, int(cells[0]), int(cells[-1])) for row in rows.tolist()]
        found_total, found_bad = self.edge_slots.sums(hour, rows, COARSE_WIDTH_S)
        for found, kept in ((found_total, [each[0] for each in counted]), (found_bad, [each[1] for each in counted])):
            differ = (np.abs(found - np.array(kept).reshape(found.shape)) > _AGREEMENT_EVENTS).any(axis=1)
            self.edge_slots.forget(hour, rows[differ])

    def ever(self, rows: Ints) -> tuple[Floats, Floats]:
        """Good and bad events of *rows* since they are counted, shape (len(rows),); what was shown never falls.

        Counting again may find fewer events than were counted provisionally. To Prometheus a counter that falls was
        restarted, and all of it would be added once more; so it keeps its value until that is passed.
        """
        self.good_shown[rows] = np.maximum(self.good_shown[rows], self.ever_total[rows] - self.ever_bad[rows])
        self.bad_shown[rows] = np.maximum(self.bad_shown[rows], self.ever_bad[rows])
        return self.good_shown[rows], self.bad_shown[rows]

    def watermark(self, rows: Ints) -> Floats:
        """The end of the newest measured slot of each row, NaN before its first sample; shape (len(rows),)."""
        newest = np.ceil(self.covered_s[rows] / self.interval_s) * self.interval_s
        return np.where(np.isnan(self.first_sample_s[rows]), np.nan, np.minimum(newest, self.counted_s[rows]))

    def past(self, row: int) -> RowPast:
        """An immutable copy of all cells of a row, for readers in other threads."""
        # A coarser stretch ends where one of its cells does, so that no event is in two stretches.
        bounds_s = [
            float(-(-(self.newest_s - reach_s) // COARSE_WIDTH_S) * COARSE_WIDTH_S)
            for reach_s in (MIDDLE_REACH_S, FINE_REACH_S)
        ]
        oldest_s = float((self.coarse.newest - self.coarse.length(row)) * COARSE_WIDTH_S)
        newest_s = float(self.fine.newest * self.interval_s)
        stretches = (
            (self.coarse, oldest_s, bounds_s[0]),
            (self.middle, bounds_s[0], bounds_s[1]),
            (self.fine, bounds_s[1], newest_s),
        )
        edges, cells = [np.array([oldest_s])], []
        for resolution, since_s, until_s in stretches:
            first, last = round(since_s / resolution.width_s) + 1, round(until_s / resolution.width_s)
            cells.append(resolution.read(row, first, last))
            edges.append(np.arange(first, last + 1, dtype=np.float64) * resolution.width_s)
        total, bad, measured_s = (np.concatenate(column) for column in zip(*cells, strict=True))
        return RowPast(
            edges_s=np.concatenate(edges),
            total=total,
            bad=bad,
            measured_s=measured_s,
            first_sample_s=float(self.first_sample_s[row]),
            complete_from_s=float(self.complete_from_s[row]),
            watermark_s=float(self.watermark(np.array([row]))[0]),
        )

    def sums(self, rows: Ints, start_s: Floats, end_s: Floats) -> WindowSums:
        """Counts of *rows* over (start, end], each from the finest resolution that reaches back to its start."""
        total, bad, coverage = np.zeros(len(rows)), np.zeros(len(rows)), np.zeros(len(rows))
        age = self.newest_s - start_s
        left = ~np.isnan(age)
        coarser = {self.fine: self.middle, self.middle: self.coarse, self.coarse: None}
        for resolution, reach in ((self.fine, FINE_REACH_S), (self.middle, MIDDLE_REACH_S), (self.coarse, np.inf)):
            # A window that ends a little before the newest slot still fits: resolutions keep some cells more.
            mine = left & (age <= reach + _SLACK_CELLS / 2 * resolution.width_s)
            left &= ~mine
            wider = coarser[resolution]
            long = mine & (end_s - start_s > _LONG_CELLS * wider.width_s) if wider else np.zeros(len(rows), dtype=bool)
            for some, then in ((long, wider), (mine & ~long, None)):
                if some.any():
                    sums = self._sums(resolution, then, rows[some], start_s[some], end_s[some])
                    total[some], bad[some] = sums.total, sums.bad
                    coverage[some] = self._coverage(rows[some], start_s[some], end_s[some], sums)
        return WindowSums.of(total, bad, coverage)

    def _sums(
        self, resolution: Resolution, coarser: Resolution | None, rows: Ints, start_s: Floats, end_s: Floats
    ) -> Sums:
        """Sums of one resolution; with a *coarser* one only up to where a cell of that begins, and of it from there."""
        edge_slots = None if resolution is self.fine else self.edge_slots
        filled_s = self.watermark(rows)
        if coarser is None:
            sums = resolution.sums(rows, start_s, end_s, filled_s=filled_s, edge_slots=edge_slots)
            return sums if resolution is self.fine else self._up_to_watermark(resolution, sums, rows, end_s, filled_s)
        edge_s = np.ceil(start_s / coarser.width_s) * coarser.width_s
        near = resolution.sums(rows, start_s, edge_s, filled_s=filled_s, edge_slots=edge_slots)
        far = coarser.sums(rows, edge_s, end_s, filled_s=filled_s)
        far = self._up_to_watermark(coarser, far, rows, end_s, filled_s)
        return Sums(total=near.total + far.total, bad=near.bad + far.bad, measured_s=near.measured_s + far.measured_s)

    def _up_to_watermark(
        self, resolution: Resolution, sums: Sums, rows: Ints, end_s: Floats, watermark_s: Floats
    ) -> Sums:
        """Take what was counted behind the watermark from sums whose newest cell is as wide as *resolution*'s.

        Events may be counted in a slot that is not measured yet, such as behind a server whose samples lag. The newest
        wide cell holds them too, but a figure *as of* the watermark must not.
        """
        behind = (watermark_s < self.newest_s) & (end_s >= watermark_s)
        if not behind.any():
            return sums
        until_s = np.minimum(np.ceil(end_s[behind] / resolution.width_s) * resolution.width_s, self.newest_s)
        later = self.fine.sums(rows[behind], watermark_s[behind], until_s)
        total, bad = sums.total.copy(), sums.bad.copy()
        total[behind] -= later.total
        bad[behind] -= later.bad
        return Sums(total=total, bad=bad, measured_s=sums.measured_s)

    def _coverage(self, rows: Ints, start_s: Floats, end_s: Floats, sums: Sums) -> Floats:
        """Measured share of the time since the first sample; of the whole window while older history is missing."""
        begin = np.where(self.complete_from_s[rows] > start_s, start_s, np.fmax(start_s, self.first_sample_s[rows]))
        expected = end_s - begin
        no_time = np.isnan(self.first_sample_s[rows]) | (expected <= 0)
        coverage = np.divide(sums.measured_s, expected, out=np.zeros(len(rows)), where=~no_time)
        return np.clip(coverage, 0.0, 1.0)

    def events(self, increments: Increments) -> tuple[Ints, Ints, Floats, Floats]:
        """Increments as events of fine cells; those across a hole are spread evenly over its cells."""
        width = self.interval_s
        at_cell = _cell(increments.at, width)
        steady = increments.steady
        row, cell = increments.row[steady], at_cell[steady]
        total, bad = increments.total[steady], increments.bad[steady]
        holes = np.flatnonzero(~steady & ((increments.total != 0) | (increments.bad != 0)))
        rows, cells, totals, bads = [row], [cell], [total], [bad]
        for hole in holes:
            since, at = float(increments.since[hole]), float(increments.at[hole])
            span = np.arange(int(_cell(np.array([since]), width)[0]), int(at_cell[hole]) + 1)
            share = np.clip(np.minimum(span * width, at) - np.maximum((span - 1) * width, since), 0, None) / (
                at - since
            )
            rows.append(np.full(len(span), increments.row[hole]))
            cells.append(span)
            totals.append(share * increments.total[hole])
            bads.append(share * increments.bad[hole])
        return np.concatenate(rows), np.concatenate(cells), np.concatenate(totals), np.concatenate(bads)

    def _measure(self, increments: Increments, *, live: bool) -> None:
        row, since, at = increments.times_seen
        if not len(row):
            return
        if live:
            spacing = at - since
            np.minimum.at(self._spacing_s, row, np.where(spacing >= 1.0, spacing, np.inf))
            since = np.maximum(since, self.covered_s[row])
        self._cover(*_union(row, since, at))

    def _cover(self, row: Ints, since: Floats, at: Floats) -> None:
        np.minimum.at(self.changed_from_s, row, since)
        self._measure_cells(row, since, at)
        np.maximum.at(self.covered_s, row, at)

    def _measure_cells(self, row: Ints, since: Floats, at: Floats) -> None:
        for resolution in self.resolutions:
            resolution.measure(*_seconds_in_cells(row, since, at, resolution.width_s))

    def _add(self, row: Ints, cell: Ints, total: Floats, bad: Floats, *, to_save: bool) -> None:
        for resolution in self.resolutions:
            resolution.add(row, self._into(resolution, cell), total, bad, to_save=to_save)

    def _into(self, resolution: Resolution, cell: Ints) -> Ints:
        into: Ints = -(-cell * self.interval_s // resolution.width_s)
        return into

    def _clear_fine(self, rows: Ints) -> None:
        for settled in np.unique(self.settled_s[rows]):
            self.fine.clear(rows[self.settled_s[rows] == settled], int(settled // self.interval_s))

    def _rollback_settled(self, rows: Ints) -> None:
        kept = []
        for row, cell, total, bad in self._provisional_in_settled:
            mine = np.isin(row, rows)
            for resolution in self.resolutions:
                resolution.subtract(
                    row[mine], self._into(resolution, cell[mine]), total[mine], bad[mine], to_save=False
                )
            np.subtract.at(self.ever_total, row[mine], total[mine])
            np.subtract.at(self.ever_bad, row[mine], bad[mine])
            if not mine.all():
                kept.append((row[~mine], cell[~mine], total[~mine], bad[~mine]))
        self._provisional_in_settled = kept


def _seconds_in_cells(row: Ints, since: Floats, at: Floats, width: int) -> tuple[Ints, Ints, Floats]:
    """The cells that intervals of rows lie in, and how many seconds of each."""
    some = at > since
    row, since, at = row[some], since[some], at[some]
    first, last = np.floor(since / width).astype(np.int64) + 1, _cell(at, width)
    spans = last - first + 1
    which = np.repeat(np.arange(len(row)), spans)
    cell = np.arange(len(which)) - np.repeat(np.cumsum(spans) - spans, spans) + first[which]
    seconds = np.minimum(at[which], cell * width) - np.maximum(since[which], (cell - 1) * width)
    return row[which], cell, seconds


def _cell(at_s: Floats, width_s: int) -> Ints:
    """The cell that holds a time; times have milliseconds, and a time on the edge ends its cell."""
    ms = np.rint(at_s * 1000).astype(np.int64)
    cell: Ints = -(-ms // (width_s * 1000))
    return cell


def _union(row: Ints, since: Floats, at: Floats) -> tuple[Ints, Floats, Floats]:
    """The intervals of each row without their overlaps."""
    if not len(row):
        return row, since, at
    order = np.lexsort((since, row))
    row, since, at = row[order], since[order], at[order]
    origin = float(since.min())
    # Rows are moved apart so that one running maximum serves all of them.
    apart = row * (float(at.max()) - origin + 1.0)
    reached = np.maximum.accumulate(at - origin + apart)
    before = np.concatenate([[-np.inf], reached[:-1]]) - apart + origin
    return row, np.maximum(since, before), at
