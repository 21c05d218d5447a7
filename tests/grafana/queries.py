"""The queries of the committed dashboards, with Grafana's variables filled in as Grafana would."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.metrics import RESERVED_LABELS

DASHBOARDS = Path(__file__).parents[2] / "grafana" / "dashboards"

CHOSEN_LABEL = "team"
"""The label of documents that the overview filters by, unless another one is written."""
_LABEL_VALUES = re.compile(r"label_values\((?P<metric>\w+(?:\{[^}]*\})?), (?P<label>[\w$]+)\)")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::raw)?\})")


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelQuery:
    """One query of one panel, or of the marks on all panels of a dashboard."""

    dashboard: str
    panel: str
    expr: str

    @property
    def metrics(self) -> set[str]:
        """The names of Sloburn's metrics that are asked for."""
        return set(re.findall(r"\b(?:slo|sloburn|process)_\w+", self.expr)) - RESERVED_LABELS

    @property
    def is_of_sloburn(self) -> bool:
        """Whether it asks for metrics of Sloburn: not for the calendar, nor for the histogram of a service."""
        return "${histogram}" not in self.expr and "day_of_month()" not in self.expr

    def filled(self, variables: Mapping[str, str]) -> str:
        """The query with its variables replaced; a variable without a value stays."""
        return with_values(self.expr, variables)


def with_values(text: str, variables: Mapping[str, str]) -> str:
    """The text with its variables replaced; a variable without a value stays."""
    return _VARIABLE.sub(lambda found: variables.get(found[1] or found[2], found[0]), text)


def dashboards() -> dict[str, dict[str, Any]]:
    """Every committed dashboard, by file name."""
    return {path.name: json.loads(path.read_text()) for path in sorted(DASHBOARDS.glob("*.json"))}


def panel_queries() -> Iterator[PanelQuery]:
    """Every query that draws something in a panel."""
    for name, dashboard in dashboards().items():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                yield PanelQuery(dashboard=name, panel=panel["title"], expr=target["expr"])


def mark_queries() -> Iterator[PanelQuery]:
    """Every query that marks moments on the graphs; these have a value only while something fires."""
    for name, dashboard in dashboards().items():
        for marks in dashboard["annotations"].get("list", []):
            yield PanelQuery(dashboard=name, panel=f"marks {marks['name']}", expr=marks["expr"])


def label_variables() -> dict[str, tuple[str, str]]:
    """Metric and label that each variable takes its choices from."""
    found = {}
    for dashboard in dashboards().values():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                source = _LABEL_VALUES.fullmatch(variable["query"]["query"])
                assert source is not None, variable
                label = source["label"].replace("$label", CHOSEN_LABEL)
                found[variable["name"]] = (source["metric"], label)
    return found
