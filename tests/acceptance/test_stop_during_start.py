"""SIGTERM at any moment of the start ends the service in order, with exit code 0."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from testbed.process import free_port
from testbed.service import REPOSITORY, write_documents
from testbed.stack import document
from testbed.waiting import PATIENCE_S, wait_until

NOWHERE = "http://127.0.0.1:9"


def _handles_sigterm(process: subprocess.Popen[str], _folder: Path) -> bool:
    """Whether the first lines of the program have run, before anything large is imported."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) & 1 << (signal.SIGTERM - 1))


def _opens_its_database(_process: subprocess.Popen[str], folder: Path) -> bool:
    return (folder / "sloburn.db").exists()


@pytest.mark.parametrize("begun", [_handles_sigterm, _opens_its_database])
def test_a_signal_during_the_start_is_not_lost(
    tmp_path: Path, begun: Callable[[subprocess.Popen[str], Path], bool]
) -> None:
    settings = {
        "SLOBURN_PROMETHEUS_URL": NOWHERE,
        "SLOBURN_SPECS": str(write_documents([document("checkout")], tmp_path / "slos")),
        "SLOBURN_DATABASE_URL": f"sqlite:///{tmp_path}/sloburn.db",
        "SLOBURN_LISTEN_ADDRESS": f"127.0.0.1:{free_port()}",
        "PYTHONPATH": str(REPOSITORY),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve"],
        env={**os.environ, **settings},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until(lambda: begun(process, tmp_path))
        process.terminate()
        output, _ = process.communicate(timeout=PATIENCE_S)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, output
    assert "Traceback" not in output
