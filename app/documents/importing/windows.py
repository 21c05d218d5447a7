"""SLO windows of other tools: rolling ones, and periods of the calendar from a start in a named zone."""

from datetime import datetime, timedelta

from pydantic_core import PydanticCustomError

from app.documents.importing.scope import Scope
from app.documents.windows import calendar_problem, checked_length
from app.slo import CalendarUnit, CalendarWindow, RollingWindow, Window, find_time_zone

_QUARTER, _YEAR = 3, 12
"""Months."""
_JANUARY_AND_SO_ON = (1, 4, 7, 10)


_LENGTHS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
    "quarter": timedelta(days=90),
    "year": timedelta(days=365),
}


def unit_length(unit: str) -> timedelta | None:
    """How long a unit is in a rolling window, from minutes to years in any case; None for another word."""
    return _LENGTHS.get(unit.lower())


def rolling_window(duration: timedelta, scope: Scope) -> Window | None:
    """A rolling window; None, and an error, where it is too short or too long."""
    try:
        return RollingWindow(checked_length(duration))
    except PydanticCustomError as refusal:
        context = refusal.context or {}
        scope.error(str(context.get("problem")), str(context.get("remedy")))
        return None


def calendar_window(
    unit: CalendarUnit, count: int, *, start: tuple[str, Scope], timezone: tuple[str, Scope], length: Scope
) -> Window | None:
    """The window whose periods of *count* units begin at *start*, a local time; each value has its place.

    None, and an error, where a value is unusable.
    """
    zone, begins = _zone(*timezone), _local_time(*start)
    if zone is None or begins is None:
        return None
    # Three months from January are the calendar's quarters, under which the API and the UI know them.
    if unit is CalendarUnit.MONTH and count in {_QUARTER, _YEAR}:
        unit, count = (CalendarUnit.QUARTER if count == _QUARTER else CalendarUnit.YEAR), 1
    window = CalendarWindow(unit, zone, count, None if count == 1 and _is_usual(unit, begins) else begins)
    problem = calendar_problem(window)
    if problem is not None:
        length.error(*problem)
        return None
    return window


def _is_usual(unit: CalendarUnit, begins: datetime) -> bool:
    """Whether the periods begin where those of the calendar do."""
    if (begins.hour, begins.minute, begins.second) != (0, 0, 0):
        return False
    match unit:
        case CalendarUnit.DAY:
            return True
        case CalendarUnit.WEEK:
            return begins.weekday() == 0
        case CalendarUnit.MONTH:
            return begins.day == 1
        case CalendarUnit.QUARTER:
            return begins.day == 1 and begins.month in _JANUARY_AND_SO_ON
        case CalendarUnit.YEAR:
            return (begins.day, begins.month) == (1, 1)


def _zone(name: str, scope: Scope) -> str | None:
    if find_time_zone(name) is None:
        scope.error(f"{name!r} is not an IANA time zone", "write a place such as Europe/Berlin, or UTC")
        return None
    return name


def _local_time(text: str, scope: Scope) -> datetime | None:
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        scope.error(f"{text!r} is not a date and time", "write 2024-01-01 00:00:00")
        return None
    if found.tzinfo is not None:
        scope.warning("has an offset, which the time zone beside it replaces", "remove it", "offset_ignored")
    return found.replace(tzinfo=None)
