"""Many SLOs in one service: how long ticks take, how much memory, how fast it answers meanwhile."""

import gzip
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from rich.table import Table

from bench import harness
from bench.exporter import Fleet
from testbed.process import Server
from testbed.service import sloburn, write_documents

# A label that all SLOs have: the gate judges every one of them for one answer.
_LABEL = ("fleet", "all")
LIMITS = {1_000: (1.0, 400), 10_000: (4.0, 800)}
"""At most so many seconds for a tick (p99) and megabytes resident, by number of SLOs."""


@dataclass(slots=True)
class Watch:
    """What was seen of a running service, once a second."""

    ticks_s: list[float] = field(default_factory=list)
    metrics_s: list[float] = field(default_factory=list)
    slos_s: list[float] = field(default_factory=list)
    overview_s: list[float] = field(default_factory=list)
    gate_s: list[float] = field(default_factory=list)
    gate_of_all_s: list[float] = field(default_factory=list)
    resident: int = 0
    missed: float = 0
    failures: float = 0
    cpu_s: float = 0
    _evaluated: tuple[float, float] | None = None

    def look(self, client: httpx.Client, service: Server) -> None:
        """Scrape the service, ask for a page of 100 SLOs, for the overview and the gate, with a stop-watch."""
        started = time.monotonic()
        with client.stream("GET", "/metrics") as response:
            # To unpack 60 MB is the reader's part.
            packed = b"".join(response.raise_for_status().iter_raw())
        self.metrics_s.append(time.monotonic() - started)
        text = gzip.decompress(packed).decode()
        _ask(client, "/api/v1/slos?limit=100", self.slos_s)
        _ask(client, "/", self.overview_s)
        _ask(client, "/api/v1/gate?service=shop0000&change=feature", self.gate_s)
        _ask(client, f"/api/v1/gate?label={_LABEL[0]}={_LABEL[1]}&change=feature", self.gate_of_all_s)
        self.resident = max(self.resident, service.resident_bytes())
        self.missed = _value(text, "sloburn_evaluations_missed_total")
        self.failures = _value(text, "sloburn_evaluation_failures_total")
        self._tick(_value(text, "sloburn_evaluation_duration_seconds_count"), text)

    def _tick(self, count: float, text: str) -> None:
        total = _value(text, "sloburn_evaluation_duration_seconds_sum")
        if self._evaluated is not None and count > self._evaluated[0]:
            ticks = count - self._evaluated[0]
            self.ticks_s.append((total - self._evaluated[1]) / ticks)
        self._evaluated = (count, total)


def _ask(client: httpx.Client, path: str, into: list[float]) -> None:
    started = time.monotonic()
    client.get(path).raise_for_status()
    into.append(time.monotonic() - started)


def run(*, services: int, minutes: float, own_metric_names: bool, burning: float) -> None:
    """Measure, and print."""
    fleet = Fleet(services, own_metric_names, burning)
    with tempfile.TemporaryDirectory(prefix="sloburn-bench-") as folder:
        work_dir = Path(folder)
        documents = [{**document, "labels": dict([_LABEL])} for document in harness.documents(fleet)]
        specs = write_documents(documents, work_dir / "slos")
        with (
            harness.exporting(fleet, work_dir) as exporter,
            harness.quiet_prometheus(work_dir / "data", harness.scraping(fleet, exporter)) as prometheus,
        ):
            harness.sleep(3 * harness.INTERVAL, "first scrapes")
            with sloburn(prometheus.url, specs, work_dir / "sloburn", wait=False) as service:
                with harness.step("Sloburn counts the past"):
                    harness.wait_until_counted(service, services, timeout=900)
                watch = _watch(service, minutes)
    harness.show(_table(services, minutes, watch))


def _watch(service: Server, minutes: float) -> Watch:
    watch, cpu_s = Watch(), service.cpu_seconds()
    until = time.monotonic() + minutes * 60
    with (
        httpx.Client(base_url=service.url, timeout=30, trust_env=False) as client,
        harness.console.status(f"watching for {minutes:g} min"),
    ):
        while time.monotonic() < until:
            watch.look(client, service)
            time.sleep(1)
    watch.cpu_s = service.cpu_seconds() - cpu_s
    return watch


def _table(services: int, minutes: float, watch: Watch) -> Table:
    tick, megabytes = LIMITS.get(services, (float("nan"), float("nan")))
    table = Table(title=f"{services} SLOs x 10 series over {minutes:g} min, {len(watch.ticks_s)} ticks")
    for column in ("what", "p50", "p99", "most", "p99 at most"):
        table.add_column(column, justify="left" if column == "what" else "right")
    table.add_row("tick", *_spread(watch.ticks_s), f"{tick:g} s")
    table.add_row("GET /metrics", *_spread(watch.metrics_s), "0.2 s at 1,000, 0.3 s at 10,000")
    table.add_row("GET /api/v1/slos?limit=100", *_spread(watch.slos_s), "0.05 s at 1,000")
    table.add_row("GET /, the overview", *_spread(watch.overview_s), "0.3 s at 10,000")
    table.add_row("GET /api/v1/gate?service=", *_spread(watch.gate_s), "0.1 s")
    table.add_row("GET /api/v1/gate?label=, of all SLOs", *_spread(watch.gate_of_all_s), "0.1 s")
    table.add_row("resident memory", "", "", f"{watch.resident / 1e6:.0f} MB", f"{megabytes} MB")
    table.add_row(
        "CPU of the service", "", "", f"{1000 * watch.cpu_s / minutes / services:.2f} ms a minute and SLO", ""
    )
    table.add_row("slots missed", "", "", f"{watch.missed:g}", "0")
    table.add_row("evaluation failures", "", "", f"{watch.failures:g}", "0")
    return table


def _spread(seconds: Sequence[float]) -> tuple[str, str, str]:
    if not seconds:
        return "-", "-", "-"
    p50, p99 = np.percentile(seconds, [50, 99])
    return f"{p50:.3f} s", f"{p99:.3f} s", f"{max(seconds):.3f} s"


def _value(text: str, metric: str) -> float:
    lines = [line for line in text.splitlines() if line.startswith((metric + " ", metric + "{"))]
    return sum(float(line.rpartition(" ")[2]) for line in lines)
