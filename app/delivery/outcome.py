"""What becomes of an attempt to tell a receiver something."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class FailureReason(StrEnum):
    """Why an attempt failed; doubles as a metric label."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    UNAUTHORIZED = "unauthorized"
    REFUSED = "refused"
    REJECTED = "rejected"
    EXPIRED = "expired"
    INTERNAL = "internal"


_UNANSWERED = frozenset({FailureReason.TIMEOUT, FailureReason.UNREACHABLE, FailureReason.SERVER_ERROR})


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The receiver will never take it, however often it is sent."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """It must not be sent before *until*; nothing has failed."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """It may succeed later, not before *retry_after* where the receiver has said so.

    *not_sent* says that there was no connection, so that the receiver cannot have got it.
    """

    reason: FailureReason
    detail: str
    retry_after: timedelta | None = None
    not_sent: bool = False

    @property
    def unanswered(self) -> bool:
        """Whether the receiver may have taken the message all the same."""
        return not self.not_sent and self.reason in _UNANSWERED


Outcome = Delivered | Rejected | Held | Failed

_PREFERENCE: tuple[type[Outcome], ...] = (Delivered, Rejected, Held, Failed)


def best(outcomes: Sequence[Outcome]) -> Outcome:
    """What counts of several peers' outcomes: one that took it is enough, and one that never will is final."""
    return min(outcomes, key=lambda outcome: _PREFERENCE.index(type(outcome)))
