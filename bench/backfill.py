"""What the past costs: CPU of Prometheus to backfill 30 days, against one `increase(m[30d])` for each selector."""

import tempfile
import time
from pathlib import Path
from typing import Final

import httpx
from rich.table import Table

from bench import harness
from bench.exporter import Fleet
from testbed.process import Server
from testbed.service import sloburn, write_documents

AHEAD_S: Final = 1_800
DAYS: Final = 31


def run(*, services: int, own_metric_names: bool) -> None:
    """Measure, and print CPU seconds, their ratio and the time until everything is counted."""
    fleet = Fleet(services, own_metric_names)
    with tempfile.TemporaryDirectory(prefix="sloburn-bench-") as folder:
        work_dir = Path(folder)
        with harness.step(f"writing {DAYS} days of {services * 10} series"):
            end = int(time.time()) + AHEAD_S
            harness.write_past(fleet, work_dir / "data", end=end, seconds=DAYS * 86_400 + AHEAD_S)
        specs = write_documents(harness.documents(fleet), work_dir / "slos")
        with harness.quiet_prometheus(work_dir / "data") as prometheus:
            with harness.step("asking increase over 30 days of every selector, twice"):
                _increases(prometheus, fleet)
                increases = _increases(prometheus, fleet)
            idle = _idle(prometheus)
            before = prometheus.cpu_seconds()
            with sloburn(prometheus.url, specs, work_dir / "sloburn", wait=False) as service:
                started = time.monotonic()
                with harness.step("backfilling"):
                    harness.wait_until_counted(service, services, timeout=900)
                seconds = time.monotonic() - started
                spent = prometheus.cpu_seconds() - before - idle * seconds
                own, resident = service.cpu_seconds(), service.resident_bytes()
        stored = sum(path.stat().st_size for path in (work_dir / "sloburn").glob("sloburn.db*"))
    harness.show(_table(services, increases=increases, spent=spent, own=own, seconds=seconds, resident=resident))
    harness.console.print(f"store: {stored / services / DAYS / 1024:.1f} KB per SLO and day of history")


def _increases(prometheus: Server, fleet: Fleet) -> float:
    before = prometheus.cpu_seconds()
    with httpx.Client(base_url=prometheus.url, timeout=300, trust_env=False) as client:
        for service in range(fleet.services):
            for code in ("", ',code=~"5.."'):
                selector = f'{fleet.metric(service)}{{job="{fleet.job(service)}"{code}}}'
                client.post("/api/v1/query", data={"query": f"increase({selector}[30d])"}).raise_for_status()
    return prometheus.cpu_seconds() - before


def _idle(prometheus: Server) -> float:
    before = prometheus.cpu_seconds()
    harness.sleep(10, "measuring idleness")
    return (prometheus.cpu_seconds() - before) / 10


def _table(services: int, *, increases: float, spent: float, own: float, seconds: float, resident: int) -> Table:
    table = Table(title=f"Backfill of 30 days for {services} SLOs x 10 series")
    for column in ("what", "measured", "at most"):
        table.add_column(column, justify="left" if column == "what" else "right")
    table.add_row("Prometheus, one increase(m[30d]) for each selector", f"{increases:.1f} CPU s", "")
    table.add_row("Prometheus, backfill", f"{spent:.1f} CPU s", f"{3 * increases:.1f} CPU s")
    table.add_row("ratio", f"{spent / increases:.2f}", "3")
    table.add_row("Sloburn, until all is counted", f"{own:.1f} CPU s", "")
    table.add_row("until all is counted", f"{seconds:.1f} s", "60 s")
    table.add_row("Sloburn, resident", f"{resident / 1e6:.0f} MB", "")
    return table
