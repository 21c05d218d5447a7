"""The clocks of sources: each is compared with ours, and named."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from app.clock import SystemClock
from app.integrations import load_config
from app.prometheus import PrometheusError
from app.service.source_clients import SourceClients
from app.settings import load_settings
from tests.prometheus.samples import Recorder
from tests.support.scripted_server import Reply, Scripted


def dated(seconds: float) -> Reply:
    """An answer of a server whose clock is so far ahead."""
    at = datetime.now(tz=UTC) + timedelta(seconds=seconds)
    return Reply(status=503, headers={"Date": format_datetime(at, usegmt=True)})


def test_the_clock_of_each_source_is_its_own(tmp_path: Path) -> None:
    """One that is wrong is neither said of the others nor hidden by their next answers."""
    recorder = Recorder()

    async def ask(right: str, wrong: str) -> dict[str, float]:
        file = tmp_path / "sloburn.yaml"
        file.write_text(f"sources: [{{name: us, url: '{wrong}'}}, {{name: eu, url: '{right}'}}]")
        sources = load_config(file, environment={}).config.sources
        async with SourceClients(load_settings({}), clock=SystemClock(), instruments=recorder) as clients:
            for source in await clients.open(sources):
                with pytest.raises(PrometheusError):
                    await source.live.instant("1", datetime.now(tz=UTC))
            return dict(clients.clock_skews(sources))

    with Scripted(otherwise=dated(0)) as right, Scripted(otherwise=dated(-600)) as wrong:
        skews = asyncio.run(ask(right.url, wrong.url))
    assert skews.keys() == {"source us", "source eu"}
    assert skews["source us"] == pytest.approx(-600, abs=60)
    assert skews["source eu"] == pytest.approx(0, abs=60)
    assert {*recorder.peers} == {"source us", "source eu"}
