"""The newest snapshots, for all who display: written once in an evaluation, read at any time.

A reader gets immutable tuples and mappings that are swapped as a whole, so neither readers nor evaluations ever wait
for each other.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from app.alerting import Notification, alert_key
from app.slo import AlertState, Cause, SloId
from app.status.snapshot import AlertView, Snapshot


class Board:
    """The newest snapshot of every SLO, in the order of the documents, and the notifications of active alerts."""

    def __init__(self) -> None:
        self._snapshots: tuple[Snapshot, ...] = ()
        self._by_id: Mapping[SloId, Snapshot] = MappingProxyType({})
        self._notifications: Mapping[str, Notification] = MappingProxyType({})

    def publish(self, snapshots: Sequence[Snapshot]) -> None:
        """Replace all snapshots."""
        self._by_id = MappingProxyType({snapshot.id: snapshot for snapshot in snapshots})
        self._snapshots = tuple(snapshots)

    def set_notifications(self, notifications: Mapping[str, Notification]) -> None:
        """Replace the notifications of active alerts, by their keys."""
        self._notifications = MappingProxyType(dict(notifications))

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """Every snapshot of the newest evaluation."""
        return self._snapshots

    @property
    def notifications(self) -> tuple[Notification, ...]:
        """The notification of every active alert, the shortest time to exhaustion first."""
        return tuple(sorted(self._notifications.values(), key=self._urgency))

    @property
    def active(self) -> tuple[tuple[Snapshot, AlertView], ...]:
        """Every alert that is not inactive, with its SLO, the shortest time to exhaustion first."""
        active = [
            (one, alert)
            for one in self._snapshots
            for alert in one.alerts
            if alert.state is not AlertState.INACTIVE or alert.reason is not None
        ]
        return tuple(sorted(active, key=lambda pair: (pair[0].budget.lasts_until_s, pair[1].severity, pair[0].id)))

    def _urgency(self, notification: Notification) -> tuple[float, str, str]:
        snapshot = self.find(notification.slo)
        return math.inf if snapshot is None else snapshot.budget.lasts_until_s, notification.severity, notification.slo

    def find(self, slo_id: SloId) -> Snapshot | None:
        """The snapshot of one SLO or group member; None if it is not known."""
        return self._by_id.get(slo_id)

    def completed(self, notification: Notification) -> Notification:
        """A notification with the top contributors, if they have become known since it was written."""
        known = self._notifications.get(notification.key)
        if notification.top_contributors or known is None or known.incident != notification.incident:
            return notification
        return replace(notification, top_contributors=known.top_contributors)

    def owner_of(self, snapshot: Snapshot, alert: AlertView) -> SloId:
        """The SLO or the member that an alert of a snapshot belongs to: data is missing of a whole group."""
        return snapshot.slo.id if alert.cause is Cause.NO_DATA else snapshot.id

    def notification_of(self, snapshot: Snapshot, alert: AlertView) -> Notification | None:
        """The notification of an alert of a snapshot; None if it does not fire or is muted."""
        own = self._notifications.get(alert_key(snapshot.id, alert.severity, alert.cause))
        # A member of a group shows the alerts of the whole SLO too.
        return own or self._notifications.get(alert_key(snapshot.slo.id, alert.severity, alert.cause))
