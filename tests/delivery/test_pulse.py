"""The heart stops when nothing but the schedule has stopped (N12)."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from app.clock import SystemClock
from app.delivery import load_config
from app.metrics import BuildInfo, Instruments
from app.service.engine import Engine, Parts
from app.settings import load_settings
from app.spec import load_documents
from app.status import Board
from app.store import open_database
from tests.delivery.busy import Busy, serving
from tests.delivery.scripted import Scripted
from tests.delivery.test_service import DOCUMENT
from tests.support.servers import prometheus
from tests.support.service import write_documents


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
        parts = Parts(
            settings=settings,
            database=database,
            board=Board(),
            instruments=Instruments(build=BuildInfo.current()),
            clock=SystemClock(),
            delivery=load_config(config, environment={}).config,
        )
        engine = Engine(parts, load_documents(tmp_path / "slos"))
        engine.start()
        try:
            _until(lambda: len(beats.requests) >= 2)
            schedule = engine._schedule
            assert schedule is not None
            engine.submit(schedule.stop(1.0)).result(10)
            _until(lambda: time.time() - beats.requests[-1].at > 4)
            assert engine.evaluator.store_problem is None
            assert engine.evaluator.unanswered is None
            assert any("the last slot was evaluated at" in reason for reason in engine.reasons_not_ready())
        finally:
            engine.stop()
            database.close()


def _until(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.2)
