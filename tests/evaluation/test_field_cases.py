"""Counters as people really have them: no false page, and what is odd is said.

That they are counted truly is tested in `test_never_worse_than_increase.py`.
"""

from pathlib import Path

import numpy as np
import pytest

from app.slo import Severity
from app.status import ProblemCode
from testbed.histories import NAMED
from tests.evaluation.memory import MemorySource, Series, series_of
from tests.evaluation.plain import availability, slos
from tests.evaluation.running import Running, slos_of

END = 1_800_000_000


@pytest.mark.parametrize("number", range(len(NAMED)))
def test_reported_cases_page_nobody(tmp_path: Path, number: int) -> None:
    """Through the minutes in which it happens, and behind them."""
    history = NAMED[number](END)
    source = MemorySource(series_of(history.trace.series))
    watched = slos_of([history.trace], tmp_path / "slos", window="1d")

    def move(at: float) -> None:
        source.now = at - 1

    with Running(watched, source, tmp_path / "live.db", move=move) as live:
        start = END - 3600
        for at in range(start, END - 1200, 60):
            live.tick(at)
            states = [alert.state for alert in live.board.snapshots[0].alerts if alert.severity is Severity.PAGE]
            assert not [state for state in states if state.value == "firing"], at - END


def series(code: str, times: np.ndarray, values: np.ndarray, **more: str) -> Series:
    labels = {"__name__": "http_requests_total", "job": "api", "instance": "a:80", "code": code, **more}
    return Series(labels=labels, times=times, values=values)


def problems(running: Running) -> set[ProblemCode]:
    return {problem.code for problem in running.board.snapshots[0].problems}


def running_over(source: MemorySource, tmp_path: Path) -> Running:
    def move(at: float) -> None:
        source.now = at - 1

    return Running(slos([availability("api")], tmp_path / "slos"), source, tmp_path / "it.db", move=move)


def test_a_counter_that_dips_is_said(tmp_path: Path) -> None:
    times = np.arange(END - 1800 + 5.0, END, 30)
    values = np.floor(5_000_000 + 10 * (times - END)) - np.where(np.abs(times - (END - 600)) < 20, 2000, 0)
    source = MemorySource([series("200", times, values)])
    with running_over(source, tmp_path) as running:
        running.run(END - 1200, END - 700, backfill=False)
        assert ProblemCode.COUNTER_NOT_MONOTONIC not in problems(running)
        running.run(END - 700, END, backfill=False)
        assert ProblemCode.COUNTER_NOT_MONOTONIC in problems(running)
        assert running.board.snapshots[0].total < 10 * 1800


def test_series_that_are_copies_are_said_and_counted_once(tmp_path: Path) -> None:
    times = np.arange(END - 3600 + 5.0, END, 30)
    values = np.floor(5_000_000 + 10 * (times - END))
    late = times > END - 1500
    copy = series("200", times[late], values[late], prometheus_replica="b")
    source = MemorySource([series("200", times, values, prometheus_replica="a"), copy])
    with running_over(source, tmp_path) as running:
        running.run(END - 2400, END, backfill=False)
        running.restart()
        running.run(END, END + 60, backfill=False)
        assert ProblemCode.DUPLICATE_SERIES in problems(running)
        assert running.board.snapshots[0].total == pytest.approx(10 * 2700, rel=0.02)


@pytest.mark.parametrize("begins", [END - 5400, END - 900], ids=["backfill", "live"])
def test_copies_under_a_label_of_no_list_are_a_problem(tmp_path: Path, begins: float) -> None:
    """A second server scrapes a quarter of a minute after the first, seen in history or while slots are evaluated."""
    first, second = (np.arange(END - 7200 + phase, END, 30) for phase in (5.0, 19.0))
    second = second[second > begins]
    source = MemorySource(
        [
            series("200", times, np.floor(5_000_000 + 10 * (times - END)), vantage=vantage)
            for times, vantage in ((first, "one"), (second, "two"))
        ]
    )
    with running_over(source, tmp_path) as running:
        running.run(END - 1800, END - 1200)
        running.backfill(END - 1200)
        assert (ProblemCode.DUPLICATE_SERIES in problems(running)) is (begins < END - 1800)
        running.run(END - 1200, END)
        assert ProblemCode.DUPLICATE_SERIES in problems(running)
        assert running.board.snapshots[0].total == pytest.approx(10 * 7200, rel=0.02)


def test_counters_that_are_exported_twice_count_once_in_all_of_history(tmp_path: Path) -> None:
    """Only where the second one begins it is known to be a copy: history that was counted before is counted again."""
    times = np.arange(END - 5 * 3600 + 5.0, END + 900, 30)
    values = np.floor(5_000_000 + 10 * (times - END))
    twice = times > END - 4 * 3600
    source = MemorySource([series("200", times, values), series("200", times[twice], values[twice], handler="all")])
    with running_over(source, tmp_path) as running:
        running.run(END - 60, END + 600)
        running.backfill(END + 600)
        assert ProblemCode.DUPLICATE_SERIES in problems(running)
        assert running.board.snapshots[0].total == pytest.approx(10 * (5 * 3600 + 600), rel=0.01)


def test_errors_that_vanish_while_their_target_goes_on_resolve_nothing(tmp_path: Path) -> None:
    """Their alert goes on until they return; they are counted on then."""
    times = np.arange(END - 7200 + 5.0, END, 30)
    good, bad = np.floor(900_000 + 10 * (times - END)), np.floor(100_000 + 5 * (times - END))
    there = (times < END - 3600) | (times > END - 600)
    source = MemorySource([series("200", times, good), series("500", times[there], bad[there])])
    with running_over(source, tmp_path) as running:
        running.run(END - 7200, END - 3720, every=60, backfill=False)

        def page() -> str:
            return next(
                alert.state.value for alert in running.board.snapshots[0].alerts if alert.severity is Severity.PAGE
            )

        assert page() == "firing"
        running.run(END - 3720, END - 1200, every=60, backfill=False)
        assert page() in ("firing", "frozen")
        assert ProblemCode.BAD_SERIES_ENDED in problems(running)
        running.run(END - 1200, END, backfill=False)
        assert ProblemCode.BAD_SERIES_ENDED not in problems(running)
        assert running.board.snapshots[0].bad == pytest.approx(5 * 7200, rel=0.05)
