"""Pages while the database cannot be used: they are sent from memory, under the keys they will have (ADR-0008).

Evaluations hand over what they have decided and could not write. Nothing else changes: whoever drains the outbox sees
the pages in it, after what was there before, and finds what became of them remembered until it can be written down.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

from typing_extensions import override

from app.alerting import Notification, NotificationStatus
from app.delivery.endings import DeferUntil, Done, EntryResult, GiveUp, RetryAt
from app.delivery.ports import Outbox
from app.delivery.stored_outbox import StoredOutbox
from app.slo import Severity
from app.store import StoreError
from app.store.outbox import OutboxEntry, idempotency_key

# A database that fails is asked again at this pace: often enough for a page, seldom enough for a disk that is full.
_AGAIN = timedelta(seconds=5)
# Shown with every page that is in memory only, so that its reader knows that a crash would lose it.
_DURABILITY = ("durability", "degraded")

_Key = tuple[str, str]
"""What an entry is known by, on disk or not: its receiver and its idempotency key."""


class FallbackOutbox(Outbox):
    """The stored deliveries, and before them in memory the pages that could not be stored.

    Each receiver is served by one task, so that no entry is claimed twice at a time.
    """

    def __init__(self, stored: StoredOutbox) -> None:
        self._stored = stored
        # Guards what follows, never held while the database is used: a locked one would hold up every receiver.
        self._turn = threading.Lock()
        self._ids = count(-1, -1)
        self._pages: dict[_Key, OutboxEntry] = {}
        self._for_fallback: set[_Key] = set()
        self._waits: dict[_Key, OutboxEntry] = {}
        self._unwritten: dict[str, Notification] = {}
        self._ends: dict[tuple[str, str], Notification] = {}
        self._endings: dict[_Key, EntryResult] = {}
        self._attempts: Counter[_Key] = Counter()
        self._given: dict[int, OutboxEntry] = {}
        self._asked_at: dict[str, datetime] = {}
        self._unclaimable: set[str] = set()
        self._oldest_stored: datetime | None = None
        self._pictures: dict[str, Sequence[Notification]] = {}

    def hold(self, unwritten: Iterable[Notification], *, at: datetime) -> None:
        """What evaluations have decided and not written so far, oldest first; nothing once it is written."""
        pages = [
            _degraded(notification)
            for notification in unwritten
            if notification.severity is Severity.PAGE and not _held(notification)
        ]
        with self._turn:
            self._unwritten = {notification.key: notification for notification in pages}
            self._ends = {
                _incident(notification): notification
                for notification in pages
                if notification.status is NotificationStatus.RESOLVED
            }
            if not pages:
                self._pages = {key: page for key, page in self._pages.items() if key in self._for_fallback}
            fallen_back = [(self._pages[key].receiver, self._pages[key].notice) for key in self._for_fallback]
            routing = self._stored.routing
            for notification in pages:
                for receiver in routing.receivers(notification):
                    self._add(receiver, notification, at)
            for receiver, notification in fallen_back:
                self._send_to_fallback(receiver, self._ends_of(notification), at)

    @override
    def claim(self, receiver: str, *, at: datetime) -> Sequence[OutboxEntry]:
        self._asked_at[receiver] = at
        try:
            claimed = self._without_ended(self._stored.claim(receiver, at=at), at)
        except StoreError:
            claimed = []
            self._unclaimable.add(receiver)
        else:
            self._unclaimable.discard(receiver)
        heads = self._heads(receiver)
        with self._turn:
            entries = [*claimed, *(entry for entry in heads if entry.due_at <= at)]
            self._given |= {entry.id: entry for entry in entries}
        return entries

    @override
    def settle(self, endings: Mapping[int, EntryResult], *, at: datetime) -> None:
        of_stored = {entry_id: ending for entry_id, ending in endings.items() if entry_id > 0}
        unwritten = dict(endings)
        if of_stored:
            try:
                self._stored.settle(of_stored, at=at)
            except StoreError:
                pass
            else:
                unwritten = {entry_id: ending for entry_id, ending in endings.items() if entry_id < 0}
        with self._turn:
            given = {entry_id: self._given.pop(entry_id, None) for entry_id in endings}
            for entry_id, ending in endings.items():
                entry = given[entry_id]
                if entry is not None and entry_id in unwritten:
                    self._note(entry, ending, at)
                elif entry is not None:
                    self._written(entry, ending)

    @override
    def next_due(self, receiver: str) -> datetime | None:
        dues = [entry.due_at for entry in self._heads(receiver)]
        stored = self._stored_due(receiver)
        return min((*dues, *([] if stored is None else [stored])), default=None)

    @override
    def oldest_waiting(self) -> datetime | None:
        with self._turn:
            made = [entry.created_at for key, entry in self._pages.items() if not self._over(key)]
        # What cannot be read waits on.
        with suppress(StoreError):
            self._oldest_stored = self._stored.oldest_waiting()
        stored = self._oldest_stored
        return min((*made, *([] if stored is None else [stored])), default=None)

    @override
    def active_and_recently_resolved(self, receiver: str, *, at: datetime) -> Sequence[Notification]:
        try:
            stored = self._pictures[receiver] = self._stored.active_and_recently_resolved(receiver, at=at)
        except StoreError:
            # To forget what fires would be an all-clear.
            stored = self._pictures.get(receiver, ())
        with self._turn:
            unwritten = dict(self._unwritten)
        since = at - self._stored.repeat_resolved
        told = (one for one in unwritten.values() if one.status is NotificationStatus.FIRING or one.at >= since)
        return (
            *(notification for notification in stored if notification.key not in unwritten),
            *(notification for notification in told if receiver in self._stored.routing.receivers(notification)),
        )

    def _without_ended(self, claimed: Sequence[OutboxEntry], at: datetime) -> list[OutboxEntry]:
        """Entries without those that were seen to from memory, whose endings are written down now."""
        with self._turn:
            ended = {entry.id: self._endings[_key(entry)] for entry in claimed if _key(entry) in self._endings}
        if ended:
            self._stored.settle(ended, at=at)
        with self._turn:
            for entry in claimed:
                if entry.id in ended:
                    self._written(entry, ended[entry.id])
                    del self._endings[_key(entry)]
                    self._attempts.pop(_key(entry), None)
        return [entry for entry in claimed if entry.id not in ended]

    def _stored_due(self, receiver: str) -> datetime | None:
        """When to claim from the database again: soon, if claiming failed or the time cannot be read."""
        if receiver not in self._unclaimable:
            with suppress(StoreError):
                return self._stored.next_due(receiver)
        asked_at = self._asked_at.get(receiver)
        return None if asked_at is None else asked_at + _AGAIN

    def _heads(self, receiver: str) -> list[OutboxEntry]:
        """The first of each alert that waits in memory, and of pages that wait where nothing can be claimed."""
        unclaimable = receiver in self._unclaimable
        if not unclaimable and not any(key[0] == receiver for key in tuple(self._pages)):
            return []
        waiting = self._waiting(receiver)
        with self._turn:
            known = {entry.idempotency_key for entry in waiting}
            queue = [
                *waiting,
                *(entry for (name, key), entry in self._pages.items() if name == receiver and key not in known),
            ]
            heads: dict[str, OutboxEntry] = {}
            for entry in queue:
                if not self._over(_key(entry)):
                    heads.setdefault(entry.notice.key, entry)
            mine = (entry for entry in heads.values() if entry.id < 0 or unclaimable)
            return [self._as_it_stands(entry) for entry in mine if entry.notice.severity is Severity.PAGE]

    def _waiting(self, receiver: str) -> Sequence[OutboxEntry]:
        """What waits in the database, as last read if it cannot be read: an end must not overtake its beginning."""
        try:
            found = self._stored.waiting(receiver)
        except StoreError:
            with self._turn:
                known = [entry for entry in self._waits.values() if entry.receiver == receiver]
            return sorted(known, key=lambda entry: entry.id)
        with self._turn:
            others = {key: entry for key, entry in self._waits.items() if entry.receiver != receiver}
            self._waits = others | {_key(entry): entry for entry in found if entry.notice.severity is Severity.PAGE}
        return found

    def _as_it_stands(self, entry: OutboxEntry) -> OutboxEntry:
        ending = self._endings.get(_key(entry))
        due_at = ending.due_at if isinstance(ending, RetryAt | DeferUntil) else entry.due_at
        return replace(entry, due_at=due_at, attempts=entry.attempts + self._attempts[_key(entry)])

    def _over(self, key: _Key) -> bool:
        return isinstance(self._endings.get(key), Done | GiveUp)

    def _note(self, entry: OutboxEntry, ending: EntryResult, at: datetime) -> None:
        self._endings[_key(entry)] = ending
        self._attempts[_key(entry)] += isinstance(ending, RetryAt)
        if entry.id > 0:
            self._waits.setdefault(_key(entry), entry)
        if isinstance(ending, GiveUp) and entry.receiver in self._stored.routing.fallbacks:
            # If the receiver accepts the resolved notification later, the fallback that was paged must get it too.
            told = entry.notice, *self._ends_of(entry.notice, waiting_for=entry.receiver)
            self._send_to_fallback(self._stored.routing.fallbacks[entry.receiver], told, at)

    def _written(self, entry: OutboxEntry, ending: EntryResult) -> None:
        """What became of an entry is in the database: what memory holds of it is of no more use, or is brought up."""
        key = _key(entry)
        self._waits.pop(key, None)
        if isinstance(ending, Done | GiveUp):
            self._pages.pop(key, None)
            self._for_fallback.discard(key)
        elif entry.notice.severity is Severity.PAGE:
            attempts = entry.attempts + isinstance(ending, RetryAt)
            self._waits[key] = replace(entry, due_at=ending.due_at, attempts=attempts)

    def _ends_of(self, notification: Notification, *, waiting_for: str | None = None) -> Iterator[Notification]:
        """Resolved notifications of an alert: decided and not written, or waiting in the database for a receiver."""
        if notification.status is NotificationStatus.RESOLVED:
            return
        if _incident(notification) in self._ends:
            yield self._ends[_incident(notification)]
        waiting = [entry.notice for entry in self._waits.values() if entry.receiver == waiting_for]
        ends = (other for other in waiting if other.status is NotificationStatus.RESOLVED)
        yield from (end for end in ends if _incident(end) == _incident(notification))

    def _send_to_fallback(self, receiver: str, notifications: Iterable[Notification], at: datetime) -> None:
        """Send to a receiver in the place of another; kept until it is in the database."""
        for notification in notifications:
            self._add(receiver, notification, at)
            key = receiver, idempotency_key(notification)
            if key in self._pages:
                self._for_fallback.add(key)

    def _add(self, receiver: str, notification: Notification, at: datetime) -> None:
        key = idempotency_key(notification)
        if (receiver, key) not in self._pages and not self._over((receiver, key)):
            self._pages[receiver, key] = OutboxEntry(
                id=next(self._ids),
                receiver=receiver,
                idempotency_key=key,
                notice=notification,
                created_at=at,
                attempts=0,
                due_at=at,
                last_error=None,
            )


def _key(entry: OutboxEntry) -> _Key:
    return entry.receiver, entry.idempotency_key


def _held(notification: Notification) -> bool:
    """Whether the firing notification waits until fresh data confirms the alert."""
    return notification.unconfirmed and notification.status is NotificationStatus.FIRING


def _incident(notification: Notification) -> tuple[str, str]:
    return notification.instance, notification.incident


def _degraded(notification: Notification) -> Notification:
    """The notification as it is sent: marked, since a crash would lose it."""
    return replace(notification, annotations=(*notification.annotations, _DURABILITY))
