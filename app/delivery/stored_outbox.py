"""The outbox in the database."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from typing_extensions import override

from app.alerting import NotificationStatus, Routing
from app.delivery.endings import DeferUntil, Done, EntryResult, GiveUp, RetryAt
from app.delivery.ports import Outbox
from app.store import Database, Transaction
from app.store.messages import forget_messages
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
