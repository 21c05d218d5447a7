"""What the rules of Sloth and Pyrra make of their own documents, and what Sloburn does, on the same samples.

Each kind of service has one document of Sloth and one of Pyrra. Over the SLO window are compared: the truth, what
Sloburn has counted, the rules of `sloburn rules`, and the rules that the document's own tool generates. What those
record every minute is asked for by subqueries, which give the same samples.
"""

import json
import math
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
from rich.table import Table

from app.documents import Defaults, load_documents
from app.slo import RollingWindow, Slo, duration_with_weeks
from bench import harness
from testbed.openmetrics import create_blocks
from testbed.service import sloburn
from testbed.trace_kinds import generate
from testbed.traces import Samples, Trace

ALL_KINDS: Final = (
    "steady",
    "day-and-night",
    "churn",
    "one-a-minute",
    "bursts",
    "outage-45m",
    "replaced-in-outage",
    "closed-at-night",
    "short-lived",
    "histogram",
    "gauge",
)
OBJECTIVE: Final = 0.999
_SCRAPE_S: Final = 30
_AHEAD_S: Final = 600
"""The samples run on past now, so that the newest slot has all of its own."""
_MOST_POINTS: Final = 0.1
"""By how much of its budget, in percentage points, Sloburn may be off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queries:
    """What both tools' documents of one service are made of; *good* are buckets, *gauge* is 1 while all is well."""

    total: str
    bad: str = ""
    good: str = ""
    gauge: str = ""

    def error_ratio(self, window: str) -> str:
        """The share of bad events, as people write it."""
        if self.gauge:
            count = f"sum(count_over_time({self.gauge}[{window}]))"
            return f"({count} - sum(sum_over_time({self.gauge}[{window}]))) / {count}"
        total = f"sum(rate({self.total}[{window}]))"
        if self.good:
            return f"1 - (sum(rate({self.good}[{window}])) / {total})"
        return f"sum(rate({self.bad}[{window}])) / {total}"

    def sloth_sli(self) -> dict[str, object]:
        """The SLI in a document of Sloth."""
        window = "{{.window}}"
        if self.good or self.gauge:
            return {"raw": {"error_ratio_query": self.error_ratio(window)}}
        rates = (f"sum(rate({query}[{window}]))" for query in (self.bad, self.total))
        return {"events": dict(zip(("error_query", "total_query"), rates, strict=True))}

    def pyrra_indicator(self) -> dict[str, object]:
        """The indicator in a document of Pyrra."""
        if self.gauge:
            return {"bool_gauge": {"metric": self.gauge}}
        total = {"metric": self.total}
        if self.good:
            return {"latency": {"success": {"metric": self.good}, "total": total}}
        return {"ratio": {"errors": {"metric": self.bad}, "total": total}}

    def sloth_consumed(self, window: str) -> str:
        """The bad share of the SLO window by Sloth's rules: the mean of what a rule records every minute."""
        return f"avg_over_time(({self.error_ratio('5m')})[{window}:1m])"

    def pyrra_consumed(self, window: str) -> str:
        """The bad share of the SLO window by Pyrra's rules, without which it shows 100%."""
        if self.gauge:
            return self.error_ratio(window)
        total = f"sum(increase({self.total}[{window}]))"
        if self.good:
            return f"1 - (sum(increase({self.good}[{window}])) / {total})"
        return f"(sum(increase({self.bad}[{window}])) or vector(0)) / {total}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is spent of the budget of one service, in percent of it; NaN where a tool gives no answer."""

    kind: str
    tool: str
    truth: float
    unknowable: float
    sloburn: float
    own_rules: float
    tool_rules: float

    def off(self, figure: float) -> float:
        """The error of a figure in percentage points of the budget."""
        return 0.0 if math.isnan(figure) and math.isnan(self.truth) else figure - self.truth

    @property
    def counted_right(self) -> bool:
        """Whether Sloburn is as near to the truth as scrapes allow."""
        return abs(self.off(self.sloburn)) <= max(_MOST_POINTS, self.unknowable)


def run(*, days: float, seed: int, kinds: Sequence[str]) -> list[Row]:
    """Measure and print; one row for each service and tool."""
    end = int(time.time()) // 60 * 60 + _AHEAD_S
    window = timedelta(days=days)
    start = end - round(window.total_seconds()) - 7200
    with tempfile.TemporaryDirectory(prefix="sloburn-bench-") as folder:
        work_dir = Path(folder)
        with harness.step("making samples"):
            traces = generate([kind for kind in kinds if kind != "gauge"], start=start, end=end, seed=seed)
            gauges = [_Gauge(start, end)] if "gauge" in kinds else []
            create_blocks([*traces.samples, *(gauge.samples for gauge in gauges)], work_dir / "prometheus")
        services: list[Trace | _Gauge] = [*traces.traces, *gauges]
        documents = _write_documents(services, window, work_dir / "slos")
        slos = {str(slo.id): slo for slo in _loaded(documents, window)}
        with (
            harness.quiet_prometheus(work_dir / "prometheus") as source,
            sloburn(
                source.url,
                documents,
                work_dir / "live",
                env={"SLOBURN_DEFAULT_WINDOW": duration_with_weeks(window)},
                wait=False,
                forked=True,
            ) as service,
        ):
            harness.wait_until_counted(service, len(slos), timeout=300)
            items = _items(service.url)
            with httpx.Client(base_url=source.url, timeout=300, trust_env=False) as client:
                rows = [
                    _row(client, one, tool, items[f"{one.service}-{tool}"], slos[f"{one.service}-{tool}"])
                    for one in services
                    for tool in ("sloth", "pyrra")
                ]
    harness.show(_table(rows, window))
    return rows


