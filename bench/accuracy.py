"""How far budgets are off the truth, in percentage points of the budget, for services that production really has.

Compared over every window: `increase` over the window (Pyrra), the mean of 5m ratios (Sloth), and Sloburn, started
anew over a month of history and asked through its API.
"""

import math
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import httpx
from rich.table import Table

from bench import harness
from testbed.accuracy_limits import LIMITS, WINDOWS
from testbed.openmetrics import create_blocks, import_into
from testbed.process import Server
from testbed.servers import victoria_metrics
from testbed.service import sloburn, write_documents
from testbed.trace_kinds import FIELD_KINDS, KINDS, generate
from testbed.traces import Trace, Traces

SCRAPE_S: Final = 30
"""An event this short before the edge of a window may be seen on either side of it: only scrapes tell."""

AHEAD_S: Final = 1_800
"""The traces run on past now, so that queries see new samples come as if they were scraped."""


@dataclass(frozen=True, slots=True)
class Error:
    """Error in percentage points of the budget; NaN where there is a truth and no answer.

    *unknowable* is how far the truth itself moves when the edges of the window move by up to a scrape interval: no
    one who scrapes can be blamed for that much.
    """

    points: float
    unknowable: float = 0.0

    def within(self, limit: float) -> bool:
        """Whether it is no larger than *limit*, or than what no one can know."""
        return math.isinf(self.unknowable) or abs(self.points) <= max(limit, self.unknowable)


Errors = dict[tuple[str, str], Error]
"""By service and window."""


@dataclass(frozen=True, slots=True)
class Burn:
    """What Sloburn said of one window of one service."""

    as_of: datetime
    rates: Mapping[str, float]


def run(*, days: int, seed: int, backend: str, live_minutes: float, kinds: tuple[str, ...]) -> bool:
    """Measure and print; whether Sloburn kept within every limit."""
    end = int(time.time()) // 30 * 30 + AHEAD_S
    with harness.step(f"making {days} days of {len(kinds)} services"):
        traces = generate(kinds, start=end - days * 86_400, end=end, seed=seed)
    with (
        tempfile.TemporaryDirectory(prefix="sloburn-bench-") as folder,
        _backend(backend, traces, Path(folder)) as source,
    ):
        work_dir = Path(folder)
        specs = write_documents([trace.document() for trace in traces], work_dir / "slos")
        with sloburn(source.url, specs, work_dir / "live", wait=False) as service:
            burns = _counted(service, traces)
            harness.show(_table("Sloburn", ours := _errors(traces, burns)))
            if live_minutes:
                harness.sleep(live_minutes * 60, "living through ticks")
                with sloburn(source.url, specs, work_dir / "fresh", wait=False) as fresh:
                    later, other = _at_one_slot(service, fresh, traces)
                harness.show(_table(f"Sloburn after {live_minutes:g} min of ticks", lived := _errors(traces, later)))
                harness.show(_table("one that lived less one just started", _difference(later, other), digits=7))
                ours |= {key: max(ours[key], error, key=lambda it: abs(it.points)) for key, error in lived.items()}
        pyrra = _peers(source, traces, burns) if backend == "prometheus" else {}
        if pyrra and any(service in FIELD_KINDS for service, _ in ours):
            harness.show(_beside(ours, pyrra))
    return _verdict(ours, pyrra)


@contextmanager
def _backend(name: str, traces: Traces, work_dir: Path) -> Iterator[Server]:
    if name == "victoriametrics":
        with victoria_metrics(work_dir / "victoria") as server:
            with harness.step("importing"):
                import_into(server, traces.samples)
            yield server
        return
    data_dir = work_dir / "prometheus"
    with harness.step("writing blocks"):
        create_blocks(traces.samples, data_dir)
    with harness.quiet_prometheus(data_dir) as server:
        yield server
    shutil.rmtree(data_dir)


def _counted(service: Server, traces: Traces) -> dict[str, Burn]:
    with harness.step("Sloburn counts the past"):
        harness.wait_until_counted(service, len(traces.traces), timeout=600)
    return _burns(service)


def _burns(service: Server) -> dict[str, Burn]:
    with httpx.Client(base_url=service.url, timeout=30, trust_env=False) as client:
        items = harness.all_slos(client)
    return {
        item["service"]: Burn(
            datetime.fromisoformat(item["as_of"]),
            {
                one["window"]: math.nan if one["burn_rate"] is None else one["burn_rate"]
                for one in item["burn_rates"]
                if one["window"] in WINDOWS
            },
        )
        for item in items
    }


def _at_one_slot(service: Server, fresh: Server, traces: Traces) -> tuple[dict[str, Burn], dict[str, Burn]]:
    _counted(fresh, traces)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        one, other = _burns(service), _burns(fresh)
        if all(one[service].as_of == other[service].as_of for service in one):
            return one, other
        time.sleep(1)
    raise TimeoutError("the two services never showed the same slot")


