"""The port of an integration: one message in, one attempt to send it out."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from app.alerting import Notification, NotificationStatus
from app.delivery.outcome import Outcome
from app.http.secrets import Secret
from app.store.outbox import idempotency_key


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingMessage:
    """One message to send, about alerts of one status.

    Attributes:
        notifications: the alerts; several are a digest.
        key: the same for every attempt.
        handle: names the firing message of these alerts, where there is one that can be changed or closed.
        still_firing: the other alerts of that firing message, which are not resolved by this one.
        unlisted: how many more of them are not resolved, and not in *still_firing*.
        repeated: whether it resolves a message without response, beside another one that resolves the same alerts.
    """

    notifications: tuple[Notification, ...]
    key: str
    handle: str | None = None
    still_firing: tuple[Notification, ...] = ()
    unlisted: int = 0
    repeated: bool = False

    @property
    def firing(self) -> bool:
        """Whether the alerts fire; else they are resolved."""
        return self.notifications[0].status is NotificationStatus.FIRING

    @property
    def recovered(self) -> bool:
        """Whether all its alerts are resolved since what they were about is over."""
        return all(notification.recovered for notification in self.notifications)

    @property
    def digest(self) -> str:
        """The identity of a digest: that of its first alert, so that an attempt with more alerts is the same digest."""
        return blake2b(f"digest\n{idempotency_key(self.notifications[0])}".encode(), digest_size=16).hexdigest()

    @property
    def only(self) -> Notification | None:
        """The alert, if there is only one."""
        return self.notifications[0] if len(self.notifications) == 1 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """The outcome of one attempt; *handle* names the message where it can be changed later."""

    outcome: Outcome
    handle: str | None = None


class Notifier(Protocol):
    """Sends messages to one service; raises `AttemptError` for what may succeed later."""

    @property
    def secrets(self) -> Sequence[Secret]:
        """What is removed from every text about it."""

    @property
    def tracks_alerts(self) -> bool:
        """Whether the service keeps an alert open until it is resolved there, such as an incident or an issue."""

    @property
    def digests_ends(self) -> bool:
        """Whether one message can resolve many alerts."""

    @property
    def needs_each_end(self) -> bool:
        """Whether it is sent each alert of a digest that is resolved while others of the digest still fire."""

    @property
    def splits_rejected(self) -> bool:
        """Whether a digest that is rejected is divided, since a single alert of it may be the reason."""

    def opens(self, message: OutgoingMessage) -> str | None:
        """The handle of what a firing message opens at the receiver; None where it is not known before sending."""

    async def send(self, message: OutgoingMessage) -> SendResult:
        """Send one message, once."""

    async def aclose(self) -> None:
        """Close the connections."""


def outgoing_message(
    notifications: Sequence[Notification],
    *,
    handle: str | None = None,
    still_firing: Sequence[Notification] = (),
    unlisted: int = 0,
) -> OutgoingMessage:
    """The message about alerts of one status."""
    keys = sorted(idempotency_key(notification) for notification in notifications)
    key = keys[0] if len(keys) == 1 else blake2b("\n".join(keys).encode(), digest_size=16).hexdigest()
    still = tuple(still_firing)
    return OutgoingMessage(
        notifications=tuple(notifications), key=key, handle=handle, still_firing=still, unlisted=unlisted
    )


def halves_of(message: OutgoingMessage) -> tuple[OutgoingMessage, OutgoingMessage]:
    """Two messages for one; where both resolve parts of one digest, the first does not close it."""
    middle = len(message.notifications) // 2
    first, second = message.notifications[:middle], message.notifications[middle:]
    handle, still = message.handle, message.still_firing
    left = message.unlisted + (len(second) if handle is not None else 0)
    return (
        outgoing_message(first, handle=handle, still_firing=still, unlisted=left),
        outgoing_message(second, handle=handle, still_firing=still, unlisted=message.unlisted),
    )
