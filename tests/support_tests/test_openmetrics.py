"""What is imported into a VictoriaMetrics is there for every query that follows."""

import time
from pathlib import Path

import httpx
import numpy as np

from testbed.openmetrics import import_into, make_visible
from testbed.servers import Server, victoria_metrics
from testbed.traces import Samples

AT = 1_700_000_000


def test_new_series_are_found_by_selectors_that_were_asked_before(tmp_path: Path) -> None:
    """Also where its own flush of each second has written them: what selectors match is cached for 10 s."""
    with victoria_metrics(tmp_path / "data") as server:
        import_into(server, [_one("a")])
        assert _instances(server) == {"a"}
        text = f'requests_total{{instance="b"}} 1 {AT * 1000}\n'
        httpx.post(f"{server.url}/api/v1/import/prometheus", content=text, trust_env=False).raise_for_status()
        time.sleep(2.1)
        make_visible(server)
        assert _instances(server) == {"a", "b"}


def _one(instance: str) -> Samples:
    times_ms, values = np.array([AT * 1000], dtype=np.int64), np.array([1], dtype=np.int64)
    return Samples(metric="requests_total", labels=(("instance", instance),), times_ms=times_ms, values=values)


def _instances(server: Server) -> set[str]:
    params = {"query": "requests_total[1m]", "time": str(AT + 1)}
    answer = httpx.get(f"{server.url}/api/v1/query", params=params, trust_env=False, timeout=60).raise_for_status()
    return {one["metric"]["instance"] for one in answer.json()["data"]["result"]}
