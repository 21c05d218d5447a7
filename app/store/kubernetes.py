"""The tables of objects of Kubernetes: the documents in use, what is wrong with newer ones, and how watching goes.

One replica watches and decides, every replica reads the same documents here: also while the API server is away.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, Integer, String, Table, delete, select

from app.store.json_text import deserialize, serialize
from app.store.moments import Moment
from app.store.schema import metadata
from app.store.upsert import upsert

kubernetes_object = Table(
    "kubernetes_object",
    metadata,
    Column("name", String, primary_key=True),
    Column("created_at", Moment, nullable=False),
    # JSON as text: what people write may hold a NUL, which PostgreSQL takes only where it is escaped.
    Column("active", String),
    Column("findings", String, nullable=False),
)
kubernetes_watch = Table(
    "kubernetes_watch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", Integer, nullable=False),
    Column("problems", String, nullable=False),
)
# The table has one row: one replica watches, and writes how far it has come.
_ONLY = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """An object: its documents in use by what findings call them, None for none, and what is wrong with it."""

    name: str
    created_at: datetime
    active: Mapping[str, str] | None
    findings: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchState:
    """*revision* differs once other documents are in use; *problems* say why objects are not kept up to date."""

    revision: int = 0
    problems: Sequence[str] = ()


def load_objects(connection: Connection) -> Sequence[StoredObject]:
    """Every object, by name."""
    rows = connection.execute(select(kubernetes_object).order_by(kubernetes_object.c.name))
    return [
        StoredObject(
            name=row.name,
            created_at=row.created_at,
            active=None if row.active is None else deserialize(row.active),
            findings=tuple(deserialize(row.findings) or ()),
        )
        for row in rows
    ]


def write_objects(connection: Connection, changed: Sequence[StoredObject], *, gone: Sequence[str]) -> None:
    """Write objects that have changed, and forget those that are *gone*."""
    rows = [
        {
            "name": one.name,
            "created_at": one.created_at,
            "active": None if one.active is None else serialize(one.active),
            "findings": serialize(one.findings),
        }
        for one in changed
    ]
    upsert(connection, kubernetes_object, rows)
    for name in gone:
        connection.execute(delete(kubernetes_object).where(kubernetes_object.c.name == name))


def load_watch_state(connection: Connection) -> WatchState:
    """How watching goes; nothing before the first time."""
    row = connection.execute(select(kubernetes_watch).where(kubernetes_watch.c.id == _ONLY)).one_or_none()
    if row is None:
        return WatchState()
    return WatchState(revision=row.revision, problems=tuple(deserialize(row.problems) or ()))


def write_watch_state(connection: Connection, state: WatchState) -> None:
    """Write how watching goes."""
    row = {"id": _ONLY, "revision": state.revision, "problems": serialize(state.problems)}
    upsert(connection, kubernetes_watch, [row])
