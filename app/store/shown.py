"""What each replica shows of its SLOs, for the others to show it too: one row for each shard."""

from collections.abc import Iterable, Mapping
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


def load_shown(connection: Connection, known: Mapping[int, datetime]) -> tuple[ShownShard, ...]:
    """What is shown of every shard, but for those that are *known* as of their newest slot."""
    newest = {row.shard: row.at for row in connection.execute(select(shown_shard.c.shard, shown_shard.c.at))}
    changed = [number for number, at in newest.items() if known.get(number) != at]
    if not changed:
        return ()
    found = connection.execute(select(shown_shard).where(shown_shard.c.shard.in_(changed)))
    return tuple(ShownShard(**row._mapping) for row in found)  # noqa: SLF001  its mapping
