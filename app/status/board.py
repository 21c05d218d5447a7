"""The newest snapshots, for all who display: written once in an evaluation, read at any time.

A reader gets one immutable `BoardContent`, which is swapped as a whole: neither readers nor evaluations ever wait for
each other, and what a reader combines is of one moment.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from app.alerting import AlertSilence, AlertSilences, Notification, alert_key
from app.slo import AlertState, Cause, SloId
from app.status.snapshot import AlertView, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardContent:
    """The snapshot of every SLO, in the order of the documents, and the notification of every active alert, by key.

    *silences* are what Alertmanagers answered of those alerts.
    *by_service* and *by_group* (the members of each grouped SLO, by its id) spare readers a search among 10,000
    snapshots.
    """

    snapshots: tuple[Snapshot, ...] = ()
    by_id: Mapping[SloId, Snapshot] = field(default_factory=lambda: MappingProxyType({}))
    by_service: Mapping[str, Sequence[Snapshot]] = field(default_factory=lambda: MappingProxyType({}))
    by_group: Mapping[SloId, Sequence[Snapshot]] = field(default_factory=lambda: MappingProxyType({}))
    by_key: Mapping[str, Notification] = field(default_factory=lambda: MappingProxyType({}))
    silences: AlertSilences = field(default_factory=AlertSilences)

    @property
    def notifications(self) -> tuple[Notification, ...]:
        """The notification of every active alert, the shortest time to exhaustion first."""
        return tuple(sorted(self.by_key.values(), key=self._urgency))

    @property
    def active(self) -> tuple[tuple[Snapshot, AlertView], ...]:
        """Every alert that is not inactive, with its SLO, the shortest time to exhaustion first."""
        active = [
            (one, alert)
            for one in self.snapshots
            for alert in one.alerts
            if alert.state is not AlertState.INACTIVE or alert.reason is not None
        ]
        return tuple(sorted(active, key=lambda pair: (pair[0].budget.lasts_until_s, pair[1].severity, pair[0].id)))

    def _urgency(self, notification: Notification) -> tuple[float, str, str]:
        snapshot = self.find(notification.slo)
        return math.inf if snapshot is None else snapshot.budget.lasts_until_s, notification.severity, notification.slo

    def find(self, slo_id: SloId) -> Snapshot | None:
        """The snapshot of one SLO or group member; None if it is not known."""
        return self.by_id.get(slo_id)

    def members_of(self, slo_id: SloId) -> Sequence[Snapshot]:
        """The snapshots of all members of a group, or that of the SLO or member itself; empty if it is not known."""
        snapshot = self.find(slo_id)
        return self.by_group.get(slo_id, ()) if snapshot is None else (snapshot,)

    def silence_of(self, notification: Notification | None) -> AlertSilence | None:
        """What keeps an Alertmanager from notifying of an active alert; None if nothing is known to."""
        return None if notification is None else self.silences.by_key.get(notification.key)

    def completed(self, notification: Notification) -> Notification:
        """A notification with the top contributors, if they have become known since it was written."""
        known = self.by_key.get(notification.key)
        if notification.top_contributors or known is None or known.incident != notification.incident:
            return notification
        return replace(notification, top_contributors=known.top_contributors)

    def owner_of(self, snapshot: Snapshot, alert: AlertView) -> SloId:
        """The SLO or the member that an alert of a snapshot belongs to: data is missing of a whole group."""
        return snapshot.slo.id if alert.cause is Cause.NO_DATA else snapshot.id

    def notification_of(self, snapshot: Snapshot, alert: AlertView) -> Notification | None:
        """The notification of an alert of a snapshot; None if it does not fire or is muted."""
        own = self.by_key.get(alert_key(snapshot.id, alert.severity, alert.cause))
        # A member of a group shows the alerts of the whole SLO too.
        return own or self.by_key.get(alert_key(snapshot.slo.id, alert.severity, alert.cause))


def content_of(
    snapshots: Sequence[Snapshot], notifications: Mapping[str, Notification], silences: AlertSilences
) -> BoardContent:
    """Some snapshots, with the notifications of their active alerts by key, and the silences of these or of more."""
    by_service: dict[str, list[Snapshot]] = {}
    by_group: dict[SloId, list[Snapshot]] = {}
    for snapshot in snapshots:
        by_service.setdefault(snapshot.slo.service, []).append(snapshot)
        if snapshot.id != snapshot.slo.id:
            by_group.setdefault(snapshot.slo.id, []).append(snapshot)
    return BoardContent(
        snapshots=tuple(snapshots),
        by_id=MappingProxyType({snapshot.id: snapshot for snapshot in snapshots}),
        by_service=MappingProxyType(by_service),
        by_group=MappingProxyType(by_group),
        by_key=notifications,
        silences=silences,
    )


class Board:
    """The newest content; one thread writes it, any thread reads it.

    It has what this process evaluates, and what other replicas have shown of the rest.
    """

    def __init__(self) -> None:
        self._current = BoardContent()
        self._followers: list[Callable[[], None]] = []
        self._own: tuple[Snapshot, ...] = ()
        self._own_notifications: Mapping[str, Notification] = MappingProxyType({})
        self._others: tuple[Snapshot, ...] = ()
        self._others_notifications: Mapping[str, Notification] = MappingProxyType({})
        self._order: Mapping[SloId, int] = MappingProxyType({})
        self._silences = AlertSilences()

    def follow(self, published: Callable[[], None]) -> None:
        """Have *published* called after all snapshots or silences have been replaced, by the thread that writes."""
        self._followers.append(published)

    @property
    def current(self) -> BoardContent:
        """What is known now; who reads twice may get two evaluations."""
        return self._current

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """Every snapshot of the newest evaluation."""
        return self._current.snapshots

    @property
    def own(self) -> tuple[Snapshot, ...]:
        """The snapshots of what this process evaluates; another tuple after each evaluation."""
        return self._own

    def publish(self, snapshots: Sequence[Snapshot], notifications: Mapping[str, Notification] | None = None) -> None:
        """Replace all snapshots of this process, and the notifications of active alerts, unless they are None."""
        self._own = tuple(snapshots)
        if notifications is not None:
            self._own_notifications = MappingProxyType(dict(notifications))
        self._compose()
        self._tell_followers()

    def set_others(
        self, snapshots: Sequence[Snapshot], notifications: Sequence[Notification], order: Mapping[SloId, int]
    ) -> None:
        """Replace what other replicas show; *order* are the places of all SLOs in the documents."""
        self._others, self._order = tuple(snapshots), order
        self._others_notifications = MappingProxyType({one.key: one for one in notifications})
        self._compose()

    def set_notifications(self, notifications: Mapping[str, Notification]) -> None:
        """Replace the notifications of active alerts of this process, by their keys."""
        self._own_notifications = MappingProxyType(dict(notifications))
        self._current = replace(self._current, by_key=self._all_notifications())

    def set_silences(self, silences: AlertSilences) -> None:
        """Replace what Alertmanagers answered of active alerts; followers are notified if that is news."""
        is_news = silences != self._silences
        if not is_news and not silences.by_key:
            # What readers have made of the content stays good: only an age has changed, and there is none.
            return
        self._silences = silences
        self._current = replace(self._current, silences=silences)
        if is_news:
            self._tell_followers()

    def _tell_followers(self) -> None:
        for published in self._followers:
            published()

    def _all_notifications(self) -> Mapping[str, Notification]:
        if not self._others_notifications:
            return self._own_notifications
        return MappingProxyType({**self._others_notifications, **self._own_notifications})

    def _all_snapshots(self) -> tuple[Snapshot, ...]:
        if not self._others:
            return self._own
        own = {one.id for one in self._own}
        every = [*self._own, *(one for one in self._others if one.id not in own)]
        # Members of a group stay in the order in which their replica has them.
        return tuple(sorted(every, key=lambda one: self._order.get(one.slo.id, len(self._order))))

    def _compose(self) -> None:
        self._current = content_of(self._all_snapshots(), self._all_notifications(), self._silences)

    def completed(self, notification: Notification) -> Notification:
        """A notification with the top contributors, if they have become known since it was written."""
        return self._current.completed(notification)
