import time
from pathlib import Path
from typing import Any

import httpx2

from app.slo import AlertState, Severity
from app.status import AlertView
from tests.support.api import Served, listening
from tests.support.servers import prometheus
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
        (labels,) = scraped(http, 'slo_objective_ratio{service="search"}')
        assert (labels["exported_slo"], labels["exported_job"], labels["route"]) == ("x", "batch", 'a"b\\c\nd')
        assert labels["job"] == "sloburn"
        assert scraped(http, "increase(slo_events_total[1m])")
        assert not scraped(http, "up == 0", patience=0)


def scraped(http: httpx2.Client, query: str, *, patience: float = 20.0) -> list[dict[str, Any]]:
    until = time.monotonic() + patience
    while True:
        found = http.get("/api/v1/query", params={"query": query}).json()["data"]["result"]
        if found or time.monotonic() >= until:
            return [series["metric"] for series in found]
        time.sleep(0.1)
