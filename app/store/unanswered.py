"""Messages that a receiver may have got although no response was seen: alerts of them are resolved there as well.

Sent again, an alert may be part of another message, such as a digest; what the first request opened would stay open.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import JSON, Column, ColumnElement, Connection, String, Table, delete, select, tuple_, update

from app.alerting import Notification
from app.store.moments import Moment
from app.store.notification_documents import decode_notification
from app.store.schema import metadata
from app.store.upsert import upsert

unanswered_messages = Table(
    "unanswered_messages",
    metadata,
    Column("receiver", String, primary_key=True),
    Column("handle", String, primary_key=True),
    Column("alert", String, primary_key=True),
    Column("incident", String, primary_key=True),
    Column("sent_at", Moment, nullable=False),
    Column("resolved", JSON(none_as_null=True)),
)
KEPT = timedelta(days=90)
"""As long as transitions and the messages that receivers have: an alert that fires for longer is looked at by hand."""
# SQLite takes 32,766 parameters in one statement, each alert is two.
_AT_ONCE = 500


def note_sent(
    connection: Connection,
    receiver: str,
    messages: Mapping[str, Sequence[Notification]],
    *,
    at: datetime,
    kept: timedelta = KEPT,
) -> None:
    """Note messages, by handle, before they are sent; an alert that has fired again is not resolved any more.

    Those that were sent longer ago than *kept* are forgotten.
    """
    rows = [
        {
            "receiver": receiver,
            "handle": handle,
            "alert": notification.instance,
            "incident": notification.incident,
            "sent_at": at,
            "resolved": None,
        }
        for handle, notifications in messages.items()
        for notification in notifications
    ]
    # The time of the first attempt stays: `forget_unsent` deletes what a later one has added only.
    upsert(connection, unanswered_messages, rows, update=["resolved"])
    connection.execute(delete(unanswered_messages).where(unanswered_messages.c.sent_at < at - kept))


def forget_answered(connection: Connection, receiver: str, handles: Collection[str]) -> None:
    """Forget messages that the receiver has answered, or whose end it has answered."""
    for handle in handles:
        connection.execute(delete(unanswered_messages).where(_message(receiver, handle)))


def forget_unsent(connection: Connection, receiver: str, handles: Collection[str], *, at: datetime) -> None:
    """Forget what `note_sent` noted at *at* of messages that were not sent."""
    for handle in handles:
        unsent = _message(receiver, handle) & (unanswered_messages.c.sent_at == at)
        connection.execute(delete(unanswered_messages).where(unsent))


def is_any_unanswered(connection: Connection, receiver: str) -> bool:
    """Whether any message of the receiver is unanswered."""
    some = select(unanswered_messages.c.handle).where(unanswered_messages.c.receiver == receiver).limit(1)
    return connection.execute(some).first() is not None


def resolve_unanswered(
    connection: Connection, receiver: str, resolved: Sequence[Notification]
) -> dict[str, tuple[Notification, ...]]:
    """Note that alerts are resolved; the unanswered messages of which all alerts are now, with those notifications."""
    touched: set[str] = set()
    for notification in resolved:
        shows = (
            (unanswered_messages.c.receiver == receiver)
            & (unanswered_messages.c.alert == notification.instance)
            & (unanswered_messages.c.incident == notification.incident)
        )
        noted = update(unanswered_messages).where(shows).values(resolved=notification)
        touched.update(connection.execute(noted.returning(unanswered_messages.c.handle)).scalars())
    found = {}
    for handle in sorted(touched):
        mine = select(unanswered_messages.c.resolved).where(_message(receiver, handle))
        ends = connection.execute(mine.order_by(unanswered_messages.c.alert)).scalars().all()
        if all(ends):
            found[handle] = tuple(decode_notification(end) for end in ends)
    return found


def unanswered_of(connection: Connection, incidents: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str, str]]:
    """The receiver, alert and incident of every unanswered message that may have announced one of *incidents*.

    An incident is given as `Notification.instance` and `Notification.incident`.
    """
    alerts = list(dict.fromkeys(incidents))
    columns = unanswered_messages.c
    found: set[tuple[str, str, str]] = set()
    for start in range(0, len(alerts), _AT_ONCE):
        shows = tuple_(columns.alert, columns.incident).in_(alerts[start : start + _AT_ONCE])
        rows = connection.execute(select(columns.receiver, columns.alert, columns.incident).where(shows))
        found.update((row.receiver, row.alert, row.incident) for row in rows)
    return frozenset(found)


def _message(receiver: str, handle: str) -> ColumnElement[bool]:
    return (unanswered_messages.c.receiver == receiver) & (unanswered_messages.c.handle == handle)
