"""Samples that come late, by remote write or an agent that was away, are counted when they come, and it is said."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from typing_extensions import override

from app.evaluation import Source
from app.prometheus import Matrix
from app.status import Problem, ProblemCode
from app.store.alerts import load_active_alerts
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import Figures, Running, differences

END = 1_800_000_000.0
HOUR = 3600
BEGIN = END - 2.5 * HOUR
ID = "shop-availability"
Arrival = Callable[[Mapping[str, str], float], float]
"""When a sample of a series and a time is there to be read, in seconds."""


@dataclass(slots=True)
class Late(Source):
    """A Prometheus to which samples come when they *arrive*."""

    memory: MemorySource
    arrives: Arrival
    now: float = 0.0

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        return self._arrived(await self.memory.instant(expr, at))

    @override
    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        return await self.memory.range(expr, start, end, step)

    def _arrived(self, matrix: Matrix) -> Matrix:
        owner = np.repeat(np.arange(len(matrix.labels)), matrix.lengths)
        arrivals = [
            self.arrives(matrix.labels[index], time)
            for index, time in zip(owner.tolist(), matrix.times.tolist(), strict=True)
        ]
        there = np.array(arrivals, dtype=np.float64) <= self.now
        lengths = np.bincount(owner[there], minlength=len(matrix.labels))
        return replace(
            matrix,
            labels=tuple(labels for labels, length in zip(matrix.labels, lengths, strict=True) if length),
            lengths=lengths[lengths > 0],
            times=matrix.times[there],
            values=matrix.values[there],
        )


def shop(until: float) -> list[Series]:
    """Two instances; the second one fails for ten minutes."""
    incident = ((END - 2 * HOUR, END - 2 * HOUR + 600), 0.5)
    return [
        one
        for number, bursts in ((0, []), (1, [incident]))
        for one in (
            counter(requests("shop", instance=f"api-{number}:80"), (END - 12 * HOUR, until), per_second=3.0, past=7000),
            counter(
                requests("shop", "500", instance=f"api-{number}:80"),
                (END - 12 * HOUR, until),
                per_second=0.0,
                bursts=bursts,
            ),
        )
    ]


@contextmanager
def running(arrives: Arrival, folder: Path, name: str, *, until: float = END + HOUR) -> Iterator[Running]:
    """An evaluator that has read its history two hours and a half before the end."""
    folder.mkdir(exist_ok=True)
    source = Late(MemorySource(shop(until)), arrives)

    def move(at: float) -> None:
        source.now = at + 5

    documents = [availability("shop", window="1d")]
    with Running(slos(documents, folder / "slos"), source, folder / f"{name}.db", move=move) as run:
        run.tick(BEGIN)
        run.backfill(BEGIN)
        yield run


def at_once(_labels: Mapping[str, str], time: float) -> float:
    return time + 1


@pytest.fixture(scope="module")
def in_time(tmp_path_factory: pytest.TempPathFactory) -> Callable[[float, float], Figures]:
    """What is shown at a time where all samples up to another one come in time; each is computed once."""

    @cache
    def shown(until: float, at: float) -> Figures:
        with running(at_once, tmp_path_factory.mktemp("in_time"), "whole", until=until) as whole:
            whole.run(BEGIN, at, every=60)
            return whole.figures

    return shown


def late(run: Running) -> Problem | None:
    return next((one for one in run.snapshot(ID).problems if one.code is ProblemCode.LATE_SAMPLES), None)


@pytest.mark.parametrize(("late_s", "offset"), [(100.0, "by 2m"), (1300.0, "by 2")])
def test_samples_that_are_always_late_are_counted_and_the_setting_is_named(
    tmp_path: Path, in_time: Callable[[float, float], Figures], late_s: float, offset: str
) -> None:
    until = END - 1.8 * HOUR
    with running(lambda _labels, time: time + late_s, tmp_path, "late", until=until) as run:
        run.run(BEGIN, until)
        problem = late(run)
        assert problem is not None
        assert "SLOBURN_QUERY_OFFSET" in problem.detail
        assert offset in problem.detail
        run.run(until, until + 2700, every=60)
        assert differences(run.figures, in_time(until, until + 2700), coverage=2e-3) == {}


def test_the_ticket_for_missing_data_says_that_it_comes_late(tmp_path: Path) -> None:
    with running(lambda _labels, time: time + 1500, tmp_path, "late") as run:
        run.run(BEGIN, END - 1.7 * HOUR)
        with run.database.read() as transaction:
            (ticket,) = load_active_alerts(transaction)
        assert ticket.condition is not None
        assert "SLOBURN_QUERY_OFFSET" in ticket.condition


@pytest.mark.parametrize("late_s", [200.0, 1300.0])
def test_one_of_two_instances_that_is_late_is_counted_when_it_comes(
    tmp_path: Path, in_time: Callable[[float, float], Figures], late_s: float
) -> None:
    def arrives(labels: Mapping[str, str], time: float) -> float:
        return time + (late_s if labels.get("instance") == "api-1:80" else 1)

    until = END - 1.8 * HOUR
    with running(arrives, tmp_path, "late", until=until) as run:
        run.run(BEGIN, until)
        run.run(until, until + 2700, every=60)
        assert differences(run.figures, in_time(until, until + 2700), coverage=2e-3) == {}


def test_an_instance_that_always_lags_behind_the_other_counts_in_the_slots_in_which_it_comes(tmp_path: Path) -> None:
    """Not only when counts become final: its incident would be over by then. It has not ended either."""
    during = END - 2 * HOUR + 600

    def arrives(labels: Mapping[str, str], time: float) -> float:
        return time + (80 if labels.get("instance") == "api-1:80" else 1)

    with running(arrives, tmp_path, "late", until=during) as run:
        run.run(BEGIN, during)
        newest = next(view for view in run.snapshot(ID).windows if view.window == timedelta(minutes=5))
        assert newest.bad >= 0.5 * (300 - 80 - 2 * 30)
        assert ProblemCode.BAD_SERIES_ENDED not in {one.code for one in run.snapshot(ID).problems}


@pytest.mark.parametrize(
    ("instances", "back"),
    [
        (["api-1:80"], END - 4310),
        (["api-0:80", "api-1:80"], END - 4310),
        # With the very slot in which older ones are settled.
        (["api-0:80", "api-1:80"], END - 4198),
    ],
)
def test_what_an_agent_sends_after_an_hour_is_counted_where_it_belongs(
    tmp_path: Path, in_time: Callable[[float, float], Figures], instances: list[str], back: float
) -> None:
    """An agent cannot reach Prometheus during an incident, and sends all of it afterwards."""
    away = END - 2.2 * HOUR

    def arrives(labels: Mapping[str, str], time: float) -> float:
        return back if labels.get("instance") in instances and away <= time < back else time + 1

    at = END - 0.9 * HOUR
    with running(arrives, tmp_path, "late") as run:
        run.run(BEGIN, END - 4500, every=60)
        run.run(END - 4500, at)
        # Of the slot in which it went away it is not known how much was measured.
        assert differences(run.figures, in_time(END + HOUR, at), coverage=6e-3) == {}


def test_the_last_sample_of_a_pod_that_is_gone_is_not_late(tmp_path: Path) -> None:
    """It may come a second after its slot was read, and nothing comes after it."""
    with running(lambda _labels, time: time + 31, tmp_path, "gone", until=END - 2.3 * HOUR) as run:
        run.run(BEGIN, END - 2 * HOUR)
        assert late(run) is None


@pytest.mark.parametrize("lag_s", [40.0, 250.0])
def test_a_server_that_lags_while_counts_become_final_moves_no_event(tmp_path: Path, lag_s: float) -> None:
    """As one of several behind a balancer may, for a few slots: what the others have is not lost."""
    source = MemorySource([counter(requests("shop"), (BEGIN - HOUR, END + HOUR), per_second=10.0)])
    late = range(round(END) - 1200, round(END) - 1080, 30)
    edges = np.arange(END - 3000, END + 1, 300)

    def move(at: float) -> None:
        source.now = at - (lag_s if at in late else 1.0)

    with Running(slos([availability("shop")], tmp_path / "slos"), source, tmp_path / "db", move=move) as one:
        one.run(END - 3000, END, backfill=False)
        past = one.evaluator.past(one.snapshot(ID).id)
        assert past is not None
        assert past.row is not None
        assert np.diff(past.row.counted_before(edges)[0]).tolist() == [3000.0] * 10


def test_blocks_that_are_imported_hours_later_change_no_count_and_the_hole_is_said(tmp_path: Path) -> None:
    """What was counted across the hole is exact; that nobody saw it stays known."""
    hole = (END - 8 * HOUR, END - 6 * HOUR)
    span = (END - 12 * HOUR, END + HOUR)
    source = MemorySource([counter(requests("shop"), span, per_second=10.0, without=[hole])])

    def move(at: float) -> None:
        source.now = at - 1

    with Running(slos([availability("shop")], tmp_path / "slos"), source, tmp_path / "db", move=move) as one:
        one.run(END - 9 * HOUR, END - 2 * HOUR, every=600)
        one.backfill(END - 2 * HOUR)
        source.series = [counter(requests("shop"), span, per_second=10.0)]
        source._selected.clear()
        one.run(END - 2 * HOUR, END - HOUR, every=300)
        shown = one.snapshot(ID)
    assert shown.total == pytest.approx(11 * HOUR * 10, abs=1000)
    assert shown.coverage == pytest.approx(9 / 11, abs=0.01)
