"""Pages while the database cannot be used: they are sent from memory, under the keys they will have (ADR-0008).

Evaluations hand over what they have decided and could not write. It waits in a second outbox, in a database in memory,
together with copies of the pages that wait in the stored one and cannot be claimed there. The delivery loop sees one
outbox; what became of entries in memory is stored as soon as the database can be written.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from typing_extensions import override

from app.alerting import Notification, NotificationStatus, Notified
from app.delivery.endings import DeferUntil, Done, EntryResult, GiveUp, RetryAt
from app.delivery.fallback_memory import FallbackMemory
from app.delivery.ports import Outbox
from app.delivery.stored_outbox import StoredOutbox
from app.slo import Severity
from app.store import StoreError, Transaction
from app.store.outbox import EntryState, OutboxEntry, idempotency_key, waiting
from app.store.outbox_copies import (
    OWN_FROM,
    EntryProgress,
    clear_ended,
    copy_entries,
    ended_entries,
    forget_entries,
    keep_copies,
    progress_of,
    receivers_with_entries,
    set_progress,
    waiting_entries,
)
from app.store.recipients import enqueue_routed, notified_receivers

# A database that fails is asked again at this pace: often enough for a page, seldom enough for a disk that is full.
_AGAIN = timedelta(seconds=5)
# What the receivers of before a reload are sending ends within seconds; memory is brought up to date as often.
_SOON = timedelta(seconds=1)
# Memory is compared with what waits for all receivers so often where they are few, and where they are not: each brings
# its own up to date at every claim, and dozens in trouble took a quarter of a core at one second.
_ALL_AGAIN = timedelta(seconds=10)
_FEW_RECEIVERS = 4
# Shown with every page that is in memory only, so that its reader knows that a crash would lose it.
_DURABILITY = ("durability", "degraded")


class FallbackOutbox(Outbox):
    """The stored outbox, and behind it the one in *memory*.

    Each receiver is served by one task, so that no entry is claimed twice at a time.
    """

    def __init__(self, stored: StoredOutbox, *, memory: FallbackMemory) -> None:
        self._stored = stored
        self._shared = memory
        self._memory = StoredOutbox(
            # One task for each receiver: nothing is claimed twice, and what was claimed needs no lease.
            database=memory.database,
            routing=stored.routing,
            lease=timedelta(0),
            ids=memory.ids,
        )
        # What the outbox of other receivers has held before goes to these receivers as well.
        self._has_held = False
        # Reading the database and changing memory by it is one step: another receiver's task that has read earlier
        # would otherwise undo what was learned since. What is stored is stored before memory learns of it, without the
        # lock, since writing may wait for long.
        self._comparing = memory.comparing
        self._under_way: dict[int, OutboxEntry] = {}
        self._asked_at: dict[str, datetime] = {}
        self._all_refreshed_at: datetime | None = None
        self._unclaimable: set[str] = set()
        self._oldest_stored: datetime | None = None

    def hold(self, unwritten: Iterable[Notification], *, at: datetime) -> None:
        """Take what evaluations have decided and not written so far, oldest first; nothing once it is written."""
        pages = {
            idempotency_key(notification): notification
            for notification in unwritten
            if notification.severity is Severity.PAGE and not _waits_for_confirmation(notification)
        }
        with self._comparing:
            known = self._shared.held if self._has_held else frozenset()
            new = [notification for key, notification in pages.items() if key not in known]
            self._shared.held, self._has_held = frozenset(pages), True
            if new:
                self._add(new, at)

    def copy_pages(self) -> None:
        """Copy the pages that wait: should the database go away, they are sent from memory, and before their ends.

        In most slots nothing waits, and one look shows that.
        """
        with suppress(StoreError), self._comparing:
            if self._stored.oldest_waiting() is not None:
                for receiver in self._stored.routing.known:
                    self._copy_waiting(receiver)

    def _add(self, new: Sequence[Notification], at: datetime) -> None:
        self._shared.in_use = True
        with suppress(StoreError):
            for receiver in self._stored.routing.known:
                self._copy_waiting(receiver)
        before = [self._notified(notification) for notification in new]
        with self._memory.database.begin() as tx:
            for notification, notified in zip(new, before, strict=True):
                enqueue_routed(
                    tx,
                    _degraded(notification),
                    self._stored.routing,
                    at=at,
                    before=notified,
                    ids=self._memory.ids,
                )

    @override
    def claim(self, receiver: str, *, at: datetime) -> Sequence[OutboxEntry]:
        self._asked_at[receiver] = at
        try:
            claimed = self._without_attempted(receiver, self._stored.claim(receiver, at=at), at)
        except StoreError:
            claimed = []
            self._unclaimable.add(receiver)
        else:
            self._unclaimable.discard(receiver)
        if self._shared.in_use or receiver in self._unclaimable:
            self._refresh(receiver, at)
            claimed += self._memory.claim(receiver, at=at, from_id=self._from_id(receiver))
        claimed = self._shared.begin(claimed, self)
        self._under_way |= {entry.id: entry for entry in claimed}
        return claimed

    @override
    def settle(self, endings: Mapping[int, EntryResult], *, at: datetime) -> None:
        entries = {entry_id: self._under_way.pop(entry_id) for entry_id in endings if entry_id in self._under_way}
        of_stored = {entry_id: ending for entry_id, ending in endings.items() if entry_id < OWN_FROM}
        written = True
        if of_stored:
            try:
                self._stored.settle(of_stored, at=at)
            except StoreError:
                written = False
        with self._comparing:
            for entry_id, entry in entries.items():
                if entry_id < OWN_FROM and written:
                    self._note_stored(entry, endings[entry_id], at)
                else:
                    self._settle_in_memory(entry, endings[entry_id], at)
                self._shared.end(entry)

    def abandon(self) -> None:
        """Let go of what is under way, once nothing is attempted any more: its outcome is not known."""
        self._shared.abandon(self)

    @override
    def next_due(self, receiver: str) -> datetime | None:
        stored = self._stored_due(receiver)
        in_memory = self._memory.next_due(receiver, from_id=self._from_id(receiver)) if self._shared.in_use else None
        due_at = min((due for due in (stored, in_memory) if due is not None), default=None)
        asked_at = self._asked_at.get(receiver)
        if due_at is None or asked_at is None or not self._shared.is_sending_elsewhere(receiver, self):
            return due_at
        # What another outbox is sending is due here too, and not to be claimed.
        return max(due_at, asked_at + _SOON)

    @override
    def oldest_waiting(self) -> datetime | None:
        # What cannot be read waits on.
        with suppress(StoreError):
            self._oldest_stored = self._stored.oldest_waiting()
        in_memory = self._memory.oldest_waiting(from_id=OWN_FROM) if self._shared.in_use else None
        return min((made for made in (self._oldest_stored, in_memory) if made is not None), default=None)

    def _from_id(self, receiver: str) -> int:
        """The ids of entries that are delivered from memory: copies only where the originals cannot be claimed."""
        return 0 if receiver in self._unclaimable else OWN_FROM

    def _stored_due(self, receiver: str) -> datetime | None:
        """When to claim from the database again: soon, if claiming failed or the time cannot be read."""
        if receiver not in self._unclaimable:
            with suppress(StoreError):
                return self._stored.next_due(receiver)
        asked_at = self._asked_at.get(receiver)
        return None if asked_at is None else asked_at + _AGAIN

    def _notified(self, notification: Notification) -> Notified:
        """The receivers that the stored outbox has notified of an alert; none if it cannot be read."""
        with suppress(StoreError), self._stored.database.read() as tx:
            return notified_receivers(tx, notification, receivers=self._stored.routing.known)
        return Notified()

    def _without_attempted(self, receiver: str, claimed: Sequence[OutboxEntry], at: datetime) -> list[OutboxEntry]:
        """The entries without those that were attempted from memory, whose progress is stored now."""
        if not claimed or not self._shared.in_use:
            return list(claimed)
        with self._memory.database.read() as tx:
            known = progress_of(tx, receiver, [entry.idempotency_key for entry in claimed])
        ahead = {
            entry.id: known[entry.idempotency_key]
            for entry in claimed
            if entry.idempotency_key in known and known[entry.idempotency_key].is_ahead_of(entry)
        }
        self._stored.catch_up(ahead, at=at)
        with self._comparing, self._memory.database.begin() as tx:
            ended = [entry.idempotency_key for entry in claimed if entry.id in ahead and ahead[entry.id].ended]
            forget_entries(tx, receiver, ended)
        return [entry for entry in claimed if entry.id not in ahead]

    def _refresh(self, receiver: str, at: datetime) -> None:
        """Bring memory up to date with the database if that can be read, and empty it when nothing in it is of use."""
        with self._comparing:
            with self._memory.database.read() as tx:
                known = receivers_with_entries(tx)
                # Before the database is read: an entry that ends there meanwhile may add that of a fallback, and both
                # of them, or the first, are seen.
                ended = ended_entries(tx)
            due = {receiver, *known} if self._may_refresh_all(known, at) else {receiver}
            try:
                for name in due:
                    self._copy_waiting(name)
                with self._stored.database.read() as tx:
                    unsettled = ended & waiting_entries(tx)
            except StoreError:
                return
            if due >= known and not self._shared.held and not unsettled:
                with self._memory.database.begin() as tx:
                    self._shared.in_use = not clear_ended(tx)

    def _may_refresh_all(self, known: Collection[str], at: datetime) -> bool:
        before, pause = self._all_refreshed_at, _SOON if len(known) <= _FEW_RECEIVERS else _ALL_AGAIN
        if before is not None and timedelta(0) <= at - before < pause:
            return False
        self._all_refreshed_at = at
        return True

    def _copy_waiting(self, receiver: str) -> None:
        """Copy the pages that wait in the database, and drop what no longer does; only while comparing.

        Raises:
            StoreError: it cannot be read.
        """
        with self._memory.database.read() as tx:
            own = [entry.idempotency_key for entry in waiting(tx, receiver, from_id=OWN_FROM)]
        with self._stored.database.read() as tx:
            found = [entry for entry in waiting(tx, receiver) if entry.notification.severity is Severity.PAGE]
            ended = [key for key, progress in progress_of(tx, receiver, own).items() if progress.ended]
        with self._memory.database.begin() as tx:
            copy_entries(tx, found)
            keep_copies(tx, receiver, [entry.id for entry in found])
            # Such as what a fallback was sent for another reason before.
            forget_entries(tx, receiver, ended)
            if not self._shared.held:
                # Everything that was held has been stored, if it is anywhere.
                forget_entries(tx, receiver, self._dropped(tx, receiver))
        self._shared.in_use = self._shared.in_use or bool(found)

    def _dropped(self, tx: Transaction, receiver: str) -> list[str]:
        """The keys of entries that were held and never stored, such as those of alerts that ended before any attempt.

        What a receiver gets in place of another one is stored when the failure of the other is.
        """
        return [
            entry.idempotency_key
            for entry in waiting(tx, receiver, from_id=OWN_FROM)
            if receiver in self._stored.routing.receivers(entry.notification)
            or not self._stored.routing.is_fallback(receiver)
        ]

    def _note_stored(self, entry: OutboxEntry, ending: EntryResult, at: datetime) -> None:
        """Keep a page that will be tried again, so that it is also if the database cannot be read then."""
        if isinstance(ending, RetryAt | DeferUntil) and entry.notification.severity is Severity.PAGE:
            self._settle_in_memory(entry, ending, at)
        elif self._shared.in_use:
            with self._memory.database.begin() as tx:
                forget_entries(tx, entry.receiver, [entry.idempotency_key])

    def _settle_in_memory(self, entry: OutboxEntry, ending: EntryResult, at: datetime) -> None:
        is_page = entry.notification.severity is Severity.PAGE
        if not is_page and not isinstance(ending, Done | GiveUp):
            # A ticket is tried again from the database only, when its lease has ended.
            return
        self._shared.in_use = True
        with self._memory.database.begin() as tx:
            if entry.id < OWN_FROM:
                copy_entries(tx, [entry])
            known = progress_of(tx, entry.receiver, [entry.idempotency_key])
            # While it was under way, an evaluation may have been written, and the entry be a copy now.
            for progress in known.values():
                if is_page:
                    self._memory.settle_in(tx, {progress.id: ending}, at=at)
                else:
                    set_progress(tx, {progress.id: _ended(progress, ending)}, at=at)


def _ended(progress: EntryProgress, ending: EntryResult) -> EntryProgress:
    state = EntryState.DONE if isinstance(ending, Done) else EntryState.DEAD
    error = ending.error if isinstance(ending, GiveUp) else progress.last_error
    return replace(progress, state=state, attempts=progress.attempts + 1, last_error=error)


def _waits_for_confirmation(notification: Notification) -> bool:
    """Whether the firing notification waits until fresh data confirms the alert."""
    return notification.unconfirmed and notification.status is NotificationStatus.FIRING


def _degraded(notification: Notification) -> Notification:
    """The notification as it is sent: marked, since a crash would lose it."""
    return replace(notification, annotations=(*notification.annotations, _DURABILITY))
