"""A shop with 40 days of history and an incident, evaluated in this process, for those who look at its past."""

from pathlib import Path

import httpx

from app.slo import Slo
from tests.evaluation.memory import MemorySource, Series
from tests.evaluation.plain import Span, availability, counter, requests, slos
from tests.evaluation.running import Running

MINUTE, HOUR, DAY = 60, 3600, 86_400
NOW = 1_750_000_500
"""A quarter of an hour of last year."""
DAYS = 40.0
BEGAN = NOW - 40 * DAY
INCIDENT: Span = (NOW - 10 * DAY, NOW - 10 * DAY + 2 * HOUR)
LATE_INCIDENT: Span = (NOW + 20 * MINUTE, NOW + 40 * MINUTE)
SLO = "shop-availability"


def shop_slos(folder: Path) -> tuple[Slo, ...]:
    return slos([availability("shop", objective=99, window="30d")], folder)


def shop_source(*, incidents: tuple[Span, ...] = (INCIDENT, LATE_INCIDENT), days: float = DAYS) -> MemorySource:
    """Ten requests a second, half of which fail in the incidents."""
    span = (float(NOW - days * DAY), float(NOW + 4 * HOUR))
    series: list[Series] = [
        counter(requests("shop"), span, per_second=10.0, bursts=[(one, -5.0) for one in incidents]),
        counter(requests("shop", "500"), span, per_second=0.0, bursts=[(one, 5.0) for one in incidents]),
    ]
    return MemorySource(series)


def drawn_budget(url: str) -> dict[float, float]:
    """What the dashboard of the SLO draws over the month, asked of a Prometheus, by time in Unix seconds."""
    start = (NOW - 30 * DAY) // HOUR * HOUR
    query = {"query": f'max(slo_error_budget_remaining_ratio{{slo="{SLO}"}})', "start": str(start), "end": str(NOW)}
    answer = httpx.get(f"{url}/api/v1/query_range", params={**query, "step": "1h"}, timeout=60, trust_env=False)
    result = answer.json()["data"]["result"]
    return {float(at): float(value) for series in result for at, value in series["values"]}


def run_shop(path: Path, folder: Path, *, older_days: float = 30, days: float = DAYS) -> Running:
    """A service that has read its history of some days, and keeps some days more than its window."""
    source = shop_source(days=days)

    def move(at: float) -> None:
        source.now = at

    one = Running(shop_slos(folder), source, path, move=move, older_days=older_days)
    one.tick(NOW)
    one.backfill(NOW)
    return one
