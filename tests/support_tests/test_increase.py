"""The oracle computes what a real Prometheus answers."""

from pathlib import Path

import httpx
import numpy as np
import pytest

from testbed.histories import KINDS, random_history
from testbed.increase import increase, joined, summed_increase
from testbed.openmetrics import create_blocks
from testbed.servers import prometheus
from testbed.waiting import PATIENCE_S

WINDOWS_S = (300, 3600, 7200)


def test_it_extrapolates_to_the_edges_of_the_window() -> None:
    times = np.arange(10.0, 300.0, 30.0)
    assert increase(times, 100 + 2 * times, at=300.0, window_s=300) == pytest.approx(600)


def test_it_extrapolates_half_an_interval_where_a_series_begins_late_and_ends_early() -> None:
    times = np.arange(1000.0, 1301.0, 30.0)
    assert increase(times, 100 + 2 * times, at=2000.0, window_s=2000) == pytest.approx(2 * 330)


def test_it_extrapolates_no_further_than_to_a_counter_of_zero() -> None:
    times = np.arange(1000.0, 1301.0, 30.0)
    assert increase(times, 2 * (times - 998), at=1310.0, window_s=1310) == pytest.approx(2 * 312)


def test_a_fall_counts_the_value_after_it() -> None:
    assert increase(np.array([10.0, 40.0, 70.0]), np.array([90.0, 100.0, 99.0]), at=80.0, window_s=80) == pytest.approx(
        109 * (60 + 10 + 10) / 60
    )


def test_one_sample_has_no_increase() -> None:
    assert np.isnan(increase(np.array([10.0]), np.array([90.0]), at=80.0, window_s=80))


def test_a_real_prometheus_answers_the_same(tmp_path: Path) -> None:
    """For a history of every kind and three windows, within the rounding of floats."""
    end = 1_699_999_200
    kinds = [kind for kind in KINDS if kind != "first_scraped_late"]
    histories = [
        random_history(seed, service=f"job-{seed}", end=end + 17, kinds=(kind,)) for seed, kind in enumerate(kinds)
    ]
    every = [one for history in histories for one in joined(history.trace.series)]
    create_blocks(every, tmp_path / "data")
    with prometheus(tmp_path / "data") as server, httpx.Client(base_url=server.url, timeout=PATIENCE_S) as client:
        version = int(client.get("/api/v1/status/buildinfo").json()["data"]["version"].split(".")[0])
        for window_s in WINDOWS_S:
            query = f"sum by (job) (increase(http_requests_total[{window_s}s]))"
            answer = client.post("/api/v1/query", data={"query": query, "time": str(end)}).raise_for_status()
            found = {one["metric"]["job"]: float(one["value"][1]) for one in answer.json()["data"]["result"]}
            wanted = {
                history.trace.service: summed_increase(history.trace.series, at=end, window_s=window_s, version=version)
                for history in histories
            }
            assert {name: found.get(name, 0.0) for name in wanted} == pytest.approx(wanted, rel=1e-6, abs=1e-6)
