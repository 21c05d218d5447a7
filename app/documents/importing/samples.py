"""Queries whose samples, not counters, are events."""

from decimal import Decimal

from app.documents.importing.events import sli_of_events
from app.documents.importing.fields import Operator
from app.documents.importing.scope import Scope
from app.slo import Sli

WINDOW = "[{{.window}}]"
"""The window of a query, as Sloth writes it and Sloburn reads it in every dialect."""
_STEPS = "[{{.window}}:]"


def sli_of_threshold(
    query: tuple[str, Scope], op: Operator | None, value: Decimal | None, objective: Scope
) -> Sli | None:
    """The SLI of a query whose values are good if *op* and *value* hold; None, and an error, where it fails."""
    if op is None or value is None:
        problem = f"needs {'op' if op is None else 'value'}, since the SLI is a threshold"
        objective.error(problem, "write op: lte and value: and the threshold")
        return None
    text, scope = query
    good = f"count_over_time((({text}) {op.promql} {value}){_STEPS})"
    return sli_of_events(total=(f"count_over_time(({text}){_STEPS})", scope), good=(good, scope))
