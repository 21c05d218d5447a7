"""Backtests over HTTP: made, looked at and ended; what runs them is played by the test."""

import os
import queue
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.prometheus import HttpConfig, Limits, PartialPolicy, SourceAccess
from app.replay import BacktestPlan, HistoryAccess
from app.slo import SloId
from testbed.waiting import PATIENCE_S, wait_until
from tests.support.api import Served
from tests.support.snapshots import a_snapshot, an_slo

TOKEN = "open-sesame"  # noqa: S105  of this test
AUTHORISED = {"Authorization": f"Bearer {TOKEN}"}


@dataclass
class Played:
    """A backtest that does what it is told to."""

    plan: BacktestPlan
    says: "queue.Queue[tuple[str, Any] | None]" = field(default_factory=queue.Queue)
    stopped: bool = False

    def receive(self) -> tuple[str, Any]:
        """What it is told to say next."""
        said = self.says.get(timeout=PATIENCE_S)
        if said is None:
            raise EOFError
        return said

    def stop(self) -> None:
        """It says nothing more."""
        self.stopped = True
        self.says.put(None)

    def close(self) -> None:
        """Nothing is held."""


@dataclass
class Stage:
    """The service with one SLO, and the backtests that it has begun."""

    begun: "list[Played]" = field(default_factory=list)
    refuses: OSError | None = None
    """Why none can be begun."""

    def __post_init__(self) -> None:
        served = Served.with_snapshots(a_snapshot(an_slo()))
        served.token = TOKEN
        served.launch_backtest = self.begin
        self.client = TestClient(served.app())

    def begin(self, plan: BacktestPlan) -> Played:
        """Begin one."""
        if self.refuses is not None:
            raise self.refuses
        self.begun.append(Played(plan))
        return self.begun[-1]

    def start(self, **given: Any) -> str:
        """The id of a new one."""
        answer = self.client.post("/api/v1/backtests", json=given, headers=AUTHORISED)
        assert answer.status_code == 202, answer.text
        assert answer.headers["Location"].endswith(answer.json()["id"])
        return str(answer.json()["id"])

    def get(self, job: str) -> dict[str, Any]:
        """One of them."""
        found: dict[str, Any] = self.client.get(f"/api/v1/backtests/{job}").json()
        return found

    def remove(self, job: str) -> int:
        """The status with which one is ended."""
        return self.client.delete(f"/api/v1/backtests/{job}", headers=AUTHORISED).status_code

    def close(self) -> None:
        """End all that run or wait, so that no thread waits for them behind the test."""
        for job in self.client.get("/api/v1/backtests").json()["items"]:
            self.remove(job["id"])


@pytest.fixture
def stage() -> Iterator[Stage]:
    begun = Stage()
    yield begun
    begun.close()


def test_a_backtest_runs_and_its_result_is_kept(stage: Stage) -> None:
    job = stage.start(
        slos=["checkout-availability"], policy={"page": {"tiers": [{"long": "2h", "short": "10m", "factor": 9}]}}
    )
    wait_until(lambda: bool(stage.begun))
    (run,) = stage.begun
    assert [slo.id for slo in run.plan.slos] == [SloId("checkout-availability")]
    assert [rules.name for rules in run.plan.proposed] == ["proposed"]
    run.says.put(("progress", 0.5))
    wait_until(lambda: stage.get(job)["progress"] == 0.5)
    assert stage.get(job)["state"] == "running"
    assert stage.get(job)["result"] is None
    run.says.put(("done", {"rules": []}))
    wait_until(lambda: stage.get(job)["state"] == "done")
    assert stage.get(job)["result"] == {"rules": []}
    assert "result" not in stage.client.get("/api/v1/backtests").json()["items"][0]
    assert stage.remove(job) == 204
    assert stage.client.get(f"/api/v1/backtests/{job}").status_code == 404
    assert stage.remove(job) == 404


def test_one_runs_at_a_time_and_few_wait(stage: Stage) -> None:
    first = stage.start()
    wait_until(lambda: bool(stage.begun))
    others = [stage.start() for _ in range(5)]
    refused = stage.client.post("/api/v1/backtests", json={}, headers=AUTHORISED)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "60"
    assert len(stage.begun) == 1
    # One that is ended makes room for the next.
    assert stage.remove(first) == 204
    assert stage.begun[0].stopped
    wait_until(lambda: len(stage.begun) == 2)
    for job in others:
        stage.remove(job)


def test_a_process_that_ends_is_a_failure(stage: Stage) -> None:
    job = stage.start()
    wait_until(lambda: bool(stage.begun))
    stage.begun[0].says.put(None)
    wait_until(lambda: stage.get(job)["state"] == "failed")
    assert stage.get(job)["problem"] == "its process has ended"


def test_one_that_cannot_be_started_is_a_failure_and_the_next_one_runs(stage: Stage) -> None:
    stage.refuses = OSError("no memory for a process")
    job = stage.start()
    wait_until(lambda: stage.get(job)["state"] == "failed")
    assert stage.get(job)["problem"] == "no memory for a process"
    stage.refuses = None
    stage.start()
    wait_until(lambda: bool(stage.begun))


@pytest.mark.parametrize(
    "given",
    [
        {"slos": ["missing"]},
        {"from": "2026-03-01T00:00:00"},
        {"from": "2026-03-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"},
        {"timezone": "Berlin"},
        {"policy": {"page": {"tiers": [{"long": "1h", "short": "2h", "factor": 9}]}}},
        {"incidents": [{"start": "2026-03-01T00:00:00Z", "slo": "checkout-availability"}]},
        {"incidents": [], "marks": True},
        {"detail": "fine"},
        {"unknown": 1},
    ],
)
def test_what_cannot_be_is_refused(stage: Stage, given: dict[str, Any]) -> None:
    answer = stage.client.post("/api/v1/backtests", json=given, headers=AUTHORISED)
    assert answer.status_code == 422
    assert stage.begun == []


def test_only_the_token_starts_and_ends_one(stage: Stage) -> None:
    assert stage.client.post("/api/v1/backtests", json={}).status_code == 401
    assert stage.client.delete("/api/v1/backtests/1").status_code == 401


def test_a_backtest_has_a_process_of_the_lowest_priority_that_can_be_ended_at_any_time(stage: Stage) -> None:
    stage.start()
    wait_until(lambda: bool(stage.begun))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE_S)
        http = HttpConfig(url=f"http://127.0.0.1:{silent.getsockname()[1]}")
        access = SourceAccess(http=http, limits=Limits(), partial=PartialPolicy.REJECT)
        running = HistoryAccess(sources=lambda: {"default": access}).launch(stage.begun[0].plan)
        connection, _ = silent.accept()
        process = running.process
        with connection:
            assert process.pid not in {None, os.getpid()}
            assert os.getpriority(os.PRIO_PROCESS, process.pid) == 19
            running.stop()
            running.close()
        assert not process.is_alive()
