"""When to try again, and what an attempt's outcome means for its entry. Arithmetic only."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.delivery.outcome import Delivered, Failed, FailureReason, Held, Outcome, Rejected

Uniform = Callable[[float, float], float]
"""A random number between two, such as `random.uniform`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Full jitter: somewhere between *base* and *base* doubled with every failure, at most *cap*.

    Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """

    base: timedelta = timedelta(seconds=1)
    cap: timedelta = timedelta(minutes=5)
    give_up_after: timedelta = timedelta(hours=24)

    def delay(self, failures: int, uniform: Uniform) -> timedelta:
        """How long to wait after so many failures in a row."""
        # 2**30 seconds is more than any cap; a larger power would overflow a timedelta.
        longest = min(self.base * 2.0 ** min(failures, 30), self.cap)
        return timedelta(seconds=uniform(self.base.total_seconds(), longest.total_seconds()))


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
