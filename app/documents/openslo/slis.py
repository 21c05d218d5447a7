"""The SLI of an objective of OpenSLO."""

from app.documents.importing.counts import sli_of_counts
from app.documents.importing.events import sli_of_ratio
from app.documents.importing.samples import sli_of_threshold
from app.documents.importing.scope import Scope
from app.documents.openslo.fields import RawType
from app.documents.openslo.objects import Indicator, Objective, Objects, Query
from app.documents.openslo.sources import is_prometheus
from app.slo import Sli

_Placed = tuple[str, Scope]


def sli_of_indicator(indicator: Indicator, objective: Objective, objects: Objects) -> Sli | None:
    """What is counted; None, and why, where it cannot be."""
    problem = indicator_problem(indicator)
    if problem is not None:
        indicator.scope.error(*problem)
        return None
    queries = {
        name: _promql(query, objects)
        for name in ("threshold", "good", "bad", "total", "raw")
        if (query := getattr(indicator, name)) is not None
    }
    if None in queries.values():
        return None
    usable = {name: query for name, query in queries.items() if query is not None}
    if "threshold" in usable:
        return sli_of_threshold(usable["threshold"], objective.op, objective.value, objective.scope)
    if objective.op is not None or objective.value is not None:
        field = "op" if objective.op is not None else "value"
        objective.scope.below(field).warning("is ignored: the SLI is a ratio", "remove it", "operator_of_ratio")
    if "raw" in usable:
        text, scope = usable["raw"]
        # An expression for the SLI is of bad events here, as in Sloth; `raw` says which it has.
        ratio = text if indicator.raw_type is RawType.FAILURE else f"1 - ({text})"
        return sli_of_ratio((ratio, scope))
    return sli_of_counts(
        usable["total"], bad=usable.get("bad"), good=usable.get("good"), are_counters=indicator.counter
    )


def indicator_problem(indicator: Indicator) -> tuple[str, str] | None:
    """What makes an SLI unusable by itself, and what to write instead; None if nothing does."""
    given = [name for name in ("threshold", "good", "bad", "total", "raw") if getattr(indicator, name) is not None]
    match given:
        case []:
            return "says nothing to count", "write ratioMetric: {good: ..., total: ...}, or thresholdMetric:"
        case ["threshold"] | ["good", "total"] | ["bad", "total"]:
            return None
        case ["raw"]:
            return None if indicator.raw_type is not None else ("raw needs a rawType", "write success or failure")
        case ["good"] | ["bad"]:
            return "needs total", "write total: and the metric of all events"
        case ["total"]:
            return "needs good or bad", "write good: and the metric of the good events"
        case _:
            alone = [name for name in given if name in {"threshold", "raw"}] or ["good", "bad"]
            others = [name for name in given if name != alone[0]]
            return f"{alone[0]} cannot be combined with {' and '.join(others)}", "remove one of them"


def _promql(query: Query, objects: Objects) -> _Placed | None:
    """The query, if it is asked of a server that answers PromQL."""
    named = None if query.ref is None else objects.sources.get(query.ref)
    source = query.source or named
    if source is not None and not is_prometheus(source):
        query.of_source.error(f"reads from {source}, and Sloburn from Prometheus", "write the same metric in PromQL")
        return None
    if source is None:
        missing = "has no type" if query.ref is None else f"the DataSource {query.ref} is not among the documents"
        query.of_source.warning(f"{missing}: Prometheus is taken", "write type: Prometheus", "unknown_source")
    if not query.text.strip():
        query.scope.error("is missing", "write query: and the PromQL of the metric")
        return None
    return query.text, query.scope
