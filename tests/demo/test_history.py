"""The made-up month: what Prometheus holds after promtool put it there."""

import math
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from demo.endpoints import ENDPOINTS, SERVICES
from demo.history import STEP_SECONDS, Scrapes
from demo.incidents import INCIDENTS, RESTARTS_AGO, UNSEEN_AGO
from demo.options import DAYS
from demo.tsdb_blocks import ImportFailedError, StorageInUseError, import_history
from testbed.servers import prometheus, promtool_binary

_DAYS = 13.5  # long enough to hold the hour without scrapes and a restart


@pytest.fixture(scope="module")
def history_end() -> int:
    return int(time.time()) - 1


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory, history_end: int) -> Path:
    folder = tmp_path_factory.mktemp("history") / "prometheus"
    import_history(folder, Scrapes.until(history_end, days=_DAYS), promtool=promtool_binary())
    return folder


def test_prometheus_loads_the_history_up_to_its_end(storage: Path, history_end: int) -> None:
    """The newest sample is one that a live Prometheus would have scraped just now, and nothing is left of the text."""
    with prometheus(storage) as server:
        services = _query(server.url, "count by (service) (timestamp(http_requests_total))", history_end)
        newest = _query(server.url, "max(timestamp(http_requests_total))", history_end)
        unseen = _query(server.url, "http_requests_total", history_end - (UNSEEN_AGO[0] + UNSEEN_AGO[1]) / 2)
        resets = _query(server.url, f"max(resets(http_requests_total[{_DAYS * 24:.0f}h]))", history_end)
        slow = _query(server.url, 'max(http_request_duration_seconds_bucket{service="checkout",le="0.3"})', history_end)
        fast = _query(server.url, 'max(http_request_duration_seconds_bucket{service="checkout",le="0.1"})', history_end)
    assert {labels["service"] for labels, _ in services} == set(SERVICES)
    assert [value for _, value in newest] == [history_end]
    assert unseen == []
    assert [value for _, value in resets] == [sum(ago < _DAYS * 86_400 for ago in RESTARTS_AGO)]
    assert slow[0][1] > fast[0][1] > 0
    assert [path.name for path in storage.parent.iterdir()] == ["prometheus"]


def _import(storage: Path) -> bool:
    return import_history(storage, Scrapes.until(int(time.time()) - 1, days=0.05), promtool=promtool_binary())


def test_an_import_is_done_once(tmp_path: Path) -> None:
    """A rerun, as of a composed stack, must not count the month twice, and neither once Prometheus has run."""
    assert _import(tmp_path)
    (tmp_path / "wal").mkdir()
    before = sorted(tmp_path.iterdir())
    assert not _import(tmp_path)
    assert sorted(tmp_path.iterdir()) == before


def test_what_an_interrupted_import_has_left_is_removed(tmp_path: Path) -> None:
    """It was killed after promtool had written a block, another one in part, and its text."""
    left = ["01J00000000000000000000000", "01J00000000000000000000001.tmp-for-creation", "demo-history-x"]
    for name in (*left, "lost+found"):
        (tmp_path / name).mkdir()
    (tmp_path / "demo-history.incomplete").touch()
    assert _import(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert not names & {*left, "demo-history.incomplete"}
    assert {"demo-history.complete", "lost+found"} < names


def test_an_import_that_fails_is_not_complete(tmp_path: Path) -> None:
    with pytest.raises(ImportFailedError):
        import_history(tmp_path, Scrapes.until(1_000_000, days=0.05), promtool="false")
    assert _import(tmp_path)


@pytest.mark.parametrize("name", ["wal", "01J00000000000000000000000", "lock"])
def test_a_storage_with_other_data_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(StorageInUseError, match=name):
        _import(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_counters_grow_between_restarts_and_hold_every_event(history_end: int) -> None:
    """Summed over its lives, a counter has counted what was added, the hole in the scrapes included."""
    scrapes = Scrapes.until(history_end, days=DAYS)
    added = np.arange(scrapes.epoch.size, dtype=np.int64) % 7
    seen = np.array(scrapes.integers(added), dtype=np.int64)
    steps = np.diff(seen)
    increase = seen[0] + np.where(steps < 0, seen[1:], steps).sum()
    assert (steps < 0).sum() == len(RESTARTS_AGO)
    assert increase == added.sum()
    assert len(seen) == len(scrapes.timestamps()) < scrapes.epoch.size


def test_traffic_has_days_and_nights() -> None:
    """A day's mean is the endpoint's rate; the busiest hour has several times the quietest one's."""
    monday = 4 * 86_400.0
    day = monday + np.arange(0, 86_400, STEP_SECONDS, dtype=np.float64)
    for endpoint in ENDPOINTS:
        rates = endpoint.rate_at(day)
        assert rates.min() >= 0
        assert rates.max() > 3 * rates.min()
    # With a rhythm of 1, the night is cut off at zero.
    plain = [endpoint for endpoint in ENDPOINTS if endpoint.rhythm < 1]
    assert len(plain) >= 2
    for endpoint in plain:
        assert math.isclose(endpoint.rate_at(day).mean(), endpoint.rate, rel_tol=0.01)


def test_no_incident_reaches_into_the_windows_that_alert() -> None:
    """The demo begins quiet: the longest alert window is three days."""
    assert min(incident.ago - incident.lasts for incident in INCIDENTS) > 3 * 86_400
    assert max(incident.ago for incident in INCIDENTS) < DAYS * 86_400
    assert {incident.service for incident in INCIDENTS} <= set(SERVICES)


def test_a_refused_import_says_what_promtool_said(tmp_path: Path) -> None:
    """Prometheus's own words reach the user, not a traceback."""
    refusing = tmp_path / "promtool"
    refusing.write_text("#!/bin/sh\necho 'disk is full' >&2\nexit 1\n")
    refusing.chmod(0o755)
    with pytest.raises(ImportFailedError, match="disk is full"):
        import_history(tmp_path / "storage", Scrapes.until(1_700_000_000, days=0.1), promtool=str(refusing))


def _query(url: str, query: str, at: float) -> list[tuple[dict[str, str], float]]:
    answer = httpx.post(f"{url}/api/v1/query", data={"query": query, "time": str(at)}, trust_env=False)
    results = answer.raise_for_status().json()["data"]["result"]
    return [(result["metric"], float(result["value"][1])) for result in results]
