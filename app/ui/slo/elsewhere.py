"""Addresses of others that a reader may want next: a query in Prometheus, a silence in Alertmanager, the document."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from app.promql.expressions import ExpressionError, parse_expression
from app.promql.selector_text import render
from app.sli import SeveralSources, sources_of_sli
from app.slo import SliKind, Slo, SloId, format_duration
from app.ui.incidents import IncidentView
from app.wording.links import elsewhere, silence_of_slo


def _nowhere() -> str | None:
    return None


def _no_place(_slo: SloId) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class CountedPart:
    """What a part of an SLI is, its text, and its graphs: each with the name of its source, empty if there is one."""

    what: str
    text: str
    graphs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where people go from here: *graphs* are the addresses of Prometheis by the names of their sources.

    *alertmanager_url* is where people reach Alertmanager, *place_of* the file and line of an SLO's document.
    """

    graphs: Callable[[], Mapping[str, str]] = dict[str, str]
    alertmanager_url: Callable[[], str | None] = _nowhere
    place_of: Callable[[SloId], str | None] = _no_place

    def _graphs(self, query: str, slo: Slo) -> tuple[tuple[str, str], ...]:
        """The graphs of a query over the window of an SLO, one in each of its sources that people can reach."""
        # Prometheus 3 leads from the old address to its own.
        given = {"g0.expr": query, "g0.tab": "0", "g0.range_input": format_duration(slo.window.nominal)}
        urls, names = self.graphs(), sources_of_sli(slo.sli)
        return tuple(
            (name if len(names) > 1 else "", f"{urls[name].rstrip('/')}/graph?{urlencode(given, quote_via=quote)}")
            for name in names
            if name in urls
        )

    def sources(self, slo: Slo) -> tuple[str, ...]:
        """The sources whose events an SLO adds up, or the one that it is counted from; none of a composite."""
        return () if slo.sli.kind is SliKind.COMPOSITE else sources_of_sli(slo.sli)

    def queries(self, slo: Slo) -> list[CountedPart]:
        """What the SLI counts, with the graph of each part in Prometheus where it is a query."""
        # The parts of a composite are ids of SLOs, and queries of other services no PromQL, which they may read like.
        is_promql = slo.sli.kind not in (SliKind.COMPOSITE, SliKind.INTERVAL_COUNTS)
        counted = slo.sli.of if isinstance(slo.sli, SeveralSources) else slo.sli
        described = [
            CountedPart(what, text, self._graphs(text, slo) if is_promql and _is_query(text) else ())
            for what, text in counted.description
        ]
        # Both are asked for, and those that are there are counted: no graph of the other has a line.
        native = "native histogram, counted where there is no classic one"
        return described + [CountedPart(native, text, self._graphs(text, slo)) for text in map(render, counted.native)]

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
