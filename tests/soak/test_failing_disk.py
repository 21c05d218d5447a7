"""Writes and fsyncs that fail now and then, as the kernel would have them fail (libfiu): D3.

`SLOBURN_SOAK` multiplies the slots that are ticked: 30 in `make test`.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from testbed.forked import ForkedProcess
from testbed.openmetrics import create_blocks
from testbed.process import NotReadyError
from testbed.servers import prometheus
from testbed.service import write_documents
from testbed.trace_kinds import generate
from testbed.waiting import PATIENCE_S
from tests.soak import counting_run
from tests.soak.counting_run import Counts, differences
from tests.support.soak import SOAK

RUN = Path(__file__).with_name("counting_run.py")
REPOSITORY = Path(__file__).parents[2]
TICKED_S = 900 * SOAK
FIRST_S, LAST_S = 60, 240
"""Ticked on a sound disk: to create a database takes a hundred writes, all of which must succeed."""
PROBABILITIES = {"posix/io/sync/*": 0.25, "posix/io/rw/pwrite": 0.02}
"""Writes are many, and fsyncs few."""
MOST_STARTS = 100
Changes = list[tuple[object, ...]]


@pytest.mark.soak
@pytest.mark.parametrize("fault", PROBABILITIES)
def test_commits_that_fail_at_random_change_no_count_and_no_alert(tmp_path: Path, fault: str) -> None:
    """Every fourth fsync fails, or every fiftieth write; after a restart on a sound disk all is as if none had."""
    end = 1_700_000_100
    start = end - TICKED_S
    traces = generate(("steady", "short-lived", "outage-45m"), start=end - TICKED_S - 3 * 3600, end=end, seed=2)
    create_blocks(traces.samples, tmp_path / "prometheus")
    specs = write_documents([trace.document(window="1d") for trace in traces], tmp_path / "slos")
    with prometheus(tmp_path / "prometheus") as server:
        sound, failing = tmp_path / "sound.db", tmp_path / "failing.db"

        def run(path: Path, until: int, *, faulty: bool = False) -> str | None:
            arguments = [server.url, str(specs), str(path), str(start), str(until)]
            # What makes writes fail is preloaded, and needs a process that is executed.
            return _output([*_failing(fault), sys.executable, str(RUN), *arguments]) if faulty else _forked(arguments)

        run(sound, start + FIRST_S)
        # Otherwise nothing has failed, and all this has shown nothing.
        for _ in range(MOST_STARTS):
            for kind in ("", ".progress"):
                shutil.copy(f"{sound}{kind}", f"{failing}{kind}")
            if "cannot write" in (run(failing, end - LAST_S, faulty=True) or ""):
                break
        else:
            pytest.fail("no write failed, or each time the first")
        wanted, found = _counts(run(sound, end)), _counts(run(failing, end))
        assert len(wanted) > len(traces.traces)
        assert differences(found, wanted) == {}
        assert _changes(failing) == _changes(sound)


def _failing(fault: str) -> list[str]:
    found = shutil.which("fiu-run")
    if found is None:
        raise NotReadyError("fiu-run is not installed: run 'apt-get install fiu-utils' as root")
    return [found, "-x", "-c", f"enable_random name={fault},probability={PROBABILITIES[fault]}"]


def _output(command: list[str]) -> str | None:
    """What a run has written; None if the database could not even be opened."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        assert "StoreUnavailableError" in done.stderr, done.stderr
        return None
    return done.stdout


def _forked(arguments: list[str]) -> str:
    """What a run on a sound disk has written."""
    output = Path(arguments[2]).with_suffix(".log")
    output.unlink(missing_ok=True)
    process = ForkedProcess(counting_run.main, arguments, env=os.environ, cwd=output.parent, output=output)
    assert process.wait(PATIENCE_S) == 0, output.read_text()
    return output.read_text()


def _counts(output: str | None) -> Counts:
    assert output is not None
    assert "cannot write" not in output
    counts: Counts = json.loads(output.splitlines()[-1])
    return counts


def _changes(path: Path) -> Changes:
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        changes = database.execute(
            "SELECT at, slo, severity, kind FROM transition ORDER BY at, slo, severity, kind"
        ).fetchall()
    assert changes
    return changes
