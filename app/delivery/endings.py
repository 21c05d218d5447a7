"""What an attempt's outcome means for its entry. Arithmetic only."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.delivery.outcome import Delivered, Failed, FailureReason, Held, Outcome, Rejected
from app.http.backoff import Backoff, Uniform


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The entry was delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldUntil:
    """The entry waits; nothing has failed."""

    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryAt:
    """The entry waits after a failure."""

    due_at: datetime
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bury:
    """The entry becomes a dead letter."""

    reason: FailureReason
    error: str


Ending = Done | HoldUntil | RetryAt | Bury


def ending(
    outcome: Outcome, *, attempts: int, created_at: datetime, at: datetime, backoff: Backoff, uniform: Uniform
) -> Ending:
    """What an attempt at *at*, after *attempts* failed ones, makes of an entry."""
    match outcome:
        case Delivered():
            return Done()
        case Held(until=until):
            return HoldUntil(due_at=until)
        case Rejected(detail=detail):
            return Bury(reason=FailureReason.REJECTED, error=detail)
        case Failed():
            wait = max(backoff.delay(attempts + 1, uniform), outcome.retry_after or timedelta(0))
            error = f"{outcome.reason}: {outcome.detail}"
            if at + wait - created_at >= backoff.give_up_after:
                return Bury(reason=FailureReason.EXPIRED, error=error)
            return RetryAt(due_at=at + wait, error=error)
