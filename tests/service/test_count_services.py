"""The whole service over a source that counts in intervals, with no Prometheus anywhere."""

import json
import time
from pathlib import Path

import httpx

from testbed.service import sloburn, write_documents
from testbed.stack import look
from testbed.waiting import wait_until
from tests.support.fake_count_services import API_KEY, APPLICATION_KEY, Events, FakeDatadog
from tests.support.scripted_server import Scripted


def test_slos_of_datadog_are_counted_and_the_default_prometheus_is_not_asked(tmp_path: Path) -> None:
    queries = {"total": "sum:requests{*}.as_count()", "bad": "sum:failed{*}.as_count()"}
    slo = {"name": "availability", "objective": 99, "window": "7d", "sli": {"datadog": queries}}
    specs = write_documents([{"service": "shop", "source": "dd", "slos": [slo]}], tmp_path / "slos")
    now = time.time()
    with FakeDatadog() as datadog, Scripted() as prometheus:
        datadog.held.now = now
        datadog.held.events = [
            *(Events(name="requests", tags={}, at=now - 3_600 + 60 * minute, many=10) for minute in range(50)),
            Events(name="failed", tags={}, at=now - 1_800, many=3),
        ]
        keys = {"api_key_env": "DD_API_KEY", "application_key_env": "DD_APPLICATION_KEY"}
        source = {"name": "dd", "kind": "datadog", "url": datadog.url, **keys}
        (tmp_path / "sloburn.yaml").write_text(json.dumps({"sources": [source]}))
        env = {
            "SLOBURN_CONFIG": str(tmp_path / "sloburn.yaml"),
            "SLOBURN_EVALUATION_INTERVAL": "5s",
            "DD_API_KEY": API_KEY,
            "DD_APPLICATION_KEY": APPLICATION_KEY,
        }
        with sloburn(prometheus.url, specs, tmp_path / "work", env=env, forked=True) as running:
            wait_until(
                lambda: look(running, "shop-availability")["events"] == {"good": 497, "bad": 3, "total": 500},
                lambda: f"{look(running, 'shop-availability')}; {running.log[-2000:]}",
            )
            (status,) = httpx.get(f"{running.url}/api/v1/status/sources", trust_env=False).json()["items"]
            assert (status["name"], status["answers"]) == ("dd", True)
            assert running.stop() == 0
            assert API_KEY not in running.log
        assert not prometheus.requests
