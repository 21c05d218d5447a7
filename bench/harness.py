"""What the benchmarks share: a fleet with a past, copies of it under several servers, and the service under test."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from rich.console import Console
from rich.table import Table

from bench.exporter import Fleet, targets
from bench.peers import sloth_labels
from testbed.openmetrics import create_blocks
from testbed.process import Server, free_port
from testbed.servers import prometheus
from testbed.service import REPOSITORY
from testbed.traces import Samples

INTERVAL = 30
"""Seconds between scrapes."""

console = Console(stderr=True)
"""Where progress goes; tables go to standard output."""


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    started = time.monotonic()
    with console.status(what):
        yield
    console.print(f"[dim]{time.monotonic() - started:7.1f} s[/dim]  {what}")


def show(table: Table) -> None:
    """Print a finished table."""
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def sleep(seconds: float, what: str) -> None:
    """Let servers run for a while, with a countdown."""
    until = time.monotonic() + seconds
    with console.status("") as status:
        while (left := until - time.monotonic()) > 0:
            status.update(f"{what}: {left:.0f} s to go")
            time.sleep(min(1.0, left))


def write_past(fleet: Fleet, data_dir: Path, *, end: int, seconds: int, recorded: bool = False) -> None:
    """Write *seconds* of scrapes of the fleet up to *end*; *recorded* adds what Sloth would have recorded meanwhile."""
    create_blocks(past(fleet, end=end, seconds=seconds, recorded=recorded), data_dir)


def past(fleet: Fleet, *, end: int, seconds: int, recorded: bool = False) -> Iterator[Samples]:
    """The samples of the fleet's past, of a scrape every 30 s with a phase of its own for each service."""
    seconds_of = np.arange(end - seconds, end, INTERVAL, dtype=np.int64)
    for service in range(fleet.services):
        times = seconds_of + service % INTERVAL
        values = np.floor(np.outer(fleet.rates[service], times - fleet.epoch)).astype(np.int64)
        for labels, one in zip(fleet.labels(service), values, strict=True):
            yield Samples(metric=fleet.metric(service), labels=labels, times_ms=times * 1000, values=one)
        if recorded:
            labels = (*sloth_labels(fleet, service).items(), ("sloth_window", "5m"))
            # Only the number of samples costs anything; their value does not.
            ratios = np.zeros(len(times), np.int64)
            yield Samples(metric="slo:sli_error:ratio_rate5m", labels=labels, times_ms=times * 1000, values=ratios)


def scraping(
    fleet: Fleet, exporter: Server, rules: Sequence[Path] = (), *, evaluation_interval: str = "1m"
) -> dict[str, Any]:
    """A Prometheus configuration that scrapes the whole fleet every 30 s."""
    jobs = [
        {
            "job_name": job,
            "honor_labels": True,
            "metrics_path": url.removeprefix(exporter.url),
            "static_configs": [{"targets": [exporter.url.removeprefix("http://")]}],
        }
        for job, url in targets(fleet, exporter.url)
    ]
    return {
        "global": {"scrape_interval": f"{INTERVAL}s", "evaluation_interval": evaluation_interval},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": jobs,
    }


@contextmanager
def exporting(fleet: Fleet, work_dir: Path) -> Iterator[Server]:
    """The fleet as a process that answers scrapes."""
    port = free_port()
    command = [sys.executable, "-m", "bench.exporter", f"--port={port}", f"--services={fleet.services}"]
    command.append(f"--burning={fleet.burning}")
    if fleet.own_metric_names:
        command.append("--own-metric-names")
    log_path = work_dir / "exporter.log"
    server = Server(name="exporter", command=command, port=port, log_path=log_path, ready_path="/0/1", cwd=REPOSITORY)
    with server.start() as running:
        yield running


@contextmanager
def quiet_prometheus(data_dir: Path, config: dict[str, Any] | None = None) -> Iterator[Server]:
    """A Prometheus that does not compact what was written for it, which would be counted as somebody's cost."""
    flags = ["--storage.tsdb.min-block-duration=2h", "--storage.tsdb.max-block-duration=2h"]
    with prometheus(data_dir, config=config, flags=flags) as server:
        yield server


def documents(fleet: Fleet) -> list[dict[str, object]]:
    """One availability SLO of 99.9 % for each service of the fleet."""
    return [
        {
            "service": fleet.job(service),
            "slos": [
                {
                    "name": "requests",
                    "objective": 99.9,
                    "window": "30d",
                    "sli": {
                        "total": f'{fleet.metric(service)}{{job="{fleet.job(service)}"}}',
                        "bad": f'{fleet.metric(service)}{{job="{fleet.job(service)}", code=~"5.."}}',
                    },
                }
            ],
        }
        for service in range(fleet.services)
    ]


def all_slos(client: httpx.Client) -> list[dict[str, Any]]:
    """Every SLO that the service shows, page by page."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        answer = client.get("/api/v1/slos", params={"limit": "100", **({"next": cursor} if cursor else {})})
        body = answer.raise_for_status().json()
        items += body["items"]
        cursor = body["next"]
        if cursor is None:
            return items


def wait_until_counted(service: Server, slos: int, *, timeout: float) -> float:
    """Wait until every SLO has all of its past; how many seconds that took.

    Raises:
        TimeoutError: it has not after *timeout* seconds, or has ended; the message says in which states the SLOs are.
    """
    started = time.monotonic()
    states: dict[str, int] = {}
    with httpx.Client(base_url=service.url, timeout=30, trust_env=False) as client:
        while time.monotonic() - started < timeout and service.running:
            items = _shown(client)
            states = {state: [item["data"] for item in items].count(state) for state in {i["data"] for i in items}}
            if len(items) >= slos and not states.keys() & {"backfilling", "error"}:
                return time.monotonic() - started
            # To list thousands of SLOs takes its time from what is waited for.
            time.sleep(0.5 + slos / 1000)
    took = time.monotonic() - started
    raise TimeoutError(f"not counted after {took:.0f} s; states {states}; log:\n{service.log[-3000:]}")


def rule_file(rules: dict[str, Any], path: Path) -> Path:
    """Write a rule file (JSON is YAML)."""
    path.write_text(json.dumps(rules))
    return path


def _shown(client: httpx.Client) -> list[dict[str, Any]]:
    try:
        return all_slos(client)
    except httpx.HTTPError:
        return []
