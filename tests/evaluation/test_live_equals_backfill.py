"""A service that ran for hours and one that has just started show the same, whatever the service they tracked does."""

import time
from pathlib import Path

import numpy as np
import pytest

from testbed.trace_kinds import generate
from tests.evaluation.crashes import breakable
from tests.evaluation.hostile import service
from tests.evaluation.memory import MemorySource, series_of
from tests.evaluation.plain import availability, slos
from tests.evaluation.running import Running, differences, slos_of, two_running
from tests.support.soak import IS_SOAK, SOAK

END = 1_800_000_000
DAY = 86_400


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2 * SOAK if IS_SOAK else 1))
def test_live_equals_backfill(tmp_path: Path, seed: int) -> None:
    """After settling, every window of every kind of service has the same events and the same coverage."""
    end = END + 30 * (seed % 30)
    traces = generate(start=end - 2 * DAY, end=end + 1800, seed=seed)
    watched = slos_of(traces, tmp_path / "slos", window="2d")
    with two_running(watched, series_of(traces.samples), tmp_path) as (live, fresh):
        live.run(end - (2 * 3600 if IS_SOAK else 1200), end)
        fresh.tick(end)
        for each in (live, fresh):
            each.backfill(end)
            each.run(end, end + 900, every=60)

        assert differences(live.figures, fresh.figures) == {}
        assert not live.instruments.failures


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2 * SOAK if IS_SOAK else 1))
def test_live_equals_backfill_at_its_worst(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all that targets do, and whenever counts become final: they are one function of the samples."""
    monkeypatch.setattr("app.ingest.series.tracked_slis.SLIS_IN_TURN", 2)
    dice = np.random.default_rng(seed)
    jobs = [f"job-{number}" for number in range(12)]
    series = [one for job in jobs for one in service(job, dice, start=END - 2.5 * DAY, end=END)]
    watched = slos([availability(job, window="7d") for job in jobs], tmp_path / "slos")
    with two_running(watched, series, tmp_path) as (live, fresh):
        live.run(END - (3600 if IS_SOAK else 1200), END)
        monkeypatch.undo()
        fresh.restart()
        fresh.tick(END)
        for each in (live, fresh):
            each.backfill(END)
            each.run(END, END + 900, every=60)
        # A hole of less than a cell that begins in one and ends in the next is not seen by its edges.
        assert differences(live.figures, fresh.figures, coverage=2e-3) == {}


def test_ticks_and_history_disturb_each_other_never(tmp_path: Path) -> None:
    """While a tick is written in its own thread, answers about the past bring new series by the hundred."""
    traces = generate(("churn", "short-lived", "steady"), start=END - DAY, end=END + 1800, seed=5)
    watched = slos_of(traces, tmp_path / "slos", window="1d")
    series = series_of(traces.samples)

    def slowly(_place: str) -> None:
        time.sleep(0.002)

    with (
        Running(watched, MemorySource(series), tmp_path / "busy.db", open_=breakable(slowly)) as busy,
        Running(watched, MemorySource(series), tmp_path / "calm.db") as calm,
    ):
        busy.run_side_by_side(END - 300, END)
        calm.tick(END)
        calm.backfill(END)
        for each in (busy, calm):
            each.tick(END + 900)
        assert differences(busy.figures, calm.figures) == {}
