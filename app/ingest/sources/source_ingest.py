"""What is asked of one source, and what is known of it: its queries, its history, its health."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from app.ingest.counting import slot_queries
from app.ingest.counting.late_samples import look_back
from app.ingest.counting.ledger_writer import LedgerWriter
from app.ingest.counting.start_times import StartTimes
from app.ingest.counting.unread_time import Read, without_unread
from app.ingest.history.backfill import Backfill, leaving_room
from app.ingest.history.copy_recounts import CopyRecounts
from app.ingest.history.history_reader import OneSource
from app.ingest.history.window_edges import WindowEdges
from app.ingest.ports import EvaluationInstruments, NamedSource
from app.ingest.queries.metric_inspection import Inspection
from app.ingest.queries.query_batcher import QueryBatcher, QueryResults
from app.ingest.queries.query_health import QueryHealth
from app.ingest.series.source_labels import labelled
from app.ingest.series.tracked_slis import TrackedSli
from app.ledger import Samples
from app.prometheus import CircuitOpenError
from app.slo import DEFAULT_SOURCE
from app.tracing import trace_span


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedSlot:
    """What came of asking a source for the slot *at*, and how long it took.

    *is_asked* says whether a query was needed: of counts of intervals that is so once an interval has ended.
    """

    at: datetime
    answers: Sequence[tuple[Read, QueryResults]]
    seconds: float
    is_asked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotTiming:
    """When slots are final, and how long a query may take where the source says nothing else."""

    settle: timedelta
    timeout: timedelta


class SourceIngest:
    """Asks one source for its SLIs, and enters the answers into the ledger that all sources share.

    Attributes:
        answered_at: the newest slot that was answered, None before the first; other threads may read it.
        seconds: how long the last slot that was asked for took to be answered, or not to be.
        failing: how many of its SLIs have no answer to their newest queries.
    """

    def __init__(
        self,
        source: NamedSource,
        tracked_slis: Sequence[TrackedSli],
        ledger_writer: LedgerWriter,
        *,
        turn: asyncio.Lock,
        instruments: EvaluationInstruments,
        timing: SlotTiming,
    ) -> None:
        self.source = source
        self.tracked_slis = tuple(tracked_slis)
        for tracked in self.tracked_slis:
            tracked.later_by_s = source.later_by.total_seconds()
        self._ledger_writer = ledger_writer
        self._timing = timing
        self._live = labelled(source.live, source.name)
        batcher = QueryBatcher(ledger_writer.series_index, turn)
        self._batcher = batcher
        past = labelled(source.background, source.name)
        if not source.metered:
            past = leaving_room(past)
        self.reader = OneSource(batcher, past)
        name = "" if source.name == DEFAULT_SOURCE else source.name
        self.backfill = Backfill(ledger_writer, self.tracked_slis, self.reader, name=name)
        self.window_edges = WindowEdges(ledger_writer, self.tracked_slis, self.reader)
        self.copy_recounts = CopyRecounts(ledger_writer, self.tracked_slis, self.reader)
        self.start_times = StartTimes(ledger_writer, self._live, past=past, name=source.name)
        self.health = QueryHealth(instruments, source.name)
        self.inspection = None if source.metrics is None else Inspection(self.tracked_slis, source.metrics)
        self.answered_at: datetime | None = None
        self.seconds = 0.0
        self.failing = 0

    @property
    def name(self) -> str:
        """The name of the source."""
        return self.source.name

    @property
    def timeout_s(self) -> float:
        """How long a query of an evaluation may take."""
        return (self.source.timeout or self._timing.timeout).total_seconds()

    async def ask(self, at: datetime) -> AskedSlot:
        """Ask for the newest slot that is due in the evaluation of the slot *at*, and for what was missed before."""
        with trace_span("sloburn.ask", {"sloburn.source": self.name, "sloburn.slis": len(self.tracked_slis)}):
            return await self._ask(at)

    async def _ask(self, at: datetime) -> AskedSlot:
        loop = asyncio.get_running_loop()
        began, writer = loop.time(), self._ledger_writer
        at -= self.source.later_by
        settle_s = (self.source.settle or self._timing.settle).total_seconds()
        at_s, interval_s = at.timestamp(), writer.ledger.interval_s
        settled = partial(slot_queries.settled_up_to, at_s=at_s, interval_s=interval_s, settle_s=settle_s)
        look_back(writer, self.tracked_slis, at_s=at_s, settled_up_to=settled)
        is_away = self.health.unanswered is not None
        reads = slot_queries.reads(
            self.tracked_slis, at_s=at_s, interval_s=interval_s, settle_s=settle_s, is_away=is_away
        )
        is_asked = any(map(slot_queries.needs_query, reads))
        answers = await slot_queries.ask_all(reads, self._batcher, self._live, deadline=self.timeout_s)
        # Not under the lock, and before counting: what has just begun counts in its own slot.
        await self._look_up_starts(answers, at)
        return AskedSlot(at=at, answers=answers, seconds=loop.time() - began, is_asked=is_asked)

    def enter(self, asked: AskedSlot) -> None:
        """Count what was answered, and note what was not."""
        at_s = asked.at.timestamp()
        entered = without_unread(asked.answers, self._ledger_writer, at_s=at_s)
        for read, answers in entered:
            slot_queries.enter(read, answers, self._ledger_writer)
        self.health.note(*(answers for _, answers in entered), at_s=at_s)
        for read, answers in asked.answers:
            if read.is_old:
                self.health.note_left_out(answers)
        if asked.is_asked and not _were_held_back(asked):
            self.seconds = asked.seconds
        self.failing = sum(tracked.problem is not None for tracked in self.tracked_slis if not tracked.parts)
        if any(answers.answered for _, answers in asked.answers):
            self.answered_at = asked.at

    async def _look_up_starts(self, asked: Sequence[tuple[Read, QueryResults]], at: datetime) -> None:
        later = [(read, answers.samples) for read, answers in asked if not read.first]
        again = [(read.since_s, samples) for read, samples in later if read.settle_s is not None]
        await self.start_times.look_up_live(
            Samples.joined([samples for read, samples in later if read.settle_s is None]), at
        )
        if again:
            await self.start_times.look_up_unsettled(
                Samples.joined([samples for _, samples in again]), min(since_s for since_s, _ in again), at
            )


def _were_held_back(asked: AskedSlot) -> bool:
    """Whether no query was sent, since the source was away a moment ago: what that took says nothing of it."""
    given = [answers for _, answers in asked.answers]
    failures = [error for answers in given for _, error in answers.failed]
    no_answer = not any(answers.answered for answers in given)
    return no_answer and bool(failures) and all(isinstance(error, CircuitOpenError) for error in failures)
