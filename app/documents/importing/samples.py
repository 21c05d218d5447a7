"""Queries whose samples, not counters, are events."""

from datetime import timedelta
from decimal import Decimal

from app.documents.importing.events import NOT_EXPRESSIBLE, has_other_actions
from app.documents.importing.fields import Operator
from app.documents.importing.scope import Scope
from app.promql.evaluable import evaluable
from app.promql.expressions import ExpressionError, with_window
from app.sli.any_promql import EVALUATED
from app.sli.condition import Comparison, Condition
from app.sli.errors import NotExpressibleError, QueryFaultError
from app.sli.expression import Expression
from app.sli.from_samples import gauge_of_events
from app.slo import Sli

WINDOW = "[{{.window}}]"
"""The window of a query, as Sloth writes it and Sloburn reads it in every dialect."""
_STEPS = "[{{.window}}:]"
# As in `app.sli.any_promql`, so that the same query is the same SLI in every dialect.
_EVERY, _RANGE = timedelta(minutes=1), timedelta(minutes=5)


def sli_of_threshold(
    query: tuple[str, Scope], op: Operator | None, value: Decimal | None, objective: Scope
) -> Sli | None:
    """The SLI of a query whose values are good if *op* and *value* hold; None, and an error, where it fails.

    Every sample of a metric counts; other queries are evaluated once a minute.
    """
    if op is None or value is None:
        problem = f"needs {'op' if op is None else 'value'}, since the SLI is a threshold"
        objective.error(problem, "write op: lte and value: and the threshold")
        return None
    text, scope = query
    if has_other_actions((query,)):
        return None
    good = f"count_over_time((({text}) {op.promql} {value}){_STEPS})"
    try:
        return gauge_of_events(total=f"count_over_time(({text}){_STEPS})", good=good)
    except QueryFaultError as error:
        scope.error(error.reason, error.remedy, error.code or NOT_EXPRESSIBLE)
        return None
    except NotExpressibleError:
        return _evaluated(text, Condition(Comparison(op.promql), float(value)), scope)


def _evaluated(text: str, good_when: Condition, scope: Scope) -> Sli | None:
    try:
        expression = evaluable(with_window(text, _RANGE))
    except ExpressionError as error:
        scope.error(error.problem, error.remedy, NOT_EXPRESSIBLE)
        return None
    problem = "is no bare metric: it is evaluated every 1m, and each evaluation is one event"
    scope.warning(problem, "to have every sample counted, write a selector such as probe_success", EVALUATED)
    return Expression(expression=expression, good_when=good_when, every=_EVERY)
