"""The outcome of an attempt to send a notification."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog

from app.http.answers import POISON, Answer, failure_of
from app.http.failures import AttemptError, Failed, FailureReason

__all__ = [
    "Deferred",
    "Delivered",
    "Failed",
    "FailureReason",
    "Outcome",
    "Rejected",
    "best",
    "failing_attempt",
    "outcome_of",
]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver accepted it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The receiver rejects it, however often it is sent."""

    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """It must not be sent before *until*; nothing has failed."""

    until: datetime


Outcome = Delivered | Rejected | Deferred | Failed

# A rejection comes before a deferral or failure: the peers of a cluster have one configuration, and reject alike.
_PREFERENCE: tuple[type[Outcome], ...] = (Delivered, Rejected, Deferred, Failed)


def best(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of several peers: one that accepted it is enough, and a rejection is final."""
    return min(outcomes, key=lambda outcome: _PREFERENCE.index(type(outcome)))


def outcome_of(answer: Answer, *, final: frozenset[int] = POISON, any_page: bool = False) -> Outcome:
    """What the answer means: statuses in *final* are the same however often they are asked for.

    A web page is the answer of something before the service, unless *any_page* is one of the service itself.
    """
    if answer.ok and (any_page or not answer.is_web_page):
        return Delivered()
    return Rejected(detail=answer.text) if answer.status in final else failure_of(answer)


@contextmanager
def failing_attempt(what: str, **where: str) -> Iterator[None]:
    """Any error within as an attempt that failed: what else is to be sent must go on.

    Raises:
        AttemptError: the error; one that is not expected is logged with its traceback.
    """
    try:
        yield
    except AttemptError:
        raise
    except Exception as error:
        _log.exception(what, event_name="delivery.attempt_crashed", **where)
        raise AttemptError(_unexpected(error)) from error


def _unexpected(error: Exception) -> Failed:
    """An unexpected error as a failure like others: counted, retried and in the end given up.

    Only its kind is named, since its text may quote a secret.
    """
    return Failed(reason=FailureReason.INTERNAL, detail=f"unexpected {type(error).__name__}; the log has the traceback")
