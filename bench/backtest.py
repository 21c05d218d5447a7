"""How long `sloburn backtest` takes over a month of many SLOs with incidents, and how much memory."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
from rich.table import Table

from bench import harness
from bench.exporter import Fleet
from testbed.openmetrics import create_blocks
from testbed.service import REPOSITORY, write_documents
from testbed.traces import Samples

DAYS: Final = 30
_LOOK_BACK_DAYS: Final = 6
_INCIDENTS: Final = 3
LIMIT_S: Final = 60.0


def run(*, services: int, seed: int) -> bool:
    """Measure, print, and give whether the limit was kept."""
    fleet = Fleet(services, burning=0.0)
    with tempfile.TemporaryDirectory(prefix="sloburn-bench-") as folder:
        work_dir = Path(folder)
        end = int(time.time()) // 3600 * 3600
        # In a process of its own: one that is started by a large process counts that one's memory as its own.
        with (
            harness.step(f"writing {DAYS + _LOOK_BACK_DAYS} days of {services * 10} series"),
            ProcessPoolExecutor(1) as writer,
        ):
            writer.submit(_write, services, seed, end, work_dir / "data").result()
        specs = write_documents(harness.documents(fleet), work_dir / "slos")
        with harness.quiet_prometheus(work_dir / "data") as prometheus:
            before = prometheus.cpu_seconds()
            with harness.step("backtesting"):
                started = time.monotonic()
                result, usage = _backtest(prometheus.url, specs, work_dir, end=end)
                took = time.monotonic() - started
            spent = prometheus.cpu_seconds() - before
    harness.show(_table(services, took=took, prometheus=spent, usage=usage, result=result))
    return took <= LIMIT_S


def _backtest(url: str, specs: Path, work_dir: Path, *, end: int) -> tuple[dict[str, object], resource.struct_rusage]:
    """The result, and what the command and the processes that it started used: not what wrote the samples before."""
    command = [sys.executable, "-m", "app", "backtest", "--format", "json"]
    command += ["--from", str(end - DAYS * 86_400), "--to", str(end)]
    settings = {"SLOBURN_PROMETHEUS_URL": url, "SLOBURN_SPECS": str(specs), "PYTHONPATH": str(REPOSITORY)}
    written = work_dir / "result.json"
    with written.open("wb") as stdout:
        process = subprocess.Popen(command, env={**os.environ, **settings}, cwd=work_dir, stdout=stdout)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    result: dict[str, object] = json.loads(written.read_bytes())
    return result, usage


def _write(services: int, seed: int, end: int, data_dir: Path) -> None:
    fleet, seconds = Fleet(services, burning=0.0), (DAYS + _LOOK_BACK_DAYS) * 86_400
    create_blocks(_with_incidents(fleet, seed, end=end, seconds=seconds), data_dir)


def _with_incidents(fleet: Fleet, seed: int, *, end: int, seconds: int) -> Iterator[Samples]:
    """The fleet's past, where a few times in the month each service fails for some minutes."""
    dice = np.random.default_rng(seed)
    for samples in harness.past(fleet, end=end, seconds=seconds):
        code = dict(samples.labels)["code"]
        if not code.startswith("5"):
            yield samples
            continue
        more = np.zeros(len(samples.values))
        times_s = samples.times_ms / 1000
        for _ in range(_INCIDENTS):
            begin, lasts = dice.uniform(end - DAYS * 86_400, end - 7200), dice.uniform(120.0, 3600.0)
            more += np.clip(times_s - begin, 0.0, lasts) * dice.uniform(0.05, 2.0)
        yield Samples(
            metric=samples.metric,
            labels=samples.labels,
            times_ms=samples.times_ms,
            values=samples.values + np.floor(more).astype(np.int64),
        )


def _table(
    services: int, *, took: float, prometheus: float, usage: resource.struct_rusage, result: dict[str, object]
) -> Table:
    table = Table(title=f"Backtest of {DAYS} days of {services} SLOs x 10 series, nine sets of rules")
    for column in ("what", "measured", "at most"):
        table.add_column(column, justify="left" if column == "what" else "right")
    rules = result["rules"]
    pages = rules[0]["pages"] if isinstance(rules, list) else 0
    table.add_row("from start to result", f"{took:.1f} s", f"{LIMIT_S:.0f} s")
    table.add_row("Prometheus", f"{prometheus:.1f} CPU s", "")
    table.add_row("Sloburn", f"{usage.ru_utime + usage.ru_stime:.1f} CPU s", "")
    table.add_row("largest process", f"{usage.ru_maxrss * 1024 / 1e6:.0f} MB", "")
    table.add_row("pages of today's rules", f"{pages}", "")
    return table
