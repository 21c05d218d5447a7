"""What each replica shows of its SLOs, for the others to show it too: one row for each shard."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, Integer, LargeBinary, Table, select

from app.store.moments import Moment
from app.store.schema import metadata
from app.store.upsert import upsert

shown_shard = Table(
    "shown_shard",
    metadata,
    Column("shard", Integer, primary_key=True, autoincrement=False),
    # The slot that was evaluated last.
    Column("at", Moment, nullable=False),
    Column("body", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownShard:
    """What was shown of a shard at a slot; only `app.status` knows what is in the *body*."""

    shard: int
    at: datetime
    body: bytes


def save_shown(connection: Connection, shown: Iterable[ShownShard]) -> None:
    """Write what is shown of shards in place of what was shown before."""
    upsert(connection, shown_shard, [{"shard": one.shard, "at": one.at, "body": one.body} for one in shown])


def load_shown_slots(connection: Connection) -> dict[int, datetime]:
    """The newest slot of which each shard shows something."""
    return {row.shard: row.at for row in connection.execute(select(shown_shard.c.shard, shown_shard.c.at))}


def load_shown(connection: Connection, shards: Collection[int]) -> tuple[ShownShard, ...]:
    """What is shown of some shards."""
    found = connection.execute(select(shown_shard).where(shown_shard.c.shard.in_(shards)))
    return tuple(ShownShard(**row._mapping) for row in found)  # noqa: SLF001  its mapping
