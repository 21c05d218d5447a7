"""The fleet of the benchmarks: ten series an SLO, a past that live scrapes continue, and peers' rules that load."""

import json
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import numpy as np
import pytest

from bench import harness
from bench.exporter import Fleet, exposition
from bench.peers import RuleFile, pyrra_rules, sloth_rules
from testbed.servers import promtool_binary
from testbed.waiting import wait_until

NOW = 1_790_000_000


@pytest.mark.parametrize("own_metric_names", [False, True])
def test_a_service_has_ten_series_and_its_own_job(own_metric_names: bool) -> None:
    fleet = Fleet(3, own_metric_names)
    lines = exposition(fleet, 1, 2, NOW).decode().splitlines()
    assert len(lines) == 10
    begin = "http_requests_0001_total" if own_metric_names else "http_requests_total{"
    assert [line for line in lines if 'job="shop0001"' not in line or not line.startswith(begin)] == []


def test_the_written_past_never_exceeds_what_the_next_scrape_shows() -> None:
    fleet = Fleet(2)
    last = [int(samples.values[-1]) for samples in harness.past(fleet, end=NOW, seconds=600)]
    following = fleet.values(NOW + 30).ravel()
    assert np.all(np.array(last) <= following)
    assert np.all(following - np.array(last) <= fleet.rates.ravel() * 90 + 1)


@pytest.mark.parametrize(("rules", "count"), [(sloth_rules, 17), (pyrra_rules, 13)])
def test_the_rules_of_a_peer_are_as_many_as_it_generates_and_promtool_takes_them(
    rules: Callable[[Fleet], RuleFile], count: int, tmp_path: Path
) -> None:
    path = harness.rule_file(rules(Fleet(2)), tmp_path / "rules.yaml")
    groups = json.loads(path.read_text())["groups"]
    assert sum(len(group["rules"]) for group in groups) == 2 * count
    # Sloth's rules of two SLOs are told apart by labels that the expressions carry, which the linter cannot see.
    subprocess.run([promtool_binary(), "check", "rules", "--lint=none", str(path)], check=True, capture_output=True)


def test_a_prometheus_scrapes_the_fleet_on_top_of_its_past(tmp_path: Path) -> None:
    fleet = Fleet(2)
    now = int(time.time())
    harness.write_past(fleet, tmp_path / "data", end=now, seconds=600, recorded=True)
    with harness.exporting(fleet, tmp_path) as exporter:
        config = harness.scraping(fleet, exporter)
        config["global"]["scrape_interval"] = "1s"
        with harness.quiet_prometheus(tmp_path / "data", config) as prometheus:
            expected = {fleet.job(0): 10.0, fleet.job(1): 10.0}
            assert _until(prometheus.url, "count by (job) (http_requests_total)", expected, at=now) == expected
            assert (
                _until(prometheus.url, "count by (job) (count_over_time(http_requests_total[4s]))", expected)
                == expected
            )


def _until(url: str, query: str, expected: dict[str, float], at: float | None = None) -> dict[str, float]:
    found: dict[str, float] = {}

    def is_as_expected() -> bool:
        data = {"query": query} if at is None else {"query": query, "time": str(at)}
        answer = httpx.post(f"{url}/api/v1/query", data=data, timeout=60).json()
        found.clear()
        found.update({one["metric"]["job"]: float(one["value"][1]) for one in answer["data"]["result"]})
        return found == expected

    with suppress(TimeoutError):
        wait_until(is_as_expected)
    return found
