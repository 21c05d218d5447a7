"""A real Prometheus with known samples, a proxy in front of it, and clients."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.fault_proxy import FaultProxy
from testbed.process import Server
from testbed.servers import prometheus, promtool_binary
from tests.prometheus.samples import openmetrics
from tests.support.retrying import ask_once


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with the first attempt is raised at once."""
    ask_once(monkeypatch)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Prometheus that holds the samples of `samples.openmetrics`."""
    folder: Path = tmp_path_factory.mktemp("prometheus")
    text = folder / "samples.txt"
    text.write_text(openmetrics())
    command = [promtool_binary(), "tsdb", "create-blocks-from", "openmetrics", str(text), str(folder / "data")]
    subprocess.run(command, check=True, capture_output=True)
    with prometheus(folder / "data") as running:
        yield running


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    """A proxy in front of that Prometheus."""
    with FaultProxy(server.url) as running:
        yield running
