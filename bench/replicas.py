"""Replicas on one PostgreSQL: what an SLO costs with one, two, four of them, and what they write to the database."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
from rich.table import Table

from bench import harness
from bench.exporter import Fleet
from testbed.process import Server
from testbed.service import sloburn, write_documents
from testbed.waiting import wait_until

_TICKS = "sloburn_evaluation_duration_seconds"
_TAKES_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the replicas and the database have done so far."""

    at_s: float
    cpu_s: float
    ticks: float
    ticks_s: float
    wal_bytes: float


def run(*, services: int, replicas: Sequence[int], minutes: float, database_url: str) -> None:
    """Measure, and print."""
    fleet = Fleet(services)
    table = Table(title=f"{services} SLOs x 10 series on one PostgreSQL, {minutes:g} min each")
    for column in (
        "replicas",
        "SLOs of each",
        "tick, mean",
        "CPU a minute and SLO",
        "memory of each",
        "WAL a slot and SLO",
    ):
        table.add_column(column, justify="right")
    with tempfile.TemporaryDirectory(prefix="sloburn-bench-") as folder, ExitStack() as stack:
        work_dir = Path(folder)
        specs = write_documents(harness.documents(fleet), work_dir / "slos")
        exporter = stack.enter_context(harness.exporting(fleet, work_dir))
        prometheus = stack.enter_context(harness.quiet_prometheus(work_dir / "data", harness.scraping(fleet, exporter)))
        harness.sleep(3 * harness.INTERVAL, "first scrapes")
        running: list[Server] = []
        for wanted in replicas:
            while len(running) < wanted:
                env = {"SLOBURN_DATABASE_URL": database_url}
                home = work_dir / f"replica{len(running)}"
                running.append(stack.enter_context(sloburn(prometheus.url, specs, home, env=env, wait=False)))
            with harness.step(f"{wanted} share the SLOs"):
                wait_until(lambda: _is_shared(running, services), "the SLOs to be shared", takes_s=_TAKES_S)
                # The first evaluations after a change of shards load and write more than those that follow.
                harness.sleep(3 * harness.INTERVAL, "settling")
            began = _read(running, database_url)
            harness.sleep(minutes * 60, f"{wanted} replicas")
            table.add_row(*_row(running, services, began, _read(running, database_url)))
    harness.show(table)


def _row(running: Sequence[Server], services: int, began: Reading, ended: Reading) -> Sequence[str]:
    minutes, ticks = (ended.at_s - began.at_s) / 60, ended.ticks - began.ticks
    owned = [_metrics(one)["sloburn_slos"] for one in running]
    slots = minutes * 60 / harness.INTERVAL
    return (
        str(len(running)),
        f"{min(owned):.0f} to {max(owned):.0f}",
        f"{(ended.ticks_s - began.ticks_s) / max(ticks, 1):.2f} s",
        f"{1000 * (ended.cpu_s - began.cpu_s) / minutes / services:.2f} ms",
        f"{max(one.resident_bytes() for one in running) / 1e6:.0f} MB",
        f"{(ended.wal_bytes - began.wal_bytes) / slots / services:.0f} bytes",
    )


def _read(running: Sequence[Server], database_url: str) -> Reading:
    metrics = [_metrics(one) for one in running]
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        row = connection.execute("SELECT pg_current_wal_lsn() - '0/0'").fetchone()
    return Reading(
        at_s=time.monotonic(),
        cpu_s=sum(one.cpu_seconds() for one in running),
        ticks=sum(one[f"{_TICKS}_count"] for one in metrics),
        ticks_s=sum(one[f"{_TICKS}_sum"] for one in metrics),
        wal_bytes=float(row[0]) if row else 0.0,
    )


def _is_shared(running: Sequence[Server], services: int) -> bool:
    """Whether each SLO is evaluated by one of the replicas, and each of these has some."""
    try:
        owned = [_metrics(one)["sloburn_slos"] for one in running]
    except (httpx.HTTPError, KeyError):
        return False
    return sum(owned) == services and all(owned)


def _metrics(service: Server) -> Mapping[str, float]:
    """The figures of a service about itself that have no labels."""
    text = httpx.get(f"{service.url}/metrics", timeout=60.0, trust_env=False).raise_for_status().text
    lines = (line.rpartition(" ") for line in text.splitlines() if line.startswith("sloburn_") and "{" not in line)
    return {name: float(value) for name, _, value in lines}
