"""SLIs of expressions: evaluated in each slot or less often, live and from history, with and without weights."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from app.evaluation import Source
from app.prometheus import BadQueryError, Matrix
from app.slo import Slo
from app.status import Snapshot
from tests.evaluation.plain import document, slos
from tests.evaluation.running import Running, differences

END = 1_800_000_000
HOUR, DAY = 3600, 86_400
Value = Callable[[float], float | None]
"""The value of a series at a time; None where there is none."""


@dataclass(slots=True)
class Computed(Source):
    """A Prometheus that knows a few expressions: by expression and pairs of labels, the values by time."""

    series: Mapping[str, Mapping[Any, Value]]
    asked: list[tuple[str, float, float, float]] = field(default_factory=list)

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        return self._answer(expr, at.timestamp(), at.timestamp(), 1.0)

    @override
    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        return self._answer(expr, start.timestamp(), end.timestamp(), step.total_seconds())

    def _answer(self, expr: str, start: float, end: float, step: float) -> Matrix:
        self.asked.append((expr, start, end, step))
        if expr not in self.series:
            raise BadQueryError("not an expression of this test", query=expr)
        times = np.arange(start, end + step / 1000, step)
        assert len(times) <= 11_000, "Prometheus refuses so many points"
        labels, columns, nan_series, nan_times = [], [], [], []
        for position, (own, value) in enumerate(self.series[expr].items()):
            found = [(at, value(at)) for at in times.tolist()]
            labels.append(dict(own))
            there = [(at, one) for at, one in found if one is not None and not math.isnan(one)]
            columns.append(np.array(there).reshape(-1, 2))
            absent = [at for at, one in found if one is not None and math.isnan(one)]
            nan_series += [position] * len(absent)
            nan_times += absent
        return Matrix(
            labels=tuple(labels),
            lengths=np.array([len(column) for column in columns], dtype=np.int64),
            times=np.concatenate([np.empty(0), *(column[:, 0] for column in columns)]),
            values=np.concatenate([np.empty(0), *(column[:, 1] for column in columns)]),
            invalid=len(nan_times),
            nan_series=np.array(nan_series, dtype=np.int64),
            nan_times=np.array(nan_times, dtype=np.float64),
        )


def within(since: float, until: float, value: float, otherwise: float) -> Value:
    return lambda at: value if since < at <= until else otherwise


@contextmanager
def live_and_fresh(watched: Sequence[Slo], source: Source, folder: Path) -> Iterator[tuple[Running, Running]]:
    """One that has run for a quarter of an hour and one that has just started, which agree ten minutes later."""
    with Running(watched, source, folder / "live.db") as live, Running(watched, source, folder / "fresh.db") as fresh:
        live.run(END - 900, END, backfill=False)
        fresh.tick(END)
        for each in (live, fresh):
            each.backfill(END)
            each.run(END, END + 600)
        assert differences(live.figures, fresh.figures) == {}
        yield live, fresh


def hour_of(snapshot: Snapshot) -> tuple[float, float, float]:
    view = next(view for view in snapshot.windows if view.window == timedelta(hours=1))
    return view.total, view.bad, view.coverage


@pytest.mark.parametrize(("every", "times"), [(None, 120), ("1m", 60), ("15s", 240), ("5m", 12)])
def test_each_evaluation_is_one_event_live_and_from_history(tmp_path: Path, every: str | None, times: int) -> None:
    burning = within(END - 900, END - 600, 0.5, 0.0)
    long_ago = within(END - 3 * DAY, END - 3 * DAY + HOUR, 1.0, 0.0)
    source = Computed({"a / b": {(): lambda at: (burning(at) or 0.0) + (long_ago(at) or 0.0)}})
    sli: dict[str, object] = {"bad_ratio": "a / b", **({"every": every} if every else {})}
    watched = slos([document("x", sli, window="7d")], tmp_path / "slos")
    with live_and_fresh(watched, source, tmp_path) as both:
        for each in both:
            snapshot = each.snapshot("x-availability")
            total, bad, coverage = hour_of(snapshot)
            assert (total, bad) == (times, times / 24)
            assert coverage == pytest.approx(1.0, abs=1e-3)
            assert (snapshot.total, snapshot.bad) == (7 * 24 * times, times / 24 + times)
            # With one evaluation in 5 minutes a window of 5 minutes holds one or two.
            assert [problem.code for problem in snapshot.problems] == (["scraped_seldom"] if every == "5m" else [])
            assert not each.instruments.failures


def test_events_weigh_and_nothing_of_nothing_is_no_event(tmp_path: Path) -> None:
    """NaN, as of 0 / 0, is no traffic; no value at all is no data."""
    quiet = (END - 1800, END - 1200)

    def ratio(at: float) -> float | None:
        if END - 600 < at <= END - 300:
            return None
        return float("nan") if quiet[0] < at <= quiet[1] else 0.1

    source = Computed({"a / b": {(): ratio}, "sum(b)": {(): within(*quiet, 0.0, 50.0)}})
    sli: dict[str, object] = {"bad_ratio": "a / b", "total": "sum(b)", "every": "1m"}
    with Running(slos([document("x", sli)], tmp_path / "slos"), source, tmp_path / "db") as running:
        running.tick(END)
        running.backfill(END)
        total, bad, coverage = hour_of(running.snapshot("x-availability"))
        assert total == 45 * 50
        assert bad == pytest.approx(45 * 5)
        assert coverage == pytest.approx(55 / 60, abs=0.02)


def test_groups_and_conditions(tmp_path: Path) -> None:
    lag = {(("topic", "a"),): within(END - 600, END, 500.0, 3.0), (("topic", "b"),): within(0, 0, 1.0, 7.0)}
    source = Computed({"max by (topic) (lag)": lag})
    sli: dict[str, object] = {"expression": "max by (topic) (lag)", "good_when": "< 100", "every": "1m"}
    watched = slos([document("x", sli, by=["topic"])], tmp_path / "slos")
    with Running(watched, source, tmp_path / "db") as running:
        running.tick(END)
        running.backfill(END)
        running.restart()
        running.tick(END + 60)
        found = {snapshot.id: hour_of(snapshot)[:2] for snapshot in running.board.snapshots}
        assert found == {"x-availability:topic=a": (60, 10), "x-availability:topic=b": (60, 0)}


def test_several_series_of_one_group_cannot_be_weighed(tmp_path: Path) -> None:
    series = {(("pod", "a"),): within(0, 0, 0, 0.1), (("pod", "b"),): within(0, 0, 0, 0.1)}
    source = Computed({"a / b": series, "sum(b)": {(): within(0, 0, 0, 5.0)}})
    sli: dict[str, object] = {"bad_ratio": "a / b", "total": "sum(b)"}
    with Running(slos([document("x", sli)], tmp_path / "slos"), source, tmp_path / "db") as running:
        running.tick(END)
        (problem,) = running.snapshot("x-availability").problems
        assert problem.code == "query_rejected"
        assert "aggregate it to one series" in problem.detail


def test_slots_without_an_evaluation_ask_nothing(tmp_path: Path) -> None:
    """The cost of an expression is that of its evaluations."""
    source = Computed({"a / b": {(): within(0, 0, 0, 0.0)}})
    watched = slos([document("x", {"bad_ratio": "a / b", "every": "5m"})], tmp_path / "slos")
    with Running(watched, source, tmp_path / "db") as running:
        running.tick(END, END + 30)
        source.asked.clear()
        # The slot in which counts become final evaluates once more.
        running.run(END + 30, END + 270, backfill=False)
        assert source.asked == []


@pytest.mark.parametrize("weighted", [False, True])
def test_nothing_of_nothing_is_no_event_also_where_a_server_answers_nothing_for_it(
    tmp_path: Path, weighted: bool
) -> None:
    """VictoriaMetrics has no NaN for 0 / 0; that the divisor is there and zero tells it from missing data."""

    def total(at: float) -> float | None:
        if END - 900 < at <= END - 600:
            return None
        return 0.0 if END - 1800 < at <= END - 1200 else 5.0

    source = Computed({"1 - a / b": {(): lambda at: 0.1 if total(at) else None}, "b{}": {(): total}, "c": {(): total}})
    sli: dict[str, object] = {"bad_ratio": "1 - a / b", "every": "1m", **({"total": "c"} if weighted else {})}
    with Running(slos([document("x", sli)], tmp_path / "slos"), source, tmp_path / "db") as running:
        running.tick(END)
        running.backfill(END)
        events = (60 - 10 - 5) * (5 if weighted else 1)
        counted, bad, coverage = hour_of(running.snapshot("x-availability"))
        assert counted == events
        assert bad == pytest.approx(events / 10)
        assert coverage == pytest.approx(55 / 60, abs=0.02)
        assert not running.instruments.failures
