"""What people ask for when they want an exception from policies, and what they may ask for."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from app.slo import EARLIEST, LATEST, format_duration
from app.wording.plain_text import one_line

LONGEST_EXCEPTION = timedelta(days=30)
"""How long an exception may last: what is excepted for longer is another policy."""
LONGEST_EXCEPTION_REASON = 1_000
LONGEST_EXCEPTION_VALUE = 200
"""Characters of a name or a value."""
# Each is compared with each SLO at each answer of the gate.
MOST_EXCEPTION_VALUES = 100


class InvalidExceptionError(ValueError):
    """An exception that cannot be; the text says which field, and what to write instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionRequest:
    """An exception that somebody wants; values may have `*` and `?`."""

    reason: str
    owner: str
    starts_at: datetime
    ends_at: datetime
    services: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    slos: tuple[str, ...] = ()
    break_glass: bool = False
    tenant: str = ""


def checked_exception(wanted: ExceptionRequest, *, at: datetime) -> ExceptionRequest:
    """What is wanted, in UTC, with texts of one line, and from *at* on where it would begin before.

    Raises:
        InvalidExceptionError: it cannot be.
    """
    for name, moment in (("starts_at", wanted.starts_at), ("ends_at", wanted.ends_at)):
        if not EARLIEST <= moment < LATEST:
            raise InvalidExceptionError(f"{name} must be between {EARLIEST.year} and {LATEST.year}")
    # An exception for what was is no exception; of a caller whose clock is behind, "now" is in the past.
    starts_at = max(wanted.starts_at, at)
    if wanted.ends_at <= starts_at:
        raise InvalidExceptionError("ends_at must be in the future, and after starts_at")
    if wanted.ends_at - starts_at > LONGEST_EXCEPTION:
        longest = format_duration(LONGEST_EXCEPTION)
        raise InvalidExceptionError(f"an exception may last at most {longest}: change the policy instead")
    return replace(
        wanted,
        reason=written_line(wanted.reason, "reason"),
        owner=written_line(wanted.owner, "owner"),
        starts_at=starts_at.astimezone(UTC),
        ends_at=wanted.ends_at.astimezone(UTC),
        services=tuple(map(one_line, wanted.services)),
        environments=tuple(map(one_line, wanted.environments)),
        changes=tuple(map(one_line, wanted.changes)),
        slos=tuple(map(one_line, wanted.slos)),
    )


def written_line(text: str, name: str) -> str:
    """A text that must not be empty, in one line.

    Raises:
        InvalidExceptionError: it is empty.
    """
    line = one_line(text)
    if not line:
        raise InvalidExceptionError(f"{name} is empty: write it in words")
    return line
