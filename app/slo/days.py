"""The days of the calendar in a time zone, as unix seconds."""

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
# The zones of an installation, each with the days of a few ranges.
_RANGES_KEPT = 512


def find_time_zone(name: str) -> ZoneInfo | None:
    """The time zone of the IANA database with a name; None if there is none."""
    try:
        return ZoneInfo(name)
    # A name may also be that of a folder, or no path at all.
    except (ValueError, OSError, LookupError):
        return None


def day_starts(timezone: str, since_s: float, until_s: float) -> tuple[int, ...]:
    """The starts of the days that touch (since, until], and the end of the last one.

    A day whose midnight a clock change skips begins with the change; one that has it twice, with the first.

    >>> [end - start for start, end in itertools.pairwise(day_starts("Europe/Berlin", 1774652400, 1774738801))]
    [86400, 82800]
    """
    zone = ZoneInfo(timezone)
    # An instant belongs to the slot that ends with it, and so to the day before if it is midnight.
    first = datetime.fromtimestamp(since_s, zone).toordinal()
    last = datetime.fromtimestamp(until_s, zone).toordinal()
    starts = _starts(timezone, first, max(last, first) + 2)
    return starts if starts[-2] < until_s or len(starts) <= 2 else starts[:-1]  # noqa: PLR2004  one day has two


@lru_cache(_RANGES_KEPT)
def _starts(timezone: str, first: int, last: int) -> tuple[int, ...]:
    zone = ZoneInfo(timezone)
    local = datetime.combine(datetime.fromordinal(first), time(0))
    days = (local + number * _DAY for number in range(last - first))
    return tuple(round(day.replace(tzinfo=zone, fold=0).astimezone(UTC).timestamp()) for day in days)
