"""The API as others rely on it, asked while the service works: shapes, filters, and no tick that waits."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from testbed.stack import Stack, document, stack
from testbed.timeline import Sight
from tests.acceptance import contract
from tests.acceptance.contract import breaches


def _documents() -> list[dict[str, Any]]:
    """Rolling, calendar and grouped SLOs, and one whose metric nobody knows."""
    grouped = document("shop", names=("by-service",))
    counter = 'http_requests_total{job="shop"}'
    grouped["slos"][0] |= {
        "by": ["service"],
        "sli": {"total": counter, "good": 'http_requests_total{job="shop",code!~"5.."}'},
        "labels": {"tier": "gold"},
    }
    month = document("month")
    month["slos"][0] |= {
        "window": {"calendar": "month", "timezone": "Europe/Berlin"},
        "sli": {"total": counter, "bad": 'http_requests_total{job="shop",code=~"5.."}'},
    }
    unknown = document("unknown")
    unknown["slos"][0]["sli"] = {"total": "nobody_knows_total", "bad": 'nobody_knows_total{code="500"}'}
    return [document("checkout"), grouped, month, unknown]


def test_every_answer_is_as_promised_and_no_request_stops_the_ticks(tmp_path: Path) -> None:
    with stack(tmp_path, documents=_documents(), services=("checkout", "search")) as running:
        running.open(["checkout-availability", "month-availability", "shop-by-service:service=search"])
        before = running.metric("sloburn_evaluations_total") or 0.0
        running.shop.breaks("checkout")
        with _asking(running):
            running.wait_until(running.sees("alert.state", "firing"))
            ticks = Sight("ticks go on", lambda: (running.metric("sloburn_evaluations_total") or 0.0) >= before + 2)
            running.wait_until(ticks)
            _is_as_promised(running)
        # A busy machine may miss a slot; where requests kept the evaluation waiting, most were missed.
        assert (running.metric("sloburn_evaluations_missed_total") or 0.0) < (
            running.metric("sloburn_evaluations_total") or 0.0
        )
        _filters_choose(running)


def _is_as_promised(running: Stack) -> None:
    listed = running.get("/api/v1/slos").json()
    assert breaches(listed, contract.SLOS) == []
    ids = [item["id"] for item in listed["items"]]
    assert ids == [
        "checkout-availability",
        "month-availability",
        "shop-by-service:service=checkout",
        "shop-by-service:service=search",
        "unknown-availability",
    ]
    by_id = {item["id"]: item for item in listed["items"]}
    assert by_id["shop-by-service:service=search"]["group"] == {"service": "search"}
    assert by_id["shop-by-service:service=search"]["labels"] == {"team": "payments", "tier": "gold"}
    assert by_id["month-availability"]["window"]["kind"] == "calendar"
    assert by_id["unknown-availability"]["problem"].startswith("no series match nobody_knows_total:")
    assert {one["severity"] for one in by_id["checkout-availability"]["alerts"]} == {"page", "ticket"}
    for slo_id in ids:
        assert breaches(running.slo(slo_id), contract.SLO) == []
        history = running.get(f"/api/v1/slos/{slo_id}/history?step=1h").json()
        assert breaches(history, contract.HISTORY) == []
    alerts = running.get("/api/v1/alerts").json()
    assert breaches(alerts, contract.ALERTS) == []
    page = next(one for one in alerts["items"] if one["slo"] == "checkout-availability" and one["state"] == "firing")
    _leads_to_its_incident(running, page)
    assert breaches(running.get("/api/v1/status/buildinfo").json(), contract.BUILD) == []
    config = running.get("/api/v1/status/config").json()
    assert breaches(config, contract.CONFIG) == []
    assert "the-token" not in str(config)
    _charts_show_the_same(running, by_id)


def _charts_show_the_same(running: Stack, slos: dict[str, Any]) -> None:
    """Series, days and contributors are of the events that the SLO shows; a group is the sum of its members."""
    answer = running.get("/api/v1/history?slo=checkout-availability&slo=shop-by-service&points=100").json()
    days = running.get("/api/v1/slos/checkout-availability/days").json()["days"]
    (checkout, group), before, after = (
        answer["series"],
        slos["checkout-availability"],
        running.slo("checkout-availability"),
    )
    # The shop goes on failing meanwhile.
    for counted in (sum(bad or 0 for bad in checkout["bad"]), sum(day["bad"] or 0 for day in days)):
        assert 0.9 * before["events"]["bad"] <= counted <= 1.1 * after["events"]["bad"] + 1
    assert checkout["budget_remaining_ratio"][-1] <= before["budget"]["remaining_ratio"] + 0.1
    assert max(burn or 0 for burn in checkout["burn_rates"][0]["highest"]) > checkout["rules"][0]["factor"]
    assert [mark["kind"] for mark in checkout["marks"] if mark["kind"] != "transition"] == ["page"]
    assert group["members"] == 2
    assert sum(total or 0 for total in group["total"]) > 0
    asked = f"from={checkout['from']}"
    contributors = running.get(f"/api/v1/slos/checkout-availability/contributors?{asked}&by=code").json()
    assert (contributors["state"], contributors["problem"]) == ("answered", None)
    assert {item["labels"]["code"] for item in contributors["items"]} == {"500"}
    # Whole days: whether there is one depends on the hour.
    assert running.get("/api/v1/reports?period=7d").raise_for_status().json()["period"]["kind"] == "rolling"
    assert "<h1>Objectives, " in running.get("/objectives").raise_for_status().text
    for slo_id in ("checkout-availability", "shop-by-service"):
        page = running.get(f"/slos/{slo_id}?range=1h").raise_for_status().text
        assert '<path class="line main"' in page
        assert 'class="calendar"' in page


def _leads_to_its_incident(running: Stack, page: dict[str, Any]) -> None:
    """What people are told of an alert is in the API, and on the page that it leads to."""
    assert page["bad"] > 0
    assert page["incident_spent"] > 0
    assert page["url"] == "https://slo.example/burn/slos/checkout-availability"
    site = running.get("/slos/checkout-availability")
    for words in (page["summary"], page["incident"], "Budget spent"):
        assert words in site.raise_for_status().text


def _filters_choose(running: Stack) -> None:
    def chosen(query: str) -> set[str]:
        return {item["id"].partition(":")[0] for item in running.get(f"/api/v1/slos?{query}").json()["items"]}

    assert chosen("service=checkout&service=month") == {"checkout-availability", "month-availability"}
    assert chosen("label=tier=gold") == {"shop-by-service"}
    assert chosen("label=service=search") == {"shop-by-service"}
    assert chosen("status=unknown") == {"unknown-availability"}
    first = running.get("/api/v1/slos?limit=3").json()
    rest = running.get(f"/api/v1/slos?limit=3&next={first['next']}").json()
    assert ([len(first["items"]), len(rest["items"])], rest["next"]) == ([3, 2], None)
    assert {item["id"] for item in first["items"]}.isdisjoint(item["id"] for item in rest["items"])
    assert running.get("/api/v1/slos?status=fine").status_code == httpx.codes.UNPROCESSABLE_ENTITY


@contextmanager
def _asking(running: Stack, threads: int = 4) -> Iterator[None]:
    """Ask all the time, from several sides."""
    ended = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=running.service.url, timeout=60.0, trust_env=False) as client:
            while not ended.is_set():
                for path in ("/api/v1/slos", "/metrics", "/api/v1/slos/month-availability/history"):
                    client.get(path).raise_for_status()
                time.sleep(0.1)

    asking = [threading.Thread(target=ask) for _ in range(threads)]
    for thread in asking:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in asking:
            thread.join()
