"""SLIs that can never count a bad event, such as those of a query out of itself."""

from app.sli.reduction import QueryFinding
from app.slo import Sli

NEVER_BAD = QueryFinding(
    "never_bad",
    "never counts a bad event: all events of total are good",
    "write a query of the good events only, or of the bad ones",
)


def is_never_bad(sli: Sli) -> bool:
    """Whether the weights of the events leave nothing that could be bad; False where an expression is evaluated."""
    return bool(sli.terms) and not any(term.weights.bad for term in sli.terms)
