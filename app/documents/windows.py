"""How long a rolling SLO window may be, in documents of every dialect."""

from datetime import timedelta

from app.slo import format_duration
from app.yamldoc.scalars import refuse

_SHORTEST = timedelta(hours=1)
# Longer windows are not kept at the resolution that budgets need.
_LONGEST = timedelta(days=90)


def checked_length(duration: timedelta) -> timedelta:
    """The length, or a refusal with a remedy."""
    if not _SHORTEST <= duration <= _LONGEST:
        problem = f"{format_duration(duration)} is not between 1h and 90d"
        raise refuse(problem, "write a window such as 7d, 28d or 30d, or {calendar: quarter}")
    return duration
