"""Times in response headers: the skew between two clocks, and when to retry."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache


def clock_skew(date: str | None, *, sent: datetime, received: datetime) -> float | None:
    """Seconds that the peer's clock is ahead of ours, as far as the answer proves it; None without a `Date`.

    `Date` names a whole second somewhere between *sent* and *received*, so that up to a second cannot be told from
    none: the result is 0 then, else the least difference that explains what came.
    """
    peer = _moment(date)
    if peer is None:
        return None
    least = (peer - received).total_seconds()
    most = (peer - sent).total_seconds() + 1.0
    return max(least, 0.0) + min(most, 0.0)


def retry_after(value: str | None, *, date: str | None) -> float | None:
    """Seconds in a `Retry-After`, which is a number or a date; None if there is none that can be read.

    A date is compared with the `Date` of the same answer, so that our clock does not matter.
    """
    if value is None:
        return None
    if value.strip().isdecimal() and len(value) < 10:  # noqa: PLR2004  # more digits are no time to wait
        return float(value)
    until, peer = _moment(value), _moment(date)
    return None if until is None or peer is None else max((until - peer).total_seconds(), 0.0)


@lru_cache(maxsize=8)  # many answers carry the same second
def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # the latter for numbers that no date can have
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
