"""What a real server remembers changes under us: late samples, retention, a wiped disk, limits on queries."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from app.status import DataState
from testbed.openmetrics import create_blocks, import_into
from testbed.process import Server
from testbed.servers import prometheus, victoria_metrics
from testbed.trace_kinds import Scene, generate
from testbed.traces import Samples, Trace, Traces
from testbed.waiting import PATIENCE_S
from tests.evaluation.faulty import Watched, watched
from tests.evaluation.running import Figures, differences, slos_of

HOUR = 3600
END = 1_700_011_200
"""20 past one at night: windows begin off the hour, and a day ends while samples are late."""
START = END - 30 * HOUR
LIVED = END - 3 * HOUR
WIPED = LIVED + 40 * 60
LATE_S = 240


@pytest.fixture(scope="module")
def traces() -> Traces:
    return generate(("steady", "churn", "short-lived", "histogram"), start=START, end=END + HOUR, seed=4)


@pytest.fixture(scope="module")
def blocks(traces: Traces, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Blocks of all samples, to be copied."""
    folder = tmp_path_factory.mktemp("blocks")
    create_blocks(traces.samples, folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(traces: Traces, blocks: Path, tmp_path_factory: pytest.TempPathFactory) -> Figures:
    """What is shown at the end where Prometheus forgets nothing."""
    folder = tmp_path_factory.mktemp("undisturbed")
    slos, data = slos_of(traces, folder / "slos", window="1d"), Path(shutil.copytree(blocks, folder / "data"))
    with prometheus(data) as server, watched(slos, server.url, folder / "whole.db") as whole:
        whole.run(LIVED, END, every=300)
        return whole.running.figures


def part(traces: Traces, since: float, until: float) -> list[Samples]:
    """The samples in (since, until]."""
    cut = [(one, np.searchsorted(one.times_ms, [since * 1000, until * 1000], side="right")) for one in traces.samples]
    return [
        Samples(metric=one.metric, labels=one.labels, times_ms=one.times_ms[a:b], values=one.values[a:b])
        for one, (a, b) in cut
        if b > a
    ]


Write = Callable[[list[Samples]], None]
Serve = Callable[[Path, list[Samples]], AbstractContextManager[tuple[Server, Write]]]


@contextmanager
def on_prometheus(folder: Path, first: list[Samples]) -> Iterator[tuple[Server, Write]]:
    """A Prometheus, and how later samples get into it: as blocks, which it finds when it starts again."""
    create_blocks(first, folder)
    with prometheus(folder) as server:

        def write(samples: list[Samples]) -> None:
            server.stop()
            create_blocks(samples, folder)
            server.start()

        yield server, write


@contextmanager
def on_victoria_metrics(folder: Path, first: list[Samples]) -> Iterator[tuple[Server, Write]]:
    with victoria_metrics(folder) as server:
        import_into(server, first)
        yield server, lambda samples: import_into(server, samples)


@pytest.mark.parametrize("serve", [on_prometheus, on_victoria_metrics])
def test_samples_that_come_four_minutes_late_count(
    traces: Traces,
    tmp_path: Path,
    serve: Serve,
) -> None:
    """At the end everything is as if they had come in time; before, what is not there yet is not taken for good."""
    slos = slos_of(traces, tmp_path / "slos", window="1d")
    with serve(tmp_path / "data", part(traces, 0, LIVED)) as (server, write):
        with watched(slos, server.url, tmp_path / "late.db") as late:
            late.run(LIVED - 600, LIVED + LATE_S, every=30)
            write(part(traces, LIVED, END + HOUR))
            late.run(LIVED + LATE_S, LIVED + LATE_S + 900, every=30)
            late.run(LIVED + LATE_S + 900, END, every=300)
            assert not late.running.instruments.failures
        with watched(slos, server.url, tmp_path / "whole.db") as whole:
            whole.run(LIVED - 600, END, every=300)
            assert differences(late.running.figures, whole.running.figures, coverage=1e-6) == {}


def test_a_retention_that_ends_changes_no_budget(
    traces: Traces, blocks: Path, undisturbed: Figures, tmp_path: Path
) -> None:
    """Prometheus forgets all but two hours, again and again; the windows are those of one that forgets nothing."""
    slos = slos_of(traces, tmp_path / "slos", window="1d")
    shutil.copytree(blocks, tmp_path / "data")
    with (
        prometheus(tmp_path / "data") as server,
        watched(slos, server.url, tmp_path / "short.db") as short,
    ):
        short.run(LIVED, LIVED + 300, every=300)
        for at in range(LIVED + 300, END, 900):
            forget(server, before=at - 2 * HOUR)
            short.running.restart()
            short.run(at, min(at + 900, END), every=300)
        assert_within_a_slot(short, undisturbed)


@pytest.mark.parametrize("fresh", [False, True])
def test_a_wiped_disk_changes_no_budget(
    traces: Traces, blocks: Path, undisturbed: Figures, tmp_path: Path, *, fresh: bool
) -> None:
    """Prometheus comes back empty and scrapes on: what was measured stays, also where we start anew meanwhile."""
    slos = slos_of(traces, tmp_path / "slos", window="1d")
    shutil.copytree(blocks, tmp_path / "data")
    with (
        prometheus(tmp_path / "data") as server,
        watched(slos, server.url, tmp_path / "wiped.db") as wiped,
    ):
        wiped.run(LIVED, WIPED, every=300)
        before = {snapshot.id: (snapshot.total, snapshot.bad) for snapshot in wiped.running.board.snapshots}
        server.stop()
        shutil.rmtree(tmp_path / "data")
        create_blocks(part(traces, WIPED, END + HOUR), tmp_path / "data")
        server.start()
        if fresh:
            wiped.running.restart()
        wiped.run(WIPED, WIPED + 60, every=30)
        for snapshot in wiped.running.board.snapshots:
            total, bad = before[snapshot.id]
            assert snapshot.total >= 0.99 * total
            assert snapshot.bad >= bad - 60
        wiped.run(WIPED + 60, END, every=300)
        assert_within_a_slot(wiped, undisturbed)


def test_an_sli_too_large_for_prometheus_is_refused_alone(tmp_path: Path) -> None:
    """`--query.max-samples`: the crowded one is an error with the server's words, and the others are whole."""
    crowd = Trace(service="crowd", start=END - 2 * HOUR, end=END)
    scene = Scene(crowd, np.random.default_rng(2))
    for number in range(500):
        scene.live(f"crowd-{number}:80", scene.steady(0.1), scene.errors(0.0))
    few = generate(("steady", "short-lived"), start=END - 2 * HOUR, end=END, seed=4)
    traces = Traces([*few, crowd])
    create_blocks(traces.samples, tmp_path / "data")
    slos = slos_of(traces, tmp_path / "slos", window="1d")
    with (
        prometheus(tmp_path / "data", flags=["--query.max-samples=5000"]) as server,
        watched(slos, server.url, tmp_path / "live.db") as live,
    ):
        live.run(END - 300, END, every=30)
        shown = {snapshot.slo.service: snapshot for snapshot in live.running.board.snapshots}
        assert shown["crowd"].data is DataState.ERROR
        assert "too many samples" in str(shown["crowd"].problem)
        for name in ("steady", "short-lived"):
            truth = traces.truth(name, START, END - 60)
            assert shown[name].data is DataState.FRESH
            assert shown[name].total == pytest.approx(truth.total, rel=0.01)
            assert shown[name].problem is None


def forget(server: Server, *, before: float) -> None:
    """Lose all samples before a time, as when blocks are deleted."""
    params: dict[str, str | float] = {"match[]": '{__name__=~".+"}', "start": 0, "end": before}
    url = f"{server.url}/api/v1/admin/tsdb/delete_series"
    httpx.post(url, params=params, trust_env=False, timeout=PATIENCE_S).raise_for_status()


def assert_within_a_slot(found: Watched, wanted: Figures) -> None:
    """No window differs by what it may hold in one slot."""
    shown = found.running.figures
    for key, (total, bad, coverage) in wanted.items():
        assert shown[key][0] == pytest.approx(total, rel=1e-4, abs=30), key
        assert shown[key][1] == pytest.approx(bad, rel=1e-3, abs=3), key
        assert shown[key][2] == pytest.approx(coverage, abs=2e-3), key
