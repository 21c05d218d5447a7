"""A service that ran for hours and one that has just started show the same, whatever the service they watch does."""

import os
from pathlib import Path

import pytest

from tests.evaluation.memory import MemorySource, series_of
from tests.evaluation.running import Running, differences, slos_of
from tests.support.trace_kinds import generate

SOAK = int(os.environ.get("SLOBURN_SOAK", "1"))
END = 1_800_000_000
DAY = 86_400


@pytest.mark.soak
@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", range(2 * SOAK))
def test_live_equals_backfill(tmp_path: Path, seed: int) -> None:
    """After settling, every window of every kind of service has the same events and the same coverage."""
    end = END + 30 * (seed % 30)
    traces = generate(start=end - 2 * DAY, end=end + 1800, seed=seed)
    slos = slos_of(traces, tmp_path / "slos", window="2d")
    source = MemorySource(series_of(traces.samples))

    def move(at: float) -> None:
        source.now = at - 1

    with (
        Running(slos, source, tmp_path / "live.db", move=move) as live,
        Running(slos, source, tmp_path / "fresh.db", move=move) as fresh,
    ):
        live.run(end - 2 * 3600, end)
        fresh.tick(end)
        for each in (live, fresh):
            each.backfill(end)
            each.run(end, end + 900)

        assert differences(live.figures, fresh.figures) == {}
        assert not live.instruments.failures
