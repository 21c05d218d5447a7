"""The SLI of an objective of Nobl9."""

from app.documents.importing.counts import sli_of_counts
from app.documents.importing.samples import sli_of_threshold
from app.documents.importing.scope import Scope
from app.documents.nobl9.model import CountsModel, ObjectiveModel
from app.slo import Sli
from app.yamldoc.scalars import kind

_PROMQL = "promql"


def sli_of_objective(objective: ObjectiveModel, scope: Scope, *, shared: tuple[object, Scope] | None) -> Sli | None:
    """What is counted; None, and why, where it cannot be. *shared* is the metric of all objectives, if there is one."""
    counts, raw = objective.count_metrics, objective.raw_metric
    if counts is not None and raw is None:
        return _sli_of_counts(counts, scope.below("countMetrics"))
    compared = shared if raw is None else (raw.query, scope.below("rawMetric", "query"))
    if compared is not None and counts is None:
        query = _query(*compared)
        return None if query is None else sli_of_threshold(query, objective.op, objective.value, scope)
    problem = "says nothing to count" if raw is None else "has countMetrics and rawMetric"
    scope.error(problem, "write one of countMetrics and rawMetric")
    return None


def _sli_of_counts(counts: CountsModel, scope: Scope) -> Sli | None:
    given = [name for name in ("good", "bad") if getattr(counts, name) is not None]
    if counts.total is None or len(given) != 1:
        scope.error("needs total, and one of good and bad", "write good: and total:")
        return None
    total, part = (_query(getattr(counts, name), scope.below(name)) for name in ("total", given[0]))
    if total is None or part is None:
        return None
    bad, good = (part if name in given else None for name in ("bad", "good"))
    return sli_of_counts(total, bad=bad, good=good, are_counters=counts.incremental)


def _query(source: object, scope: Scope) -> tuple[str, Scope] | None:
    """The PromQL of a metric, with its place; None, and an error, where its source answers something else."""
    if not isinstance(source, dict) or len(source) != 1:
        scope.error(f"must be one source with its query, not {kind(source)}", "write prometheus: {promql: ...}")
        return None
    name, query = next(iter(source.items()))
    text = query.get(_PROMQL) if isinstance(query, dict) else None
    if not isinstance(text, str) or not text.strip():
        problem = f"reads from {name}, and Sloburn from Prometheus"
        scope.below(name).error(problem, "write the same metric under prometheus: {promql: ...}")
        return None
    return text, scope.below(name, _PROMQL)
