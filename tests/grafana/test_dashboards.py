"""The committed dashboards: current, complete, and asking only for what Sloburn says."""

import re
from datetime import UTC, datetime
from typing import Any

import promql_parser
import pytest
import yaml

from app.metrics import FAMILIES, BuildInfo, Instruments
from grafana import boards
from grafana.generate import DASHBOARDS, rendered
from tests.grafana.queries import PanelQuery, dashboards, mark_queries, panel_queries

_VARIABLES = {
    "service": "checkout|search",
    "slo": "checkout-availability:route=/pay",
    "label": "team",
    "value": "payments",
    "instance": "localhost:9720",
    "histogram": "http_request_duration_seconds",
    "selector": 'route="/pay"',
    "__rate_interval": "1m",
    "__range": "6h",
}
_QUERIES = [*panel_queries(), *mark_queries()]


def _title(query: PanelQuery) -> str:
    return f"{query.dashboard}: {query.panel}"


def _panels() -> list[Any]:
    return [
        pytest.param(panel, id=f"{name}: {panel['title']}")
        for name, dashboard in dashboards().items()
        for panel in dashboard["panels"]
        if panel["type"] != "row"
    ]


@pytest.mark.parametrize("name", sorted(rendered()))
def test_the_committed_json_is_what_the_code_renders(name: str) -> None:
    """After a change of the code, `python -m grafana.generate` has been run."""
    assert (DASHBOARDS / name).read_text() == rendered()[name]


def test_no_dashboard_is_left_over_from_code_that_is_gone() -> None:
    assert {path.name for path in DASHBOARDS.iterdir()} == set(rendered())


@pytest.mark.parametrize("query", _QUERIES, ids=_title)
def test_every_query_parses_once_its_variables_are_filled_in(query: PanelQuery) -> None:
    text = query.filled(_VARIABLES)
    assert not re.search(r"\$[a-z_{]", text)
    promql_parser.parse(text)


@pytest.mark.parametrize("query", _QUERIES, ids=_title)
def test_every_metric_that_is_asked_for_is_one_that_sloburn_exposes(query: PanelQuery) -> None:
    assert query.metrics or not query.is_of_sloburn
    assert query.metrics <= _exposed()


@pytest.mark.parametrize("panel", _panels())
def test_every_panel_says_what_it_shows_and_what_it_shows_without_data(panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["noValue"]
    assert panel["datasource"]["uid"] == "${datasource}"


@pytest.mark.parametrize("panel", _panels())
def test_the_queries_of_a_panel_have_names_of_their_own(panel: dict[str, Any]) -> None:
    names = [target["refId"] for target in panel["targets"]]
    assert len(set(names)) == len(names)


def test_panels_stay_on_the_grid_and_apart() -> None:
    for dashboard in dashboards().values():
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            assert at["x"] + at["w"] <= 24
            assert not cells & taken, panel["title"]
            taken |= cells


def test_the_overview_leads_from_a_row_to_the_dashboard_of_its_slo() -> None:
    table = next(panel for panel in dashboards()["overview.json"]["panels"] if panel["type"] == "table")
    override = next(each for each in table["fieldConfig"]["overrides"] if each["matcher"]["options"] == "SLO")
    link, of_sloburn = next(each["value"] for each in override["properties"] if each["id"] == "links")
    assert link["url"].startswith(f"/d/{boards.SLO}?var-slo=${{__value.raw:percentencode}}")
    assert dashboards()["slo.json"]["uid"] == boards.SLO
    assert of_sloburn["url"] == "${sloburn}/slos/${__value.raw:percentencode}"


def test_the_overview_shows_the_worst_slo_first() -> None:
    table = next(panel for panel in dashboards()["overview.json"]["panels"] if panel["type"] == "table")
    assert table["options"]["sortBy"] == [{"displayName": "Budget left", "desc": False}]


# https://github.com/grafana/dashboard-linter/blob/main/lint/rule_panel_units.go knows these, and others.
_UNITS = {"none", "percentunit", "s", "cps", "bytes"}
_RATES = re.compile(r"\b(?:rate|irate|increase)\((?:[^()]|\([^()]*\))*?\[([^\]]+)\]")


@pytest.mark.parametrize("panel", _panels())
def test_panels_keep_the_rules_of_dashboard_linter(panel: dict[str, Any]) -> None:
    """A unit for what has one, legends for lines, one data source for panel and targets.

    Source: https://github.com/grafana/dashboard-linter/tree/main/docs/rules
    """
    assert panel["targets"]
    assert {target["datasource"]["uid"] for target in panel["targets"]} == {panel["datasource"]["uid"]}
    if panel["type"] in {"stat", "timeseries", "bargauge", "table"}:
        assert panel["fieldConfig"]["defaults"]["unit"] in _UNITS
    if panel["type"] == "timeseries":
        assert all(target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("query", _QUERIES, ids=_title)
def test_queries_keep_the_rules_of_dashboard_linter(query: PanelQuery) -> None:
    """Counters are only asked for within a rate, and rates over a range that Grafana chooses."""
    assert set(_RATES.findall(query.expr)) <= {"$__rate_interval", "$__range"}
    counters = set(re.findall(r"\b\w+_total\b", query.expr))
    assert counters == {name for name in counters if re.search(rf"(?:rate|increase)\({name}\b", query.expr)}


@pytest.mark.parametrize("name", sorted(rendered()))
def test_variables_keep_the_rules_of_dashboard_linter(name: str) -> None:
    """The data source is chosen, choices follow the time range, and no instance or job is written in."""
    dashboard = dashboards()[name]
    datasource, *others = dashboard["templating"]["list"]
    assert (datasource["name"], datasource["type"], datasource["query"]) == ("datasource", "datasource", "prometheus")
    assert {variable["refresh"] for variable in others if variable["type"] == "query"} == {2}
    assert not re.search(r"\b(?:job|instance)=\"[^$]", "".join(query.expr for query in _QUERIES))


def test_rules_of_dashboard_linter_that_are_excluded_have_reasons() -> None:
    exclusions = yaml.safe_load((DASHBOARDS.parent / ".lint").read_text())["exclusions"]
    assert all(rule["reason"] for rule in exclusions.values())


def test_no_threshold_of_an_alert_is_written_in() -> None:
    """They are metrics: each SLO has its own."""
    for dashboard in dashboards().values():
        for panel in dashboard["panels"]:
            steps = panel.get("fieldConfig", {}).get("defaults", {}).get("thresholds", {}).get("steps", [])
            if "burn" in panel["title"].lower():
                assert {step["value"] for step in steps} <= {None, 0, 1}
            assert "14.4" not in str(panel)


def test_the_slo_window_is_the_range_and_sloburns_own_pages_are_linked() -> None:
    overview, slo = dashboards()["overview.json"], dashboards()["slo.json"]
    assert {overview["time"]["from"], slo["time"]["from"]} == {"now-30d"}
    assert "${sloburn}" in [link.get("url") for link in overview["links"]]
    assert "${sloburn}/slos/${slo:percentencode}" in [link.get("url") for link in slo["links"]]


def _exposed() -> set[str]:
    """Every name that a sample of Sloburn can have."""
    instruments = Instruments(build=BuildInfo.current())
    instruments.evaluated(0.1, datetime(2026, 3, 1, tzinfo=UTC))
    names = {family.name for family in FAMILIES}
    for family in instruments.registry.collect():
        names |= {family.name, f"{family.name}_total", f"{family.name}_info"}
        names |= {sample.name for sample in family.samples}
    return names
