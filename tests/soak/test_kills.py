"""`kill -9` at any moment changes no count.

`SLOBURN_SOAK` multiplies the number of kills: 3 in `make test`, 200 and more in `make soak`.
"""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from testbed.openmetrics import create_blocks
from testbed.servers import prometheus
from testbed.service import write_documents
from testbed.trace_kinds import generate
from tests.support.soak import IS_SOAK, SOAK

KILLS = 10 * SOAK if IS_SOAK else 3
RUN = Path(__file__).with_name("counting_run.py")
REPOSITORY = Path(__file__).parents[2]
Counts = dict[str, list[float]]


@pytest.mark.soak
def test_random_kills_change_no_count(tmp_path: Path) -> None:
    """A run that was killed again and again ends with the counts of one that was not."""
    end = 1_700_000_100
    start = end - 5400
    traces = generate(("churn", "short-lived", "outage-45m", "histogram"), start=end - 6 * 3600, end=end, seed=7)
    create_blocks(traces.samples, tmp_path / "prometheus")
    specs = write_documents([trace.document(window="1d") for trace in traces], tmp_path / "slos")
    with prometheus(tmp_path / "prometheus") as server:
        command = [sys.executable, str(RUN), server.url, str(specs)]
        span = [str(start), str(end)]
        whole = _finish([*command, str(tmp_path / "whole.db"), *span])
        killed = [*command, str(tmp_path / "killed.db"), *span]
        _kill_again_and_again(killed, random.Random(11), tmp_path)
        _assert_same(_finish(killed), whole)


def _kill_again_and_again(command: list[str], dice: random.Random, folder: Path) -> None:
    kills = 0
    while kills < KILLS:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environment())
        try:
            # Starting takes about a second; most kills shall hit work.
            process.wait(dice.uniform(0.7, 2.5))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        else:
            assert process.returncode == 0, process.stderr.read().decode() if process.stderr else ""
            # It came to the end: begin anew, so that kills hit history and settling as well.
            for part in folder.glob("killed.db*"):
                part.unlink()
        finally:
            if process.stderr:
                process.stderr.close()


def _finish(command: list[str]) -> Counts:
    done = subprocess.run(command, capture_output=True, text=True, env=_environment(), check=False)
    assert done.returncode == 0, done.stderr
    counts: Counts = json.loads(done.stdout.splitlines()[-1])
    return counts


def _assert_same(found: Counts, wanted: Counts) -> None:
    different = {
        key: (found.get(key), counts)
        for key, counts in wanted.items()
        if found.get(key) is None
        or any(abs(mine - its) > 1e-6 * max(1.0, abs(its)) for mine, its in zip(found[key], counts, strict=True))
    }
    assert different == {}


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}
