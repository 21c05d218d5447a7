"""What was missed and cannot be read keeps nothing newer from being evaluated, and is counted once it can be read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from typing_extensions import override

from app.evaluation import Source
from app.prometheus import BadQueryError, Matrix, PrometheusError, UnreachableError
from app.slo import AlertState, Severity
from app.status import DataState, ProblemCode
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import Figures, Running, differences

AT = 1_772_323_200.0
HOUR, MINUTE = 3600.0, 60.0
AWAY, BACK, READABLE, END = AT + HOUR, AT + 3.5 * HOUR, AT + 4.5 * HOUR, AT + 5.5 * HOUR
BURN = (AT + 1.5 * HOUR, AT + 4 * HOUR)
UNREADABLE = (AT + 1.2 * HOUR, AT + 2.6 * HOUR)
Answers = Callable[[float, float, float], PrometheusError | None]


@dataclass(slots=True)
class Faulty(Source):
    """A source that fails by the time now, and by the first and last time that is asked for."""

    memory: MemorySource
    fault: Answers

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        matrix = await self.memory.instant(expr, at)
        begin = float(matrix.times.min()) if len(matrix.times) else at.timestamp()
        self._fail(begin, at.timestamp())
        return matrix

    @override
    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        self._fail(start.timestamp(), end.timestamp())
        return await self.memory.range(expr, start, end, step)

    def _fail(self, begin: float, end: float) -> None:
        error = self.fault(self.memory.now, begin, end)
        if error is not None:
            raise error


def store_down(now: float, begin: float, end: float) -> PrometheusError | None:
    if AWAY < now < BACK:
        return UnreachableError("gone")
    old = begin < UNREADABLE[1] and end > UNREADABLE[0]
    return UnreachableError("store-2: no such host") if old and AWAY < now < READABLE else None


def too_much(now: float, begin: float, end: float) -> PrometheusError | None:
    error = store_down(now, begin, end)
    return BadQueryError("too many samples") if error is not None and now >= BACK else error


@contextmanager
def running(folder: Path, fault: Answers) -> Iterator[Running]:
    span = (AT - HOUR, AT + 8 * HOUR)
    memory = MemorySource(
        [
            counter(requests("web"), span, per_second=10.0),
            counter(requests("web", "500"), span, per_second=0.0, bursts=[(BURN, 5.0)]),
        ]
    )

    def move(at: float) -> None:
        memory.now = at - 1

    folder.mkdir()
    with Running(
        slos([availability("web")], folder / "slos"), Faulty(memory, fault), folder / "a.db", move=move
    ) as live:
        live.run(AT, AT + 2 * MINUTE)
        live.backfill(AT + 2 * MINUTE)
        yield live


def page(live: Running) -> AlertState:
    return next(alert.state for alert in live.board.snapshots[0].alerts if alert.severity is Severity.PAGE)


def unread(live: Running) -> str:
    shown = live.board.snapshots[0].problems
    return next((one.detail for one in shown if one.code is ProblemCode.PARTIAL_DATA), "")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Figures:
    """What is shown in the end where nothing was ever missing."""
    with running(tmp_path_factory.mktemp("whole") / "a", lambda *_: None) as live:
        live.run(AT + 2 * MINUTE, END, every=1500, backfill=False)
        live.tick(END)
        return live.figures


@pytest.mark.parametrize(
    ("fault", "since", "restarts"), [(store_down, "01:00", False), (too_much, "00:50", True)], ids=["store", "restart"]
)
def test_an_incident_pages_beside_an_hour_that_cannot_be_read(
    tmp_path: Path, whole: Figures, fault: Answers, since: str, *, restarts: bool
) -> None:
    """It says which time cannot be read, and in the end every count is that of a run without faults."""
    with running(tmp_path / "a", fault) as live:
        live.run(AT + 2 * MINUTE, AWAY, every=290, backfill=False)
        live.run(AWAY, BACK, every=900, backfill=False)
        assert page(live) is AlertState.FROZEN
        live.run(BACK, BACK + 2 * MINUTE, backfill=False)
        assert page(live) is AlertState.FIRING
        assert live.board.snapshots[0].data is DataState.FRESH
        assert unread(live)
        if restarts:
            live.restart()
        live.run(BACK + 5 * MINUTE, READABLE, every=300, backfill=False)
        assert f"2026-03-01 {since} to" in unread(live)
        live.run(READABLE, END, every=300, backfill=False)
        assert not unread(live)
        assert differences(live.figures, whole) == {}


def test_what_stays_unreadable_for_hours_is_a_hole(tmp_path: Path) -> None:
    """Nothing waits for it any longer; what the counters show beyond it is known all the same."""

    def for_ever(now: float, begin: float, end: float) -> PrometheusError | None:
        return store_down(min(now, READABLE - 1), begin, end) if now > BACK else store_down(now, begin, end)

    with running(tmp_path / "a", for_ever) as live:
        live.run(AT + 2 * MINUTE, AWAY, every=290, backfill=False)
        live.run(AWAY, BACK, every=900, backfill=False)
        live.run(BACK, AT + 8 * HOUR, every=300, backfill=False)
        shown = live.board.snapshots[0]
        assert not unread(live)
        assert shown.data is DataState.FRESH
        assert 0.5 < shown.coverage < 0.9
