"""All sources of some SLIs: which an evaluation waits for, and history at the pace of each."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import structlog

from app.ingest.counting.composites import leaves_of
from app.ingest.counting.ledger_writer import LedgerWriter
from app.ingest.history.backfill import Backfill
from app.ingest.history.copy_recounts import CopyRecounts
from app.ingest.history.history_reader import SourceReaders
from app.ingest.history.window_edges import WindowEdges
from app.ingest.ports import EvaluationInstruments, NamedSource, Source
from app.ingest.queries.query_health import QueryHealth
from app.ingest.series.tracked_slis import TrackedSli
from app.ingest.sources.joined_source import JoinedSource
from app.ingest.sources.source_ingest import AskedSlot, SlotTiming, SourceIngest
from app.sli import sources_of_sli
from app.slo import DEFAULT_SOURCE, Sli

_log = structlog.get_logger(__name__)
# As long as a loop rests that has had nothing to do.
_REST_S = 1.0
WAITED_FOR_S: Final = 3.0
"""How long an evaluation waits for a source beside others: a tenth of the usual slot, and longer than most answers."""


@dataclass(frozen=True, slots=True)
class SourceHistory:
    """The history of some SLIs that are read together: those of one source, or composites of several.

    *name* is that of the source, empty for several; *ingests* are of the sources that are read.
    """

    name: str
    ingests: Sequence[SourceIngest]
    backfill: Backfill
    window_edges: WindowEdges
    copy_recounts: CopyRecounts
    health: QueryHealth


class Ingests:
    """The sources that some SLIs are counted from, each with an instance of its own.

    With one source an evaluation waits for it as long as a query may take. Of several, what has not answered in
    `WAITED_FOR_S` is entered in the next evaluation, and is not waited for again until it has answered in that time:
    neither a source that hangs nor one that is slow delays the SLOs of others by more, or by that more than once.
    """

    def __init__(
        self,
        sources: Sequence[NamedSource],
        ledger_writer: LedgerWriter,
        *,
        turn: asyncio.Lock,
        instruments: EvaluationInstruments,
        timing: SlotTiming,
    ) -> None:
        self._instruments = instruments
        by_home: dict[str, list[TrackedSli]] = {}
        sums = [tracked for tracked in ledger_writer.tracked_slis if tracked.of_sources]
        for tracked in ledger_writer.tracked_slis:
            # What is added up of several sources is read of each by itself.
            if not tracked.of_sources:
                by_home.setdefault(_home(tracked), []).append(tracked)
        named = {source.name: source for source in sources}
        self._background = {source.name: source.background for source in sources}
        self.all = tuple(
            SourceIngest(named[name], tracked_slis, ledger_writer, turn=turn, instruments=instruments, timing=timing)
            for name, tracked_slis in by_home.items()
            if name
        )
        self.by_name: Mapping[str, SourceIngest] = {ingest.name: ingest for ingest in self.all}
        histories = [
            SourceHistory(
                ingest.name, (ingest,), ingest.backfill, ingest.window_edges, ingest.copy_recounts, ingest.health
            )
            for ingest in self.all
        ]
        mixed = by_home.get("", [])
        for tracked in (*sums, *mixed):
            tracked.later_by_s = max(leaf.later_by_s for leaf in leaves_of(tracked))
        if mixed:
            reader = SourceReaders({ingest.name: ingest.reader for ingest in self.all})
            backfill, window_edges = Backfill(ledger_writer, mixed, reader), WindowEdges(ledger_writer, mixed, reader)
            copies = CopyRecounts(ledger_writer, mixed, reader)
            histories.append(SourceHistory("", self.all, backfill, window_edges, copies, QueryHealth(instruments)))
        self.histories = tuple(histories)
        self._asking: dict[str, asyncio.Task[AskedSlot]] = {}
        self._late: set[str] = set()
        self.pace = OwnPace()

    async def ask(self, at: datetime) -> list[tuple[SourceIngest, AskedSlot]]:
        """Ask all sources for the slot *at*, and give what was answered in time, or has been since the last one."""
        if len(self.all) == 1:
            return [(self.all[0], await self.all[0].ask(at))]
        for ingest in self.all:
            if ingest.name not in self._asking:
                self._asking[ingest.name] = asyncio.create_task(ingest.ask(at), name=f"asking {ingest.name}")
        prompt = [self._asking[ingest.name] for ingest in self.all if ingest.name not in self._late]
        if prompt:
            await asyncio.wait(prompt, timeout=WAITED_FOR_S)
        return self.answered()

    def answered(self) -> list[tuple[SourceIngest, AskedSlot]]:
        """What was answered that has not been given yet."""
        found = []
        for ingest in self.all:
            task = self._asking.get(ingest.name)
            if task is None:
                continue
            if not task.done():
                self._late.add(ingest.name)
                continue
            del self._asking[ingest.name]
            if task.cancelled():
                continue
            error = task.exception()
            if error is not None:
                # Of the others nothing is wrong.
                self._instruments.evaluation_failed("internal")
                _log.error("a source cannot be asked", source=ingest.name, exc_info=error)
                continue
            asked = task.result()
            if asked.seconds <= WAITED_FOR_S:
                self._late.discard(ingest.name)
            found.append((ingest, asked))
        return found

    def background_of(self, sli: Sli) -> Source:
        """What is asked about an SLI that no evaluation waits for: its source, or all of its sources at once."""
        names = sources_of_sli(sli)
        if len(names) == 1:
            return self._background[names[0]]
        return JoinedSource({name: self._background[name] for name in names})

    @property
    def unanswered(self) -> Mapping[str, str]:
        """Why sources do not answer, by their names."""
        return {one.name: one.health.unanswered for one in self.all if one.health.unanswered is not None}

    @property
    def late(self) -> AbstractSet[str]:
        """The names of the sources that have not answered in time when they were asked last, and may yet."""
        return frozenset(self._late)

    @property
    def partial(self) -> Mapping[str, str]:
        """What sources say of data that is missing from their answers, by their names."""
        return {one.name: one.health.partial for one in self.all if one.health.partial is not None}

    def stop(self) -> None:
        """Give up what is under way."""
        for task in self._asking.values():
            task.cancel()
        self._asking.clear()
        self.pace.stop()


@dataclass(slots=True)
class OwnPace:
    """Work of which each part goes on at its own pace: one that takes long keeps none of the others from starting."""

    _tasks: dict[str, asyncio.Task[bool]] = field(default_factory=dict)

    async def step(self, works: Mapping[str, Callable[[], Coroutine[Any, Any, bool]]]) -> bool:
        """Start each part that is not under way, and wait for the first that has done something; whether one has.

        Of parts that take longer than `_REST_S` no more is waited for: others may have something to do meanwhile.
        """
        if len(works) == 1:
            return await next(iter(works.values()))()
        for name, work in works.items():
            if name not in self._tasks:
                self._tasks[name] = asyncio.create_task(work())
        timeout_s = None
        while self._tasks:
            waited = asyncio.wait(self._tasks.values(), timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            done, _ = await waited
            self._tasks = {name: task for name, task in self._tasks.items() if task not in done}
            # Of all that have ended, so that no error is lost behind one that has done something.
            results = [task.result() for task in done]
            if any(results) or not done:
                return bool(done)
            timeout_s = _REST_S
        return False

    def stop(self) -> None:
        """Give up what is under way."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()


def _home(tracked: TrackedSli) -> str:
    """The source that an SLI is counted from; empty for what is made of SLIs of several."""
    homes = {leaf.sli.source for leaf in leaves_of(tracked)}
    return homes.pop() if len(homes) == 1 else ""


def sources_of(named: Sequence[NamedSource], default: NamedSource) -> tuple[NamedSource, ...]:
    """The default source, unless another one has its name, and all others."""
    return tuple(named) if any(one.name == DEFAULT_SOURCE for one in named) else (default, *named)
