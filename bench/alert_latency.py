"""From a breach that Prometheus can show to the alert that Alertmanager has taken: seconds, over many breaches."""

import bisect
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from app.slo import parse_duration
from bench import harness
from bench.alertmanager_proxy import AlertmanagerProxy, proxied
from testbed.process import Server
from testbed.servers import alertmanager, prometheus
from testbed.service import sloburn, write_documents
from testbed.shop import Shop, serving_shop
from testbed.sink import Sink

FAILING = 0.5
ERROR_BUDGET = 0.01
FACTOR = 10.0
LONG, SHORT = 4, 2
"""Windows in slots: as short as they may be, so that a breach does not take long."""
ALLOWED_S = 2.0
"""What may come on top of interval and offset."""
_PER_SECOND = 100.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """The samples of one service: *times* in seconds since the epoch, and all and bad events at each."""

    times: Floats
    total: Floats
    bad: Floats

    def burn_rates(self, window_s: float) -> Floats:
        """The burn rate over the window that ends at each sample; NaN where it begins before the first."""
        before = np.searchsorted(self.times, self.times - window_s, side="right") - 1
        with np.errstate(invalid="ignore"):
            ratio = (self.bad - self.bad[before]) / (self.total - self.total[before])
        return np.where(before >= 0, ratio / ERROR_BUDGET, np.nan)

    def breached_at(self, after: float, windows_s: Sequence[float]) -> float | None:
        """The first sample after a time at which all windows burn at the factor or above; None if there is none."""
        burning = np.all([self.burn_rates(window_s) >= FACTOR for window_s in windows_s], axis=0)
        found = self.times[burning & (self.times > after)]
        return float(found[0]) if len(found) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A breach: when Prometheus could show it, in which slot it fired, and when Alertmanager had taken the alert."""

    breached_at: float
    fired_at: float
    taken_at: float


def run(*, slos: int, rounds: int, interval: str, offset: str, seed: int) -> bool:
    """Measure, and print; whether the 99th percentile is within what is allowed."""
    interval_s, offset_s = (parse_duration(text).total_seconds() for text in (interval, offset))
    names = [f"shop{number:03d}" for number in range(slos)]
    with tempfile.TemporaryDirectory(prefix="sloburn-bench-") as folder, Sink() as sink, serving_shop(names) as shop:
        work_dir = Path(folder)
        specs = write_documents([_document(name, interval_s) for name in names], work_dir / "slos")
        env = {"SLOBURN_EVALUATION_INTERVAL": interval, "SLOBURN_QUERY_OFFSET": offset, "SLOBURN_BACKFILL": "off"}
        with (
            prometheus(work_dir / "data", scrape=[("shop", shop.url)]) as source,
            alertmanager(sink.url) as pager,
            proxied(pager) as (proxy, url),
            sloburn(source.url, specs, work_dir / "sloburn", alertmanager_url=url, env=env),
        ):
            shop.opens(per_second=_PER_SECOND)
            harness.sleep((LONG + 1) * interval_s, "the shops open")
            broken: list[Mapping[str, float]] = []
            for number in range(rounds):
                broken.append(_break_all(shop, names, 2 * interval_s, random.Random(seed + number)))
                with harness.step(f"round {number + 1}: until all are told"):
                    _until(partial(_all_told, proxy, slos, number + 1), 20 * interval_s + 30)
                for name in names:
                    shop.mends(name)
                with harness.step("until all is over"):
                    _until(lambda: not _active(pager), 40 * interval_s)
                harness.sleep(LONG * interval_s, "until no window holds anything of it")
            told = _told(_counters(source, names), proxy, broken, interval_s)
    table, kept = _table(told, interval_s=interval_s, offset_s=offset_s)
    harness.show(table)
    return kept


def _break_all(shop: Shop, names: Sequence[str], within_s: float, dice: random.Random) -> dict[str, float]:
    """Break every service at a random moment; when each was."""
    moments = sorted((time.time() + dice.uniform(0, within_s), name) for name in names)
    broken = {}
    with harness.step("the shops break"):
        for moment, name in moments:
            time.sleep(max(moment - time.time(), 0.0))
            broken[name] = time.time()
            shop.breaks(name, failing=FAILING)
    return broken


def _all_told(proxy: AlertmanagerProxy, slos: int, rounds: int) -> bool:
    return len(proxy.taken) == slos and all(len(one) >= rounds for one in proxy.taken.values())


def _active(pager: Server) -> list[Any]:
    answer = httpx.get(f"{pager.url}/api/v2/alerts?active=true", timeout=10.0, trust_env=False)
    return list(answer.raise_for_status().json())


def _told(
    counters: Mapping[str, Counters],
    proxy: AlertmanagerProxy,
    broken: Sequence[Mapping[str, float]],
    interval_s: float,
) -> list[Told]:
    windows_s = [slots * interval_s for slots in (LONG, SHORT)]
    told = []
    for moments in broken:
        for name, moment in moments.items():
            breached_at = counters[name].breached_at(moment, windows_s)
            taken = proxy.taken[f"{name}-availability"]
            place = bisect.bisect_right([fired_at for fired_at, _ in taken], moment)
            if breached_at is None or place == len(taken):
                raise ValueError(f"{name} was broken at {moment} and never told: {breached_at}, {taken}")
            told.append(Told(breached_at=breached_at, fired_at=taken[place][0], taken_at=taken[place][1]))
    return told


def _table(told: Sequence[Told], *, interval_s: float, offset_s: float) -> tuple[Table, bool]:
    parts = {
        "breach to Alertmanager's 200": ([one.taken_at - one.breached_at for one in told], interval_s + offset_s),
        "  until the slot ends": ([one.fired_at - one.breached_at for one in told], interval_s),
        "  from there to the 200": ([one.taken_at - one.fired_at for one in told], offset_s),
    }
    table = Table(title=f"{len(told)} breaches, slots of {interval_s:g} s asked for after {offset_s:g} s")
    for column in ("what", "p50", "p99", "most", "p99 at most"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for what, (seconds, bound_s) in parts.items():
        limit_s = bound_s + (0.0 if "ends" in what else ALLOWED_S)
        table.add_row(what, *(f"{value:.2f} s" for value in (*_percentiles(seconds), max(seconds))), f"{limit_s:g} s")
    whole, bound_s = parts["breach to Alertmanager's 200"]
    return table, _percentiles(whole)[1] <= bound_s + ALLOWED_S


def _percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    p50, p99 = np.percentile(seconds, [50, 99])
    return float(p50), float(p99)


def _counters(source: Server, names: Sequence[str]) -> dict[str, Counters]:
    """All samples of all services, as Prometheus has them."""
    answer = httpx.post(
        f"{source.url}/api/v1/query", data={"query": "http_requests_total[1d]"}, timeout=60.0, trust_env=False
    )
    found: dict[str, dict[str, Floats]] = {name: {} for name in names}
    for series in answer.raise_for_status().json()["data"]["result"]:
        labels = series["metric"]
        found[labels["service"]][labels["code"]] = np.array(series["values"], dtype=np.float64)
    return {
        name: Counters(times=codes["200"][:, 0], total=codes["200"][:, 1] + codes["500"][:, 1], bad=codes["500"][:, 1])
        for name, codes in found.items()
    }


def _document(service: str, interval_s: float) -> dict[str, Any]:
    own = f'job="shop",service="{service}"'
    tier = {"long": f"{LONG * interval_s:g}s", "short": f"{SHORT * interval_s:g}s", "factor": FACTOR}
    slo = {
        "name": "availability",
        "objective": 100 * (1 - ERROR_BUDGET),
        "window": "1h",
        "sli": {"total": f"http_requests_total{{{own}}}", "bad": f'http_requests_total{{{own},code=~"5.."}}'},
        "alerting": {"page": {"tiers": [tier]}, "ticket": "off"},
    }
    return {"service": service, "slos": [slo]}


def _until(holds: Callable[[], bool], within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not come about within {within_s:g} s")
        time.sleep(0.2)
