"""Times and steps as people put them into a query string."""

import math
from datetime import UTC, datetime, timedelta

from app.api.problems import invalid
from app.slo import parse_duration

MAX_POINTS = 11_000
"""As many points as Prometheus gives for one range query."""

_EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_LONGEST_STEP = timedelta(days=366)
_DEFAULT_POINTS = 400
_NICE_STEPS = tuple(
    timedelta(minutes=minutes) for minutes in (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 10_080)
)


def parse_time(text: str, *, name: str) -> datetime:
    """A time as RFC 3339 or as Unix seconds."""
    try:
        return _usable(_unix(text) or _rfc3339(text))
    except (ValueError, OverflowError, OSError) as error:
        message = f"{name}={text!r} is not a time: write 2026-03-01T12:00:00Z or seconds since 1970"
        raise invalid(message) from error


def parse_step(text: str) -> timedelta:
    """A step as a duration such as ``5m`` or as seconds."""
    try:
        seconds = float(text)
    except ValueError:
        return _duration(text)
    if not 1 <= seconds <= _LONGEST_STEP.total_seconds():
        raise invalid(f"step={text!r} must be at least a second and at most a year")
    return timedelta(seconds=seconds)


def default_step(span: timedelta) -> timedelta:
    """The shortest round step that cuts the span into a few hundred points at most."""
    return next((step for step in _NICE_STEPS if span / step <= _DEFAULT_POINTS), _NICE_STEPS[-1])


def check_span(start: datetime, end: datetime, step: timedelta) -> None:
    """Refuse a span that is empty or has too many steps."""
    if start >= end:
        raise invalid(f"from={start.isoformat()} must be before to={end.isoformat()}")
    if (end - start) / step > MAX_POINTS:
        raise invalid(f"more than {MAX_POINTS} points: ask for a longer step or a shorter time")


def _usable(at: datetime) -> datetime:
    # Windows reach back a year: far from the ends of the calendar no arithmetic can leave it.
    if not _EARLIEST <= at < _LATEST:
        raise ValueError(at)
    return at.astimezone(UTC)


def _unix(text: str) -> datetime | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    if not math.isfinite(seconds):
        raise ValueError(text)
    return datetime.fromtimestamp(seconds, UTC)


def _rfc3339(text: str) -> datetime:
    # In a query string a bare plus means a space, and people do not escape the one of "+01:00".
    at = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    if at.tzinfo is None:
        raise ValueError(text)
    return at


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise invalid(f"step: {error}") from error
