"""The outbox and the message references in the database."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from typing_extensions import override

from app.alerting import Notification, NotificationStatus, Routing
from app.delivery.endings import DeferUntil, Done, EntryResult, GiveUp, RetryAt
from app.delivery.message_refs import MemoryMessageRefs
from app.delivery.ports import MessageRefs, Outbox
from app.store import Database, StoreError, Transaction
from app.store.alerts import load_in_force
from app.store.messages import MessageRef, forget_messages, recall_message, remember_message, shown_alerts
from app.store.outbox import (
    EntryState,
    OutboxEntry,
    claim,
    defer_until,
    ends_waiting,
    enqueue,
    give_up,
    load_addressed,
    mark_done,
    next_due,
    oldest_waiting,
    release,
    retry_at,
    waiting_for_unknown_receivers,
)
from app.store.outbox_copies import EntryProgress, set_progress
from app.store.recipients import enqueue_instead
from app.store.unanswered import (
    forget_answered,
    forget_unsent,
    is_any_unanswered,
    note_sent,
    resolve_unanswered,
)

# Resolved alerts of one receiver that wait to be noted; enough for an outage of everything.
_MOST_UNNOTED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOutbox(Outbox):
    """The outbox and the alerts of one database.

    Attributes:
        database: holds both.
        lease: longer than any attempt; a claimed entry whose worker has died is claimed again after it.
        most: entries that are claimed at once; enough for an outage of everything to be one digest.
        routing: which receivers are notified of an alert.
        ids: numbers the entries that this outbox adds; by default the database does.
    """

    database: Database
    lease: timedelta = timedelta(seconds=30)
    most: int = 5_000
    routing: Routing = field(default_factory=Routing)
    ids: Iterator[int] | None = None

    @override
    def claim(self, receiver: str, *, at: datetime, from_id: int = 0) -> Sequence[OutboxEntry]:
        # A look without the write lock first: nearly always nothing is due, and evaluations need that lock.
        due_at = self.next_due(receiver, from_id=from_id)
        if due_at is None or due_at > at:
            return ()
        owner = self.database.instance
        with self.database.begin() as tx:
            return claim(tx, receiver, owner=owner, at=at, lease=self.lease, limit=self.most, from_id=from_id)

    def release(self) -> None:
        """Let go of what a process had claimed that is no more, so that it need not wait for the end of the lease."""
        with self.database.begin() as tx:
            release(tx, living=self.database.living(tx))

    @override
    def settle(self, endings: Mapping[int, EntryResult], *, at: datetime) -> None:
        with self.database.begin() as tx:
            self.settle_in(tx, endings, at=at)

    def settle_in(self, tx: Transaction, endings: Mapping[int, EntryResult], *, at: datetime) -> None:
        """Store the results of attempts in a transaction."""
        mark_done(tx, [entry_id for entry_id, ending in endings.items() if isinstance(ending, Done)], at=at)
        for entry_id, ending in endings.items():
            match ending:
                case Done():
                    pass
                case DeferUntil(due_at=due_at):
                    defer_until(tx, entry_id, due_at)
                case RetryAt(due_at=due_at, error=error):
                    retry_at(tx, entry_id, due_at, error=error)
                case GiveUp(error=error):
                    give_up(tx, entry_id, at=at, error=error)
                    self._given_up(tx, entry_id, at)

    def catch_up(self, progress: Mapping[int, EntryProgress], *, at: datetime) -> None:
        """Store what became of entries that were attempted from another outbox."""
        if progress:
            with self.database.begin() as tx:
                set_progress(tx, progress, at=at)
                for entry_id, made in progress.items():
                    if made.state is EntryState.DEAD:
                        self._given_up(tx, entry_id, at)

    @override
    def next_due(self, receiver: str, *, from_id: int = 0) -> datetime | None:
        with self.database.read() as tx:
            return next_due(tx, receiver, from_id=from_id)

    @override
    def oldest_waiting(self, *, from_id: int = 0) -> datetime | None:
        with self.database.read() as tx:
            return oldest_waiting(tx, from_id=from_id)

    def forward_unknown_receivers(
        self, receivers: Sequence[str], *, at: datetime
    ) -> Sequence[tuple[str, tuple[str, ...]]]:
        """Forward entries of receivers that are no longer configured to those that the routes name now.

        For each entry, its receiver and those it was forwarded to; none gets it twice, and without any it is given up.
        """
        with self.database.begin() as tx:
            waiting = waiting_for_unknown_receivers(tx, tuple(receivers), at=at)
            return [(entry.receiver, self._forward(tx, entry, at)) for entry in waiting]

    def _forward(self, tx: Transaction, entry: OutboxEntry, at: datetime) -> tuple[str, ...]:
        others = enqueue_instead(tx, entry.notification, self.routing, at=at)
        notified = f"; notified instead: {', '.join(others)}" if others else ""
        give_up(tx, entry.id, at=at, error=f"this receiver is no longer configured{notified}")
        return others

    def _given_up(self, tx: Transaction, entry_id: int, at: datetime) -> None:
        """Notify the fallback of an entry that was given up."""
        found = load_addressed(tx, entry_id)
        if found is None:
            return
        receiver, notification = found
        if notification.status is NotificationStatus.RESOLVED:
            # A digest would otherwise never be resolved: it waits for each of its alerts.
            forget_messages(tx, receiver, [notification.key])
        fallback = self.routing.fallbacks.get(receiver)
        if fallback is not None:
            # If the receiver accepts the resolved notification later, the fallback that was paged must get it too.
            ends = ends_waiting(tx, receiver, notification) if notification.status is NotificationStatus.FIRING else ()
            enqueue(tx, [notification, *ends], receivers=[fallback], at=at, ids=self.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessageRefs(MessageRefs):
    """The messages that one database remembers.

    A message that was sent must not be sent again because the database cannot note it: those are kept in *memory*. So
    are the ends of alerts that could not be noted in unanswered messages, in *unnoted* by receiver.
    """

    database: Database
    memory: MemoryMessageRefs = field(default_factory=MemoryMessageRefs)
    unnoted: defaultdict[str, deque[Notification]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=_MOST_UNNOTED))
    )

    @override
    def recall(self, receiver: str, notification: Notification) -> MessageRef | None:
        kept = self.memory.recall(receiver, notification)
        if kept is not None:
            return kept
        # A resolved notification in a message of its own is better than none.
        with suppress(StoreError), self.database.read() as tx:
            return recall_message(tx, receiver, notification.key, notification.incident)
        return None

    @override
    def firing_in(self, receiver: str, handle: str) -> Sequence[Notification]:
        found = list(self.memory.firing_in(receiver, handle))
        with self.database.read() as tx:
            shown = shown_alerts(tx, receiver, handle)
            found += [
                notification for notification in load_in_force(tx) if (notification.key, notification.incident) in shown
            ]
        return tuple({notification.key: notification for notification in found}.values())

    @override
    def remember(self, receiver: str, notifications: Sequence[Notification], *, handle: str, at: datetime) -> None:
        shown = [(notification.key, notification.incident) for notification in notifications]
        try:
            with self.database.begin() as tx:
                remember_message(tx, receiver, shown, handle=handle, at=at)
        except StoreError:
            self.memory.remember(receiver, notifications, handle=handle, at=at)

    @override
    def forget(self, receiver: str, notifications: Sequence[Notification]) -> None:
        self.memory.forget(receiver, notifications)
        # A reference that stays is pruned by age; it names an incident that is resolved.
        with suppress(StoreError), self.database.begin() as tx:
            forget_messages(tx, receiver, [notification.key for notification in notifications])

    @override
    def note_sent(self, receiver: str, messages: Mapping[str, Sequence[Notification]], *, at: datetime) -> None:
        try:
            with self.database.begin() as tx:
                note_sent(tx, receiver, messages, at=at)
        except StoreError:
            # A page must not wait for the disk; only a restart before the alert ends would lose the note.
            self.memory.note_sent(receiver, messages, at=at)

    @override
    def note_answers(self, receiver: str, *, answered: Collection[str], unsent: Collection[str], at: datetime) -> None:
        self.memory.note_answers(receiver, answered=answered, unsent=unsent, at=at)
        # One that is not forgotten now is ended once more with its alerts, which changes nothing at the receiver.
        with suppress(StoreError):
            with self.database.read() as tx:
                if not is_any_unanswered(tx, receiver):
                    return
            with self.database.begin() as tx:
                forget_answered(tx, receiver, answered)
                forget_unsent(tx, receiver, unsent, at=at)

    @override
    def resolve_unanswered(
        self, receiver: str, resolved: Sequence[Notification]
    ) -> Mapping[str, Sequence[Notification]]:
        found = dict(self.memory.resolve_unanswered(receiver, resolved))
        stored: Mapping[str, Sequence[Notification]] = {}
        unnoted = self.unnoted[receiver]
        unnoted.extend(resolved)
        # The ends themselves go out all the same; what else they end is seen to once the database answers.
        with suppress(StoreError):
            with self.database.read() as tx:
                # A look without the write lock first: nearly always there is none.
                unanswered = is_any_unanswered(tx, receiver)
            if unanswered:
                with self.database.begin() as tx:
                    stored = resolve_unanswered(tx, receiver, unnoted)
            unnoted.clear()
        return {**stored, **found}
