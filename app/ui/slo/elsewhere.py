"""Addresses of others that a reader may want next: a query in Prometheus, a silence in Alertmanager, the document."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote, urlencode

from app.promql.expressions import ExpressionError, parse_expression
from app.promql.selector_text import render
from app.slo import Slo, SloId, format_duration
from app.ui.incidents import IncidentView
from app.wording.links import elsewhere, silence_of_slo


def _nowhere() -> str | None:
    return None


def _no_place(_slo: SloId) -> str | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where people reach Prometheus and Alertmanager; *place_of* is the file and line of an SLO's document."""

    prometheus_url: str | None = None
    alertmanager_url: Callable[[], str | None] = _nowhere
    place_of: Callable[[SloId], str | None] = _no_place

    def graph(self, query: str, window: timedelta) -> str | None:
        """The graph of a query over a window in Prometheus; None without one."""
        if self.prometheus_url is None:
            return None
        # Prometheus 3 leads from the old address to its own.
        given = {"g0.expr": query, "g0.tab": "0", "g0.range_input": format_duration(window)}
        return f"{self.prometheus_url.rstrip('/')}/graph?{urlencode(given, quote_via=quote)}"

    def queries(self, slo: Slo) -> list[tuple[str, str, str | None]]:
        """What the SLI counts: what each part is, its text, and its graph in Prometheus where it is a query."""
        evaluated = slo.sli.evaluated
        # The parts of a composite are ids of SLOs, which may read like differences of metrics.
        is_composite = evaluated is not None and evaluated.composition is not None
        described = [
            (what, text, self.graph(text, slo.window.nominal) if not is_composite and _is_query(text) else None)
            for what, text in slo.sli.description
        ]
        native = [render(selector) for selector in slo.sli.native]
        # Both are asked for, and those that are there are counted: no graph of the other has a line.
        return described + [
            ("native histogram, counted where there is no classic one", text, self.graph(text, slo.window.nominal))
            for text in native
        ]

    def silence(self, slo: SloId) -> str | None:
        """The form of a silence for all alerts of an SLO, or of a member, in Alertmanager; None without one."""
        alertmanager_url = self.alertmanager_url()
        return None if alertmanager_url is None else silence_of_slo(alertmanager_url, slo)


def _is_query(text: str) -> bool:
    """Whether a part of an SLI is PromQL, and not a condition such as ``< 0.3`` or ``every 1m``."""
    try:
        parse_expression(text)
    except ExpressionError:
        return False
    return True


def own_links(slo: Slo, active: Sequence[IncidentView] = ()) -> list[tuple[str, str]]:
    """Runbook and dashboard of an SLO and its active alerts: what each is called, and its address.

    Texts with templates are left out: an alert fills them in.
    """
    given = [*reversed([policy.annotations for policy in slo.alerting.policies]), slo.alerting.annotations]
    said = {name: text for pairs in given for name, text in pairs if "{{" not in text}
    return list(dict([*elsewhere(said), *(link for one in active for link in one.links)]).items())
