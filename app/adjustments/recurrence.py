"""When an adjustment applies: its occurrences, by the rules of RFC 5545, in wall-clock time.

Rules are expanded without offsets and each start becomes an instant afterwards: at two in the morning is at two in the
morning, in summer and in winter. How long an occurrence lasts is elapsed time.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import MAXYEAR, UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from app.adjustments.model import LONGEST, MOST_EXDATES, Adjustment, InvalidAdjustmentError, instant

_FREQUENCIES = frozenset({"YEARLY", "MONTHLY", "WEEKLY", "DAILY"})
# What a rule may have; BYSECOND and BYMINUTE would make thousands of starts a day.
_PARTS = frozenset(
    {
        "FREQ",
        "INTERVAL",
        "COUNT",
        "UNTIL",
        "WKST",
        "BYDAY",
        "BYMONTH",
        "BYMONTHDAY",
        "BYYEARDAY",
        "BYWEEKNO",
        "BYSETPOS",
    }
    | {"BYHOUR", "BYEASTER"}
)
# With these a rule of days may have no day: dateutil would look at each until the year 9999. Rules of months and years,
# which may have them, have a hundred thousand periods until then.
_NOT_DAILY = frozenset({"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS", "BYEASTER"})
# What the numbers of a part may be; counted from an end none is 0. dateutil takes others, and looks for them until the
# year 9999, or fails. Easter is between the 81st and the 116th day of a year.
_NUMBERS = {
    "BYMONTH": range(1, 13),
    "BYMONTHDAY": range(-31, 32),
    "BYYEARDAY": range(-366, 367),
    "BYWEEKNO": range(-53, 54),
    "BYSETPOS": range(-366, 367),
    "BYHOUR": range(24),
    "BYEASTER": range(-80, 251),
}
_MAY_BE_0 = frozenset({"BYHOUR", "BYEASTER"})
_NUMBER = re.compile(r"[+-]?\d{1,3}", re.ASCII)
_WEEKDAYS = re.compile(r"(?:[+-]?\d{1,2})?(?:MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_MOST_CHARS = 500
_MOST_COUNT, _MOST_INTERVAL, _MOST_DIGITS = 10_000, 1_000, 6
_BAD_UNTIL = "rrule: UNTIL must be a date such as 20260301 or a time such as 20260301T120000Z"
# One each hour (BYHOUR) for six years: what totals of days are kept for, and more.
_MOST_OCCURRENCES = 55_000
# Rules such as the 30th of February have no occurrence, and a search for one ends in the year 9999.
_SEARCHED = timedelta(days=3 * 366)
_IN_EVERY_MONTH = 28
# After so many years weekdays and leap years are the same, but for those that a century leaves out.
_YEARS_OF_CYCLE = 28
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?", re.ASCII)


class Occurrence(NamedTuple):
    """One stretch of time in which an adjustment applies."""

    start: datetime
    end: datetime


def occurrences(adjustment: Adjustment, since: datetime, until: datetime) -> tuple[Occurrence, ...]:
    """The occurrences that overlap (since, until), oldest first."""
    return tuple(_occurring(adjustment, since, until))


def _occurring(adjustment: Adjustment, since: datetime, until: datetime) -> Iterator[Occurrence]:
    for local in _starts(adjustment, since, until):
        start = instant(local, adjustment.zone)
        end = start + adjustment.duration
        if start < until and end > since:
            yield Occurrence(start, end)


@lru_cache(maxsize=10_000)
def occurrences_a_year(adjustment: Adjustment) -> int:
    """How often an adjustment applies in the year after its start."""
    if not adjustment.rrule:
        return 1
    return len(occurrences(adjustment, adjustment.starts_at, adjustment.starts_at + timedelta(days=366)))


def check_recurrence(adjustment: Adjustment) -> None:
    """Make sure that a rule can be expanded, and has an occurrence.

    Raises:
        InvalidAdjustmentError: it cannot, or has none.
    """
    if len(adjustment.exdates) > MOST_EXDATES:
        raise InvalidAdjustmentError(f"exdates: at most {MOST_EXDATES:,} can be left out")
    parts = _parts(adjustment.rrule)
    _check_parts(parts)
    _check_values(parts)
    first = adjustment.starts_at
    try:
        ever = _ever_occurs(adjustment, parts)
        found = next(_occurring(adjustment, first - LONGEST, first + _SEARCHED), None) if ever else None
    except InvalidAdjustmentError:
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise InvalidAdjustmentError(f"rrule: {error}") from error
    if found is None:
        raise InvalidAdjustmentError("rrule: it has no occurrence in the three years after start")


def _ever_occurs(adjustment: Adjustment, parts: Mapping[str, str]) -> bool:
    """Whether a rule has any day, such as not the 30th of February, apart from its end.

    dateutil would look for one until the year 9999, a second for each rule of a calendar: here from the last year on
    that has the weekdays and leap years of the rule's start.
    """
    start = adjustment.start
    cycle = range(MAXYEAR - 3, MAXYEAR - 3 - _YEARS_OF_CYCLE, -1)
    year = next(
        one
        for one in cycle
        if one % 4 == start.year % 4 and date(one, 1, 1).weekday() == date(start.year, 1, 1).weekday()
    )
    endless = ";".join(f"{name}={value}" for name, value in parts.items() if name not in {"COUNT", "UNTIL"})
    return next(iter(_rule(endless, start.replace(year=year), adjustment.timezone)), None) is not None


def _check_parts(parts: Mapping[str, str]) -> None:
    if parts.get("FREQ") not in _FREQUENCIES:
        raise InvalidAdjustmentError(f"rrule: FREQ must be one of {', '.join(sorted(_FREQUENCIES))}")
    if unknown := sorted(parts.keys() - _PARTS):
        raise InvalidAdjustmentError(f"rrule: {unknown[0]} cannot be used")
    if parts["FREQ"] == "DAILY" and (wrong := sorted(parts.keys() & _NOT_DAILY)):
        raise InvalidAdjustmentError(f"rrule: {wrong[0]} cannot be used with FREQ=DAILY; use FREQ=MONTHLY or YEARLY")
    for name, most in (("COUNT", _MOST_COUNT), ("INTERVAL", _MOST_INTERVAL)):
        given = parts.get(name, "1")
        if not (given.isdecimal() and len(given) < _MOST_DIGITS and 1 <= int(given) <= most):
            raise InvalidAdjustmentError(f"rrule: {name} must be between 1 and {most:,}")
    if "UNTIL" in parts and _UNTIL.fullmatch(parts["UNTIL"]) is None:
        raise InvalidAdjustmentError(_BAD_UNTIL)


def _check_values(parts: Mapping[str, str]) -> None:
    for name in parts.keys() & _NUMBERS.keys():
        for value in parts[name].split(","):
            number = int(value) if _NUMBER.fullmatch(value) else None
            if number not in _NUMBERS[name] or (number == 0 and name not in _MAY_BE_0):
                raise InvalidAdjustmentError(f"rrule: {name} cannot be {value!r}")
    # dateutil takes `MO(+1)` and spaces as well, which no calendar could have.
    for name in parts.keys() & {"BYDAY", "WKST"}:
        for value in parts[name].split(","):
            if _WEEKDAYS.fullmatch(value) is None:
                raise InvalidAdjustmentError(f"rrule: {name} cannot be {value!r}: write days such as MO or -1SU")


def _parts(rule: str) -> dict[str, str]:
    text = rule.strip().upper().removeprefix("RRULE:")
    if len(text) > _MOST_CHARS or "\n" in text:
        raise InvalidAdjustmentError(
            f"rrule: one rule of at most {_MOST_CHARS} characters, such as FREQ=WEEKLY;BYDAY=SU"
        )
    parts: dict[str, str] = {}
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value or name in parts:
            raise InvalidAdjustmentError(f"rrule: {part!r} must be written as NAME=VALUE, each name once")
        parts[name] = value
    return parts


def _starts(adjustment: Adjustment, since: datetime, until: datetime) -> Iterator[datetime]:
    """The wall-clock starts of occurrences that may overlap a range."""
    if not adjustment.rrule:
        yield adjustment.start
        return
    left_out = frozenset(adjustment.exdates)
    # A day more on both sides: a wall clock is at most that far from UTC.
    first = since.astimezone(UTC).replace(tzinfo=None) - adjustment.duration - timedelta(days=1)
    last = until.astimezone(UTC).replace(tzinfo=None) + timedelta(days=1)
    rule = _rule(adjustment.rrule, _nearer(adjustment, first), adjustment.timezone)
    # `xafter` leaves out its own argument, which may be the first start.
    for local in islice(rule.xafter(max(first, adjustment.start - timedelta(seconds=1))), _MOST_OCCURRENCES):
        if local > last:
            return
        if local not in left_out:
            yield local


def _nearer(adjustment: Adjustment, first: datetime) -> datetime:
    """A later start with the same occurrences from *first* on: dateutil expands a rule from its start, decades ago."""
    start, parts = adjustment.start, _parts(adjustment.rrule)
    interval, frequency = int(parts.get("INTERVAL", "1")), parts["FREQ"]
    if first <= start or "COUNT" in parts:
        return start
    if frequency in {"DAILY", "WEEKLY"}:
        period = timedelta(days=interval * (1 if frequency == "DAILY" else 7))
        return start + max((first - start) // period - 1, 0) * period
    if start.day > _IN_EVERY_MONTH:
        return start
    months = interval * (12 if frequency == "YEARLY" else 1)
    passed = (first.year - start.year) * 12 + first.month - start.month
    later = start.month - 1 + max(passed // months - 1, 0) * months
    return start.replace(year=start.year + later // 12, month=later % 12 + 1)


@lru_cache(maxsize=1_000)
def _rule(text: str, start: datetime, timezone: str) -> rrule:
    parts = _parts(text)
    if "UNTIL" in parts:
        parts["UNTIL"] = _local_until(parts["UNTIL"], ZoneInfo(timezone))
    # The cache of dateutil would keep every start that was ever expanded.
    found = rrulestr(";".join(f"{name}={value}" for name, value in parts.items()), dtstart=start, cache=False)
    if not isinstance(found, rrule):
        raise InvalidAdjustmentError("rrule: write one rule")
    return found


def _local_until(text: str, zone: ZoneInfo) -> str:
    """The end of a rule in wall-clock time: dateutil takes UTC for rules with offsets only; a date is its whole day."""
    match = _UNTIL.fullmatch(text)
    if match is None:
        raise InvalidAdjustmentError(_BAD_UNTIL)
    day, time, utc = match.groups()
    if time is None:
        return f"{day}T235959"
    if not utc:
        return f"{day}T{time}"
    at = datetime.strptime(f"{day}{time}+0000", "%Y%m%d%H%M%S%z")
    return at.astimezone(zone).strftime("%Y%m%dT%H%M%S")
