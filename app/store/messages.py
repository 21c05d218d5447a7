"""Which message of a receiver an alert is shown in, so that the end of the alert can change that message.

A message that stands for many alerts, a digest, is over when the last of them is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, Index, String, Table, delete, func, select, tuple_

from app.store.moments import Moment
from app.store.schema import metadata
from app.store.upsert import upsert

messages = Table(
    "messages",
    metadata,
    Column("receiver", String, primary_key=True),
    Column("alert_key", String, primary_key=True),
    Column("incident", String, nullable=False),
    Column("handle", String, nullable=False),
    Column("sent_at", Moment, nullable=False),
    Index("messages_by_handle", "receiver", "handle"),
)
# As long as transitions are kept: an alert that fires for longer gets a new message at its end.
_KEPT = timedelta(days=90)
# SQLite takes 32,766 parameters in one statement, each alert is two.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRef:
    """A message in which an alert is shown: what the receiver calls it, and how many alerts it shows."""

    handle: str
    alerts: int


def remember_message(
    connection: Connection, receiver: str, alerts: Iterable[tuple[str, str]], *, handle: str, at: datetime
) -> None:
    """The alerts, each a key and an incident, are shown in one message."""
    rows = [
        {"receiver": receiver, "alert_key": alert_key, "incident": incident, "handle": handle, "sent_at": at}
        for alert_key, incident in alerts
    ]
    upsert(connection, messages, rows)
    connection.execute(delete(messages).where(messages.c.sent_at < at - _KEPT))


def recall_messages(
    connection: Connection, receiver: str, alerts: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], MessageRef]:
    """The messages that show *alerts*, each a key and an incident; those that are shown in none are left out."""
    handles: dict[tuple[str, str], str] = {}
    for start in range(0, len(alerts), _AT_ONCE):
        shown = tuple_(messages.c.alert_key, messages.c.incident).in_(alerts[start : start + _AT_ONCE])
        found = select(messages.c.alert_key, messages.c.incident, messages.c.handle)
        for row in connection.execute(found.where((messages.c.receiver == receiver) & shown)):
            handles[row.alert_key, row.incident] = row.handle
    shown_in = list(dict.fromkeys(handles.values()))
    refs: dict[str, MessageRef] = {}
    for start in range(0, len(shown_in), _AT_ONCE):
        same = (messages.c.receiver == receiver) & messages.c.handle.in_(shown_in[start : start + _AT_ONCE])
        counted = select(messages.c.handle, func.count().label("alerts")).where(same).group_by(messages.c.handle)
        for row in connection.execute(counted):
            refs[row.handle] = MessageRef(handle=row.handle, alerts=row.alerts)
    return {one: refs[handle] for one, handle in handles.items()}


def shown_alerts(connection: Connection, receiver: str, handle: str) -> frozenset[tuple[str, str]]:
    """The alerts that a message shows, each a key and an incident."""
    same = (messages.c.receiver == receiver) & (messages.c.handle == handle)
    rows = connection.execute(select(messages.c.alert_key, messages.c.incident).where(same))
    return frozenset((row.alert_key, row.incident) for row in rows)


def forget_messages(connection: Connection, receiver: str, alert_keys: Iterable[str]) -> None:
    """The alerts are over, and their messages say so."""
    for alert_key in alert_keys:
        mine = (messages.c.receiver == receiver) & (messages.c.alert_key == alert_key)
        connection.execute(delete(messages).where(mine))
