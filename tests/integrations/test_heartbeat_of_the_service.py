"""The heart stops when nothing but the schedule has stopped (N12)."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from app.clock import SystemClock
from app.delivery import MemoryMessageRefs, NoInstruments
from app.documents import load_documents
from app.integrations import DeliveryConfig, NotifierContext, load_config, open_receivers
from app.integrations.config import AlertmanagerTargets, ReceiverConfig
from app.metrics import BuildInfo, Instruments
from app.service.components import Components
from app.service.engine import Engine
from app.settings import load_settings
from app.status import Board
from app.store import open_database
from testbed.servers import prometheus
from testbed.service import write_documents
from testbed.waiting import wait_until
from tests.integrations.test_receivers_of_the_service import DOCUMENT
from tests.support.flaky_exporter import Busy, serving
from tests.support.notifications import firing
from tests.support.scripted_server import Reply, Scripted


def test_heartbeats_end_when_only_the_schedule_stands_still(tmp_path: Path) -> None:
    """Prometheus answers, the database can be written, deliveries run: but no slot is evaluated any more."""
    with (
        serving(Busy()) as metrics,
        prometheus(tmp_path / "prometheus", scrape=[("shop", metrics)]) as server,
        Scripted() as beats,
    ):
        config = tmp_path / "sloburn.yaml"
        config.write_text(json.dumps({"heartbeat": {"url": beats.url, "every": "1s"}}))
        settings = load_settings(
            {
                "prometheus_url": server.url,
                "evaluation_interval": "5s",
                "query_offset": "1s",
                "backfill": "off",
                "specs": str(write_documents([DOCUMENT], tmp_path / "slos")),
            }
        )
        database = open_database(f"sqlite:///{tmp_path}/sloburn.db")
        components = Components(
            settings=settings,
            database=database,
            board=Board(),
            instruments=Instruments(build=BuildInfo.current()),
            clock=SystemClock(),
            delivery=load_config(config, environment={}).config,
        )
        engine = Engine(components, load_documents(tmp_path / "slos"))
        engine.start()
        try:
            wait_until(lambda: len(beats.requests) >= 2)
            schedule = engine._schedule
            assert schedule is not None
            engine.submit(schedule.stop(1.0)).result(60)
            wait_until(lambda: any("the last slot was evaluated at" in reason for reason in engine.reasons_unhealthy()))
            wait_until(lambda: time.time() - beats.requests[-1].at > 4)
            assert engine.evaluator.store_problem is None
            assert engine.evaluator.unanswered is None
            assert not engine.reasons_not_ready()
        finally:
            engine.stop()
            database.close()


def test_an_alertmanager_with_another_clock_is_a_reason_not_to_be_ready() -> None:
    """What ends in its past it would tell nobody; we make up for that, but somebody should set a clock."""
    wrong = Reply(
        body=b"{}", headers={"Date": format_datetime(datetime.now(tz=UTC) + timedelta(minutes=2), usegmt=True)}
    )

    async def play(server: Scripted) -> dict[str, float]:
        target = AlertmanagerTargets(urls=(server.url,))
        config = DeliveryConfig(receivers=(ReceiverConfig(name="am", target=target),))
        context = NotifierContext(
            external_url="http://here",
            interval=timedelta(seconds=30),
            clock=SystemClock(),
            instruments=NoInstruments(),
            message_refs=MemoryMessageRefs(),
        )
        found = open_receivers(config, context, is_healthy=lambda: True)
        await found.receivers[0].deliver([firing()], at=datetime.now(tz=UTC))
        skews = dict(found.clock_skews)
        await found.aclose()
        return skews

    with Scripted(otherwise=wrong) as server:
        skews = asyncio.run(play(server))
    assert skews == {f"alertmanager/127.0.0.1:{server.port}": pytest.approx(120, abs=60)}
