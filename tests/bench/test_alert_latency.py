"""The arithmetic of the latency benchmark, and the proxy before Alertmanager."""

import time
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np

from bench.alert_latency import Counters
from bench.alertmanager_proxy import AlertmanagerProxy, proxied
from testbed.servers import alertmanager
from testbed.sink import Sink

START = 1_790_000_000.0


def _counters(seconds: int, broken_from: int) -> Counters:
    """Ten requests a second, of which every second fails from a moment on."""
    elapsed = np.arange(seconds, dtype=np.float64)
    return Counters(times=START + elapsed, total=10 * elapsed, bad=5 * np.maximum(elapsed - broken_from, 0))


def test_a_breach_is_the_first_sample_at_which_every_window_burns_at_the_factor() -> None:
    """A tenth of the requests must fail: half of them for 4 of 20 seconds, and for 2 of 10."""
    counters = _counters(60, broken_from=30)
    assert counters.breached_at(START + 25, [20.0, 10.0]) == START + 34
    assert counters.breached_at(START + 25, [10.0]) == START + 32
    assert counters.breached_at(START + 40, [20.0, 10.0]) == START + 41


def test_there_is_no_breach_before_a_window_is_full_or_without_errors() -> None:
    assert _counters(60, broken_from=60).breached_at(START, [20.0, 10.0]) is None
    assert _counters(10, broken_from=0).breached_at(START, [20.0, 10.0]) is None


def test_the_proxy_notes_the_first_time_that_an_alert_fires_and_nothing_else() -> None:
    now = datetime.now(tz=UTC)
    with Sink() as sink, alertmanager(sink.url) as pager, proxied(pager) as (proxy, url):
        _post(url, started=now, ends=now + timedelta(minutes=1))
        first = proxy.taken["shop"][0][1]
        _post(url, started=now, ends=now + timedelta(minutes=1))
        _post(url, started=now, ends=now)
        again = now + timedelta(seconds=1)
        _post(url, started=again, ends=now + timedelta(minutes=1))
        assert httpx.get(f"{url}/api/v2/status", trust_env=False).json()["uptime"]
        assert [alert["labels"]["slo"] for alert in httpx.get(f"{url}/api/v2/alerts", trust_env=False).json()] == [
            "shop"
        ]
    assert [fired_at for fired_at, _ in proxy.taken["shop"]] == [now.timestamp(), again.timestamp()]
    assert proxy.taken["shop"][0][1] == first
    assert now.timestamp() <= first <= time.time()


def test_the_proxy_notes_nothing_that_was_refused() -> None:
    with Sink() as sink, alertmanager(sink.url) as pager, proxied(pager) as (proxy, url):
        answer = httpx.post(f"{url}/api/v2/alerts", json=[{"labels": {}}], trust_env=False)
        assert answer.status_code == httpx.codes.BAD_REQUEST
        assert proxy.taken == {}
    assert isinstance(proxy, AlertmanagerProxy)


def _post(url: str, *, started: datetime, ends: datetime) -> None:
    alert = {"labels": {"slo": "shop"}, "startsAt": started.isoformat(), "endsAt": ends.isoformat()}
    httpx.post(f"{url}/api/v2/alerts", json=[alert], trust_env=False).raise_for_status()