class _Gauge:
    """A gauge that is 1 while all is well, with two outages, one of them beside missing scrapes."""

    service = "gauge"

    def __init__(self, start: int, end: int) -> None:
        times = np.arange(start, end, _SCRAPE_S, dtype=np.int64)
        share = (times - start) / (end - start)
        values = ((share < 0.4) | (share > 0.41)) & ((share < 0.7) | (share > 0.702))
        kept = (share < 0.71) | (share > 0.75)
        self.samples = Samples(
            metric="probe_success",
            labels=(("job", "gauge"),),
            times_ms=times[kept] * 1000,
            values=values[kept].astype(np.int64),
        )

    def consumed(self, start: float, end: float) -> float:
        """The share of the budget that the samples of a span have spent."""
        inside = (self.samples.times_ms > start * 1000) & (self.samples.times_ms <= end * 1000)
        return float(np.mean(self.samples.values[inside] == 0)) / (1 - OBJECTIVE)


def _queries(one: "Trace | _Gauge") -> Queries:
    job = f'job="{one.service}"'
    if isinstance(one, _Gauge):
        gauge = f"probe_success{{{job}}}"
        return Queries(total=gauge, gauge=gauge)
    if one.histogram:
        name = "http_request_duration_seconds"
        return Queries(total=f"{name}_count{{{job}}}", good=f'{name}_bucket{{{job},le="0.3"}}')
    return Queries(total=f"http_requests_total{{{job}}}", bad=f'http_requests_total{{{job},code=~"5.."}}')


def _write_documents(services: Sequence["Trace | _Gauge"], window: timedelta, folder: Path) -> Path:
    folder.mkdir()
    for one in services:
        queries = _queries(one)
        sloth = {
            "version": "prometheus/v1",
            "service": one.service,
            "slos": [
                {
                    "name": "sloth",
                    "objective": 100 * OBJECTIVE,
                    "sli": queries.sloth_sli(),
                    "alerting": {"name": f"{one.service}-sloth"},
                }
            ],
        }
        pyrra = {
            "apiVersion": "pyrra.dev/v1alpha1",
            "kind": "ServiceLevelObjective",
            "metadata": {"name": f"{one.service}-pyrra"},
            "spec": {
                "target": f"{100 * OBJECTIVE:g}",
                "window": duration_with_weeks(window),
                "indicator": queries.pyrra_indicator(),
            },
        }
        (folder / f"{one.service}-sloth.yaml").write_text(json.dumps(sloth))
        (folder / f"{one.service}-pyrra.yaml").write_text(json.dumps(pyrra))
    return folder


def _loaded(folder: Path, window: timedelta) -> Sequence[Slo]:
    loaded = load_documents(folder, defaults=Defaults.of(window))
    if loaded.errors:
        raise ValueError("\n".join(map(str, loaded.errors)))
    return loaded.slos


def _items(url: str) -> Mapping[str, Any]:
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        return {item["id"]: item for item in harness.all_slos(client)}


def _row(client: httpx.Client, one: "Trace | _Gauge", tool: str, item: Mapping[str, Any], slo: Slo) -> Row:
    if not isinstance(slo.window, RollingWindow):
        raise TypeError(f"{slo.id} has no rolling window")
    at, window, queries = datetime.fromisoformat(item["as_of"]), slo.window.duration, _queries(one)
    end = at.timestamp()
    start = end - window.total_seconds()
    if isinstance(one, Trace):
        truth = one.truth(start, end).consumed(OBJECTIVE)
        unknowable = one.unknowable(start, end, scrape_s=_SCRAPE_S)
    else:
        truth, unknowable = one.consumed(start, end), one.consumed(start - _SCRAPE_S, end) - one.consumed(start, end)
    tool_query: Callable[[str], str] = queries.sloth_consumed if tool == "sloth" else queries.pyrra_consumed
    consumed = item["budget"]["consumed_ratio"]
    return Row(
        kind=one.service,
        tool=tool,
        truth=100 * truth,
        unknowable=100 * abs(unknowable),
        sloburn=math.nan if consumed is None else 100 * consumed,
        own_rules=_spent(client, slo.sli.error_ratio(window), end),
        tool_rules=_spent(client, tool_query(duration_with_weeks(window)), end),
    )


def _spent(client: httpx.Client, query: str, at: float) -> float:
    """A share of bad events in percent of the budget; NaN without an answer."""
    answer = client.post("/api/v1/query", data={"query": query, "time": str(at)}).raise_for_status()
    result = answer.json()["data"]["result"]
    return 100 * float(result[0]["value"][1]) / (1 - OBJECTIVE) if result else math.nan


def _table(rows: Sequence[Row], window: timedelta) -> Table:
    table = Table(title=f"Spent of a budget of {100 - 100 * OBJECTIVE:g}% over {duration_with_weeks(window)}")
    table.add_column("service, document", no_wrap=True)
    for heading in ("truth, %", "Sloburn", "`sloburn rules`", "the tool's rules"):
        table.add_column(heading, justify="right")
    for row in rows:
        errors = (f"{row.off(figure):+.2f}" for figure in (row.sloburn, row.own_rules, row.tool_rules))
        table.add_row(f"{row.kind}, {row.tool}", f"{row.truth:.2f}", *errors)
    return table
