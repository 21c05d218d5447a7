"""What became of the notifications to each receiver, from the outbox and the deliveries that were kept of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, func, select

from app.store.deliveries import delivery
from app.store.moments import Moment
from app.store.outbox import EntryState, outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverRecord:
    """Notifications to one receiver: when it last accepted one, how many wait, and how many were given up.

    *failing_since* is the first failed attempt of those that wait, *error* that of the one that has failed for longest.
    """

    last_success_at: datetime | None
    waiting: int
    failing_since: datetime | None
    error: str | None
    dead_letters: int


def receiver_records(connection: Connection, receivers: Iterable[str]) -> Mapping[str, ReceiverRecord]:
    """The records of these receivers, and of all others that notifications wait for or were given up for."""
    open_states = (EntryState.WAITING.value, EntryState.DEAD.value)
    # Without those delivered, of which there are most; the index has both columns.
    counting = (
        select(outbox.c.receiver, outbox.c.state, func.count())
        .where(outbox.c.state.in_(open_states))
        .group_by(outbox.c.receiver, outbox.c.state)
    )
    counts = {(receiver, state): number for receiver, state, number in connection.execute(counting)}
    names = dict.fromkeys([*receivers, *sorted(receiver for receiver, _ in counts)])
    return {name: _record(connection, name, counts) for name in names}


def _record(connection: Connection, receiver: str, counts: Mapping[tuple[str, str], int]) -> ReceiverRecord:
    waiting, dead = (counts.get((receiver, state.value), 0) for state in (EntryState.WAITING, EntryState.DEAD))
    failing = (
        select(outbox.c.failing_since, outbox.c.last_error)
        .where(outbox.c.receiver == receiver, outbox.c.state == EntryState.WAITING.value)
        .where(outbox.c.failing_since.is_not(None))
        .order_by(outbox.c.failing_since, outbox.c.id)
        .limit(1)
    )
    first_failure = connection.execute(failing).first() if waiting else None
    return ReceiverRecord(
        # What the outbox has forgotten is older than all that it has.
        last_success_at=_last_success(connection, outbox, receiver) or _last_success(connection, delivery, receiver),
        waiting=waiting,
        failing_since=None if first_failure is None else first_failure.failing_since,
        error=None if first_failure is None else first_failure.last_error,
        dead_letters=dead,
    )


def _last_success(connection: Connection, table: Table, receiver: str) -> datetime | None:
    newest = select(func.max(table.c.ended_at, type_=Moment)).where(
        table.c.receiver == receiver, table.c.state == EntryState.DONE.value
    )
    at: datetime | None = connection.execute(newest).scalar_one()
    return at
