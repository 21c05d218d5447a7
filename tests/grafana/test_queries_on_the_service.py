"""Every query of every panel while Sloburn runs and an incident goes on: shop, Prometheus, Alertmanager and all."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.switch import ShopSwitch
from testbed.forked import ForkedServer
from testbed.servers import Server, Sink, alertmanager, free_port, prometheus
from testbed.waiting import wait_until
from tests.compose.stack import ROOT
from tests.grafana.live import Asked
from tests.grafana.queries import PanelQuery, mark_queries, panel_queries

_INCIDENT = "checkout-availability"
_LATENCY = "checkout-latency"
_PAGING = PanelQuery(dashboard="", panel="", expr=f'slo_alert_firing{{slo="{_INCIDENT}", severity="page"}} == 1')


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """A Prometheus that has scraped a Sloburn with an active page."""
    folder = tmp_path_factory.mktemp("stack")
    port = free_port()
    with (
        Sink() as sink,
        alertmanager(sink.url) as pager,
        _shop(folder) as shop,
        prometheus(
            folder / "prometheus",
            scrape=[("shop", shop.url), ("sloburn", f"http://127.0.0.1:{port}")],
            flags=["--web.enable-remote-write-receiver"],
        ) as server,
        _sloburn(folder, port, server, pager),
    ):
        ShopSwitch(shop.url).break_service("checkout", errors=1.0, latency_seconds=0.0, for_seconds=600.0)
        live = Asked(server.url)
        wait_until(lambda: len(live.series(_PAGING, {})) == 1, "a page")
        yield live


def test_every_query_of_every_panel_returns_data_during_an_incident(asked: Asked) -> None:
    found = asked.empty(_INCIDENT, _LATENCY)
    # There is no forecast before three days of history; `test_queries_on_prometheus` draws one that is made up.
    assert [query for query in found if "_forecast_" not in query.expr] == []


def test_the_page_is_marked_on_the_graphs(asked: Asked) -> None:
    variables = asked.variables(slo=_INCIDENT)
    assert "marks Page" in {query.panel for query in mark_queries() if asked.series(query, variables)}


def test_each_member_of_a_group_has_a_dashboard_of_its_own(asked: Asked) -> None:
    members = [slo for slo in asked.label_values("slo_objective_ratio", "slo") if slo.startswith("cart-availability:")]
    assert len(members) > 1
    budget = next(query for query in panel_queries() if query.panel == "Budget left over time")

    # A route that has only just been asked for has an objective before it has a budget.
    def shown() -> list[int]:
        return [len(asked.series(budget, asked.variables(slo=member))) for member in members]

    wait_until(lambda: shown() == [1] * len(members), "a budget of each member")


@contextmanager
def _shop(folder: Path) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "demo", "shop", f"--port={port}", "--traffic=5"]
    log = folder / "shop.log"
    with Server(name="shop", command=command, port=port, log_path=log, ready_path="/healthz", cwd=ROOT) as server:
        yield server.start()


@contextmanager
def _sloburn(folder: Path, port: int, watched: Server, pager: Server) -> Iterator[Server]:
    config = folder / "sloburn.yaml"
    receiver = {"url": f"{watched.url}/api/v1/write", "live": False, "history": "1d"}
    config.write_text(json.dumps({"remote_write": [receiver]}))
    settings = {
        "SLOBURN_PROMETHEUS_URL": watched.url,
        "SLOBURN_CONFIG": str(config),
        "SLOBURN_ALERTMANAGER_URLS": pager.url,
        "SLOBURN_SPECS": str(ROOT / "demo" / "slos"),
        "SLOBURN_DATABASE_URL": f"sqlite:///{folder / 'sloburn.db'}",
        "SLOBURN_LISTEN_ADDRESS": f"127.0.0.1:{port}",
        "SLOBURN_EVALUATION_INTERVAL": "5s",
        "SLOBURN_QUERY_OFFSET": "1s",
    }
    log = folder / "sloburn.log"
    with ForkedServer(name="sloburn", command=["serve"], port=port, log_path=log, env=settings, cwd=ROOT) as server:
        yield server.start()
