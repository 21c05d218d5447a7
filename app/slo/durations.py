"""Durations as Prometheus writes them: ``30s``, ``5m``, ``1h30m``, ``30d``.

Source: https://prometheus.io/docs/prometheus/latest/querying/basics/#float-literals-and-time-durations
"""

import re
from datetime import timedelta
from functools import lru_cache

_UNITS_MS = {
    # As in Prometheus: a year has 365 days, a month is not a unit.
    "y": 365 * 86_400_000,
    "w": 7 * 86_400_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_DURATION = re.compile(
    r"(?:(?P<y>\d{1,18})y)?(?:(?P<w>\d{1,18})w)?(?:(?P<d>\d{1,18})d)?(?:(?P<h>\d{1,18})h)?"
    r"(?:(?P<m>\d{1,18})m)?(?:(?P<s>\d{1,18})s)?(?:(?P<ms>\d{1,18})ms)?",
    # Or \d would match digits of other scripts, which Prometheus refuses.
    re.ASCII,
)
_SPELT_PART = re.compile(r"(\d{1,18})\s*([A-Za-z]+)", re.ASCII)
_SPELT_OUT = re.compile(r"\s*(?:\d{1,18}\s*[A-Za-z]+\s*){1,7}", re.ASCII)
_UNIT_NAMES = {
    name: unit
    for unit, names in {
        "y": "year years",
        "w": "week weeks",
        "d": "day days",
        "h": "hr hrs hour hours",
        "m": "min mins minute minutes",
        "s": "sec secs second seconds",
        "ms": "msec msecs millisecond milliseconds",
    }.items()
    for name in names.split()
}
# Far above every window, and far below where a timedelta or a unix time in milliseconds overflows.
_LONGEST_MS = 100 * 365 * 86_400_000


class DurationError(ValueError):
    """A text that is not a duration: *problem* says what is wrong, *remedy* what to write instead."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}: {remedy}")
        self.problem = problem
        self.remedy = remedy


def parse_duration(text: str) -> timedelta:
    """A Prometheus duration such as ``1h30m``.

    Raises:
        DurationError: the text is not a duration, is zero, or is longer than a century.
    """
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        remedy = _as_written(text) or "a number and a unit, such as 30s, 5m, 1h or 30d"
        raise DurationError(f"{text!r} is not a duration", f"write {remedy}")
    ms = sum(int(amount) * _UNITS_MS[unit] for unit, amount in match.groupdict().items() if amount)
    if not 0 < ms <= _LONGEST_MS:
        raise DurationError(
            f"{text!r} must be longer than zero and shorter than a century", "write a duration such as 5m, 1h or 30d"
        )
    return timedelta(milliseconds=ms)


def _as_written(text: str) -> str | None:
    """The duration that is meant by spaces, capitals and the names of units; None where it is not clear."""
    if _SPELT_OUT.fullmatch(text) is None:
        return None
    found = _SPELT_PART.findall(text)
    duration = "".join(f"{amount}{_UNIT_NAMES.get(unit.lower(), unit.lower())}" for amount, unit in found)
    # `M` is a month in other formats, which has no fixed length.
    is_clear = all(unit != "M" for _, unit in found) and any(int(amount) for amount, _ in found)
    return duration if is_clear and _DURATION.fullmatch(duration) else None


@lru_cache(maxsize=1024)
def format_duration(duration: timedelta) -> str:
    """The duration in the largest units that say it exactly.

    >>> format_duration(timedelta(minutes=90)), format_duration(timedelta(days=30))
    ('1h30m', '30d')
    """
    ms = duration // timedelta(milliseconds=1)
    if ms == 0:
        return "0s"
    parts = []
    # Weeks and years are never written: people compare 7d with 28d and 30d.
    for unit in ("d", "h", "m", "s", "ms"):
        amount, ms = divmod(ms, _UNITS_MS[unit])
        if amount:
            parts.append(f"{amount}{unit}")
    return "".join(parts)


def format_seconds(seconds: float) -> str:
    """A time in whole seconds; a negative one has a minus sign.

    >>> format_seconds(150.2), format_seconds(-30.0), format_seconds(-0.2)
    ('2m30s', '-30s', '0s')
    """
    whole = round(seconds)
    text = format_duration(timedelta(seconds=abs(whole)))
    return f"-{text}" if whole < 0 else text


def duration_with_weeks(duration: timedelta) -> str:
    """The duration as Prometheus and tools in Go write it, with whole years and weeks where it has no rest.

    Source: https://github.com/prometheus/common/blob/main/model/time.go

    >>> [duration_with_weeks(timedelta(days=days)) for days in (7, 28, 30, 365)]
    ['1w', '4w', '30d', '1y']
    """
    ms = duration // timedelta(milliseconds=1)
    for unit in ("y", "w"):
        amount, rest = divmod(ms, _UNITS_MS[unit])
        if amount and not rest:
            return f"{amount}{unit}"
    return format_duration(duration)
