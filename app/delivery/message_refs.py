"""Which message of a receiver shows which alerts: in the database, and in memory while that cannot be written.

Both are the same functions over SQL (ADR-0042).
"""

from collections import defaultdict, deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from typing_extensions import override

from app.alerting import Alert, Notification
from app.delivery.ports import MessageRefs
from app.slo import AlertState
from app.store import Database, StoreError, open_database_in_memory
from app.store.alerts import save_alerts
from app.store.messages import MessageRef, forget_messages, recall_messages, remember_message, shown_alerts
from app.store.policies import load_active_notifications
from app.store.unanswered import (
    KEPT,
    forget_answered,
    forget_unsent,
    is_any_unanswered,
    note_sent,
    resolve_unanswered,
)

# Of messages in memory: as long as the outbox retries. An older one may stay open at its receiver.
_KEPT_IN_MEMORY = timedelta(days=1)
# Resolved alerts of one receiver that wait to be noted; enough for an outage of everything.
_MOST_UNNOTED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessageRefs(MessageRefs):
    """The messages that one database has.

    Every method raises StoreError if the database cannot be read, or written.
    """

    database: Database
    kept: timedelta = KEPT

    @override
    def recall(self, receiver: str, notifications: Sequence[Notification]) -> Mapping[Notification, MessageRef]:
        with self.database.read() as tx:
            refs = recall_messages(tx, receiver, [(one.key, one.incident) for one in notifications])
        return {one: refs[one.key, one.incident] for one in notifications if (one.key, one.incident) in refs}

    @override
    def firing_in(self, receiver: str, handle: str) -> Sequence[Notification]:
        with self.database.read() as tx:
            shown = shown_alerts(tx, receiver, handle)
            return tuple(
                notification
                for notification in load_active_notifications(tx)
                if (notification.key, notification.incident) in shown
            )

    @override
    def remember(self, receiver: str, notifications: Sequence[Notification], *, handle: str, at: datetime) -> None:
        shown = [(notification.key, notification.incident) for notification in notifications]
        with self.database.begin() as tx:
            remember_message(tx, receiver, shown, handle=handle, at=at)

    @override
    def forget(self, receiver: str, notifications: Sequence[Notification]) -> None:
        with self.database.begin() as tx:
            forget_messages(tx, receiver, [notification.key for notification in notifications])

    @override
    def note_sent(self, receiver: str, messages: Mapping[str, Sequence[Notification]], *, at: datetime) -> None:
        with self.database.begin() as tx:
            note_sent(tx, receiver, messages, at=at, kept=self.kept)

    @override
    def note_answers(self, receiver: str, *, answered: Collection[str], unsent: Collection[str], at: datetime) -> None:
        if self._is_any_unanswered(receiver):
            with self.database.begin() as tx:
                forget_answered(tx, receiver, answered)
                forget_unsent(tx, receiver, unsent, at=at)

    @override
    def resolve_unanswered(
        self, receiver: str, resolved: Sequence[Notification]
    ) -> Mapping[str, Sequence[Notification]]:
        if not self._is_any_unanswered(receiver):
            return {}
        with self.database.begin() as tx:
            return resolve_unanswered(tx, receiver, resolved)

    def _is_any_unanswered(self, receiver: str) -> bool:
        # A look without the write lock first: nearly always there is none.
        with self.database.read() as tx:
            return is_any_unanswered(tx, receiver)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryMessageRefs(StoredMessageRefs):
    """Messages that are known as long as the process lives: for commands that send a few, and for full disks.

    Alerts are not written to this database: those that are shown are kept with their messages.
    """

    database: Database = field(default_factory=open_database_in_memory)
    kept: timedelta = _KEPT_IN_MEMORY

    @override
    def remember(self, receiver: str, notifications: Sequence[Notification], *, handle: str, at: datetime) -> None:
        StoredMessageRefs.remember(self, receiver, notifications, handle=handle, at=at)
        with self.database.begin() as tx:
            save_alerts(tx, map(_firing, notifications), {one.key: one for one in notifications})


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackMessageRefs(MessageRefs):
    """The messages in the database, and behind it those in memory.

    A message that was sent must not be sent again because the database cannot note it: those are kept in *memory*. So
    are the ends of alerts that could not be noted in unanswered messages, in *unnoted* by receiver.
    """

    stored: StoredMessageRefs
    memory: MemoryMessageRefs = field(default_factory=MemoryMessageRefs)
    unnoted: defaultdict[str, deque[Notification]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=_MOST_UNNOTED))
    )

    @override
    def recall(self, receiver: str, notifications: Sequence[Notification]) -> Mapping[Notification, MessageRef]:
        stored: Mapping[Notification, MessageRef] = {}
        # A resolved notification in a message of its own is better than none.
        with suppress(StoreError):
            stored = self.stored.recall(receiver, notifications)
        return {**stored, **self.memory.recall(receiver, notifications)}

    @override
    def firing_in(self, receiver: str, handle: str) -> Sequence[Notification]:
        found = (*self.memory.firing_in(receiver, handle), *self.stored.firing_in(receiver, handle))
        return tuple({notification.key: notification for notification in found}.values())

    @override
    def remember(self, receiver: str, notifications: Sequence[Notification], *, handle: str, at: datetime) -> None:
        try:
            self.stored.remember(receiver, notifications, handle=handle, at=at)
        except StoreError:
            self.memory.remember(receiver, notifications, handle=handle, at=at)

    @override
    def forget(self, receiver: str, notifications: Sequence[Notification]) -> None:
        self.memory.forget(receiver, notifications)
        # A reference that stays is pruned by age; it names an incident that is resolved.
        with suppress(StoreError):
            self.stored.forget(receiver, notifications)

    @override
    def note_sent(self, receiver: str, messages: Mapping[str, Sequence[Notification]], *, at: datetime) -> None:
        try:
            self.stored.note_sent(receiver, messages, at=at)
        except StoreError:
            # A page must not wait for the disk; only a restart before the alert ends would lose the note.
            self.memory.note_sent(receiver, messages, at=at)

    @override
    def note_answers(self, receiver: str, *, answered: Collection[str], unsent: Collection[str], at: datetime) -> None:
        self.memory.note_answers(receiver, answered=answered, unsent=unsent, at=at)
        # One that is not forgotten now is ended once more with its alerts, which changes nothing at the receiver.
        with suppress(StoreError):
            self.stored.note_answers(receiver, answered=answered, unsent=unsent, at=at)

    @override
    def resolve_unanswered(
        self, receiver: str, resolved: Sequence[Notification]
    ) -> Mapping[str, Sequence[Notification]]:
        found = self.memory.resolve_unanswered(receiver, resolved)
        stored: Mapping[str, Sequence[Notification]] = {}
        unnoted = self.unnoted[receiver]
        unnoted.extend(resolved)
        # The ends themselves go out all the same; what else they end is seen to once the database answers.
        with suppress(StoreError):
            stored = self.stored.resolve_unanswered(receiver, tuple(unnoted))
            unnoted.clear()
        return {**stored, **found}


def _firing(notification: Notification) -> Alert:
    return Alert(
        slo=notification.slo,
        severity=notification.severity,
        cause=notification.cause,
        state=AlertState.FIRING,
        since=notification.starts_at,
        incident=notification.incident,
        announced=True,
    )
