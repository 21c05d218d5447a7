"""What a service level of New Relic counts."""

from app.count_queries import CountQueryError, read_nrql
from app.documents.importing.scope import Scope
from app.documents.newrelic.model import CountedEventsModel, IndicatorEventsModel
from app.sli import IntervalCounts
from app.slo import Events, SourceKind


def sli_of_events(events: IndicatorEventsModel, scope: Scope) -> IntervalCounts | None:
    """The SLI; None, and why, where it cannot be counted."""
    if (events.good is None) == (events.bad is None):
        scope.error("needs one of goodEvents and badEvents", "write badEvents:")
        return None
    total = _query(events.valid, scope.below("validEvents"))
    if events.bad is not None:
        shares, part = Events.BAD, _query(events.bad, scope.below("badEvents"))
    else:
        shares, part = Events.GOOD, _query(events.good, scope.below("goodEvents"))
    if total is None or part is None:
        return None
    return IntervalCounts(language=SourceKind.NEWRELIC, total=total, part=part, shares=shares)


def _query(events: CountedEventsModel | None, scope: Scope) -> str | None:
    if events is None:
        return None
    what = "count(*)"
    if events.select is not None:
        function = events.select.function.upper()
        if function == "SUM" and events.select.attribute:
            what = f"sum({events.select.attribute})"
        elif function != "COUNT":
            problem = f"selects {function}, which is no number of events of an interval"
            scope.below("select").error(problem, "write COUNT, or SUM with an attribute")
            return None
    where = f" WHERE {events.where}" if events.where.strip() else ""
    try:
        return read_nrql(f"SELECT {what} FROM {events.from_}{where}").text  # noqa: S608  NRQL, which only reads
    except CountQueryError as error:
        scope.below("where").error(error.problem, error.remedy)
        return None
