"""Entries of the outbox that were given up: to be seen, and to be put back in their place."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, select, update

from app.slo import Tenants
from app.store.outbox import EntryState, outbox
from app.store.paging import of_tenants

MOST_ID = 2**63 - 1
"""The largest id that a database holds; a larger one would be an error of its driver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An entry that was given up, and why."""

    id: int
    receiver: str
    alert_key: str
    status: str
    created_at: datetime
    ended_at: datetime
    attempts: int
    error: str


def dead_letters(
    connection: Connection, *, limit: int = 100, before: int | None = None, tenants: Tenants | None = None
) -> tuple[DeadLetter, ...]:
    """What was given up, newest first; only what has an id below *before*, and is of *tenants*, if given."""
    dead = select(outbox).where(outbox.c.state == EntryState.DEAD.value, *of_tenants(outbox.c.alert_key, tenants))
    dead = dead.order_by(outbox.c.id.desc()).limit(limit)
    dead = dead if before is None else dead.where(outbox.c.id < before)
    return tuple(_dead_letter(row) for row in connection.execute(dead))


def given_up_since(connection: Connection, since: datetime, *, limit: int = 1000) -> tuple[str, ...]:
    """The receiver of every entry that was given up since a time."""
    dead = (outbox.c.state == EntryState.DEAD.value) & (outbox.c.ended_at >= since)
    return tuple(connection.execute(select(outbox.c.receiver).where(dead).limit(limit)).scalars())


def requeue_dead_letter(connection: Connection, entry_id: int, *, at: datetime) -> bool:
    """Put a dead letter back in its place; False if there is none of that id, or if it is out of date.

    What the receiver has been notified of since then, or is being notified of now, must not be overtaken: a beginning
    that comes after its end would never end.
    """
    later = outbox.alias()
    under_way = (later.c.state == EntryState.WAITING.value) & (later.c.leased_until > at)
    overtaken = (
        select(later.c.id)
        .where(
            (later.c.receiver == outbox.c.receiver)
            & (later.c.alert_key == outbox.c.alert_key)
            & (under_way | (later.c.state == EntryState.DONE.value))
            & (later.c.id > outbox.c.id)
        )
        .exists()
    )
    dead = (outbox.c.id == entry_id) & (outbox.c.state == EntryState.DEAD.value) & ~overtaken
    again = {"state": EntryState.WAITING.value, "ended_at": None, "attempts": 0, "due_at": at, "created_at": at}
    return connection.execute(update(outbox).where(dead).values(**again, failing_since=None)).rowcount == 1


def _dead_letter(row: Row[tuple[object, ...]]) -> DeadLetter:
    return DeadLetter(
        id=row.id,
        receiver=row.receiver,
        alert_key=row.alert_key,
        status=row.status,
        created_at=row.created_at,
        ended_at=row.ended_at,
        attempts=row.attempts,
        error=row.last_error,
    )
