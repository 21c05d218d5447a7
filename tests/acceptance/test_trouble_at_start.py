"""A service that starts in bad weather: it serves, says what is wrong, and works once that is over."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from testbed.process import Server
from testbed.servers import prometheus
from testbed.service import sloburn, write_documents
from testbed.shop import serving_shop
from testbed.stack import QUICK, document, look, wait_for_reason
from testbed.waiting import wait_until


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Server]:
    """A Prometheus that scrapes a shop with one service, which nobody has visited yet."""
    with (
        serving_shop(["checkout"]) as shop,
        prometheus(tmp_path / "prometheus", scrape=[("shop", shop.url)]) as server,
    ):
        yield server


def test_prometheus_down_at_the_start_is_said_and_waited_for(tmp_path: Path, source: Server) -> None:
    source.stop()
    specs = write_documents([document("checkout")], tmp_path / "slos")
    with sloburn(source.url, specs, tmp_path / "service", env=QUICK, wait=False, forked=True) as service:
        wait_for_reason(service, "Prometheus does not answer")
        assert _get(service, "/api/v1/status/health").status_code == httpx.codes.SERVICE_UNAVAILABLE
        # A load balancer must not take the UI and the API away because Prometheus is down.
        assert _get(service, "/-/ready").status_code == httpx.codes.OK
        assert _get(service, "/-/healthy").status_code == httpx.codes.OK
        shown = look(service, "checkout-availability")
        assert (shown["as_of"], shown["sli"], shown["status"]) == (None, None, "unknown")
        assert "cannot reach" in shown["problem"]
        assert "Prometheus does not answer" in service.log
        source.start()
        service.wait_ready()
        _wait_until_data(service, "checkout-availability", "no_traffic")
        assert look(service, "checkout-availability")["problem"] is None
        assert "Traceback" not in service.log


def test_a_metric_that_nobody_knows_is_said_with_its_query(tmp_path: Path, source: Server) -> None:
    """The other SLOs do their work, and so the service is ready."""
    unknown = document("search")
    unknown["slos"][0]["sli"] = {"total": 'nobody_knows_total{job="shop"}', "bad": 'nobody_knows_total{code=~"5.."}'}
    specs = write_documents([unknown, document("checkout")], tmp_path / "slos")
    with sloburn(source.url, specs, tmp_path / "service", env=QUICK, forked=True) as service:
        _wait_until_data(service, "checkout-availability", "no_traffic")
        shown = look(service, "search-availability")
        assert shown["problem"].startswith('no series match nobody_knows_total{job="shop"}:')
        assert (shown["data"], shown["status"], shown["sli"]) == ("error", "unknown", None)
        assert shown["budget"]["consumed_ratio"] is shown["budget"]["remaining_ratio"] is None


def _get(service: Server, path: str) -> httpx.Response:
    return httpx.get(service.url + path, timeout=60.0, trust_env=False)


def _wait_until_data(service: Server, slo_id: str, state: str) -> None:
    wait_until(lambda: look(service, slo_id)["data"] == state, lambda: look(service, slo_id))
