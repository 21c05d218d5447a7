"""The range of the charts, as it is in the address of the page."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.slo import EARLIEST, LATEST, DurationError, format_duration, parse_duration
from app.ui.views import rfc3339

CHOICES = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 3 * 24, 7 * 24, 30 * 24, 90 * 24))
"""The ranges that a page offers."""
_SHORTEST = timedelta(minutes=1)
# Five years: as long as days are kept.
_LONGEST = timedelta(days=1_830)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartRange:
    """From *start* to *end*; *length* is set if it is the newest so long, *query* is how it is written in an address.

    *problem* says what of the address could not be used.
    """

    start: datetime
    end: datetime
    length: timedelta | None
    problem: str | None = None

    @property
    def query(self) -> str:
        """The range in a query string."""
        if self.length is not None:
            return f"range={format_duration(self.length)}"
        return f"from={rfc3339(self.start)}&to={rfc3339(self.end)}"


def chart_range(
    *, choice: str | None, start: str | None, end: str | None, newest: datetime, default: timedelta
) -> ChartRange:
    """The range that is asked for: *choice* as a duration, or from *start* to *end*; *default* for what is no range."""
    if start or end:
        since, until = _time(start), _time(end) if end else newest
        if (
            since is not None
            and until is not None
            and since >= EARLIEST
            and until < LATEST
            and _SHORTEST <= until - since <= _LONGEST
        ):
            return ChartRange(start=since, end=until, length=None)
        wrong = "the range was not understood: write times such as 2026-03-01T12:00Z, the first before the second"
        return ChartRange(start=newest - default, end=newest, length=default, problem=wrong)
    length = default
    problem: str | None = None
    if choice:
        try:
            length = min(max(parse_duration(choice), _SHORTEST), _LONGEST)
        except DurationError:
            problem = f"range={choice[:20]} was not understood: write a duration such as 6h or 30d"
    return ChartRange(start=newest - length, end=newest, length=length, problem=problem)


def _time(text: str | None) -> datetime | None:
    """RFC 3339, Unix seconds, or a time of a form, which is UTC."""
    try:
        seconds = float(text or "")
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        at = datetime.fromisoformat((text or "").replace(" ", "+").upper())
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
