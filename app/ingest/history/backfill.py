"""Reading history piece by piece, the newest first, without getting in the way of evaluations."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial

import structlog

from app.ingest.counting.ledger_writer import LedgerWriter
from app.ingest.history import history_reader
from app.ingest.history.composite_history import CompositeHistories
from app.ingest.history.counted_slices import CountedSli, with_counted_slices
from app.ingest.history.history_reader import RangeReader, TimeRange
from app.ingest.ports import Source
from app.ingest.queries.query_batcher import QueryResults
from app.ingest.series.tracked_slis import TrackedSli
from app.prometheus import BadQueryError, Matrix, PartialDataError, TimedOutError, TooLargeError
from app.slo import format_duration

_log = structlog.get_logger(__name__)
# Prometheus runs 20 queries at once by default (`--query.max-concurrency`): most are left to dashboards and rules.
_AT_ONCE = 3
# A piece is counted as a whole, and while it is counted no slot can be.
_MOST_SLIS = 100
# Half of Prometheus's own `--query.timeout` of two minutes: a piece that takes longer is halved.
_DEADLINE_S = 60.0
# A restart of Prometheus takes some seconds...
_FIRST_PAUSE_S = 10.0
# ...and what is broken for long is asked for again soon enough after it is mended.
_LONGEST_PAUSE_S = 600.0
# Of the five days of a coarse piece: two hours, below which an answer is not large because of its span.
_SMALLEST_SHARE = 1 / 64
# Slower than it shrinks, so that one size is not refused again and again.
_GROWTH = 1.25
_TOO_LARGE = (BadQueryError, TooLargeError)
_TOO_MUCH = (*_TOO_LARGE, TimedOutError)
# Pieces of one range that are found at once; what is missing of newer ranges meanwhile waits for them.
_PLANNED = 10
# A month of 1,000 SLIs takes minutes: a line now and then, not one for each piece.
_SAID_EVERY = timedelta(seconds=10)


class Backfill:
    """What of the history of some SLIs is missing, and the next piece of it; *name* is their source in the log."""

    def __init__(
        self, ledger_writer: LedgerWriter, tracked_slis: Sequence[TrackedSli], reader: RangeReader, *, name: str = ""
    ) -> None:
        self._ledger_writer = ledger_writer
        self._tracked_slis = tracked_slis
        self._reader = reader
        self._named = {"source": name} if name else {}
        # By the keys of time slices, what they are slices of.
        self._counted: dict[str, CountedSli] = {}
        # Of an SLI and of what is older than its newest range with data missing: until when it waits, and for how long.
        self._composites = CompositeHistories(ledger_writer)
        self._pauses: dict[tuple[str, bool], tuple[datetime, float]] = {}
        self._shares: dict[str, float] = {}
        self._too_large: set[str] = set()
        self._said_at: datetime | None = None
        # The next range, and the SLIs of it that come next: to find them, all SLIs are looked through.
        self._planned: tuple[TimeRange, int, list[TrackedSli]] | None = None

    def know_counted(self, counted: Mapping[str, CountedSli]) -> None:
        """Take the history of time slices, by their keys, from what was counted of their SLIs."""
        self._counted = {tracked.key: counted[tracked.key] for tracked in self._tracked_slis if tracked.key in counted}
        for tracked in self._tracked_slis:
            if tracked.key in counted:
                tracked.made_from_s = counted[tracked.key].first_sample_s

    async def read(self, now: datetime) -> tuple[TimeRange, QueryResults] | tuple[None, None]:
        """The newest piece of history that is missing, and what Prometheus says of it."""
        time_range, tracked_slis = self._next(now)
        if time_range is None:
            return None, None
        return time_range, await self._reader.read(time_range, tracked_slis, deadline=_DEADLINE_S, partial=True)

    def enter(self, time_range: TimeRange, answers: QueryResults, now: datetime) -> None:
        """Count the answers; SLIs that were not answered are asked again later, for a smaller piece."""
        answers.samples = with_counted_slices(
            answers,
            self._counted,
            self._ledger_writer.series_index,
            since_s=time_range.since_s,
            until_s=time_range.until_s,
        ).samples
        self._enter_partial(time_range, answers)
        for tracked in self._enter_whole(time_range, answers):
            if tracked.backfilled:
                # Of an SLI that no document asks for, a whole ledger.
                self._counted.pop(tracked.key, None)
            self._pauses.pop((tracked.key, False), None)
            if tracked.key not in self._too_large:
                # A timeout need not have been a matter of size.
                self._shares[tracked.key] = min(1.0, _GROWTH * self._shares.get(tracked.key, 1.0))
        self._note_failed(time_range, answers, now)
        self._say(now)

    def _note_failed(self, time_range: TimeRange, answers: QueryResults, now: datetime) -> None:
        """Let SLIs that were not answered wait, and ask for less of them where it was too much."""
        if answers.failed:
            self._planned = None
        for tracked, error in answers.failed:
            asked = tracked.key, not tracked.parts and tracked.complete_from_s != time_range.until_s
            _, pause = self._pauses.get(asked, (now, _FIRST_PAUSE_S / 2))
            pause = min(pause * 2, _LONGEST_PAUSE_S)
            self._pauses[asked] = now + timedelta(seconds=pause), pause
            if isinstance(error, _TOO_MUCH):
                self._shares[tracked.key] = max(_SMALLEST_SHARE, self._shares.get(tracked.key, 1.0) / 2)
            if isinstance(error, _TOO_LARGE):
                self._too_large.add(tracked.key)
            _log.warning("history cannot be read now", query=tracked.query, error=str(error), again_in_s=pause)

    def _enter_whole(self, time_range: TimeRange, answers: QueryResults) -> Sequence[TrackedSli]:
        """Count what nothing is missing of, and give its SLIs."""
        composites = [tracked for tracked in answers.answered if tracked.parts]
        if composites:
            self._composites.enter(composites, answers.samples, since_s=time_range.since_s)
        for tracked in composites:
            tracked.partial_history = None
        # What goes on before a range with data missing is not final, even if it is whole.
        whole = [
            tracked
            for tracked in answers.answered
            if not tracked.parts and tracked.complete_from_s == time_range.until_s
        ]
        for tracked in whole:
            if tracked.partial_history is not None:
                _log.info("history is whole again and is counted again", query=tracked.query)
                self._ledger_writer.forget_partial_past(tracked)
        if whole:
            self._ledger_writer.count_past(
                whole,
                self._ledger_writer.series_index.only(answers.samples, whole),
                since_s=time_range.since_s,
                until_s=time_range.until_s,
            )
        return (*whole, *composites)

    def _enter_partial(self, time_range: TimeRange, answers: QueryResults) -> None:
        """Count ranges with data missing, and those before them; the newest of an SLI is asked for again."""
        counted = []
        for tracked in tuple(answers.answered):
            said = answers.partial.get(tracked.key)
            first = bool(tracked.parts) or tracked.complete_from_s == time_range.until_s
            if first and said is not None:
                answers.answered.remove(tracked)
                answers.failed.append((tracked, PartialDataError(said)))
                if tracked.parts:
                    # Its slices wait for whole samples of all components.
                    tracked.partial_history = said
                elif tracked.partial_history is None:
                    tracked.partial_history = said
                    counted.append(tracked)
            elif tracked.partial_history_from_s == time_range.until_s:
                counted.append(tracked)
        if counted:
            self._ledger_writer.count_partial_past(
                counted,
                self._ledger_writer.series_index.only(answers.samples, counted),
                since_s=time_range.since_s,
                until_s=time_range.until_s,
            )

    def _missing_from_s(self, tracked: TrackedSli, now: datetime) -> float | None:
        """The end of the newest history that is to be read of an SLI, None if none is now.

        What is older than a range with data missing is read before that is asked for again.
        """
        if tracked.parts:
            if self._waits(tracked, now, older=False) or not self._has_components(tracked):
                return None
            return self._composites.missing_from_s(tracked)
        older_s = tracked.partial_history_from_s
        if older_s is not None and older_s > tracked.wanted_from_s and not self._waits(tracked, now, older=True):
            return older_s
        return None if self._waits(tracked, now, older=False) else tracked.complete_from_s

    def _has_components(self, tracked: TrackedSli) -> bool:
        """Whether the history of all components can be read, and has been."""
        problem = next((part.history_problem for part in tracked.parts if part.history_problem), None)
        if problem is not None:
            tracked.history_problem = problem
        return all(part.backfilled for part in tracked.parts)

    def _waits(self, tracked: TrackedSli, now: datetime, *, older: bool) -> bool:
        pause = self._pauses.get((tracked.key, older))
        return pause is not None and now < pause[0]

    def _next(self, now: datetime) -> tuple[TimeRange, list[TrackedSli]] | tuple[None, list[TrackedSli]]:
        if self._planned is not None:
            newest, most, planned = self._planned
            some = self._missing(planned[:most], now).get(newest, [])
            self._planned = (newest, most, planned[most:]) if planned[most:] else None
            if some:
                return newest, some
        missing = self._missing(self._tracked_slis, now)
        if not missing:
            return None, []
        newest = max(missing, key=lambda time_range: (time_range.until_s, time_range.since_s))
        # It may be for one SLI among them that none was answered.
        longest = max(
            self._pauses[tracked.key, older][1] if (tracked.key, older) in self._pauses else 0.0
            for tracked in missing[newest]
            for older in (False, True)
            if not (older is False and tracked.partial_history is not None)
        )
        most = _MOST_SLIS if not longest else max(1, int(_MOST_SLIS * _FIRST_PAUSE_S / (2 * longest)))
        planned = missing[newest][most : most * _PLANNED]
        self._planned = (newest, most, planned) if planned else None
        return newest, missing[newest][:most]

    def _missing(self, tracked_slis: Iterable[TrackedSli], now: datetime) -> dict[TimeRange, list[TrackedSli]]:
        """The next range of some SLIs that is to be read now, with the SLIs of each."""
        missing: dict[TimeRange, list[TrackedSli]] = {}
        # Thousands of SLIs are counted back to the same few times.
        next_time_range = cache(partial(history_reader.next_time_range, now_s=now.timestamp()))
        for tracked in tracked_slis:
            if tracked.refusal is not None or not tracked.started or tracked.backfilled:
                continue
            missing_from_s = self._missing_from_s(tracked, now)
            if missing_from_s is None:
                continue
            time_range = next_time_range(
                missing_from_s,
                self._composites.wanted_from_s(tracked) if tracked.parts else tracked.wanted_from_s,
                share=self._shares.get(tracked.key, 1.0),
                raw=bool(tracked.parts),
            )
            if time_range is not None:
                missing.setdefault(time_range, []).append(tracked)
        return missing

    def _say(self, now: datetime) -> None:
        progress = history_progress(self._tracked_slis)
        if progress >= 1.0:
            _log.info("history is complete", slis=len(self._tracked_slis), **self._named)
        elif self._said_at is None or now - self._said_at >= _SAID_EVERY:
            back = now.timestamp() - min(tracked.complete_from_s for tracked in self._tracked_slis if tracked.started)
            _log.info(
                "reading history",
                progress=f"{progress:.0%}",
                back=format_duration(timedelta(hours=back // 3600)),
                **self._named,
            )
            self._said_at = now


def history_progress(tracked_slis: Iterable[TrackedSli]) -> float:
    """Share of the wanted history of some SLIs that has been counted, 0 to 1."""
    wanted = done = 0.0
    for tracked in tracked_slis:
        if tracked.refusal is None and tracked.started:
            wanted_s = tracked.settled_s - tracked.wanted_from_s
            wanted += wanted_s
            done += min(tracked.settled_s - tracked.complete_from_s, wanted_s)
        elif tracked.refusal is None:
            wanted += tracked.horizon_s
    return 1.0 if not wanted else done / wanted


def leaving_room(source: Source) -> "BoundedSource":
    """A source of which history asks few things at once."""
    return BoundedSource(source, asyncio.Semaphore(_AT_ONCE))


@dataclass(frozen=True, slots=True)
class BoundedSource:
    """A source that leaves room for evaluations: few questions at once."""

    source: Source
    room: asyncio.Semaphore

    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        """As in `Source`."""
        async with self.room:
            return await self.source.instant(expr, at, deadline=deadline)

    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        """As in `Source`."""
        async with self.room:
            return await self.source.range(expr, start, end, step, deadline=deadline)
