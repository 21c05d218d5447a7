"""The processes that work on this database; leases name the one that holds them."""

import os
import socket
from dataclasses import dataclass, field
from uuid import uuid4

from sqlalchemy import Column, Connection, Float, String, Table, delete, insert, update

from app.store.database_clock import database_now_s
from app.store.schema import metadata

instance = Table(
    "instance",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    # By the clock of the database; null where the lock on the file says it.
    Column("expires_at_s", Float(53)),
    # The revision of the tables that its code is of.
    Column("revision", String),
    # Of a replica that evaluates: another takes its shards when it has not renewed this in time.
    Column("evaluates_until_s", Float(53)),
    # Of a replica that could reach no receiver: until then another delivers, if there is one that can.
    Column("yields_until_s", Float(53)),
)


def forget_dead_instances(connection: Connection) -> None:
    """Delete the rows of processes that have not renewed them in time."""
    connection.execute(delete(instance).where(instance.c.expires_at_s <= database_now_s(connection)))


@dataclass(frozen=True, slots=True)
class Instance:
    """One opening of the database by one process; *name* is for people."""

    id: str = field(default_factory=lambda: uuid4().hex)
    name: str = field(default_factory=lambda: f"{socket.gethostname()}, process {os.getpid()}")


def renew_instance(connection: Connection, mine: Instance, *, lease_s: float, revision: str) -> None:
    """Note that a process works on the database, for *lease_s* from now on; its code is of a *revision*."""
    until_s = database_now_s(connection) + lease_s
    renewal = update(instance).where(instance.c.id == mine.id).values(expires_at_s=until_s)
    if not connection.execute(renewal).rowcount:
        connection.execute(insert(instance).values(id=mine.id, name=mine.name, expires_at_s=until_s, revision=revision))
