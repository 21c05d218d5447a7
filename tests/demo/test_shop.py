"""The shop and its switch, over its HTTP interface."""

from collections.abc import Iterator

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from demo.endpoints import ENDPOINTS, SERVICES, errors_of
from demo.faults import Switchboard
from demo.shop import create_shop
from testbed.waiting import wait_until


@pytest.fixture
def shop() -> Iterator[TestClient]:
    with TestClient(create_shop(traffic=0)) as client:
        yield client


def _requests(shop: TestClient) -> dict[tuple[str, str], float]:
    families = text_string_to_metric_families(shop.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples if sample.name == "http_requests_total"]
    return {(sample.labels["route"], sample.labels["code"]): sample.value for sample in samples}


def test_every_series_is_there_at_zero(shop: TestClient) -> None:
    """Counters that appear with their first event would hide that event."""
    expected = {(endpoint.route, code) for endpoint in ENDPOINTS for code in endpoint.codes}
    assert _requests(shop) == dict.fromkeys(expected, 0.0)


def test_a_broken_service_fails_and_counts_it(shop: TestClient) -> None:
    """At 100% errors each answer is a 500; the other services go on."""
    broken = shop.post("/break", json={"service": "cart", "errors": 1, "for_seconds": 60})
    assert broken.json()["cart"]["errors"] == 1
    assert [shop.get("/cart").status_code for _ in range(5)] == [500] * 5
    assert shop.get("/search").status_code == 200
    assert _requests(shop)["/cart", "500"] == 5


@pytest.mark.parametrize("errors", [0.0, 0.1, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("service", SERVICES)
def test_one_route_fails_first_and_all_requests_add_up(service: str, errors: float) -> None:
    """The last route has all errors until every request of it fails, so that the alert can name it."""
    routes = [endpoint for endpoint in ENDPOINTS if endpoint.service == service]
    failing = [errors_of(endpoint, errors) for endpoint in routes]
    rates = [endpoint.rate for endpoint in routes]
    assert np.average(failing, weights=rates) == pytest.approx(errors)
    assert failing[-1] == pytest.approx(1.0) or not any(failing[:-1])


def test_its_address_shows_what_is_broken(shop: TestClient) -> None:
    assert "Nothing is broken." in shop.get("/").text
    shop.post("/break", json={"service": "checkout", "errors": 0.2, "for_seconds": 60})
    assert "checkout: 20% errors" in shop.get("/").text
    runbook = shop.get("/runbooks/checkout").text
    assert "checkout is broken by the switch" in runbook
    assert "sloburn demo mend checkout" in runbook
    assert shop.get("/runbooks/nothing").status_code == 404


def test_a_slow_service_is_seen_in_the_histogram(shop: TestClient) -> None:
    """Added latency reaches the buckets, not only the caller."""
    shop.post("/break", json={"service": "cart", "errors": 0, "latency_seconds": 0.4, "for_seconds": 60})
    shop.get("/cart")
    lines = shop.get("/metrics").text.splitlines()
    buckets = [line for line in lines if "_bucket{" in line and 'route="/cart"' in line]
    assert [line.rpartition(" ")[2] for line in buckets if 'le="0.3"' in line or 'le="1.0"' in line] == ["0.0", "1.0"]


def test_mending_ends_what_is_broken(shop: TestClient) -> None:
    """One service by name, or all."""
    for service in SERVICES:
        shop.post("/break", json={"service": service, "errors": 1, "for_seconds": 60})
    assert shop.post("/mend", json={"service": "cart"}).json() == {"mended": ["cart"]}
    assert set(shop.post("/mend").json()["mended"]) == set(SERVICES) - {"cart"}
    assert shop.get("/breakages").json() == {}


@pytest.mark.parametrize(
    "body",
    [
        {"service": "checkout", "errors": 1.5},
        {"service": "checkout", "for_seconds": 0},
        {"service": "checkout", "latency_seconds": -1},
        {"service": "checkout", "error": 0.2},
        {},
    ],
)
def test_nonsense_breaks_nothing(shop: TestClient, body: dict[str, object]) -> None:
    assert shop.post("/break", json=body).status_code == 422
    assert shop.get("/breakages").json() == {}


def test_an_unknown_service_is_named_with_those_there_are(shop: TestClient) -> None:
    answer = shop.post("/break", json={"service": "chekout"})
    assert answer.status_code == 404
    assert "checkout" in answer.json()["detail"]


def test_a_fault_ends_by_itself() -> None:
    now = [0.0]
    switchboard = Switchboard(clock=lambda: now[0])
    switchboard.start("cart", errors=1, latency_seconds=0, for_seconds=600)
    now[0] = 599.0
    assert switchboard.fault("cart").errors == 1
    now[0] = 600.0
    assert switchboard.fault("cart").errors == 0
    assert switchboard.active() == []


def test_traffic_comes_by_itself() -> None:
    """With customers, requests are counted without anybody asking."""
    with TestClient(create_shop(traffic=2)) as shop:
        wait_until(lambda: sum(_requests(shop).values()) > 0)
