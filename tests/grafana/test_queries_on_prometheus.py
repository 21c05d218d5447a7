"""Every query of every panel against a real Prometheus that scrapes Sloburn's metrics as the Operator has it do."""

import time
from collections.abc import Iterator

import pytest

from testbed.servers import operator_scrape_config, prometheus
from testbed.waiting import wait_until
from tests.grafana.exporter import exporter, snapshots
from tests.grafana.live import Asked
from tests.grafana.queries import PanelQuery, mark_queries, panel_queries

_PAGING, *_, _LATENCY = (each.id for each in snapshots())


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with (
        exporter() as url,
        prometheus(tmp_path_factory.mktemp("prometheus"), config=operator_scrape_config(url)) as server,
    ):
        live = Asked(server.url)
        rate = PanelQuery(dashboard="", panel="", expr="rate(sloburn_evaluations_total[10s])")
        wait_until(lambda: live.series(rate, {}))
        yield live


def test_every_query_of_every_panel_returns_data(asked: Asked) -> None:
    assert asked.empty(_PAGING, _LATENCY) == []


def test_durations_are_those_of_the_histogram_that_the_slo_counts(asked: Asked) -> None:
    """Each evaluation took 0.2 s; an SLO without a histogram has an empty panel and no failing query."""
    queries = [query for query in panel_queries() if query.panel == "Durations"]
    drawn = [asked.series(query, asked.variables(slo=_LATENCY)) for query in queries]
    assert [float(series["values"][-1][1]) for (series,) in drawn] == [pytest.approx(0.2, abs=0.1)] * 3 + [0.3]
    assert [asked.series(query, asked.variables(slo=_PAGING)) for query in queries] == [[], [], [], []]


def test_a_page_and_a_deploy_are_marked_on_the_graphs(asked: Asked) -> None:
    variables = asked.variables(slo=_PAGING)
    marked = {(query.dashboard, query.panel): asked.series(query, variables) for query in mark_queries()}
    boards = ("overview.json", "slo.json")
    assert {at for at, found in marked.items() if found} == {
        (board, mark) for board in boards for mark in ("marks Page", "marks Change")
    }
    for board in boards:
        (change,) = marked[board, "marks Change"]
        assert (change["metric"]["slo_service"], change["metric"]["change"].strip()) == ("checkout", "deploy v42 prod")
        assert 0 < time.time() - float(change["values"][-1][1]) / 1000 < 3600


def test_changes_of_other_services_are_not_marked_on_an_slo(asked: Asked) -> None:
    """They have a service of their own in the metric, which depends on no target of Prometheus."""
    (changes,) = (query for query in mark_queries() if (query.dashboard, query.panel) == ("slo.json", "marks Change"))
    assert asked.series(changes, asked.variables(slo="search-availability")) == []


def test_every_member_of_a_group_can_be_chosen(asked: Asked) -> None:
    """The id of a member holds characters that mean something in a regular expression and in a URL."""
    for each in snapshots():
        query = PanelQuery(dashboard="slo.json", panel="", expr='slo_objective_ratio{slo="$slo"}')
        assert len(asked.series(query, asked.variables(slo=each.id))) == 1


def test_the_table_has_one_row_for_each_member_of_a_group(asked: Asked) -> None:
    columns = [query for query in panel_queries() if query.panel.startswith("All SLOs")]
    objective = next(query for query in columns if "slo_objective_ratio" in query.expr)
    rows = {series["metric"]["slo"] for series in asked.series(objective, asked.variables())}
    assert rows == {each.id for each in snapshots()}


def test_a_group_is_folded_to_one_row_that_shows_its_worst_member(asked: Asked) -> None:
    queries = {
        name: next(query for query in panel_queries() if query.panel.startswith("Grouped") and start in query.expr[:40])
        for name, start in {"members": "count by (slo_service, slo_name) (max", "worst": "min by"}.items()
    }
    found = {name: asked.series(query, asked.variables()) for name, query in queries.items()}
    (members,), (worst,) = found["members"], found["worst"]
    assert members["metric"] == {"slo_service": "checkout", "slo_name": "latency"}
    assert float(members["values"][-1][1]) == 2
    assert float(worst["values"][-1][1]) < 0


def test_an_slo_without_events_shows_no_budget_rather_than_a_full_one(asked: Asked) -> None:
    query = PanelQuery(dashboard="", panel="", expr='slo_sli_ratio{slo="search-availability"}')
    assert asked.series(query, {}) == []
