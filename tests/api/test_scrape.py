from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.slo import AlertState, Severity
from app.status import AlertView
from testbed.servers import operator_scrape_config, prometheus
from testbed.waiting import wait_until
from tests.support.api import Served, listening
from tests.support.snapshots import AS_OF, a_snapshot, an_slo, an_unmeasured_snapshot

PAGING = AlertView(severity=Severity.PAGE, state=AlertState.FIRING, since=AS_OF, tier="1h/5m")


def test_a_real_prometheus_scrapes_every_series(tmp_path: Path) -> None:
    group = (("job", "batch"), ("route", 'a"b\\c\nd'), ("slo", "x"))
    served = Served.with_snapshots(
        a_snapshot(alerts=[PAGING]),
        a_snapshot(an_slo("search"), group=group),
        an_unmeasured_snapshot(an_slo("cart")),
    )
    with (
        listening(served.app()) as url,
        prometheus(tmp_path, scrape=[("sloburn", f"{url}/metrics")]) as server,
        httpx2.Client(base_url=server.url) as http,
    ):
        assert scraped(http, "slo_alert_firing == 1")[0]["severity"] == "page"
        (labels,) = scraped(http, 'slo_objective_ratio{slo_service="search"}')
        assert (labels["exported_slo"], labels["exported_job"], labels["route"]) == ("x", "batch", 'a"b\\c\nd')
        assert labels["job"] == "sloburn"
        assert scraped(http, "increase(slo_events_total[1m])")
        assert not found(http, "up == 0")


@pytest.mark.parametrize("honor_labels", [False, True])
def test_labels_are_the_same_whether_or_not_a_scrape_by_the_operator_honors_them(
    tmp_path: Path, honor_labels: bool
) -> None:
    """The Operator labels each target with its own namespace, service, pod and so on."""
    group = (("instance", "i"), ("namespace", "shop"), ("service", "web"), ("slo", "x"), ("slo_name", "n"))
    served = Served.with_snapshots(a_snapshot(an_slo(labels=(("pod", "p"), ("service", "s"))), group=group))
    with (
        listening(served.app()) as url,
        prometheus(tmp_path, config=operator_scrape_config(f"{url}/metrics", honor_labels=honor_labels)) as server,
        httpx2.Client(base_url=server.url) as http,
    ):
        (labels,) = scraped(http, "slo_info")

        assert labels == {
            "__name__": "slo_info",
            "slo": "checkout-availability:instance=i,namespace=shop,service=web,slo=x,slo_name=n",
            "slo_service": "checkout",
            "slo_name": "availability",
            "exported_instance": "i",
            "exported_namespace": "shop",
            "exported_service": "web",
            "exported_slo": "x",
            "exported_slo_name": "n",
            "exported_pod": "p",
            "exported_exported_service": "s",
            "objective": "0.999",
            "window": "30d",
            "job": "sloburn",
            "instance": url.removeprefix("http://"),
            "namespace": "monitoring",
            "service": "sloburn",
            "pod": "sloburn-0",
            "container": "sloburn",
            "endpoint": "http",
            "node": "worker-1",
        }
        assert scraped(http, 'slo_objective_ratio{slo_service="checkout", slo_name="availability"}')


def scraped(http: httpx2.Client, query: str) -> list[dict[str, Any]]:
    """The labels of the series that a query finds, once it finds any."""
    wait_until(lambda: found(http, query), query)
    return found(http, query)


def found(http: httpx2.Client, query: str) -> list[dict[str, Any]]:
    answer = http.get("/api/v1/query", params={"query": query}, timeout=60).json()
    return [series["metric"] for series in answer["data"]["result"]]
