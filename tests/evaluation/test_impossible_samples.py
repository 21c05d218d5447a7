"""Samples that no counter can have: they are left out, and said."""

import json
import math
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from typing_extensions import override

from app.prometheus import Matrix, decode_matrix
from app.slo import AlertState, Severity
from app.status import DataState, ProblemCode, ProblemLevel
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import availability, counter, requests, slos
from tests.evaluation.running import Running

END = 1_800_000_000


class OverJson(MemorySource):
    """Answers raw samples as Prometheus writes them."""

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        whole = await super().instant(expr, at, deadline=deadline)
        columns = np.column_stack((whole.times, whole.values)).tolist()
        ends = np.cumsum(whole.lengths).tolist()
        result = [
            {"metric": labels, "values": [[time, _go(value)] for time, value in columns[end - length : end]]}
            for labels, length, end in zip(whole.labels, whole.lengths.tolist(), ends, strict=True)
        ]
        answer = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        return decode_matrix(json.dumps(answer).encode())


def _codes(running: Running) -> set[ProblemCode]:
    return {problem.code for problem in running.snapshot("checkout-availability").problems}


def _go(value: float) -> str:
    return f"{'+' if value > 0 else '-'}Inf" if math.isinf(value) else repr(value).replace("nan", "NaN")


@pytest.mark.parametrize("impossible", [math.inf, -math.inf, 1e308, -1e308, -5.0])
def test_they_never_enter_the_ledger_and_are_said_until_they_end(tmp_path: Path, impossible: float) -> None:
    """The other samples count on, and every figure stays finite."""
    good, bad = (
        counter(requests("checkout"), (END - 3600, END + 450)),
        counter(requests("checkout", "500"), (END - 3600, END + 450)),
    )
    times = bad.times.tolist()
    bad.values[times.index(END - 600 + 7)] = impossible
    source = OverJson([good, Series(labels=bad.labels, times=bad.times, values=bad.values)])
    with Running(slos([availability("checkout")], tmp_path / "slos"), source, tmp_path / "live.db") as running:
        for at in range(END - 900, END - 600 + 30, 30):
            running.tick(at)
        running.tick(END - 570)
        assert ProblemCode.IMPOSSIBLE_SAMPLES in _codes(running)
        # Seen once more where what was counted is read again, after the late-sample grace.
        for at in range(END - 540, END + 450, 60):
            running.tick(at)
        assert ProblemCode.IMPOSSIBLE_SAMPLES not in _codes(running)
        shown = running.snapshot("checkout-availability")
        assert shown.bad_ever == shown.good_ever > 0
        rates = [window.burn_rate for window in shown.windows if window.total]
        assert len(rates) == len(shown.windows)
        assert [rate for rate in rates if not math.isfinite(rate)] == []


@pytest.mark.parametrize(
    ("value", "code"), [(math.nan, ProblemCode.NAN_SAMPLES), (-3.0, ProblemCode.IMPOSSIBLE_SAMPLES)]
)
def test_a_selector_of_nothing_else_is_an_error_that_says_so(tmp_path: Path, value: float, code: ProblemCode) -> None:
    """It is not scraped too seldom, and no event is counted of it."""
    one = counter(requests("checkout"), (END - 3600, END))
    source = OverJson([Series(labels=one.labels, times=one.times, values=np.full(len(one.times), value))])
    with Running(slos([availability("checkout")], tmp_path / "slos"), source, tmp_path / "live.db") as running:
        running.run(END - 120, END)
        running.backfill(END)
        running.tick(END + 30)
        shown = running.snapshot("checkout-availability")
    assert [(problem.code, problem.level) for problem in shown.problems] == [(code, ProblemLevel.ERROR)]
    assert not shown.total


@pytest.mark.parametrize("impossible", [math.inf, -(2.0**31)])
def test_errors_beside_a_counter_of_good_events_that_cannot_be_are_not_all_events(
    tmp_path: Path, impossible: float
) -> None:
    """A signed counter of 32 bits goes on below zero: what the target counts is unknown, and pages nobody."""
    good = counter(requests("checkout"), (END - 7200, END), per_second=100.0, every=60)
    bad = counter(requests("checkout", "500"), (END - 7200, END), per_second=0.05, every=60)
    values = np.where(good.times > END - 1800, impossible, good.values)
    source = OverJson([Series(labels=good.labels, times=good.times, values=values), bad])
    with Running(slos([availability("checkout")], tmp_path / "slos"), source, tmp_path / "live.db") as running:
        running.run(END - 3600, END - 960, every=60)
        for at in (END - 930, END - 900):
            running.tick(at)
            assert ProblemCode.IMPOSSIBLE_SAMPLES in _codes(running), "also where a slot has no scrape"
        shown = running.snapshot("checkout-availability")
        assert shown.data is DataState.STALE
        assert {alert.state for alert in shown.alerts if alert.severity is Severity.PAGE} == {AlertState.FROZEN}
        assert shown.total > 1_000 * shown.bad
