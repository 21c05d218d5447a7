"""Firing pages that a receiver has failed to accept so far, from the first failed attempt on."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from app.alerting import NotificationStatus
from app.slo import Severity
from app.store.outbox import EntryState, is_held, outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class UnacceptedPage:
    """A waiting page; it cannot be accepted before an earlier entry of its alert, if attempts at that fail."""

    id: int
    receiver: str
    failing_since: datetime
    error: str


def unaccepted_pages(
    connection: Connection, receivers: Collection[str], *, from_id: int = 0
) -> tuple[UnacceptedPage, ...]:
    """The pages that *receivers* have not accepted and whose fallbacks were not notified, oldest first."""
    if not receivers:
        return ()
    first = outbox.alias()
    fails = (
        (first.c.receiver == outbox.c.receiver)
        & (first.c.state == EntryState.WAITING.value)
        & (first.c.alert_key == outbox.c.alert_key)
        & (first.c.id <= outbox.c.id)
        & first.c.failing_since.is_not(None)
    )
    rows = connection.execute(
        select(
            outbox.c.id,
            outbox.c.receiver,
            outbox.c.created_at,
            outbox.c.due_at,
            first.c.created_at.label("first_created_at"),
            first.c.due_at.label("first_due_at"),
            first.c.failing_since,
            first.c.last_error,
        )
        .join(first, fails)
        .where(
            outbox.c.receiver.in_(tuple(receivers))
            & (outbox.c.state == EntryState.WAITING.value)
            & (outbox.c.status == NotificationStatus.FIRING.value)
            & (outbox.c.severity == Severity.PAGE.value)
            & outbox.c.fallback_notified_at.is_(None)
            & (outbox.c.id >= from_id)
        )
        .order_by(outbox.c.id, first.c.id)
    )
    found: dict[int, UnacceptedPage] = {}
    for row in rows:
        # Held until fresh data confirms the alert: it is not to be notified before.
        if is_held(row.created_at, row.due_at) or is_held(row.first_created_at, row.first_due_at):
            continue
        page = UnacceptedPage(
            id=row.id,
            receiver=row.receiver,
            failing_since=max(row.created_at, row.failing_since),
            error=row.last_error or "",
        )
        found.setdefault(row.id, page)
    return tuple(found.values())


def fallback_was_notified(connection: Connection, entry_id: int) -> bool:
    """Whether the fallback was notified in place of the receiver of an entry, before that was given up."""
    notified_at = select(outbox.c.fallback_notified_at).where(outbox.c.id == entry_id)
    return connection.execute(notified_at).scalar() is not None


def mark_fallback_notified(connection: Connection, entries: Iterable[tuple[int, datetime | None]]) -> None:
    """Note when the fallback was notified in place of the receiver of an entry; None leaves an entry as it is."""
    for entry_id, at in entries:
        if at is not None:
            connection.execute(update(outbox).where(outbox.c.id == entry_id).values(fallback_notified_at=at))
