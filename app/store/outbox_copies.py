"""Entries of one outbox copied into another, where they are delivered while the first cannot be used.

A copy has the id of its original. Entries that were made in the other outbox have ids from `OWN_FROM` on, so that a
copy goes out before them whenever it was made.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, select, update

from app.store.json_text import encoded
from app.store.outbox import EntryState, OutboxEntry, columns_of, outbox
from app.store.unaccepted import mark_fallback_notified
from app.store.upsert import insert_missing

OWN_FROM = 1 << 40
"""No database counts its entries up to here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryProgress:
    """What became of an entry so far; *id* is the one in the outbox that says so."""

    id: int
    state: EntryState
    attempts: int
    due_at: datetime
    last_error: str | None
    failing_since: datetime | None = None
    fallback_notified_at: datetime | None = None

    @property
    def ended(self) -> bool:
        """Whether the entry was delivered or given up."""
        return self.state is not EntryState.WAITING

    def is_ahead_of(self, entry: OutboxEntry) -> bool:
        """Whether the entry was attempted or deferred, or its fallback notified, since it was read."""
        fallback_notified = self.fallback_notified_at is not None and entry.fallback_notified_at is None
        return self.ended or self.attempts > entry.attempts or self.due_at > entry.due_at or fallback_notified


def copy_entries(connection: Connection, entries: Sequence[OutboxEntry]) -> None:
    """Copy entries; one that is known by its receiver and key keeps its progress, and gets the id of its original.

    That a fallback was notified for the original holds for the copy as well.
    """
    for receiver in dict.fromkeys(entry.receiver for entry in entries):
        originals = {entry.idempotency_key: entry.id for entry in entries if entry.receiver == receiver}
        for key, known in progress_of(connection, receiver, originals).items():
            if known.id != originals[key]:
                connection.execute(update(outbox).where(outbox.c.id == known.id).values(id=originals[key]))
    mark_fallback_notified(connection, [(entry.id, entry.fallback_notified_at) for entry in entries])
    rows = [
        {
            **columns_of(entry.notification),
            "id": entry.id,
            "receiver": entry.receiver,
            "idempotency_key": entry.idempotency_key,
            "notification": encoded(entry.notification),
            "created_at": entry.created_at,
            "state": EntryState.WAITING.value,
            "attempts": entry.attempts,
            "due_at": entry.due_at,
            "last_error": entry.last_error,
            "failing_since": entry.failing_since,
            "fallback_notified_at": entry.fallback_notified_at,
            "traceparent": entry.traceparent,
        }
        for entry in entries
    ]
    insert_missing(connection, outbox, rows)


def keep_copies(connection: Connection, receiver: str, originals: Collection[int]) -> None:
    """Delete the copies of a receiver other than those of *originals*."""
    other = outbox.c.id.not_in(tuple(originals)) & (outbox.c.id < OWN_FROM)
    connection.execute(delete(outbox).where((outbox.c.receiver == receiver) & other))


def progress_of(connection: Connection, receiver: str, keys: Iterable[str]) -> dict[str, EntryProgress]:
    """By idempotency key, what became of entries of a receiver that are known here."""
    rows = connection.execute(
        select(
            outbox.c.id,
            outbox.c.idempotency_key,
            outbox.c.state,
            outbox.c.attempts,
            outbox.c.due_at,
            outbox.c.last_error,
            outbox.c.failing_since,
            outbox.c.fallback_notified_at,
        ).where(_known_by(receiver, keys))
    )
    return {
        row.idempotency_key: EntryProgress(
            id=row.id,
            state=EntryState(row.state),
            attempts=row.attempts,
            due_at=row.due_at,
            last_error=row.last_error,
            failing_since=row.failing_since,
            fallback_notified_at=row.fallback_notified_at,
        )
        for row in rows
    }


def set_progress(connection: Connection, progress: Mapping[int, EntryProgress], *, at: datetime) -> None:
    """Note in waiting entries, by id, what became of them elsewhere."""
    for entry_id, made in progress.items():
        # An entry that has ended here meanwhile stays as it ended.
        mine = (outbox.c.id == entry_id) & (outbox.c.state == EntryState.WAITING.value)
        connection.execute(
            update(outbox)
            .where(mine)
            .values(
                leased_until=None,
                leased_by=None,
                state=made.state.value,
                attempts=made.attempts,
                due_at=made.due_at,
                last_error=made.last_error,
                failing_since=made.failing_since,
                fallback_notified_at=made.fallback_notified_at,
                ended_at=at if made.ended else None,
            )
        )


def forget_entries(connection: Connection, receiver: str, keys: Iterable[str]) -> None:
    """Delete entries of a receiver."""
    connection.execute(delete(outbox).where(_known_by(receiver, keys)))


def receivers_with_entries(connection: Connection) -> frozenset[str]:
    """The receivers of all entries."""
    return frozenset(connection.execute(select(outbox.c.receiver).distinct()).scalars())


def ended_entries(connection: Connection) -> frozenset[tuple[str, str]]:
    """Receivers and idempotency keys of what has ended."""
    return _receivers_and_keys(connection, outbox.c.state != EntryState.WAITING.value)


def waiting_entries(connection: Connection) -> frozenset[tuple[str, str]]:
    """Receivers and idempotency keys of what waits, at one moment for all receivers."""
    return _receivers_and_keys(connection, outbox.c.state == EntryState.WAITING.value)


def clear_ended(connection: Connection) -> bool:
    """Delete everything if nothing waits and nothing is the copy of an entry elsewhere; whether the outbox is empty."""
    of_use = (outbox.c.state == EntryState.WAITING.value) | (outbox.c.id < OWN_FROM)
    if connection.execute(select(func.count()).select_from(outbox).where(of_use)).scalar_one():
        return False
    connection.execute(delete(outbox))
    return True


def _receivers_and_keys(connection: Connection, where: ColumnElement[bool]) -> frozenset[tuple[str, str]]:
    rows = connection.execute(select(outbox.c.receiver, outbox.c.idempotency_key).where(where))
    return frozenset((row.receiver, row.idempotency_key) for row in rows)


def _known_by(receiver: str, keys: Iterable[str]) -> ColumnElement[bool]:
    return (outbox.c.receiver == receiver) & outbox.c.idempotency_key.in_(tuple(keys))
