"""Why a request to a receiver failed, and whether the receiver may have got it all the same."""

from dataclasses import dataclass
from datetime import timedelta
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


# A 5xx counts too: a gateway answers 502 and 504 for a service that may have accepted the request.
_UNANSWERED = frozenset({FailureReason.TIMEOUT, FailureReason.UNREACHABLE, FailureReason.SERVER_ERROR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """It may succeed later, not before *retry_after* where the receiver asks for that.

    *not_sent*: there was no connection, so the receiver cannot have got it. *in_part*: others whom it is for have it,
    as some recipients of a mail do, so the receiver works.
    """

    reason: FailureReason
    detail: str
    retry_after: timedelta | None = None
    not_sent: bool = False
    in_part: bool = False

    @property
    def unanswered(self) -> bool:
        """Whether the receiver may have accepted the message although no response was seen."""
        return not self.not_sent and self.reason in _UNANSWERED


class AttemptError(Exception):
    """An attempt did not succeed, and may later."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.detail)
        self.failed = failed
