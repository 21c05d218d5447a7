"""Times and steps as people put them into a query string."""

import re
from datetime import UTC, datetime, timedelta

from app.api.problems import invalid
from app.slo import EARLIEST, LATEST, parse_duration

MAX_POINTS = 11_000
"""As many points as Prometheus gives for one range query."""

_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{0,20})?([eE][+-]?\d{1,3})?", re.ASCII)
# `datetime.fromisoformat` alone also reads dates of weeks, and times without an offset.
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)([Zz]|[+ -]\d\d:[0-5]\d)", re.ASCII)
LONGEST_STEP = timedelta(days=366)
# As many as a graph shows side by side.
DEFAULT_POINTS = 400


def parse_time(text: str, *, name: str) -> datetime:
    """A time as RFC 3339 or as Unix seconds."""
    if _RFC3339.fullmatch(f"{text}Z"):
        raise invalid(f"{name}={text!r} has no time zone: append Z, or an offset such as +01:00")
    try:
        seconds = _number(text)
        at = _rfc3339(text) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        message = f"{name}={text!r} is not a time: write 2026-03-01T12:00:00Z or seconds since 1970"
        raise invalid(message) from error
    # Windows reach back a year: far from the ends of the calendar no arithmetic can leave it.
    if not EARLIEST <= at < LATEST:
        raise invalid(f"{name}={text!r} must be between {EARLIEST.year} and {LATEST.year}")
    return at.astimezone(UTC)


def parse_range(start: str | None, end: str | None) -> tuple[datetime | None, datetime | None]:
    """The times that the parameters ``from`` and ``to`` give; None for one that is not given."""
    since = None if start is None else parse_time(start, name="from")
    return since, None if end is None else parse_time(end, name="to")


def parse_step(text: str) -> timedelta:
    """A step as a duration such as ``5m`` or as seconds."""
    seconds = _number(text)
    step = _duration(text).total_seconds() if seconds is None else seconds
    if not 1 <= step <= LONGEST_STEP.total_seconds():
        raise invalid(f"step={text!r} must be at least a second and at most a year")
    return timedelta(seconds=step)


def check_span(start: datetime, end: datetime, step: timedelta) -> None:
    """Refuse a span that is empty or has too many steps."""
    if start >= end:
        raise invalid(f"from={start.isoformat()} must be before to={end.isoformat()}")
    if (end - start) / step > MAX_POINTS:
        raise invalid(f"more than {MAX_POINTS} points: ask for a longer step or a shorter time")


def _number(text: str) -> float | None:
    # `float` also reads `1_000`, `nan` and digits of other scripts.
    return float(text) if _NUMBER.fullmatch(text) else None


def _rfc3339(text: str) -> datetime:
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(text)
    moment, offset = match.groups()
    # In a query string a bare plus means a space, and people do not escape the one of "+01:00".
    return datetime.fromisoformat(f"{moment}{offset.replace(' ', '+')}".upper())


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise invalid(f"step: {error}") from error
