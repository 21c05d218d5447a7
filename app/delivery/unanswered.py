"""Messages of one receiver that it may have got although no response was seen, as long as the process lives.

`app.store.unanswered` keeps them; these are for what the database cannot take.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from app.alerting import Notification

# Messages of one receiver while nothing can be written; older ones may stay open there.
_MOST = 1_000
_Alert = tuple[str, str]


class UnansweredMessages:
    """By handle, each message without response, and which of its alerts are resolved."""

    def __init__(self) -> None:
        self._alerts: dict[str, dict[_Alert, Notification | None]] = {}
        self._sent_at: dict[str, dict[_Alert, datetime]] = {}

    def note(self, messages: Mapping[str, Sequence[Notification]], *, at: datetime) -> None:
        """Note messages before they are sent."""
        for handle, notifications in messages.items():
            # As the newest: the oldest are forgotten first.
            alerts = self._alerts[handle] = self._alerts.pop(handle, {})
            alerts.update({_alert(notification): None for notification in notifications})
            sent_at = self._sent_at.setdefault(handle, {})
            for notification in notifications:
                sent_at.setdefault(_alert(notification), at)
        while len(self._alerts) > _MOST:
            self.forget([next(iter(self._alerts))])

    def forget(self, handles: Collection[str]) -> None:
        """Forget messages that were answered, or whose end was."""
        for handle in handles:
            self._alerts.pop(handle, None)
            self._sent_at.pop(handle, None)

    def forget_unsent(self, handles: Collection[str], *, at: datetime) -> None:
        """Forget what was noted at *at* of messages that were not sent."""
        for handle in handles:
            alerts, sent_at = self._alerts.get(handle, {}), self._sent_at.get(handle, {})
            for alert in [alert for alert, noted_at in sent_at.items() if noted_at == at]:
                del alerts[alert], sent_at[alert]
            if not alerts:
                self.forget([handle])

    def resolve(self, resolved: Sequence[Notification]) -> dict[str, tuple[Notification, ...]]:
        """The messages whose last alert is one of *resolved*, each with the ends of all its alerts."""
        if not self._alerts:
            return {}
        ends = {_alert(notification): notification for notification in resolved}
        found = {}
        for handle, alerts in self._alerts.items():
            now = alerts.keys() & ends.keys()
            alerts.update({alert: ends[alert] for alert in now})
            over = tuple(notification for notification in alerts.values() if notification is not None)
            if now and len(over) == len(alerts):
                found[handle] = over
        return found


def _alert(notification: Notification) -> _Alert:
    return notification.instance, notification.incident
