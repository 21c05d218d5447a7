"""What delivery needs from other packages: an outbox, receivers, and instruments."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from typing_extensions import override

from app.alerting import Notification
from app.delivery.endings import EntryResult
from app.delivery.outcome import FailureReason, Outcome
from app.store.messages import MessageRef
from app.store.outbox import OutboxEntry


class Receiver(Protocol):
    """Gets every change, in order for each alert."""

    @property
    def name(self) -> str:
        """What the receiver is called in the outbox, in metrics and in logs."""

    @property
    def tracks_alerts(self) -> bool:
        """Whether the receiver keeps an alert open until it is resolved there, such as an incident or an issue."""

    async def deliver(self, notifications: Sequence[Notification], *, at: datetime) -> Sequence[Outcome]:
        """Try once to send all *notifications*, at most one of each alert; the outcomes in the same order."""


class Outbox(Protocol):
    """Notifications to send; methods may block and are called in worker threads."""

    def claim(self, receiver: str, *, at: datetime) -> Sequence[OutboxEntry]:
        """Lease the entries of a receiver that are due."""

    def settle(self, endings: Mapping[int, EntryResult], *, at: datetime) -> None:
        """Store the results of attempts, by the ids of entries."""

    def next_due(self, receiver: str) -> datetime | None:
        """When the next entry of a receiver is due; None if none waits."""

    def oldest_waiting(self) -> datetime | None:
        """When the oldest entry that waits was made; None if none waits."""


class MessageRefs(Protocol):
    """Which message of a receiver shows which alerts; methods may block and are called in worker threads."""

    def recall(self, receiver: str, notifications: Sequence[Notification]) -> Mapping[Notification, MessageRef]:
        """The messages that show the alerts; those that are shown in none are left out."""

    def firing_in(self, receiver: str, handle: str) -> Sequence[Notification]:
        """The active alerts that a message shows.

        Raises:
            StoreError: the alerts cannot be read now.
        """

    def remember(self, receiver: str, notifications: Sequence[Notification], *, handle: str, at: datetime) -> None:
        """The alerts are shown in one message."""

    def forget(self, receiver: str, notifications: Sequence[Notification]) -> None:
        """The alerts are resolved, and so is their message."""

    def note_sent(self, receiver: str, messages: Mapping[str, Sequence[Notification]], *, at: datetime) -> None:
        """Note messages, by handle, before they are sent: each may arrive although no response is seen."""

    def note_answers(self, receiver: str, *, answered: Collection[str], unsent: Collection[str], at: datetime) -> None:
        """Forget messages noted at *at* that the receiver has answered, or that were not sent after all."""

    def resolve_unanswered(
        self, receiver: str, resolved: Sequence[Notification]
    ) -> Mapping[str, Sequence[Notification]]:
        """The unanswered messages that end with the last of *resolved*, each with the ends of all its alerts."""


class DeliveryInstruments(Protocol):
    """The health of delivery."""

    def notified(self, receiver: str) -> None:
        """A receiver has accepted a notification."""

    def failed(self, receiver: str, reason: FailureReason) -> None:
        """An attempt to notify a receiver has failed."""

    def fallback_notified(self, receiver: str) -> None:
        """The fallback of *receiver* has accepted a page that *receiver* had not accepted in time."""

    def outbox_oldest_age(self, seconds: float) -> None:
        """The oldest notification that waits in the outbox is that old; 0 if none waits."""

    def clock_skew(self, peer: str, seconds: float) -> None:
        """A peer's clock is ahead of ours by *seconds*."""


class NoInstruments(DeliveryInstruments):
    """Counts nothing."""

    @override
    def notified(self, receiver: str) -> None:
        """Do nothing."""

    @override
    def failed(self, receiver: str, reason: FailureReason) -> None:
        """Do nothing."""

    @override
    def fallback_notified(self, receiver: str) -> None:
        """Do nothing."""

    @override
    def outbox_oldest_age(self, seconds: float) -> None:
        """Do nothing."""

    @override
    def clock_skew(self, peer: str, seconds: float) -> None:
        """Do nothing."""
