"""The alerts that a receiver was notified of: those that fire, and those resolved a short while ago."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from typing_extensions import override

from app.alerting import Notification, NotificationStatus, Routing
from app.integrations.resend_loop import AlertsToRepeat
from app.slo import Severity
from app.store import Database, StoreError
from app.store.outbox import recently_resolved
from app.store.policies import load_active_notifications
from app.store.recipients import is_repeated_to, notified_receivers
from app.store.shards import ServiceLease


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAlertsToRepeat(AlertsToRepeat):
    """The alerts of one database, by one routing; the end of an alert is repeated for *repeat_resolved*."""

    database: Database
    routing: Routing = field(default_factory=Routing)
    repeat_resolved: timedelta = timedelta(minutes=15)
    service_lease: ServiceLease = field(default_factory=ServiceLease)

    @override
    def active_and_recently_resolved(self, receiver: str, *, at: datetime) -> Sequence[Notification]:
        if not self.service_lease.is_mine:
            # The replica that delivers repeats them: it knows what it has resolved meanwhile.
            return ()
        with self.database.read() as tx:
            active = [
                notification
                for notification in load_active_notifications(tx)
                if not notification.unconfirmed and is_repeated_to(tx, receiver, notification, self.routing)
            ]
            resolved = recently_resolved(tx, receiver, since=at - self.repeat_resolved)
        firing = {notification.key for notification in active}
        return (*active, *(notification for notification in resolved if notification.key not in firing))

    def notified_of_firing(self, receiver: str) -> Sequence[Notification]:
        """The active alerts of which a receiver was, or may have been, notified."""
        with self.database.read() as tx:
            return [
                notification
                for notification in load_active_notifications(tx)
                if notified_receivers(tx, notification, receivers=[receiver]).firing
            ]


class ActiveAlerts(AlertsToRepeat):
    """The stored alerts, as last read while they cannot be; over them pages that are not written yet."""

    def __init__(self, stored: StoredAlertsToRepeat) -> None:
        self._stored = stored
        self._unwritten: dict[str, Notification] = {}
        self._last_read: dict[str, Sequence[Notification]] = {}

    def hold(self, unwritten: Iterable[Notification]) -> None:
        """Take what evaluations have decided and not written so far, oldest first; nothing once it is written."""
        held = {
            notification.key: notification
            for notification in unwritten
            if notification.severity is Severity.PAGE
            # A firing notification that is unconfirmed is not sent before fresh data confirms the alert.
            and not (notification.unconfirmed and notification.status is NotificationStatus.FIRING)
        }
        if held != self._unwritten:
            self._unwritten = held

    @override
    def active_and_recently_resolved(self, receiver: str, *, at: datetime) -> Sequence[Notification]:
        unwritten, stored = self._unwritten, self._read(receiver, at)
        while unwritten is not self._unwritten:
            # What was written after the database was read would be in neither.
            unwritten, stored = self._unwritten, self._read(receiver, at)
        since = at - self._stored.repeat_resolved
        repeated = (one for one in unwritten.values() if one.status is NotificationStatus.FIRING or one.at >= since)
        return (
            *(notification for notification in stored if notification.key not in unwritten),
            *(one for one in repeated if receiver in self._stored.routing.receivers(one)),
        )

    def _read(self, receiver: str, at: datetime) -> Sequence[Notification]:
        try:
            stored = self._last_read[receiver] = self._stored.active_and_recently_resolved(receiver, at=at)
        except StoreError:
            # To forget what fires would be an all-clear.
            return self._last_read.get(receiver, ())
        return stored
