"""The periods of reports: of the calendar, or the last days before a date."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

_ONE_DAY = timedelta(days=1)
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_MONTHS_OF_A_YEAR = 12
LONGEST_ROLLING_DAYS = 366
"""Days of the longest period that is not of the calendar."""
_ROLLING = re.compile(r"([1-9]\d{0,2})d", re.ASCII)


class PeriodKind(StrEnum):
    """What a report is about; weeks begin on Monday, quarters in January, April, July and October."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    ROLLING = "rolling"


@dataclass(frozen=True, slots=True)
class ReportPeriod:
    """Whole days from *first* up to *end*, which is not part of it; each SLO has them in its own time zone."""

    kind: PeriodKind
    first: date
    end: date

    @property
    def name(self) -> str:
        """The period as people write it.

        >>> [read_period(kind, date(2026, 11, 26)).name for kind in ("week", "month", "quarter", "year", "7d")]
        ['2026-W48', '2026-11', '2026-Q4', '2026', '2026-11-19 to 2026-11-25']
        """
        if self.kind is PeriodKind.WEEK:
            year, week, _ = self.first.isocalendar()
            return f"{year}-W{week:02}"
        if self.kind is PeriodKind.MONTH:
            return f"{self.first:%Y-%m}"
        if self.kind is PeriodKind.QUARTER:
            return f"{self.first.year}-Q{(self.first.month + 2) // 3}"
        if self.kind is PeriodKind.YEAR:
            return f"{self.first.year}"
        return f"{self.first} to {self.end - _ONE_DAY}"

    @property
    def text(self) -> str:
        """The kind as a query has it."""
        return f"{(self.end - self.first).days}d" if self.kind is PeriodKind.ROLLING else self.kind.value

    @property
    def previous(self) -> "ReportPeriod":
        """The period of the same kind before it."""
        if self.kind is PeriodKind.ROLLING:
            return ReportPeriod(self.kind, self.first - (self.end - self.first), self.first)
        return _calendar(self.kind, self.first - _ONE_DAY)

    @property
    def next(self) -> "ReportPeriod":
        """The period of the same kind after it."""
        if self.kind is PeriodKind.ROLLING:
            return ReportPeriod(self.kind, self.end, self.end + (self.end - self.first))
        return _calendar(self.kind, self.end)

    @property
    def at(self) -> date:
        """A date that stands for this period in a query."""
        return self.end if self.kind is PeriodKind.ROLLING else self.first

    def bounds(self, timezone: str) -> tuple[datetime, datetime]:
        """Start and end in a time zone."""
        zone = ZoneInfo(timezone)
        return datetime.combine(self.first, time(), zone), datetime.combine(self.end, time(), zone)


def read_period(text: str, at: date) -> ReportPeriod:
    """The period of this kind with a date in it; of days such as ``30d``, those before the date.

    Raises:
        ValueError: the text is not a period.
    """
    days = _ROLLING.fullmatch(text)
    if days is not None and int(days[1]) <= LONGEST_ROLLING_DAYS:
        return ReportPeriod(PeriodKind.ROLLING, at - int(days[1]) * _ONE_DAY, at)
    kind = next((kind for kind in PeriodKind if kind.value == text and kind is not PeriodKind.ROLLING), None)
    if kind is None:
        raise ValueError(f"{text!r} is not a period: write week, month, quarter, year, or days such as 30d")
    return _calendar(kind, at)


def _calendar(kind: PeriodKind, at: date) -> ReportPeriod:
    if kind is PeriodKind.WEEK:
        first = at - at.weekday() * _ONE_DAY
        return ReportPeriod(kind, first, first + 7 * _ONE_DAY)
    months = _MONTHS[kind.value]
    number = (at.year * _MONTHS_OF_A_YEAR + at.month - 1) // months * months
    return ReportPeriod(kind, _first_of_month(number), _first_of_month(number + months))


def _first_of_month(number: int) -> date:
    return date(number // _MONTHS_OF_A_YEAR, number % _MONTHS_OF_A_YEAR + 1, 1)
