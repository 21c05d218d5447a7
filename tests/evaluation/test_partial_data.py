"""Answers that say that data is missing: what came may fire an alert, ends none, and is counted again when whole."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from typing_extensions import override

from app.evaluation import Source
from app.prometheus import Matrix
from app.slo import AlertState, Cause, Severity
from app.status import DataState, HealthState, ProblemCode
from app.store.alerts import load_active_alerts
from tests.evaluation.memory import MemorySource
from tests.evaluation.plain import Span, availability, counter, requests, slos
from tests.evaluation.running import Figures, Running, differences

END = 1_800_000_000.0
HOUR = 3600
BEGIN = END - 8 * HOUR
ID = "shop-availability"
WARNING = "store-2: connection refused"
BURN = 0.5
"""Bad events per second in the incident, of ten good ones."""


@dataclass(slots=True)
class Stores(Source):
    """A querier over stores, one of which is down at times: its series are missing then, and the answer says so."""

    memory: MemorySource
    lost: Callable[[Mapping[str, str]], bool] = lambda _labels: False
    down: bool = False
    only_before: float = float("inf")
    asked: list[str] = field(default_factory=list)

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        return self._partial(await self.memory.instant(expr, at), at)

    @override
    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        return self._partial(await self.memory.range(expr, start, end, step), start)

    def _partial(self, matrix: Matrix, at: datetime) -> Matrix:
        if not self.down or at.timestamp() >= self.only_before:
            return matrix
        kept = np.array([not self.lost(labels) for labels in matrix.labels], dtype=bool)
        samples = np.repeat(kept, matrix.lengths)
        return replace(
            matrix,
            labels=tuple(labels for labels, keep in zip(matrix.labels, kept, strict=True) if keep),
            lengths=matrix.lengths[kept],
            times=matrix.times[samples],
            values=matrix.values[samples],
            warnings=(WARNING,),
            whole=False,
        )


def stores(*incidents: Span, until: float = END + HOUR) -> Stores:
    """Two instances with ten requests a second each, in two stores; both fail in the incidents."""
    bursts = [(span, BURN) for span in incidents]
    return Stores(
        MemorySource(
            [
                one
                for number in range(2)
                for one in (
                    counter(
                        requests("shop", instance=f"api-{number}:80"),
                        (BEGIN, until),
                        per_second=10.0,
                        past=5000,
                    ),
                    counter(
                        requests("shop", "500", instance=f"api-{number}:80"),
                        (BEGIN, until),
                        per_second=0.0,
                        past=0,
                        bursts=bursts,
                    ),
                )
            ]
        )
    )


@contextmanager
def running(source: Stores, folder: Path, name: str = "a", *, window: str = "1d") -> Iterator[Running]:
    """An evaluator that has read its history up to six hours before the end."""
    folder.mkdir(exist_ok=True)

    def move(at: float) -> None:
        source.memory.now = at - 1

    with Running(
        slos([availability("shop", window=window)], folder / "slos"), source, folder / f"{name}.db", move=move
    ) as run:
        run.tick(END - 6 * HOUR)
        run.backfill(END - 6 * HOUR)
        yield run


@pytest.fixture(scope="module")
def whole_answers(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Span, float], Figures]:
    """What is shown at a time of an incident by a run that always had whole answers; each is computed once."""

    @cache
    def shown(incident: Span, at: float) -> Figures:
        with running(stores(incident), tmp_path_factory.mktemp("whole")) as whole:
            whole.run(END - 6 * HOUR, at, every=60)
            return whole.figures

    return shown


def page(run: Running) -> AlertState:
    return next(
        alert.state
        for alert in run.snapshot(ID).alerts
        if alert.severity is Severity.PAGE and alert.cause is Cause.BURN
    )


def _detail(run: Running) -> str:
    return next(one.detail for one in run.snapshot(ID).problems if one.code is ProblemCode.PARTIAL_DATA)


def codes(run: Running) -> set[ProblemCode]:
    return {problem.code for problem in run.snapshot(ID).problems}


@pytest.mark.parametrize("lost", ["nothing", "an instance"])
def test_an_incident_seen_by_partial_data_fires_a_page_that_no_partial_data_ends(tmp_path: Path, lost: str) -> None:
    source = stores((END - 5 * HOUR, END - 4.5 * HOUR))
    source.lost = lambda labels: lost != "nothing" and labels["instance"] == "api-1:80"
    with running(source, tmp_path) as run:
        source.down = True
        run.run(END - 6 * HOUR, END - 5 * HOUR, every=120)
        run.run(END - 5 * HOUR, END - 4.6 * HOUR, every=60)
        assert page(run) is AlertState.FIRING
        run.run(END - 4.6 * HOUR, END - 3.8 * HOUR, every=120)
        assert page(run) is AlertState.FROZEN
        source.down = False
        run.run(END - 3.8 * HOUR, END - 3.7 * HOUR)
        assert page(run) is AlertState.INACTIVE


def test_what_is_missing_and_which_setting_matters_is_said(tmp_path: Path) -> None:
    source = stores()
    with running(source, tmp_path) as run:
        source.down = True
        run.run(END - 6 * HOUR, END - 5.5 * HOUR)
        assert ProblemCode.PARTIAL_DATA in codes(run)
        with run.database.read() as transaction:
            (ticket,) = load_active_alerts(transaction)
        for said in (_detail(run), run.evaluator.partial, ticket.condition):
            assert said is not None
            assert WARNING in said
            assert "SLOBURN_PROMETHEUS_PARTIAL" in said
        assert (ticket.cause, ticket.severity) == (Cause.NO_DATA, Severity.TICKET)
        run.restart()
        run.run(END - 5.5 * HOUR, END - 5.45 * HOUR)
        with run.database.read() as transaction:
            assert load_active_alerts(transaction) == (ticket,)
        source.lost = lambda _labels: True
        run.run(END - 5.45 * HOUR, END - 5.4 * HOUR)
        with run.database.read() as transaction:
            assert [one.starts_at for one in load_active_alerts(transaction)] == [ticket.starts_at]
        source.down = False
        run.run(END - 5.4 * HOUR, END - 5.3 * HOUR)
        assert ProblemCode.PARTIAL_DATA not in codes(run)
        assert run.evaluator.partial is None
        with run.database.read() as transaction:
            assert not load_active_alerts(transaction)


@pytest.mark.parametrize("hours", [0.05, 1.2])
@pytest.mark.parametrize("restarts", [False, True])
def test_what_was_counted_of_partial_data_is_counted_again(
    tmp_path: Path, whole_answers: Callable[[Span, float], Figures], hours: float, *, restarts: bool
) -> None:
    """At the end every count and coverage is that of a run that always had whole answers."""
    incident = (END - 5.9 * HOUR, END - 5.6 * HOUR)
    source = stores(incident)
    source.lost = lambda labels: labels["instance"] == "api-1:80"
    with running(source, tmp_path) as run:
        source.down = True
        every = 60 if hours > 1 else 30
        run.run(END - 6 * HOUR, END - (6 - hours / 2) * HOUR, every=every)
        if restarts:
            run.restart()
        run.run(END - (6 - hours / 2) * HOUR, END - (6 - hours) * HOUR, every=every)
        source.down = False
        at = END - (6 - hours) * HOUR + 900
        run.run(END - (6 - hours) * HOUR, at)
        assert differences(run.figures, whole_answers(incident, at)) == {}


def test_history_is_read_when_it_is_whole_and_the_setting_is_named(tmp_path: Path) -> None:
    """A `remote_read` store for old data is down: what is local is counted all the same."""
    source = stores((END - 7 * HOUR, END - 6.5 * HOUR))
    source.down, source.only_before = True, END - 6 * HOUR - 60
    with running(source, tmp_path) as run:
        run.run(END - 6 * HOUR, END - 5.9 * HOUR, backfill=False)
        problem = next(one for one in run.snapshot(ID).problems if one.code is ProblemCode.HISTORY_UNREADABLE)
        assert WARNING in problem.detail
        assert "SLOBURN_PROMETHEUS_PARTIAL" in problem.detail
        assert run.snapshot(ID).total > 0
        source.down = False
        run.backfill(END - 5 * HOUR)
        assert run.snapshot(ID).bad == pytest.approx(2 * 1800 * BURN, abs=2)


@pytest.mark.parametrize("old_only", [False, True])
def test_history_with_data_missing_counts_and_is_counted_again_when_it_is_whole(tmp_path: Path, old_only: bool) -> None:
    """What came fires a page although the service has just started; in the end all is as if it had been whole."""
    incident = (END - 6.6 * HOUR, END - 5.7 * HOUR)
    source, at = stores(incident), END - 6 * HOUR
    source.lost = lambda labels: labels["instance"] == "api-1:80"
    source.down, source.only_before = True, at - 60 if old_only else float("inf")
    with running(source, tmp_path, "partial") as run, running(stores(incident), tmp_path, "whole") as whole:
        run.run(at, at + 120)
        assert page(run) is AlertState.FIRING
        assert run.snapshot(ID).health is not HealthState.MEETING
        run.restart()
        run.run(at + 120, at + 240)
        assert page(run) is AlertState.FIRING
        run.run(at + 240, at + 2 * HOUR, every=120)
        assert page(run) is AlertState.FROZEN, "what is missing from the history may burn"
        source.down = False
        run.run(at + 2 * HOUR, at + 2.5 * HOUR, every=120)
        run.backfill(at + 2.5 * HOUR)
        run.run(at + 2.5 * HOUR, at + 2.6 * HOUR)
        whole.run(at, at + 2.5 * HOUR, every=120)
        whole.run(at + 2.5 * HOUR, at + 2.6 * HOUR)
        assert page(run) is AlertState.INACTIVE
        assert differences(run.figures, whole.figures) == {}
        run.restart()
        run.run(at + 2.6 * HOUR, at + 2.7 * HOUR)
        whole.run(at + 2.6 * HOUR, at + 2.7 * HOUR)
        assert differences(run.figures, whole.figures) == {}


def test_history_that_is_whole_after_more_than_three_days_counts_once(tmp_path: Path) -> None:
    """Nothing finer than quarters of an hour is left of the one in which the SLI was first counted."""
    at, hours = END - 6 * HOUR, [END + number * HOUR for number in range(-5, 72)]
    found = []
    for down in (False, True):
        source = stores(until=hours[-1])
        source.down = down
        with running(source, tmp_path, f"{down}", window="30d") as run:
            source.only_before = at
            run.run(at, at + 600)
            source.down = False
            run.tick(*hours)
            run.backfill(hours[-1])
            run.tick(hours[-1] + 30)
            assert run.snapshot(ID).data == DataState.FRESH
            found.append(run.figures)
    assert differences(*found) == {}
