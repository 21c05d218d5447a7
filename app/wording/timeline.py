"""What happened in an incident, each thing in one line."""

from app.alerting import NotificationStatus, Transition, TransitionKind
from app.slo import Cause

_KINDS = {
    TransitionKind.PENDING: "is pending",
    TransitionKind.CLEARED: "is not pending any more",
    TransitionKind.FIRED: "fires",
    TransitionKind.UNMUTED: "is not muted any more",
    TransitionKind.RESOLVED: "is resolved",
    TransitionKind.SUPPRESSED: "is suppressed",
    TransitionKind.FROZEN: "is frozen",
    TransitionKind.UNFROZEN: "is not frozen any more",
}


def transition_words(change: Transition) -> str:
    """One change of an alert: ``The page fires (1h/5m)``.

    A ticket about a condition is called by it.
    """
    cause = "" if change.cause is Cause.BURN else f" ({change.cause.replace('_', ' ')})"
    what = f"{change.severity}{cause}"
    muted = ", muted" if change.kind is TransitionKind.FIRED and not change.notify else ""
    rule = f" ({change.tier})" if change.kind is TransitionKind.FIRED and change.tier else ""
    reason = f": {change.reason}" if change.reason else ""
    return f"The {what} {_KINDS[change.kind]}{rule}{muted}{reason}"


def sent_words(receiver: str, status: NotificationStatus, *, attempts: int) -> str:
    """A notification that a receiver has accepted: ``pager was notified that it fires``."""
    tries = f", at attempt {attempts}" if attempts > 1 else ""
    return f"{receiver} was notified that {_statuses(status)}{tries}"


def failing_words(receiver: str, status: NotificationStatus, *, error: str | None) -> str:
    """A notification whose first attempt has failed."""
    return f"{receiver} could not be notified that {_statuses(status)}: {error or 'unknown error'}"


def given_up_words(receiver: str, status: NotificationStatus, *, attempts: int, error: str | None) -> str:
    """A notification that was given up."""
    tries = "1 attempt" if attempts == 1 else f"{attempts:,} attempts"
    return f"{receiver} was not notified that {_statuses(status)}, after {tries}: {error or 'unknown error'}"


def fallback_words(receiver: str) -> str:
    """The fallback of a receiver was notified in its place."""
    return f"the fallback of {receiver} was notified in its place"


def _statuses(status: NotificationStatus) -> str:
    return "the alert fires" if status is NotificationStatus.FIRING else "the alert is resolved"
