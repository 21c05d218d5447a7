"""SLIs of gauges: every sample is counted once, live and from history, whatever the scrape interval."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from app.slo import Slo
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import Span, document, slos
from tests.evaluation.running import Running, differences

END = 1_800_000_000
HOUR, DAY = 3600, 86_400


def gauge(
    name: str,
    span: Span,
    *,
    every: float,
    phase: float = 0.0,
    value: float = 1.0,
    otherwise: Sequence[tuple[Span, float]] = (),
    without: Sequence[Span] = (),
    **labels: str,
) -> Series:
    """A gauge scraped in (since, until]: *value*, but other values in some spans, and unseen in others."""
    times = np.arange(span[0] + phase, span[1] + 0.001, every)
    times = times[times > span[0]]
    values = np.full(len(times), value)
    for (since, until), other in otherwise:
        values[(times > since) & (times <= until)] = other
    seen = np.ones(len(times), dtype=bool)
    for since, until in without:
        seen &= (times <= since) | (times > until)
    own = {"__name__": name, "job": "x", "instance": "a:80"}
    return Series(labels={**own, **labels}, times=times[seen], values=values[seen])


def truth(series: Sequence[Series], good: float, since: float, until: float) -> tuple[float, float]:
    """Samples, and samples that are not *good*, in (since, until]."""
    within = [one.within(since, until)[1] for one in series]
    return float(sum(map(len, within))), float(sum((values != good).sum() for values in within))


def up_slos(folder: Path, **sli: object) -> tuple[Slo, ...]:
    return slos([document("x", {"gauge": 'up{job="x"}', **sli}, window="7d")], folder)


@pytest.mark.parametrize(
    ("every", "phase", "closed"),
    [(15.0, 0.0, True), (30.0, 0.0, False), (15.0, 3.217, False), (60.0, 11.0, True), (7.0, 1.0, False)],
)
def test_every_sample_counts_once_live_and_from_history(
    tmp_path: Path, every: float, phase: float, closed: bool
) -> None:
    """Also samples on the edges of slots and cells, and outages that begin and end anywhere."""
    start, end = END - 5.0 * DAY, END + 1800.0
    down = [
        ((END - 4 * DAY - 77, END - 4 * DAY + HOUR), 0.0),
        ((END - 30 * HOUR - 77, END - 29 * HOUR), 0.0),
        ((END - 5000, END - 4100), 0.0),
    ]
    series = [
        gauge("up", (start, end), every=every, phase=phase, otherwise=down),
        gauge("up", (start + 3777, end), every=every, phase=phase / 2 + 1, instance="b:80"),
    ]
    source = MemorySource(series, closed=closed)

    def move(at: float) -> None:
        source.now = at + 4

    watched = up_slos(tmp_path / "slos")
    with (
        Running(watched, source, tmp_path / "live.db", move=move) as live,
        Running(watched, source, tmp_path / "fresh.db", move=move) as fresh,
    ):
        live.run(END - HOUR // 3, END, backfill=False)
        fresh.tick(END)
        for each in (live, fresh):
            each.backfill(END)
            each.run(END, END + 600)
        assert differences(live.figures, fresh.figures) == {}
        for each in (live, fresh):
            snapshot, at = each.snapshot("x-availability"), view_end(each)
            assert (snapshot.total, snapshot.bad) == truth(series, 1.0, start - HOUR, at)
            for view in snapshot.windows:
                wanted = truth(series, 1.0, at - view.window.total_seconds(), at)
                assert (view.window, view.total, view.bad) == (view.window, *wanted)
                assert view.coverage == pytest.approx(1.0, abs=2e-3)
            assert not each.instruments.failures


def test_history_is_read_in_cells(tmp_path: Path) -> None:
    """A month of samples of a gauge that hardly changes is not transferred."""
    series = [gauge("up", (END - 10 * DAY, END + 60.0), every=15.0, phase=5.0)]
    source = MemorySource(series)
    watched = slos([document("x", {"gauge": "up"}, window="7d")], tmp_path / "slos")
    with Running(watched, source, tmp_path / "db") as running:
        source.now = END + 4
        running.tick(END)
        running.backfill(END)
        snapshot = running.snapshot("x-availability")
        assert (snapshot.total, snapshot.bad) == truth(series, 1.0, END - 7 * DAY, END)
        assert snapshot.coverage == pytest.approx(1.0, abs=1e-3)
    raw = [expr for expr in source.asked if expr.startswith("up[")]
    assert sum(int(expr[3:-3]) for expr in raw) < 32 * HOUR * 1000


def view_end(running: Running) -> float:
    """The end of the windows that are shown."""
    as_of = running.snapshot("x-availability").as_of
    assert as_of is not None
    return as_of.timestamp()


def test_a_restart_counts_on(tmp_path: Path) -> None:
    series = [gauge("up", (END - DAY, END + 1800.0), every=15.0, otherwise=[((END - 600, END - 300), 0.0)])]
    source = MemorySource(series)

    def move(at: float) -> None:
        source.now = at + 4

    with Running(up_slos(tmp_path / "slos"), source, tmp_path / "db", move=move) as running:
        running.run(END - 1500, END - 450)
        running.restart()
        running.run(END - 450 + 120, END + 600)
        running.backfill(END + 600)
        hour = next(view for view in running.snapshot("x-availability").windows if view.window.total_seconds() == HOUR)
        assert (hour.total, hour.bad) == truth(series, 1.0, view_end(running) - HOUR, view_end(running))


def test_samples_that_are_missing_are_missing_coverage(tmp_path: Path) -> None:
    """They are neither good nor bad."""
    gone = (END - 1800.0, END - 900.0)
    series = [gauge("up", (END - DAY, END + 900.0), every=15.0, without=[gone])]
    source = MemorySource(series)
    with Running(up_slos(tmp_path / "slos"), source, tmp_path / "db") as running:
        source.now = END + 4
        running.tick(END)
        running.backfill(END)
        hour = next(view for view in running.snapshot("x-availability").windows if view.window.total_seconds() == HOUR)
        assert (hour.total, hour.bad) == (180, 0)
        assert hour.coverage == pytest.approx(0.75, abs=0.01)


def test_sums_of_gauges_and_values_below_zero(tmp_path: Path) -> None:
    span = (END - DAY, END + 900.0)
    series = [
        gauge("desired", span, every=30.0, phase=2.0, value=5.0),
        gauge("unavailable", span, every=30.0, phase=2.0, value=0.0, otherwise=[((END - 900, END - 600), 2.0)]),
        gauge("temperature", span, every=30.0, phase=2.0, value=-20.0, otherwise=[((END - 900, END - 600), -5.0)]),
    ]
    source = MemorySource(series)
    documents = [
        document("pods", {"gauge": {"total": "desired", "bad": "unavailable"}}),
        document("fridge", {"gauge": "temperature", "good_when": "< -18"}),
    ]
    with Running(slos(documents, tmp_path / "slos"), source, tmp_path / "db") as running:
        source.now = END + 4
        running.tick(END)
        running.backfill(END)
        found = {
            snapshot.id: (view.total, view.bad)
            for snapshot in running.board.snapshots
            for view in snapshot.windows
            if view.window.total_seconds() == HOUR
        }
        assert found == {"pods-availability": (600, 20), "fridge-availability": (120, 10)}
        assert [snapshot.problems for snapshot in running.board.snapshots] == [(), ()]


def test_a_target_that_is_down_pages_and_resolves_when_it_is_up(tmp_path: Path) -> None:
    series = [gauge("up", (END - DAY, END + 3600.0), every=15.0, otherwise=[((END - 300, END + 300), 0.0)])]
    source = MemorySource(series)

    def move(at: float) -> None:
        source.now = at + 4

    def states(running: Running) -> dict[str, str]:
        return {str(alert.severity): str(alert.state) for alert in running.snapshot("x-availability").alerts}

    with Running(up_slos(tmp_path / "slos"), source, tmp_path / "db", move=move) as running:
        running.tick(END - 600)
        running.backfill(END - 600)
        running.run(END - 600, END - 300)
        assert states(running)["page"] == "inactive"
        running.run(END - 300, END + 300)
        assert states(running)["page"] == "firing"
        running.run(END + 300, END + 1500)
        assert states(running)["page"] == "inactive"
