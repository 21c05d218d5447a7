"""SLO windows: rolling ones, and calendar ones in a named time zone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from typing_extensions import override

from app.slo.durations import format_duration


class CalendarUnit(StrEnum):
    """A period of the calendar; weeks begin on Monday, quarters in January, April, July and October."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


# Two hours more than the calendar says: a period may end after a change to winter time, in a zone that changes by two.
_LONGEST = {
    CalendarUnit.WEEK: timedelta(days=7, hours=2),
    CalendarUnit.MONTH: timedelta(days=31, hours=2),
    CalendarUnit.QUARTER: timedelta(days=92, hours=2),
    CalendarUnit.YEAR: timedelta(days=366, hours=2),
}
# Factors are derived from round lengths, so that an alert does not change its threshold in February.
_NOMINAL = {
    CalendarUnit.WEEK: timedelta(days=7),
    CalendarUnit.MONTH: timedelta(days=30),
    CalendarUnit.QUARTER: timedelta(days=91),
    CalendarUnit.YEAR: timedelta(days=365),
}


@dataclass(frozen=True, slots=True)
class RollingWindow:
    """The last *duration* before the newest measured slot."""

    duration: timedelta

    def bounds(self, at: datetime) -> tuple[datetime, datetime]:
        """Start and end of the window that ends at *at*."""
        return at - self.duration, at

    def period(self, at: datetime) -> timedelta:
        """How long the whole window lasts; its budget is for this period."""
        del at
        return self.duration

    @property
    def nominal(self) -> timedelta:
        """The length that alert factors are derived from."""
        return self.duration

    @property
    def longest(self) -> timedelta:
        """How much history the window can ever need."""
        return self.duration

    @override
    def __str__(self) -> str:
        return format_duration(self.duration)


@dataclass(frozen=True, slots=True)
class CalendarWindow:
    """The current week, month, quarter or year in *timezone*; half-open, [start, end)."""

    unit: CalendarUnit
    timezone: str

    def bounds(self, at: datetime) -> tuple[datetime, datetime]:
        """From the start of the period that the slot ending at *at* lies in, to *at*.

        A slot ends at *at* and belongs to the period before it: at midnight of the 1st the window is still the
        whole month that has just ended.
        """
        start, _ = self._period(at)
        return start, at

    def period(self, at: datetime) -> timedelta:
        """How long the whole period lasts: months have 28 to 31 days, days with a clock change 23 or 25 hours."""
        start, end = self._period(at)
        return end - start

    @property
    def nominal(self) -> timedelta:
        """The length that alert factors are derived from: 7, 30, 91 or 365 days."""
        return _NOMINAL[self.unit]

    @property
    def longest(self) -> timedelta:
        """How much history the window can ever need."""
        return _LONGEST[self.unit]

    @override
    def __str__(self) -> str:
        return f"calendar {self.unit} ({self.timezone})"

    def _period(self, at: datetime) -> tuple[datetime, datetime]:
        zone = ZoneInfo(self.timezone)
        local = (at - timedelta(microseconds=1)).astimezone(zone)
        first = _first_day(self.unit, local)
        start, end = _midnight(first, zone), _midnight(_next(self.unit, first), zone)
        if at > end:
            # A clock that was set back over midnight shows the old day once more; the new period has begun.
            return end, _midnight(_next(self.unit, _next(self.unit, first)), zone)
        return start, end


Window = RollingWindow | CalendarWindow


def _first_day(unit: CalendarUnit, local: datetime) -> datetime:
    day = datetime(local.year, local.month, local.day)  # noqa: DTZ001  a calendar day has no zone of its own
    match unit:
        case CalendarUnit.WEEK:
            return day - timedelta(days=day.weekday())
        case CalendarUnit.MONTH:
            return day.replace(day=1)
        case CalendarUnit.QUARTER:
            return day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
        case CalendarUnit.YEAR:
            return day.replace(month=1, day=1)


def _next(unit: CalendarUnit, first: datetime) -> datetime:
    match unit:
        case CalendarUnit.WEEK:
            return first + timedelta(days=7)
        case CalendarUnit.MONTH:
            return (first + timedelta(days=31)).replace(day=1)
        case CalendarUnit.QUARTER:
            return (first + timedelta(days=93)).replace(day=1)
        case CalendarUnit.YEAR:
            return first.replace(year=first.year + 1)


def _midnight(day: datetime, zone: ZoneInfo) -> datetime:
    # fold=0 is the first of two midnights; a midnight that a clock change skips maps to the instant of the change.
    return day.replace(tzinfo=zone, fold=0).astimezone(UTC)
