"""Where windows start: the hours whose slots are read again, so that what leaves a long window leaves it at once."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from app.ingest.counting.composites import edge_increments
from app.ingest.counting.ledger_writer import LedgerWriter, rows_of
from app.ingest.history.history_reader import RangeReader, TimeRange
from app.ingest.queries.query_batcher import QueryResults
from app.ingest.series.tracked_slis import TrackedSli
from app.ledger import HOUR_S, Samples

# A coarse cell: the hour that a window is about to leave is there before the window cuts it (ADR-0007).
_AHEAD_S = 900.0
# As in a piece of history, whose queries these are.
_MOST_SLIS = 100
# As in a piece of history; edges are read beside it.
_DEADLINE_S = 60.0
# Until then the cut cell counts by share, which is off by little.
_PAUSE = timedelta(minutes=5)
# Windows move on by the slot; to look for new hours costs a walk over all SLIs.
_REST = timedelta(seconds=30)


class WindowEdges:
    """Which hours are wanted of some SLIs, and which are there."""

    def __init__(self, ledger_writer: LedgerWriter, tracked_slis: Sequence[TrackedSli], reader: RangeReader) -> None:
        self._ledger_writer = ledger_writer
        self._tracked_slis = tracked_slis
        self._reader = reader
        self._there: set[tuple[int, str]] = set()
        self._not_before: datetime | None = None
        self._nothing_until: datetime | None = None
        self._backfilled = 0

    @property
    def missing(self) -> bool:
        """Whether an hour in which a window starts now has not been read, and Prometheus has not refused it."""
        return self._not_before is None and any(self._wanted(0.0))

    async def read(self, now: datetime) -> tuple[int, QueryResults] | None:
        """The next hour that is missing, as Prometheus remembers it; None if there is none to ask for now."""
        if self._not_before is not None and now < self._not_before:
            return None
        if self._nothing_new(now):
            return None
        wanted: dict[int, list[TrackedSli]] = {}
        for hour, tracked in self._wanted(0.0, _AHEAD_S):
            wanted.setdefault(hour, []).append(tracked)
        self._nothing_until = None if wanted else now + _REST
        if not wanted:
            return None
        hour, tracked_slis = min(wanted.items())
        time_range = TimeRange(since_s=(hour - 1.0) * HOUR_S, until_s=float(hour) * HOUR_S, width_s=None)
        answers = await self._reader.read(time_range, tracked_slis[:_MOST_SLIS], deadline=_DEADLINE_S)
        return hour, answers

    def enter(self, hour: int, answers: QueryResults, now: datetime) -> None:
        """Learn the slots of an hour; what was not answered counts by share for a while."""
        if answers.answered:
            composites = [tracked for tracked in answers.answered if tracked.parts]
            others = [tracked for tracked in answers.answered if not tracked.parts]
            self._ledger_writer.detail(others, answers.samples, hour=hour)
            if composites:
                self._enter_composites(hour, composites, answers.samples)
        self._there |= {(hour, tracked.key) for tracked in answers.answered}
        self._not_before = now + _PAUSE if answers.failed else None
        current = {
            number
            for tracked in self._ledger_writer.tracked_slis
            for ahead in (0.0, _AHEAD_S)
            for number in _hours(tracked, ahead)
        }
        self._ledger_writer.ledger.edge_slots.keep(current)
        self._there = {(number, key) for number, key in self._there if number in current}

    def _enter_composites(self, hour: int, composites: Sequence[TrackedSli], samples: Samples) -> None:
        """Learn the slots of composites in an hour, from the samples of their components."""
        begin_s, end_s = (hour - 1.0) * HOUR_S, float(hour) * HOUR_S
        found = edge_increments(composites, samples, self._ledger_writer, since_s=begin_s, until_s=end_s)
        self._ledger_writer.ledger.set_edge_slots(hour, rows_of(composites), found)

    def _nothing_new(self, now: datetime) -> bool:
        """Whether nothing was missing lately, and no history has become complete since."""
        backfilled = sum(tracked.backfilled for tracked in self._tracked_slis)
        same, self._backfilled = backfilled == self._backfilled, backfilled
        return same and self._nothing_until is not None and now < self._nothing_until

    def _wanted(self, *ahead_s: float) -> Iterator[tuple[int, TrackedSli]]:
        """The hours that are not there, in which windows of an SLI start so many seconds ahead, with the SLI.

        Only those by whose end it had its first sample.
        """
        # A list, since reading numpy element by element is slow.
        first_sample_s = self._ledger_writer.ledger.first_sample_s.tolist()
        # Thousands of SLIs are counted up to the same slot, and have the same few windows.
        known: dict[tuple[bool, float, tuple[float, ...]], Collection[int]] = {}
        for tracked in self._tracked_slis:
            alike = tracked.backfilled, tracked.counted_s, tracked.long_windows_s
            hours = known.get(alike)
            if hours is None:
                hours = known[alike] = {hour for ahead in ahead_s for hour in _hours(tracked, ahead)}
            for hour in hours:
                if (hour, tracked.key) not in self._there and any(
                    first_sample_s[row] < hour * HOUR_S for row in tracked.rows.values()
                ):
                    yield hour, tracked


def _hours(tracked: TrackedSli, ahead_s: float) -> Iterator[int]:
    """The hours in which the long windows of an SLI start, or will in a while."""
    if tracked.backfilled:
        for length_s in tracked.long_windows_s:
            yield int((tracked.counted_s + ahead_s - length_s) // HOUR_S) + 1
