"""The days of a year, in weeks, each with how much of the budget it spent."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from app.slo import Slo
from app.status import DaySummary

_WEEK = 7
_SHOWN = 365
_DAY = timedelta(days=1)
# Of what a day may spend if all days spend the same: from there on it is amber, red, and as bad as it gets.
_LEVELS = (1.0, 3.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """One day of the picture: *column* and *line* are where it is, *level* is how much was spent, 0 to 4.

    *level* is None where nothing was measured. Its *size* tells levels apart without colours.
    """

    day: DaySummary
    level: int | None
    column: int
    line: int

    @property
    def size(self) -> int:
        """The side of the square, of 12."""
        return 4 if self.level is None else (4, 7, 9, 11, 12)[self.level]

    @property
    def offset(self) -> float:
        """How far the square is inside its place."""
        return (12 - self.size) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The squares of a year, and the name of each month with the column that it begins in.

    *blanks* are column and line of the days of which nothing is known.
    """

    squares: tuple[Square, ...]
    blanks: tuple[tuple[int, int], ...]
    months: tuple[tuple[int, str], ...]
    columns: int
    timezone: str

    @property
    def newest_first(self) -> list[Square]:
        """The days as rows of a table."""
        return [*reversed(self.squares)]


def calendar(days: Sequence[DaySummary], slo: Slo) -> Calendar | None:
    """The calendar of days, oldest first; None without any."""
    if not days:
        return None
    fair = 1.0 / max(slo.window.nominal / _DAY, 1.0)
    newest = days[-1].date
    first = min(days[0].date, newest - (_SHOWN - 1) * _DAY)
    monday = first - first.weekday() * _DAY
    squares = tuple(
        Square(day=day, level=_level(day, fair), column=(day.date - monday).days // _WEEK, line=day.date.weekday())
        for day in days
    )
    unknown = [first + number * _DAY for number in range((days[0].date - first).days)]
    months: dict[tuple[int, int], int] = {}
    for day in (*unknown, *(one.date for one in days)):
        months.setdefault((day.year, day.month), (day - monday).days // _WEEK)
    named = [(column, f"{date(year, month, 1):%b}") for (year, month), column in months.items()]
    # The first is left out where the next one begins at once, and their names would overlap.
    following = [*(column for column, _ in named[1:]), math.inf]
    apart = [one for one, column in zip(named, following, strict=True) if column - one[0] > 1]
    return Calendar(
        squares=squares,
        blanks=tuple(((day - monday).days // _WEEK, day.weekday()) for day in unknown),
        months=tuple(apart),
        columns=squares[-1].column + 1,
        timezone=slo.window.timezone,
    )


def _level(day: DaySummary, fair: float) -> int | None:
    if math.isnan(day.budget_spent):
        return None
    if day.budget_spent <= 0:
        return 0
    return 1 + sum(day.budget_spent > fair * times for times in _LEVELS)
