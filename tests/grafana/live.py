"""What a running Prometheus answers to the queries of the dashboards."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from tests.grafana.queries import CHOSEN_LABEL, PanelQuery, label_variables, panel_queries, with_values

_RANGES = {"__rate_interval": "10s", "__range": "1h", "label": CHOSEN_LABEL}


@dataclass(frozen=True, slots=True)
class Asked:
    """A Prometheus that scrapes Sloburn."""

    url: str

    def variables(self, **chosen: str) -> Mapping[str, str]:
        """Every variable with all of its live values, as Grafana's *All*; *chosen* overrules."""
        choices = {
            name: "|".join(self.label_values(with_values(metric, chosen), label))
            for name, (metric, label) in label_variables().items()
        }
        # As the variable says of *All*: also SLOs without the label.
        return {**_RANGES, **choices, "value": ".*", **chosen}

    def empty(self, *slos: str) -> list[PanelQuery]:
        """The queries of panels that draw nothing, whichever of the SLOs is chosen."""
        left = list(panel_queries())
        for slo in slos:
            variables = self.variables(slo=slo)
            left = [query for query in left if not self.series(query, variables)]
        return left

    def label_values(self, metric: str, label: str) -> list[str]:
        """The values of a label, as `label_values(metric, label)` of Grafana finds them."""
        values: list[str] = self._get(f"label/{label}/values", {"match[]": metric})
        return values

    def series(self, query: PanelQuery, variables: Mapping[str, str]) -> list[Any]:
        """What the query draws over the last half minute.

        Raises:
            AssertionError: Prometheus refuses the query.
        """
        now = time.time()
        span = {"start": f"{now - 30:.3f}", "end": f"{now:.3f}", "step": "1"}
        result: list[Any] = self._get("query_range", {"query": query.filled(variables), **span})["result"]
        return result

    def _get(self, path: str, params: Mapping[str, str]) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=dict(params), timeout=60.0, trust_env=False)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()["data"]
