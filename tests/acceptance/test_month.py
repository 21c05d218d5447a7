"""A service started by hand over a month of a real Prometheus: the budgets of the whole month are there at once."""

import math
import subprocess
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from testbed.accuracy_limits import LIMITS, WINDOWS
from testbed.openmetrics import create_blocks
from testbed.process import Server
from testbed.servers import prometheus, promtool_binary
from testbed.service import sloburn, write_documents
from testbed.trace_kinds import generate
from testbed.traces import EventCounts, Trace, Traces
from tests.acceptance import contract
from tests.acceptance.contract import breaches

DAYS: Final = 31
_DAY_S: Final = 86_400
_AHEAD_S: Final = 1_800
"""The traces run on past now, so that ticks see new samples come as if they were scraped."""
_SCRAPE_S: Final = 60
"""As of most servers in the field; half as many samples to write and to read as with the default of the traces."""


def test_a_month_of_thirteen_services_is_there_at_once(tmp_path: Path) -> None:
    """Restarts, churn, failed scrapes, outages, a late first scrape, nights without traffic, bursts, a histogram."""
    end = int(time.time()) // _SCRAPE_S * _SCRAPE_S + _AHEAD_S
    traces = generate(start=end - DAYS * _DAY_S, end=end, scrape_s=_SCRAPE_S)
    create_blocks(traces.samples, tmp_path / "prometheus")
    specs = write_documents([trace.document() for trace in traces], tmp_path / "slos")
    with (
        prometheus(tmp_path / "prometheus", flags=["--storage.tsdb.max-block-duration=2h"]) as source,
        sloburn(source.url, specs, tmp_path / "service", forked=True) as service,
    ):
        answer = _get(service, "/api/v1/slos").json()
        assert breaches(answer, contract.SLOS) == []
        items = {item["service"]: item for item in answer["items"]}
        assert set(items) == {trace.service for trace in traces}
        assert {name: item["data"] for name, item in items.items() if item["data"] != "fresh"} == {}
        assert [error for trace in traces for error in _errors(trace, items[trace.service])] == []
        assert [gap for name, item in items.items() for gap in _coverage_gaps(name, item)] == []
        for name in ("steady", "outage-3h", "closed-at-night"):
            _history_adds_up(service, items[name], traces)
        _metrics_are_clean(service, items)
        assert "Traceback" not in service.log


def _errors(trace: Trace, item: dict[str, Any]) -> list[str]:
    """Every window whose burn rate is further off the truth than promised, and than the edges of a window can tell."""
    end = datetime.fromisoformat(item["as_of"]).timestamp()
    found = []
    burns = {one["window"]: one["burn_rate"] for one in item["burn_rates"]}
    for window, limit in LIMITS.items():
        truth = _consumed(trace, end - WINDOWS[window], end)
        got = math.nan if burns[window] is None else burns[window]
        if math.isnan(truth) and math.isnan(got):
            continue
        unknowable = trace.unknowable(end - WINDOWS[window], end, scrape_s=_SCRAPE_S)
        if not math.isinf(unknowable) and not abs(got - truth) <= max(limit / 100, unknowable):
            found.append(f"{trace.service} {window}: {100 * got:.3f} % of the budget, in truth {100 * truth:.3f} %")
    budget = item["budget"]["consumed_ratio"]
    if not abs(budget - burns["30d"]) < 1e-9:
        found.append(f"{trace.service}: the budget {budget} differs from the burn rate of its window {burns['30d']}")
    return found


def _consumed(trace: Trace, start: float, end: float) -> float:
    return trace.truth(start, end).consumed(trace.objective)


def _coverage_gaps(name: str, item: dict[str, Any]) -> list[str]:
    """Holes are said, and only holes: an outage of three hours is 0.4% of a month."""
    least, most = {"outage-3h": (0.99, 0.998), "reset-in-outage": (0.99, 0.998)}.get(name, (0.997, 1.0))
    return [] if least <= item["coverage"] <= most else [f"{name}: {item['coverage']} not in {least}..{most}"]


def _history_adds_up(service: Server, item: dict[str, Any], traces: Traces) -> None:
    """A day's points are true, and those of the whole window are as many events as the SLO has."""
    trace, as_of = traces[item["service"]], datetime.fromisoformat(item["as_of"])
    history = _get(service, f"/api/v1/slos/{item['id']}/history").json()
    assert breaches(history, contract.HISTORY) == []
    assert len(history["points"]) > 100
    moments = [point["at"] for point in history["points"]]
    assert moments == sorted(set(moments))
    day = (as_of - timedelta(days=2)).replace(hour=0, minute=0, second=0)
    asked = {"from": day.isoformat(), "to": (day + timedelta(days=1)).isoformat(), "step": "1h"}
    points = _get(service, f"/api/v1/slos/{item['id']}/history", asked).json()["points"]
    assert len(points) == 24
    for point in points:
        at = datetime.fromisoformat(point["at"]).timestamp()
        early, late = (trace.truth(at - 3600 - shift, at - shift) for shift in (0, 2 * _SCRAPE_S))
        _is_between(point, early, late)


def _is_between(point: dict[str, Any], one: EventCounts, other: EventCounts) -> None:
    least, most = sorted((one.total, other.total))
    slack = 0.05 * most + 10
    assert least - slack <= point["total"] <= most + slack, point
    assert (point["sli"] is None) == (point["total"] == 0)


def _metrics_are_clean(service: Server, items: dict[str, dict[str, Any]]) -> None:
    page = _get(service, "/metrics").text
    checked = subprocess.run(
        [promtool_binary(), "check", "metrics"], input=page, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    item = items["steady"]
    labels = f'slo="{item["id"]}",slo_service="steady",slo_name="requests"'
    values = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    consumed = float(values[f"slo_error_budget_consumed_ratio{{{labels}}}"])
    assert abs(consumed - item["budget"]["consumed_ratio"]) < 0.05
    assert float(values[f"slo_objective_ratio{{{labels}}}"]) == 0.999


def _get(service: Server, path: str, params: dict[str, str] | None = None) -> httpx.Response:
    answer = httpx.get(service.url + path, params=params, timeout=60.0, trust_env=False)
    return answer.raise_for_status()
