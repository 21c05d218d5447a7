"""`kill -9` at any moment changes no count.

`SLOBURN_SOAK` multiplies the number of kills: 3 in `make test`, 200 and more in `make soak`.
"""

import json
import os
import random
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from testbed.forked import ForkedProcess
from testbed.openmetrics import create_blocks
from testbed.servers import prometheus
from testbed.service import write_documents
from testbed.trace_kinds import generate
from testbed.waiting import PATIENCE_S
from tests.soak import counting_run
from tests.soak.counting_run import Counts, differences
from tests.support.soak import IS_SOAK, SOAK

KILLS = 10 * SOAK if IS_SOAK else 3


@pytest.mark.soak
def test_random_kills_change_no_count(tmp_path: Path) -> None:
    """A run that was killed again and again ends with the counts of one that was not."""
    end = 1_700_000_100
    start = end - (5400 if IS_SOAK else 3600)
    traces = generate(("churn", "short-lived", "outage-45m", "histogram"), start=end - 6 * 3600, end=end, seed=7)
    create_blocks(traces.samples, tmp_path / "prometheus")
    specs = write_documents([trace.document(window="1d") for trace in traces], tmp_path / "slos")
    with prometheus(tmp_path / "prometheus") as server:

        def begin(name: str) -> ForkedProcess:
            """Run with the database of that name in a process that has imported all, so that kills hit work."""
            arguments = [server.url, str(specs), str(tmp_path / f"{name}.db"), str(start), str(end)]
            output = tmp_path / f"{name}.log"
            return ForkedProcess(counting_run.main, arguments, env=os.environ, cwd=tmp_path, output=output)

        whole = _finish(begin("whole"), tmp_path / "whole.log")
        _kill_again_and_again(partial(begin, "killed"), random.Random(11), tmp_path)
        assert differences(_finish(begin("killed"), tmp_path / "killed.log"), whole) == {}


def _kill_again_and_again(begin: Callable[[], ForkedProcess], dice: random.Random, folder: Path) -> None:
    kills = 0
    while kills < KILLS:
        process = begin()
        try:
            code = process.wait(dice.uniform(0.05, 1.5))
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        else:
            assert code == 0, (folder / "killed.log").read_text()
            # It came to the end: begin again, so that kills hit history and settling as well.
            for part in folder.glob("killed.db*"):
                part.unlink()


def _finish(process: ForkedProcess, output: Path) -> Counts:
    assert process.wait(PATIENCE_S) == 0, output.read_text()
    counts: Counts = json.loads(output.read_text().splitlines()[-1])
    return counts
