"""What an attempt's outcome means for its entry. Arithmetic only."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.delivery.outcome import Deferred, Delivered, Failed, FailureReason, Outcome, Rejected
from app.http.backoff import Backoff, Uniform

# Maintenance pages ask for hours or for a day, whenever the service is back, and a page cannot wait for that.
_LONGEST_ASKED = timedelta(minutes=15)
# Some recipients have the message, and what follows about the same alert waits for the others: servers that greylist
# ask for 5 to 15 minutes, and a full mailbox stays full.
_IN_PART_FOR = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The entry was delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeferUntil:
    """The entry waits; nothing has failed."""

    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryAt:
    """The entry waits after a failure."""

    due_at: datetime
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """The entry becomes a dead letter."""

    reason: FailureReason
    error: str


EntryResult = Done | DeferUntil | RetryAt | GiveUp


def ending(
    outcome: Outcome,
    *,
    attempts: int,
    failing_since: datetime | None,
    at: datetime,
    backoff: Backoff,
    uniform: Uniform,
) -> EntryResult:
    """What an attempt at *at*, after *attempts* failed ones, makes of an entry.

    It is given up by the time since its first failed attempt, not by its age: while the service was stopped, or the
    entry was held, nothing was tried.
    """
    match outcome:
        case Delivered():
            return Done()
        case Deferred(until=until):
            return DeferUntil(due_at=until)
        case Rejected(detail=detail):
            return GiveUp(reason=FailureReason.REJECTED, error=detail)
        case Failed():
            asked = min(outcome.retry_after or timedelta(0), _LONGEST_ASKED)
            wait = max(backoff.delay(attempts + 1, uniform), asked)
            error = f"{outcome.reason}: {outcome.detail}"
            give_up_after = min(backoff.give_up_after, _IN_PART_FOR) if outcome.in_part else backoff.give_up_after
            if at + wait - (failing_since or at) >= give_up_after:
                return GiveUp(reason=FailureReason.EXPIRED, error=error)
            return RetryAt(due_at=at + wait, error=error)
