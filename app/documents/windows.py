"""How long a rolling SLO window and a slice of time may be, in documents of every dialect."""

from datetime import timedelta

from app.slo import CalendarWindow, format_duration
from app.yamldoc.scalars import refuse

# The shortest long window of the default rules: below it no alert would be left.
_SHORTEST = timedelta(hours=1)
# Longer windows are not kept at the resolution that budgets need.
_LONGEST = timedelta(days=90)
# A leap year; history beyond it is not kept.
_LONGEST_PERIOD = timedelta(days=366)
# Slices are evaluated on a grid of at most five minutes, beyond which gaps would look like missing data: longer ones
# must be a multiple of it, or their ends would lie between its times.
_SHORTEST_SLICE, _LONGEST_SLICE, _REST = timedelta(minutes=1), timedelta(hours=1), timedelta(minutes=5)
# Up to five minutes, and whole in the quarter of an hour that is the widest cell of the ledger.
_COMPOSITE_SLICES = frozenset({timedelta(minutes=1), timedelta(minutes=3), timedelta(minutes=5)})


def checked_length(duration: timedelta) -> timedelta:
    """The length, or a refusal with a remedy."""
    if not _SHORTEST <= duration <= _LONGEST:
        problem = f"{format_duration(duration)} is not between 1h and 90d"
        raise refuse(problem, "write a window such as 7d, 28d or 30d, or {calendar: quarter}")
    return duration


def calendar_problem(window: CalendarWindow) -> tuple[str, str] | None:
    """Why a window of the calendar is too long, and what to write instead; None if it is not."""
    return ("is longer than a year", "write a period such as one month") if window.nominal > _LONGEST_PERIOD else None


def composite_slice_problem(length: timedelta) -> tuple[str, str] | None:
    """Why a composite cannot have slices of that length, and what to write instead; None if it can."""
    if length in _COMPOSITE_SLICES:
        return None
    return f"{format_duration(length)} does not fill the cells of the ledger", "write 1m, 3m or 5m"


def slice_length_problem(length: timedelta) -> tuple[str, str] | None:
    """Why slices of that length cannot be evaluated, and what to write instead; None if they can."""
    if not _SHORTEST_SLICE <= length <= _LONGEST_SLICE:
        return f"{format_duration(length)} is not between 1m and 1h", "write a length such as 1m, 5m or 1h"
    if length > _REST and length % _REST:
        return f"{format_duration(length)} is no multiple of 5m", "write 10m, 15m, 30m or 1h"
    return None
