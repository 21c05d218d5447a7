"""What an SLO of Datadog counts."""

import re
from collections.abc import Mapping

from app.count_queries import CountQueryError, label_of_tag, read_datadog
from app.documents.datadog.model import CountModel, ObjectiveModel, QueryModel
from app.documents.importing.scope import Scope
from app.sli import IntervalCounts
from app.slo import Events, SourceKind

_NAME = re.compile(r"\b[A-Za-z_]\w*\b")
_REASONS = {
    "monitor": (
        "is about the states of monitors, and Sloburn counts events",
        "write queries of good and of all events, as a metric SLO has them",
    ),
    "time_slice": (
        "measures a value in slices of time, and Sloburn counts events of Datadog",
        "write queries of bad and of all events; a composite worst_of of that SLO has slices",
    ),
}


def sli_of_objective(model: ObjectiveModel, scope: Scope) -> IntervalCounts | None:
    """The SLI; None, and why, where it cannot be counted."""
    if model.type != "metric":
        known = (f"{model.type!r} is not known", "write metric")
        scope.below("type").error(*_REASONS.get(model.type, known))
        return None
    specification = model.sli_specification
    if specification is not None and specification.count is not None:
        return _of_count(specification.count, scope.below("sli_specification", "count"))
    if model.query is None:
        scope.error("has neither a query nor an sli_specification", "write query: with numerator and denominator")
        return None
    return _of_query(model.query, scope.below("query"))


def _of_query(query: QueryModel, scope: Scope) -> IntervalCounts | None:
    return _sli(
        (query.denominator, scope.below("denominator")), Events.GOOD, (query.numerator, scope.below("numerator"))
    )


def _of_count(count: CountModel, scope: Scope) -> IntervalCounts | None:
    queries = {one.name: one.query for one in count.queries}
    other = next((place for place, one in enumerate(count.queries) if one.data_source != "metrics"), None)
    if other is not None:
        problem = f"counts {count.queries[other].data_source}, and Sloburn counts metrics of Datadog"
        scope.below("queries", other, "data_source").error(problem, "write a metric that is made of them")
        return None
    names = ("good_events_formula", "bad_events_formula", "total_events_formula")
    formulas = {name: _filled(text, queries) for name in names if (text := getattr(count, name)) is not None}
    good, bad, total = (formulas.get(name) for name in names)
    of_good, of_bad, of_total = (scope.below(name) for name in names)
    if total is not None and (good is None) != (bad is None):
        part, at, shares = (good, of_good, Events.GOOD) if good is not None else (bad, of_bad, Events.BAD)
        return _sli((total, of_total), shares, (part or "", at))
    if good is not None and bad is not None and total is None:
        return _sli((f"{good} + {bad}", of_good), Events.BAD, (bad, of_bad))
    scope.error("needs two of good, bad and total events", "write good_events_formula: and total_events_formula:")
    return None


def _filled(formula: str, queries: Mapping[str, str]) -> str:
    """A formula with its queries in the place of their names."""
    return _NAME.sub(lambda found: queries.get(found[0], found[0]), formula)


def _sli(total: tuple[str, Scope], shares: Events, part: tuple[str, Scope]) -> IntervalCounts | None:
    counts = []
    for text, scope in (total, part):
        try:
            counts.append(read_datadog(text))
        except CountQueryError as error:
            scope.error(error.problem, error.remedy)
            return None
    of_total, of_part = counts
    if of_total.by != of_part.by:
        part[1].error("is grouped by other tags than all events are", "write the same by {...} in both")
        return None
    by = tuple(map(label_of_tag, of_total.by))
    return IntervalCounts(language=SourceKind.DATADOG, total=of_total.text, part=of_part.text, shares=shares, by=by)
