"""An evaluator in virtual time, over any source, and what it shows."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from typing_extensions import override

from app.adjustments import CurrentAdjustments
from app.alerting import Routing
from app.documents import load_documents
from app.evaluation import EvaluationInstruments, EvaluationTiming, Evaluator, Source
from app.ingest import NamedSource
from app.slo import Slo
from app.status import Board, RecentChanges, Snapshot
from app.store import Database, open_database
from testbed.service import write_documents
from testbed.traces import Trace
from tests.evaluation.memory import MemorySource, Series

INTERVAL_S = 30
T = TypeVar("T")
Figures = dict[str, tuple[float, float, float]]
"""Total and bad events and coverage, by SLO and window."""


@dataclass(slots=True)
class Noted(EvaluationInstruments):
    """Instruments that remember."""

    failures: list[str] = field(default_factory=list)

    @override
    def evaluated(self, seconds: float, at: datetime) -> None:
        """Nothing."""

    @override
    def evaluation_failed(self, reason: str) -> None:
        """Remember why."""
        self.failures.append(reason)

    @override
    def missed(self, slots: int) -> None:
        """Nothing."""

    @override
    def asked(self, source: str, *, answered_at: datetime | None, at: datetime, seconds: float, failing: int) -> None:
        """Nothing."""

    @override
    def asked_only(self, sources: Collection[str]) -> None:
        """Nothing."""

    @override
    def backfill_progress(self, ratio: float) -> None:
        """Nothing."""


class Running(AbstractContextManager["Running"]):
    """An evaluator on a database of its own, ticked by hand; *move* is told the time before each tick."""

    def __init__(
        self,
        slos: Sequence[Slo],
        source: Source,
        path: Path,
        *,
        open_: Callable[[str], Database] = open_database,
        move: Callable[[float], None] = lambda _at: None,
        settle_s: int = 300,
        timeout_s: float = 20,
        history: timedelta | None = None,
        older_days: float = 0,
        routing: Routing = Routing(always=("pager",)),  # noqa: B008  frozen
        background: Source | None = None,
        sources: Sequence[NamedSource] = (),
    ) -> None:
        self.slos = slos
        self.source = source
        self.background = background
        self.board = Board()
        self.recent_changes = RecentChanges()
        self.adjustments = CurrentAdjustments()
        self.at = 0.0
        self.instruments = Noted()
        self._sources = sources
        self._runner = asyncio.Runner()
        self._move = move
        self._path = path
        self._open = open_
        self._timing = EvaluationTiming(
            interval=timedelta(seconds=INTERVAL_S),
            settle=timedelta(seconds=settle_s),
            timeout=timedelta(seconds=timeout_s),
            history=history,
            older=timedelta(days=older_days),
            routing=routing,
        )
        self._begin()

    def restart(self, *, routing: Routing | None = None, slos: Sequence[Slo] | None = None) -> None:
        """As after a kill: a new evaluator on what the database holds, by other routes or SLOs if they are given."""
        self.database.close()
        self.slos = slos or self.slos
        if routing is not None:
            self._timing = replace(self._timing, routing=routing)
        self._begin()

    def use(self, sources: Sequence[NamedSource]) -> None:
        """Begin with these sources, whose clients were opened in the event loop of the ticks."""
        self._sources = sources
        self.database.close()
        self._begin()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something in the event loop of the ticks."""
        return self._runner.run(work)

    def tick(self, *slots: float) -> None:
        """Tick some slots."""
        self.do(self._tick(slots))

    def run(self, start: float, end: float, *, every: int = INTERVAL_S, backfill: bool = True) -> None:
        """Tick the slots in (start, end], one in *every* so many seconds; after each, a piece of history."""
        slots = range(int(start) + every, int(end) + 1, every)
        self.do(self._tick(slots, backfill=backfill))

    def run_side_by_side(self, start: float, end: float) -> None:
        """Tick every slot in (start, end] while history is being read."""

        async def both() -> None:
            slots = range(int(start) + INTERVAL_S, int(end) + 1, INTERVAL_S)
            await self._tick(slots[:1])
            await asyncio.gather(self._tick(slots[1:]), self._backfill(end))

        self.do(both())

    def backfill(self, now: float) -> None:
        """Count all the history there is."""
        self.do(self._backfill(now))

    @property
    def figures(self) -> Figures:
        """What is shown of every SLO and window."""
        return figures(self.board.snapshots)

    def snapshot(self, slo_id: str) -> Snapshot:
        """What is shown of one SLO."""
        return next(snapshot for snapshot in self.board.snapshots if snapshot.id == slo_id)

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.database.close()
        self._runner.close()

    def _begin(self) -> None:
        self.database = self._open(f"sqlite:///{self._path}")
        try:
            self.evaluator = Evaluator(
                self.slos,
                source=self.source,
                background=self.background,
                database=self.database,
                board=self.board,
                instruments=self.instruments,
                timing=self._timing,
                sources=self._sources,
                recent_changes=self.recent_changes,
                adjustments=self.adjustments,
            )
        except BaseException:
            self.database.close()
            raise

    async def _tick(self, slots: Iterable[float], *, backfill: bool = False) -> None:
        for at in slots:
            self._move(at)
            self.at = at
            await self.evaluator.evaluate(datetime.fromtimestamp(at, UTC))
            if backfill:
                await self.evaluator.backfill(datetime.fromtimestamp(at, UTC))
            else:
                # What waits for history is not looked for; what has proved to be counted twice is.
                for history in self.evaluator._ingests.histories:
                    await self.evaluator._count_copies_again(history, datetime.fromtimestamp(at, UTC))

    async def _backfill(self, now: float) -> None:
        while await self.evaluator.backfill(datetime.fromtimestamp(now, UTC)):
            pass


@contextmanager
def two_running(watched: Sequence[Slo], series: Sequence[Series], folder: Path) -> Iterator[tuple[Running, Running]]:
    """Two evaluators, live and fresh, of one source that has *series* up to a second before the slot."""
    source = MemorySource(series)

    def move(at: float) -> None:
        source.now = at - 1

    with (
        Running(watched, source, folder / "live.db", move=move) as live,
        Running(watched, source, folder / "fresh.db", move=move) as fresh,
    ):
        yield live, fresh


def figures(snapshots: Iterable[Snapshot]) -> Figures:
    """Total and bad events and coverage of every window."""
    found = {}
    for snapshot in snapshots:
        found[f"{snapshot.id} all"] = (snapshot.total, snapshot.bad, snapshot.coverage)
        for view in snapshot.windows:
            found[f"{snapshot.id} {view.window}"] = (view.total, view.bad, view.coverage)
    return found


def slos_of(traces: Iterable[Trace], folder: Path, *, window: str = "30d") -> tuple[Slo, ...]:
    """The SLOs that judge the services of some traces."""
    loaded = load_documents(write_documents([trace.document(window=window) for trace in traces], folder))
    assert not loaded.errors
    return tuple(loaded.slos)


def differences(found: Figures, wanted: Figures, *, events: float = 1e-6, coverage: float = 1e-3) -> dict[str, object]:
    """Where two runs disagree, by more than a share of the events or of coverage."""
    assert found.keys() == wanted.keys()
    return {
        key: (found[key], counted)
        for key, counted in wanted.items()
        if abs(found[key][0] - counted[0]) > events * max(1.0, counted[0])
        or abs(found[key][1] - counted[1]) > events * max(1.0, counted[1])
        or abs(found[key][2] - counted[2]) > coverage
    }
