"""Where windows start: the hours whose slots are read again, so that what leaves a long window leaves it at once."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from app.ingest import history_reader
from app.ingest.history_reader import Stretch
from app.ingest.ledger_writer import Book, rows_of
from app.ingest.ports import Source
from app.ingest.query_batcher import Answers, Asker
from app.ingest.tracked_slis import Watch
from app.ledger import HOUR_S

_AHEAD_S = 900.0
_MOST_SLIS = 100
_DEADLINE_S = 60.0
_PAUSE = timedelta(minutes=5)
_REST = timedelta(seconds=30)


class Edges:
    """Which hours are wanted of which SLIs, and which are there."""

    def __init__(self, book: Book, asker: Asker, source: Source) -> None:
        self._book = book
        self._asker = asker
        self._source = source
        self._there: set[tuple[int, str]] = set()
        self._not_before: datetime | None = None
        self._nothing_until: datetime | None = None
        self._backfilled = 0

    @property
    def missing(self) -> bool:
        """Whether an hour in which a window starts now has not been read, and Prometheus has not refused it."""
        return self._not_before is None and any(
            (hour, watch.key) not in self._there and self._seen(watch, hour)
            for watch in self._book.watches
            for hour in _hours(watch, 0.0)
        )

    async def read(self, now: datetime) -> tuple[int, Answers] | None:
        """The next hour that is missing, as Prometheus remembers it; None if there is none to ask for now."""
        if self._not_before is not None and now < self._not_before:
            return None
        if self._nothing_new(now):
            return None
        wanted: dict[int, list[Watch]] = {}
        for watch in self._book.watches:
            for hour in {*_hours(watch, 0.0), *_hours(watch, _AHEAD_S)}:
                if (hour, watch.key) not in self._there and self._seen(watch, hour):
                    wanted.setdefault(hour, []).append(watch)
        self._nothing_until = None if wanted else now + _REST
        if not wanted:
            return None
        hour, watches = min(wanted.items())
        stretch = Stretch(since_s=(hour - 1.0) * HOUR_S, until_s=float(hour) * HOUR_S, width_s=None)
        answers = await history_reader.read(
            stretch, watches[:_MOST_SLIS], self._asker, self._source, deadline=_DEADLINE_S
        )
        return hour, answers

    def enter(self, hour: int, answers: Answers, now: datetime) -> None:
        """Learn the slots of an hour; what was not answered counts by share for a while."""
        if answers.answered:
            self._book.detail(answers.answered, answers.samples, hour=hour)
        self._there |= {(hour, watch.key) for watch in answers.answered}
        self._not_before = now + _PAUSE if answers.failed else None
        current = {
            number for watch in self._book.watches for ahead in (0.0, _AHEAD_S) for number in _hours(watch, ahead)
        }
        self._book.ledger.details.keep(current)
        self._there = {(number, key) for number, key in self._there if number in current}

    def _nothing_new(self, now: datetime) -> bool:
        """Whether nothing was missing lately, and no history has become complete since."""
        backfilled = sum(watch.backfilled for watch in self._book.watches)
        same, self._backfilled = backfilled == self._backfilled, backfilled
        return same and self._nothing_until is not None and now < self._nothing_until

    def _seen(self, watch: Watch, hour: int) -> bool:
        """Whether the SLI had its first sample by the end of an hour."""
        births = self._book.ledger.birth_s[rows_of([watch])]
        return bool((births < hour * HOUR_S).any())


def _hours(watch: Watch, ahead_s: float) -> Iterator[int]:
    """The hours in which the long windows of an SLI start, or will in a while."""
    if watch.backfilled:
        for length_s in watch.long_windows_s:
            yield int((watch.counted_s + ahead_s - length_s) // HOUR_S) + 1
