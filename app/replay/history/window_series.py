"""The figures of windows at every slot of the past: the same sums as the ledger's, for all slots at once."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np

from app.alerting import KnownRates, MeasuredWindow, NormalRate, WindowCounts, may_be_one_failure
from app.budget import burn_rate, normal_share
from app.ledger import FINE_REACH_S, MIDDLE_WIDTH_S, WindowSums
from app.replay.history.slot_history import SlotHistory
from app.slo.arrays import Bools, Floats, Ints

# Sums of fractions of events leave 1e-10 where there was nothing; a share of an event in a slot is far larger.
_ROUNDING_EVENTS = 1e-6
# More than two slots behind, as live data (`app.alerting.is_stale`).
_STALE_SLOTS = 2
# Of a year, the longest time that is judged at once.
_MOST_DAYS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowColumns:
    """One window at every slot, shape (slots,): events, burn rate (NaN = no events) and coverage (ratio)."""

    total: Floats
    bad: Floats
    burn_rate: Floats
    coverage: Floats


class WindowSeries:
    """Windows over the slots of one SLO, which end with the newest measured slot, as live ones do.

    Each length takes 32 bytes a slot, and is kept: 2.8 MB for a month of 30 s.
    """

    def __init__(self, history: SlotHistory, *, error_budget: float) -> None:
        self.history = history
        self.error_budget = error_budget
        self._columns: dict[timedelta, WindowColumns] = {}
        # Each set of rules asks for the same days.
        self._normal_rates = KnownRates(kept=_MOST_DAYS)

    @cached_property
    def places(self) -> Ints:
        """How many slots have been measured up to each slot, the newest being the end of its windows; 0: none yet."""
        places = np.arange(1, len(self.history) + 1)
        if self._is_whole:
            return places
        newest: Ints = np.maximum.accumulate(np.where(self.history.slots.measured_s > 0, places, 0))
        return newest

    @cached_property
    def _is_whole(self) -> bool:
        """Whether something was measured in every slot, so that windows end with each."""
        return bool((self.history.slots.measured_s > 0).all())

    @cached_property
    def ends_s(self) -> Floats:
        """Where the windows of each slot end, in unix seconds: with the newest measured slot."""
        ends: Floats = self.history.start_s + self.places.astype(np.float64) * self.history.interval_s
        return ends

    @cached_property
    def stale(self) -> Bools:
        """Whether the newest measured slot is too old to judge by."""
        stale: Bools = np.arange(1, len(self.history) + 1) - self.places > _STALE_SLOTS
        if np.isnan(self.history.first_sample_s):
            return np.ones(len(self.history), dtype=bool)
        stale |= self.places == 0
        return stale

    @cached_property
    def stale_for_s(self) -> Floats:
        """For how long it has been stale, in seconds; 0 in the first slot that is, and where it is not."""
        numbers = np.arange(len(self.history))
        last_fresh = np.maximum.accumulate(np.where(self.stale, -1, numbers))
        return np.where(self.stale, (numbers - last_fresh - 1.0) * self.history.interval_s, 0.0)

    def columns(self, length: timedelta) -> WindowColumns:
        """The figures of the window of one length at every slot."""
        found = self._columns.get(length)
        if found is None:
            found = self._columns[length] = self._sum(length.total_seconds())
        return found

    def bad_slots(self, place: int, length: timedelta) -> float:
        """In how many slots of a window events were bad; those of windows beyond a day are of five minutes."""
        end_s = float(self.ends_s[place])
        return self._bad_slots(end_s - length.total_seconds(), end_s)

    def since(self, resolved_at: datetime, place: int) -> WindowCounts:
        """All events since an alert has ended, of cells that hold nothing from before."""
        at_s, end_s = self.history.at(place).timestamp(), resolved_at.timestamp()
        width_s = MIDDLE_WIDTH_S if at_s - end_s > FINE_REACH_S else self.history.interval_s
        start_s = -(-end_s // width_s) * width_s
        until = int(self.places[place])
        begin = min(max(round((start_s - self.history.start_s) / self.history.interval_s), 0), until)
        total, bad, _ = (np.array([column[until] - column[begin]]) for column in self._before)
        sums = WindowSums.of(total, bad, np.ones(1))
        counts = WindowCounts(
            window=timedelta(seconds=at_s - end_s), total=float(sums.total[0]), bad=float(_rounded(sums.bad)[0])
        )
        if not may_be_one_failure(counts.bad):
            return counts
        return replace(counts, bad_slots=self._bad_slots(start_s, max(start_s, float(self.ends_s[place]))))

    def normal_rate(self, place: int) -> NormalRate | None:
        """What share of the events is normally bad, by the whole days before a slot; None if there are too few."""
        since_s = float(np.fmax(self.history.first_sample_s, self.history.start_s))
        return self._normal_rates.at(float(self.ends_s[place]), since_s=since_s, share=self._normal_share)

    def _normal_share(self, start_s: float, end_s: float) -> tuple[float, float] | None:
        hours_s = np.arange(start_s, end_s + 1.0, 3600.0)
        places = np.rint((hours_s - self.history.start_s) / self.history.interval_s).astype(np.int64)
        total, bad = (_rounded(np.diff(column[places])) for column in self._before[:2])
        return normal_share(total, bad)

    def _sum(self, length_s: float) -> WindowColumns:
        history = self.history
        slots = length_s / history.interval_s
        if self._is_whole and slots.is_integer():
            total, bad, measured_s = (_lately(column, int(slots)) for column in self._before)
        else:
            starts = self.places.astype(np.float64) - slots
            total, bad, measured_s = (_between(column, starts, self.places) for column in self._before)
        ends = self.places.astype(np.float64)
        # Of a window that begins before the first sample only the time since then can be measured.
        first = (history.first_sample_s - history.start_s) / history.interval_s
        expected_s = (ends - np.fmax(ends - slots, first)) * history.interval_s
        coverage = np.divide(measured_s, expected_s, out=np.zeros(len(ends)), where=expected_s > 0)
        sums = WindowSums.of(total, _rounded(bad), np.clip(coverage, 0.0, 1.0))
        return WindowColumns(
            total=sums.total,
            bad=sums.bad,
            burn_rate=burn_rate(sums.bad, sums.total, error_budget=self.error_budget),
            coverage=sums.coverage,
        )

    @cached_property
    def _before(self) -> tuple[Floats, ...]:
        """Total and bad events and measured seconds before each slot, and after all; shape (slots + 1,)."""
        return tuple(np.concatenate([[0.0], np.cumsum(column)]) for column in self.history.slots.columns)

    @cached_property
    def _bad_numbers(self) -> Ints:
        """The numbers of the slots with bad events."""
        numbers: Ints = np.flatnonzero(np.abs(self.history.slots.bad) > _ROUNDING_EVENTS) + self.history.first
        return numbers

    def _bad_slots(self, start_s: float, end_s: float) -> float:
        """The number of cells in (start, end] with bad events, as the ledger keeps them."""
        interval_s = self.history.interval_s
        width_s = interval_s if end_s - start_s <= FINE_REACH_S else MIDDLE_WIDTH_S
        first_s, last_s = start_s // width_s * width_s, -(-end_s // width_s) * width_s
        since, until = np.searchsorted(self._bad_numbers, [first_s // interval_s, last_s // interval_s], side="right")
        numbers = self._bad_numbers[since:until]
        return float(len(np.unique(-(-numbers * interval_s // width_s))))


@dataclass(frozen=True, slots=True)
class WindowsAt:
    """The windows that end at one slot."""

    series: WindowSeries
    place: int

    def window(self, length: timedelta) -> MeasuredWindow:
        """The figures of a window."""
        columns, place = self.series.columns(length), self.place
        total, bad = float(columns.total[place]), float(columns.bad[place])
        return MeasuredWindow(
            burn_rate=float(columns.burn_rate[place]),
            good=total - bad,
            bad=bad,
            coverage=float(columns.coverage[place]),
        )

    def bad_slots(self, length: timedelta) -> float:
        """In how many slots of a window events were bad."""
        return self.series.bad_slots(self.place, length)

    def normal_rate(self) -> NormalRate | None:
        """What share of the events is normally bad."""
        return self.series.normal_rate(self.place)


def _lately(before: Floats, slots: int) -> Floats:
    """The sums of the last *slots* slots at each slot, as `_between` has them: by slices, in a fifth of the time."""
    sums = before[1:].copy()
    sums[slots:] -= before[1:-slots]
    return sums


def _between(before: Floats, starts: Floats, ends: Ints) -> Floats:
    """What lies between two places, of which the first may cut a slot; its share counts."""
    starts = np.maximum(starts, 0.0)
    whole = starts.astype(np.int64)
    since = before[whole]
    share = starts - whole
    if share.any():
        since = since + share * (before[np.minimum(whole + 1, len(before) - 1)] - since)
    between: Floats = before[ends] - since
    return between


def _rounded(events: Floats) -> Floats:
    whole: Floats = np.where(np.abs(events) < _ROUNDING_EVENTS, 0.0, events)
    return whole
