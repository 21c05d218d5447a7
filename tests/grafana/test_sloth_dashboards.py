"""Queries in the forms of Sloth's dashboards (14348, 14643) on a Prometheus that scrapes Sloburn under Sloth's names.

The Prometheus holds some days of what Sloth's rules have recorded before, since one dashboard adds up the month.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import yaml

from app.slo import MetricNames
from testbed.openmetrics import create_blocks
from testbed.servers import prometheus, scrape_config
from testbed.traces import Samples
from testbed.waiting import wait_until
from tests.grafana.exporter import exporter

DOCS = Path(__file__).parents[2] / "docs" / "migration.md"
CHOSEN = 'sloth_service="checkout",sloth_slo="availability"'
ALL = 'sloth_service=~".*"'
HOUR, DAY = 3600, 86_400
# An hour without a good event, in what Sloth had recorded.
OUTAGE_AGO = 30 * HOUR


@dataclass(frozen=True, slots=True)
class Dashboards:
    """The Prometheus, the moment at which every query is asked, and the whole hour in the outage of the past."""

    url: str
    at: int
    outage: int

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The series of an instant query."""
        result: list[dict[str, Any]] = self._get("query", {"query": query, "time": str(self.at)})["result"]
        return result

    def choices(self, label: str, selector: str) -> list[str]:
        """What a variable of Grafana offers."""
        values: list[str] = self._get(f"label/{label}/values", {"match[]": selector})
        return values

    def _get(self, path: str, params: Mapping[str, str]) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=dict(params), timeout=60.0, trust_env=False)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()["data"]


@pytest.fixture(scope="module")
def dashboards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboards]:
    folder = tmp_path_factory.mktemp("prometheus")
    now = int(time.time())
    # Subqueries look at whole hours.
    outage = (now - OUTAGE_AGO) // HOUR * HOUR
    create_blocks([_recorded_by_sloth(now, outage)], folder)
    with exporter(MetricNames.SLOTH) as url:
        config = scrape_config([("sloburn", url)])
        config["scrape_configs"][0] |= _scraped_as_documented()
        with prometheus(folder, config=config) as server:
            wait_until(lambda: Dashboards(server.url, int(time.time()), outage).ask("sloth_slo_info"), "a scrape")
            yield Dashboards(server.url, int(time.time()), outage)


def _recorded_by_sloth(now: int, outage: int) -> Samples:
    times = np.arange(now - 3 * DAY, now - 60, 240, dtype=np.int64)
    labels = {
        "sloth_id": "checkout-availability",
        "sloth_service": "checkout",
        "sloth_slo": "availability",
        "sloth_window": "1h",
        "team": "payments",
    }
    broken = abs(times - outage) <= HOUR // 2
    name = "slo:sli_error:ratio_rate1h"
    return Samples(metric=name, labels=tuple(labels.items()), times_ms=times * 1000, values=broken.astype(np.int64))


def _scraped_as_documented() -> Any:
    """The part of a scrape configuration that the documents give, so that old and new series are one."""
    (block,) = (part for part in DOCS.read_text().split("\n\n") if "metric_relabel_configs:" in part)
    return yaml.safe_load(block)


def test_the_variables_offer_every_service_and_slo(dashboards: Dashboards) -> None:
    assert dashboards.choices("sloth_service", "sloth_slo_info") == ["checkout", "search"]
    slos = dashboards.choices("sloth_slo", 'sloth_slo_info{sloth_service="checkout"}')
    assert slos == ["availability", "latency:route=/cart", "latency:route=/pay", "speed"]


@pytest.mark.parametrize(
    ("query", "value"),
    [
        (f"slo:objective:ratio{{{CHOSEN}}}", 0.999),
        (f"slo:time_period:days{{{CHOSEN}}}", 30),
        (f"1 - (max(slo:sli_error:ratio_rate5m{{{CHOSEN}}}) OR on() vector(0))", 0.99953),
        (f"slo:current_burn_rate:ratio{{{CHOSEN}}}", 0.47),
        (f"slo:period_burn_rate:ratio{{{CHOSEN}}}", 0.47),
        (f"slo:period_error_budget_remaining:ratio{{{CHOSEN}}} or on() vector(1)", 0.53),
        (
            f"slo:sli_error:ratio_rate1h{{{CHOSEN}}} / on(sloth_id) group_left slo:error_budget:ratio{{{CHOSEN}}}",
            0.47,
        ),
        (f'sum(ALERTS{{{CHOSEN},sloth_severity="page",alertstate="firing"}}) or vector(0)', 1),
        (f'sum(ALERTS{{{CHOSEN},sloth_severity="ticket",alertstate="firing"}}) or vector(0)', 0),
        (f"count(sloth_slo_info{{{ALL}}})", 5),
        (f"count(slo:current_burn_rate:ratio{{{ALL}}} > 1)", 1),
        (f"count(slo:period_error_budget_remaining:ratio{{{ALL}}} < 0)", 1),
        (f"max(topk(5, slo:period_burn_rate:ratio{{{ALL}}}))", 5000 / 1004.53),
        (f'count(ALERTS{{{ALL},sloth_severity=~"page|ticket",alertstate="firing"}})', 1),
        (f'sum by (sloth_severity) (ALERTS{{{ALL},alertstate="firing"}})', 1),
        (f'slo:current_burn_rate:ratio{{{CHOSEN}}} * on (sloth_id) group_left (team) sloth_slo_info{{team!=""}}', 0.47),
    ],
)
def test_a_query_of_the_dashboards_has_one_series_with_the_right_value(
    dashboards: Dashboards, query: str, value: float
) -> None:
    (series,) = dashboards.ask(query)
    assert float(series["value"][1]) == pytest.approx(value)


def test_the_budget_of_the_month_counts_what_sloth_recorded_before(dashboards: Dashboards) -> None:
    """Old and new series are one: with two of one `sloth_id` Prometheus refuses the division."""
    now = datetime.fromtimestamp(dashboards.at, UTC)
    query = (
        f"1-(sum_over_time((slo:sli_error:ratio_rate1h{{{CHOSEN}}} * on() group_left() (month() == bool "
        f"vector({now.month})))[32d:1h]) / on(sloth_id) (slo:error_budget:ratio{{{CHOSEN}}} *on() group_left() "
        "(24 * days_in_month())))"
    )
    (series,) = dashboards.ask(query)
    days = (now.replace(month=now.month % 12 + 1, day=1, year=now.year + now.month // 12) - now.replace(day=1)).days
    hours = int(datetime.fromtimestamp(dashboards.outage, UTC).month == now.month)
    # A scrape at a whole hour would add what it shows of the last one.
    assert float(series["value"][1]) == pytest.approx(1 - hours / (0.001 * 24 * days), abs=0.002)


def test_what_burns_most_is_named(dashboards: Dashboards) -> None:
    (series,) = dashboards.ask(f"sort_desc(slo:current_burn_rate:ratio{{{ALL}}} > 1)")
    assert series["metric"]["sloth_slo"] == "latency:route=/cart"
