"""A backtest of a real service over a real Prometheus, in a process of its own: evaluations go on beside it."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx

from testbed.openmetrics import create_blocks
from testbed.process import Server
from testbed.servers import prometheus
from testbed.service import sloburn, write_documents
from testbed.trace_kinds import generate
from testbed.waiting import wait_until

_DAY_S: Final = 86_400
_SCRAPE_S: Final = 60
_AHEAD_S: Final = 1_800
_SETTINGS: Final = {"SLOBURN_EVALUATION_INTERVAL": "5s", "SLOBURN_API_TOKEN": "open-sesame"}
_SLOTS: Final = 2


def test_evaluations_beside_a_backtest_miss_no_slot_for_it(tmp_path: Path) -> None:
    end = int(time.time()) // _SCRAPE_S * _SCRAPE_S + _AHEAD_S
    traces = generate(["steady", "outage-3h"], start=end - 4 * _DAY_S, end=end, scrape_s=_SCRAPE_S)
    create_blocks(traces.samples, tmp_path / "prometheus")
    specs = write_documents([trace.document() for trace in traces], tmp_path / "slos")
    with (
        prometheus(tmp_path / "prometheus") as source,
        # Not forked: a process that a backtest spawns begins with what the service was begun with.
        sloburn(source.url, specs, tmp_path / "service", env=_SETTINGS) as service,
    ):
        missed, evaluated = _slots(service)
        headers = {"Authorization": "Bearer open-sesame"}
        with httpx.Client(base_url=service.url, headers=headers, timeout=60.0, trust_env=False) as client:
            until = end - _AHEAD_S
            asked = {"from": str(until - 3 * _DAY_S), "to": str(until)}
            job = client.post("/api/v1/backtests", json=asked)
            found = job.raise_for_status().json()
            wait_until(
                lambda: max(_nices_of_children(service.pid), default=-20) > os.getpriority(os.PRIO_PROCESS, service.pid)
            )
            wait_until(lambda: _slots(service)[1] >= evaluated + _SLOTS, takes_s=5.0 * _SLOTS)
            now_missed, now_evaluated = _slots(service)
            state = client.get(f"/api/v1/backtests/{found['id']}").json()["state"]
            client.delete(f"/api/v1/backtests/{found['id']}").raise_for_status()
        # How far it comes depends on what else the machine does: it runs behind everything else.
        assert state in {"running", "done"}
        # A busy machine may miss a slot; where the backtest kept evaluations waiting, most were missed.
        assert now_missed - missed < now_evaluated - evaluated


def _slots(service: Server) -> tuple[float, float]:
    """How many slots were missed, and how many evaluated."""
    lines = httpx.get(f"{service.url}/metrics", timeout=60.0, trust_env=False).text.splitlines()
    values: dict[str, Any] = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    missed, evaluated = (float(values[f"sloburn_evaluations_{name}"]) for name in ("missed_total", "total"))
    return missed, evaluated


def _nices_of_children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        # Threads and processes end meanwhile.
        with suppress(OSError):
            children = (task / "children").read_text().split()
            found += [os.getpriority(os.PRIO_PROCESS, int(child)) for child in children]
    return found
