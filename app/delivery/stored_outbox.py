"""The outbox in the database."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from typing_extensions import override

from app.alerting import NotificationStatus, Routing
from app.delivery.endings import DeferUntil, Done, EntryResult, GiveUp, RetryAt
from app.delivery.ports import Outbox
from app.store import Database, StoreFencedError, Transaction
from app.store.messages import forget_messages
from app.store.outbox import (
    LEASE,
    EntryState,
    OutboxEntry,
    claim,
    defer_until,
    ends_waiting,
    enqueue,
    give_up,
    inherit_failing_since,
    load_addressed,
    mark_done,
    next_due,
    oldest_waiting,
    release,
    retry_at,
    retry_failing,
    waiting_for_unknown_receivers,
)
from app.store.outbox_copies import EntryProgress, set_progress
from app.store.recipients import enqueue_instead, notified_receivers
from app.store.shards import ServiceLease
from app.store.unaccepted import UnacceptedPage, fallback_was_notified, mark_fallback_notified, unaccepted_pages

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOutbox(Outbox):
    """The outbox and the alerts of one database.

    Attributes:
        database: holds both.
        lease: longer than any attempt; a claimed entry whose worker has died is claimed again after it.
        most: entries that are claimed at once; enough for an outage of everything to be one digest.
        routing: which receivers are notified of an alert.
        service_lease: of several replicas one claims, so that what receivers were sent is known in one place.
        ids: numbers the entries that this outbox adds; by default the database does.
    """

    database: Database
    lease: timedelta = LEASE
    most: int = 5_000
    routing: Routing = field(default_factory=Routing)
    ids: Iterator[int] | None = None
    service_lease: ServiceLease = field(default_factory=ServiceLease)

    @override
    def claim(self, receiver: str, *, at: datetime, from_id: int = 0) -> Sequence[OutboxEntry]:
        # A look without the write lock first: nearly always nothing is due, and evaluations need that lock.
        due_at = self.next_due(receiver, from_id=from_id)
        if due_at is None or due_at > at:
            return ()
        try:
            return self._claim(receiver, at, from_id)
        except StoreFencedError:
            # Another replica does, or will.
            return ()

    def _claim(self, receiver: str, at: datetime, from_id: int) -> Sequence[OutboxEntry]:
        owner = self.database.instance
        with self.database.begin() as tx:
            self.service_lease.check(tx)
            for page, fall_back_at in self._unaccepted(tx, receiver, from_id):
                if fall_back_at <= at:
                    self._notify_fallback(tx, page, receiver, at)
            return claim(tx, receiver, owner=owner, at=at, lease=self.lease, limit=self.most, from_id=from_id)

    def release(self, *, at: datetime) -> None:
        """Let go of what a process had claimed that is no more, so that it need not wait for the end of the lease.

        What has failed is tried at once: another process may reach receivers that the one before did not.
        """
        with self.database.begin() as tx:
            release(tx, living=self.database.living(tx))
            retry_failing(tx, at=at)

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
                    defer_until(tx, entry_id, due_at, at=at, owner=self.database.instance)
                case RetryAt(due_at=due_at, error=error):
                    retry_at(tx, entry_id, due_at, at=at, error=error, owner=self.database.instance)
                case GiveUp(error=error):
                    give_up(tx, entry_id, at=at, error=error)
                    self._given_up(tx, entry_id, at)

    def catch_up(self, progress: Mapping[int, EntryProgress], *, at: datetime) -> None:
        """Store what became of entries that were attempted from another outbox."""
        if progress:
            with self.database.begin() as tx:
                set_progress(tx, progress, at=at)
                for entry_id, made in progress.items():
                    if made.fallback_notified_at is not None:
                        self._also_notified(tx, entry_id, made, at)
                    if made.state is EntryState.DEAD:
                        self._given_up(tx, entry_id, at)

    @override
    def next_due(self, receiver: str, *, from_id: int = 0) -> datetime | None:
        if not self.service_lease.is_mine:
            return None
        with self.database.read() as tx:
            due_at = next_due(tx, receiver, from_id=from_id)
            fall_back_at = (moment for _, moment in self._unaccepted(tx, receiver, from_id))
            return min((moment for moment in (due_at, *fall_back_at) if moment is not None), default=None)

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
        # Held until fresh data confirms the alert, it is held at the other receivers too.
        notification = replace(entry.notification, unconfirmed=True) if entry.held else entry.notification
        others = enqueue_instead(tx, notification, self.routing, at=at)
        notified = f"; notified instead: {', '.join(others)}" if others else ""
        give_up(tx, entry.id, at=at, error=f"this receiver is no longer configured{notified}")
        return others

    def _unaccepted(self, tx: Transaction, fallback: str, from_id: int) -> Sequence[tuple[UnacceptedPage, datetime]]:
        """The pages that receivers with this *fallback* have not accepted, and when each is due for it."""
        after = self.routing.falling_back_to(fallback)
        pages = unaccepted_pages(tx, tuple(after), from_id=from_id)
        return [(page, page.failing_since + after[page.receiver]) for page in pages]

    def _notify_fallback(self, tx: Transaction, page: UnacceptedPage, fallback: str, at: datetime) -> None:
        """Notify the fallback of a page while attempts at its receiver go on."""
        mark_fallback_notified(tx, [(page.id, at)])
        found = load_addressed(tx, page.id)
        if found is None:
            return
        receiver, notification = found
        notified = notified_receivers(tx, notification, receivers=[fallback])
        if notified.firing or notified.resolved:
            # By a route, or in place of another receiver.
            return
        ends = ends_waiting(tx, receiver, notification)
        instead = replace(
            notification,
            unaccepted_by=receiver,
            unaccepted_since=page.failing_since,
            unaccepted_error=page.error,
            # An attempt has been made, so that it was confirmed.
            unconfirmed=False,
        )
        enqueue(tx, [instead, *ends], receivers=[fallback], at=at, ids=self.ids)
        _log.warning(
            "page not accepted; its fallback is notified",
            receiver=receiver,
            fallback=fallback,
            alert=notification.key,
            error=page.error,
        )

    def _also_notified(self, tx: Transaction, entry_id: int, made: EntryProgress, at: datetime) -> None:
        """Store that the fallback was notified from another outbox, so that it gets the end of the alert too."""
        found = load_addressed(tx, entry_id)
        fallback = None if found is None else self.routing.fallbacks.get(found[0])
        if found is not None and fallback is not None:
            since = made.failing_since or at
            page = UnacceptedPage(id=entry_id, receiver=found[0], failing_since=since, error=made.last_error or "")
            self._notify_fallback(tx, page, fallback, at)

    def _given_up(self, tx: Transaction, entry_id: int, at: datetime) -> None:
        """Notify the fallback of an entry that was given up."""
        inherit_failing_since(tx, entry_id)
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
            # In memory it is not known what the fallback has accepted from the database.
            begins = () if fallback_was_notified(tx, entry_id) else (notification,)
            enqueue(tx, [*begins, *ends], receivers=[fallback], at=at, ids=self.ids)
