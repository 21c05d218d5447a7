"""What real receivers of remote write show: the month at once, where old samples are accepted."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from app.remote_write import RemoteWriteOptions
from testbed.servers import Server, prometheus, victoria_metrics
from testbed.waiting import wait_until
from tests.evaluation.running import INTERVAL_S
from tests.past_metrics.shop import HOUR, INCIDENT, NOW, SLO, drawn_budget, run_shop
from tests.remote_write.writing import Writing

_WINDOW = {"storage": {"tsdb": {"out_of_order_time_window": "31d"}}}
_RECEIVER = ("--web.enable-remote-write-receiver",)


@contextmanager
def _written(server: Server, folder: Path) -> Iterator[Writing]:
    """A service that has sent what it can to a server."""
    options = RemoteWriteOptions(
        url=f"{server.url}/api/v1/write", labels=(("job", "sloburn"),), step=timedelta(minutes=30)
    )
    with run_shop(folder / "db", folder / "slos") as one, closing(Writing(one, options)) as writing:
        writing.evaluate(NOW + INTERVAL_S, NOW + 2 * INTERVAL_S)
        yield writing


def _shows_the_month(budget: dict[float, float]) -> None:
    before = [value for at, value in budget.items() if at < INCIDENT[0]]
    after = [value for at, value in budget.items() if at > INCIDENT[1] + HOUR]
    assert len(before) == pytest.approx(20 * 24, abs=2)
    assert len(after) == pytest.approx(10 * 24, abs=4)
    assert min(before) == pytest.approx(1.0)
    assert max(after) < 0.9


def test_prometheus_with_an_out_of_order_window_shows_the_month(tmp_path: Path) -> None:
    with (
        prometheus(tmp_path / "data", config=_WINDOW, flags=_RECEIVER) as server,
        _written(server, tmp_path) as writing,
    ):
        status = writing.writer.status
        assert (status.problem, status.parts_pending, status.samples_dropped) == (None, 0, 0)
        _shows_the_month(drawn_budget(server.url))


def test_prometheus_without_a_window_shows_live_figures_and_is_said_to_need_one(tmp_path: Path) -> None:
    with prometheus(tmp_path / "data", config={}, flags=_RECEIVER) as server, _written(server, tmp_path) as writing:
        status = writing.writer.status
        assert "out_of_order_time_window" in str(status.problem)
        assert (status.parts_pending, status.samples_dropped) == (1, 0)
        found = httpx.get(
            f"{server.url}/api/v1/query",
            params={"query": f'slo_alert_state{{slo="{SLO}", job="sloburn"}} == 1', "time": str(NOW + 60)},
            timeout=60,
            trust_env=False,
        ).json()["data"]["result"]
        assert {series["metric"]["state"] for series in found} == {"inactive"}


def test_victoria_metrics_shows_the_month(tmp_path: Path) -> None:
    with victoria_metrics(tmp_path / "data") as server, _written(server, tmp_path) as writing:
        status = writing.writer.status
        assert (status.problem, status.parts_pending, status.samples_dropped) == (None, 0, 0)
        httpx.get(f"{server.url}/internal/force_flush", timeout=60, trust_env=False)
        wait_until(lambda: len(drawn_budget(server.url)) > 29 * 24)
        _shows_the_month(drawn_budget(server.url))