def _errors(traces: Traces, burns: Mapping[str, Burn]) -> Errors:
    return {
        (trace.service, window): _off(rate, trace, burn.as_of, WINDOWS[window])
        for trace in traces
        if (burn := burns.get(trace.service))
        for window, rate in burn.rates.items()
    }


def _difference(one: Mapping[str, Burn], other: Mapping[str, Burn]) -> Errors:
    return {
        (service, window): Error(0.0 if math.isnan(rate) and math.isnan(there) else 100 * (rate - there))
        for service, burn in one.items()
        for window, rate in burn.rates.items()
        for there in [other[service].rates[window]]
    }


def _off(rate: float, trace: Trace, as_of: datetime, window: int) -> Error:
    end = as_of.timestamp()
    truth = trace.truth(end - window, end).consumed(trace.objective)
    if math.isnan(truth) and math.isnan(rate):
        return Error(0.0)
    return Error(100 * (rate - truth), 100 * trace.unknowable(end - window, end, scrape_s=SCRAPE_S))


def _peers(source: Server, traces: Traces, burns: Mapping[str, Burn]) -> Errors:
    """Print the errors of what a user would run instead; those of `increase()`."""
    found: list[Errors] = []
    with httpx.Client(base_url=source.url, timeout=300, trust_env=False) as client:
        for title, query in (("increase over the window (Pyrra)", _increase), ("mean of 5m ratios (Sloth)", _mean)):
            with harness.step(title):
                errors = {
                    (trace.service, window): _off(rate, trace, burns[trace.service].as_of, seconds)
                    for trace in traces
                    for window, seconds in WINDOWS.items()
                    for rate in [_ask(client, query(trace, window), burns[trace.service].as_of, trace)]
                }
            harness.show(_table(title, errors))
            found.append(errors)
    return found[0]


def _increase(trace: Trace, window: str) -> str:
    part, total = _selectors(trace)
    return f"sum(increase({part}[{window}])) / sum(increase({total}[{window}]))"


def _mean(trace: Trace, window: str) -> str:
    part, total = _selectors(trace)
    return f"avg_over_time((sum(rate({part}[5m])) / sum(rate({total}[5m])))[{window}:1m])"


def _selectors(trace: Trace) -> tuple[str, str]:
    job = f'job="{trace.service}"'
    if trace.histogram:
        name = "http_request_duration_seconds"
        return f'{name}_bucket{{{job},le="0.3"}}', f"{name}_count{{{job}}}"
    return f'http_requests_total{{{job},code=~"5.."}}', f"http_requests_total{{{job}}}"


def _ask(client: httpx.Client, query: str, at: datetime, trace: Trace) -> float:
    answer = client.post("/api/v1/query", data={"query": query, "time": str(at.timestamp())}).raise_for_status()
    result = answer.json()["data"]["result"]
    ratio = float(result[0]["value"][1]) if result else math.nan
    return (1 - ratio if trace.histogram else ratio) / (1 - trace.objective)


def _table(title: str, errors: Errors, digits: int = 3) -> Table:
    table = Table(title=f"{title}: error of the budget in percentage points")
    table.add_column("service")
    for window in WINDOWS:
        table.add_column(window, justify="right")
    for service in dict.fromkeys(service for service, _ in errors):
        found = [errors.get((service, window)) for window in WINDOWS]
        cells = ("-" if error is None else f"{error.points:+.{digits}f}" for error in found)
        table.add_row(service, *cells)
    return table


def _beside(ours: Errors, pyrra: Errors) -> Table:
    table = Table(title="Metrics as the field has them: Sloburn / increase (Pyrra), percentage points of the budget")
    table.add_column("service", no_wrap=True)
    windows = ("30d", "1d", "1h", "5m")
    for window in windows:
        table.add_column(window, justify="right")
    for service in dict.fromkeys(service for service, _ in ours if service in FIELD_KINDS):
        cells = (_pair(ours.get((service, window)), pyrra.get((service, window))) for window in windows)
        table.add_row(service, *cells)
    return table


def _pair(one: Error | None, other: Error | None) -> str:
    return " / ".join("-" if error is None else f"{error.points:+,.3f}" for error in (one, other))


def _verdict(errors: Errors, pyrra: Errors) -> bool:
    kept = True
    for (service, window), error in errors.items():
        limit = LIMITS[window]
        if service in FIELD_KINDS and (service, window) in pyrra:
            # Of metrics that lie nobody can promise a limit, but never to be further off than `increase()`.
            theirs = abs(pyrra[service, window].points)
            limit = math.inf if math.isnan(theirs) else max(limit, theirs + error.unknowable)
        if abs(error.points) <= limit:
            continue
        kept &= error.within(limit)
        what = f"{service} {window}: {error.points:+.3f} pp, at most {limit:.3g}; unknowable {error.unknowable:.3f}"
        harness.console.print(f"[yellow]{what}[/yellow]" if error.within(limit) else f"[red]{what}[/red]")
    harness.console.print("[green]within the limits[/green]" if kept else "[red]beyond the limits[/red]")
    return kept


ALL_KINDS: Final = (*KINDS, *FIELD_KINDS)
