"""Notifications for the receivers that the routing names, which depends on whom the outbox has notified before."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from app.alerting import REROUTED, Notification, NotificationStatus, Notified, Routing, resolve
from app.store.outbox import enqueue, is_of, outbox, withdraw_beginning


def notified_receivers(connection: Connection, notification: Notification, *, receivers: Iterable[str]) -> Notified:
    """Those of *receivers* that have been, or will be, notified of the alert.

    That is, this time and with these labels: an alert whose labels were changed is another one to them. The newest
    entry of each receiver counts.
    """
    mine = outbox.c.receiver.in_(tuple(receivers)) & is_of(notification)
    rows = connection.execute(select(outbox.c.receiver, outbox.c.status).where(mine).order_by(outbox.c.id)).all()
    newest = {row.receiver: row.status for row in rows}
    by_status = {
        status: tuple(receiver for receiver, last in newest.items() if last == status.value)
        for status in NotificationStatus
    }
    return Notified(firing=by_status[NotificationStatus.FIRING], resolved=by_status[NotificationStatus.RESOLVED])


def enqueue_routed(
    connection: Connection,
    notification: Notification,
    routing: Routing,
    *,
    at: datetime,
    before: Notified | None = None,
    ids: Iterator[int] | None = None,
) -> None:
    """Put a notification into the outbox of its receivers.

    *before* are those that were notified of the alert by another outbox; *ids* number the entries, by default the
    database does.
    """
    notified = notified_receivers(connection, notification, receivers=routing.known)
    if before is not None:
        notified = Notified(
            firing=tuple(dict.fromkeys((*before.firing, *notified.firing))),
            resolved=tuple(dict.fromkeys((*before.resolved, *notified.resolved))),
        )
    receivers = routing.recipients(notification, notified)
    if notification.status is NotificationStatus.RESOLVED and notification.unconfirmed:
        never_notified = withdraw_beginning(connection, notification, at=at)
        receivers = tuple(receiver for receiver in receivers if receiver not in never_notified)
    enqueue(connection, [notification], receivers=receivers, at=at, ids=ids)


def enqueue_rerouted(
    connection: Connection, notification: Notification, routing: Routing, *, at: datetime, kept: timedelta
) -> None:
    """Notify the receivers that the *routing* newly names for an alert that fires, and those of before of its end.

    Of what happened longer ago than *kept* the outbox knows nothing.
    """
    notified = notified_receivers(connection, notification, receivers=routing.known)
    if not notified.firing and not notified.resolved and notification.starts_at < at - kept:
        return
    change = routing.rerouted(notification, notified)
    # Only what was over for a receiver is sent again: what waits for one that is gone may find its way there too.
    again = [name for name in change.begins if name in notified.resolved]
    enqueue(connection, [notification], receivers=[name for name in change.begins if name not in again], at=at)
    enqueue(connection, [notification], receivers=again, at=at, again=True)
    enqueue(connection, [resolve(notification, at=at, end=REROUTED)], receivers=change.ends, at=at)


def enqueue_instead(
    connection: Connection, notification: Notification, routing: Routing, *, at: datetime
) -> tuple[str, ...]:
    """Put a notification for a receiver that is no longer configured into the outbox of others; those are returned."""
    notified = notified_receivers(connection, notification, receivers=routing.known)
    receivers = routing.recipients_instead(notification, notified)
    enqueue(connection, [notification], receivers=receivers, at=at)
    return receivers


def is_repeated_to(connection: Connection, receiver: str, notification: Notification, routing: Routing) -> bool:
    """Whether a receiver is notified of an alert, by the routes or as the fallback of another receiver."""
    if receiver in routing.receivers(notification):
        return True
    return routing.is_fallback(receiver) and bool(
        notified_receivers(connection, notification, receivers=[receiver]).firing
    )
