"""Deliveries: who was notified of an incident, when, and with which result.

They are the entries of the outbox; those that the outbox forgets are kept here, without their texts.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, Index, Integer, String, Table, delete, insert, select

from app.alerting import NotificationStatus
from app.slo import Severity
from app.store.moments import Moment
from app.store.outbox import EntryState, is_held, outbox
from app.store.schema import metadata

delivery = Table(
    "delivery",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident", String, nullable=False),
    Column("receiver", String, nullable=False),
    Column("alert_key", String, nullable=False),
    Column("severity", String, nullable=False),
    Column("status", String, nullable=False),
    Column("state", String, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("failing_since", Moment),
    Column("fallback_notified_at", Moment),
    Column("ended_at", Moment),
    Column("attempts", Integer, nullable=False),
    Column("last_error", String),
    Index("delivery_by_incident", "incident"),
    Index("delivery_by_end", "receiver", "state", "ended_at"),
)
_KEPT = tuple(column.name for column in delivery.c if column.name != "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One notification for one receiver.

    *created_at* is when it was decided; *ended_at* when it was accepted or given up, as *state* says; *failing_since*
    the first failed attempt; *held* says that it waits for fresh data to confirm its alert.
    """

    receiver: str
    alert_key: str
    severity: Severity
    status: NotificationStatus
    state: EntryState
    created_at: datetime
    failing_since: datetime | None
    fallback_notified_at: datetime | None
    ended_at: datetime | None
    attempts: int
    error: str | None
    held: bool


def deliveries_of(
    connection: Connection, incidents: Collection[str], *, limit: int = 1000
) -> Mapping[str, tuple[Delivery, ...]]:
    """The deliveries of each of some incidents, oldest first; *limit* is of all together."""
    found: dict[str, list[Delivery]] = defaultdict(list)
    left = limit
    for table in (delivery, outbox):
        mine = select(*(table.c[name] for name in _KEPT)).where(table.c.incident.in_(incidents))
        for row in connection.execute(mine.order_by(table.c.created_at, table.c.id).limit(left)):
            left -= 1
            found[row.incident].append(
                Delivery(
                    receiver=row.receiver,
                    alert_key=row.alert_key,
                    severity=Severity(row.severity),
                    status=NotificationStatus(row.status),
                    state=EntryState(row.state),
                    created_at=row.created_at,
                    failing_since=row.failing_since,
                    fallback_notified_at=row.fallback_notified_at,
                    ended_at=row.ended_at,
                    attempts=row.attempts,
                    error=row.last_error,
                    held=row.state == EntryState.WAITING.value and is_held(row.created_at, row.due_at),
                )
            )
    return {incident: tuple(each) for incident, each in found.items()}


def prune_outbox(connection: Connection, *, before: datetime) -> int:
    """Move entries that ended before a time from the outbox to the deliveries; how many there were."""
    ended = (outbox.c.state != EntryState.WAITING.value) & (outbox.c.ended_at < before)
    old = select(*(outbox.c[name] for name in _KEPT)).where(ended).order_by(outbox.c.id)
    connection.execute(insert(delivery).from_select(_KEPT, old))
    return connection.execute(delete(outbox).where(ended)).rowcount
