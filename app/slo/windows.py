"""SLO windows: rolling ones, and calendar ones in a named time zone."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from typing_extensions import override

from app.slo.durations import format_duration


class CalendarUnit(StrEnum):
    """A period of the calendar; weeks begin on Monday, quarters in January, April, July and October."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


# Two hours more than the calendar says: a period may end after a change to winter time, in a zone that changes by two.
_LONGEST = {
    CalendarUnit.DAY: timedelta(days=1, hours=2),
    CalendarUnit.WEEK: timedelta(days=7, hours=2),
    CalendarUnit.MONTH: timedelta(days=31, hours=2),
    CalendarUnit.QUARTER: timedelta(days=92, hours=2),
    CalendarUnit.YEAR: timedelta(days=366, hours=2),
}
# Factors are derived from round lengths, so that an alert does not change its threshold in February.
_NOMINAL = {
    CalendarUnit.DAY: timedelta(days=1),
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
    def timezone(self) -> str:
        """The zone of its days: UTC, since a rolling window has none."""
        return "UTC"

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


# Where the periods of the calendar begin that have no start of their own: a Monday, and the first day of a year.
_MONDAY, _NEW_YEAR = datetime(1969, 12, 29), datetime(1970, 1, 1)  # noqa: DTZ001  a calendar day has no zone of its own
_MONTHS = {CalendarUnit.MONTH: 1, CalendarUnit.QUARTER: 3, CalendarUnit.YEAR: 12}
_MONTHS_PER_YEAR = 12


@dataclass(frozen=True, slots=True)
class CalendarWindow:
    """The current day, week, month, quarter or year in *timezone*; half-open, [start, end).

    Periods of *every* units follow each other from *start*, a local time; None is the beginning that the unit has by
    itself. A start on the 31st begins months at their last day where they are shorter.
    """

    unit: CalendarUnit
    timezone: str
    every: int = 1
    start: datetime | None = None

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
        """The length that alert factors are derived from: 1, 7, 30, 91 or 365 days for each unit."""
        return self.every * _NOMINAL[self.unit]

    @property
    def longest(self) -> timedelta:
        """How much history the window can ever need."""
        return self.every * _LONGEST[self.unit]

    @override
    def __str__(self) -> str:
        unit = str(self.unit) if self.every == 1 else f"{self.every} {self.unit}s"
        start = "" if self.start is None else f" from {self.start:%Y-%m-%d %H:%M}"
        return f"calendar {unit}{start} ({self.timezone})"

    def _period(self, at: datetime) -> tuple[datetime, datetime]:
        zone = ZoneInfo(self.timezone)
        local = at.astimezone(zone).replace(tzinfo=None)
        count = self._periods_until(local)
        # Local time is off by the change of a clock, and by the days that a month is short, near the end of a period.
        while at > _instant(self._beginning(count + 1), zone):
            count += 1
        while at <= _instant(self._beginning(count), zone):
            count -= 1
        return _instant(self._beginning(count), zone), _instant(self._beginning(count + 1), zone)

    @property
    def _anchor(self) -> datetime:
        return self.start or (_MONDAY if self.unit is CalendarUnit.WEEK else _NEW_YEAR)

    def _periods_until(self, local: datetime) -> int:
        anchor = self._anchor
        if self.unit in _MONTHS:
            months = _MONTHS_PER_YEAR * (local.year - anchor.year) + local.month - anchor.month
            return months // (self.every * _MONTHS[self.unit])
        return (local - anchor) // (self.every * _NOMINAL[self.unit])

    def _beginning(self, count: int) -> datetime:
        """The local time at which a period begins, counted from the first."""
        anchor = self._anchor
        if self.unit not in _MONTHS:
            return anchor + count * self.every * _NOMINAL[self.unit]
        months = anchor.month - 1 + count * self.every * _MONTHS[self.unit]
        year, month = anchor.year + months // _MONTHS_PER_YEAR, months % _MONTHS_PER_YEAR + 1
        return anchor.replace(year=year, month=month, day=min(anchor.day, monthrange(year, month)[1]))


Window = RollingWindow | CalendarWindow


def month_of(window: Window) -> CalendarWindow:
    """The calendar month in the zone of an SLO window."""
    return CalendarWindow(CalendarUnit.MONTH, window.timezone)


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    # fold=0 is the first of two such times; one that a clock change skips maps to the instant of the change or later.
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)
