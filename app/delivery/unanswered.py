"""Messages that a receiver may have got although it did not answer: alerts of them are ended there as well.

Sent again, an alert may be part of another message, such as a digest. An incident or issue that the first attempt
opened would stay open for ever.
"""

from collections.abc import Sequence

from app.alerting import Notice

_MOST = 1_000
"""Of one receiver; what is forgotten beyond them, or by a restart, may stay open there."""
_Alert = tuple[str, str]


class UnansweredMessages:
    """By what it is called at the receiver, each message that was not answered, and which of its alerts are over."""

    def __init__(self) -> None:
        self._alerts: dict[str, dict[_Alert, Notice | None]] = {}

    def note(self, handle: str, notices: Sequence[Notice]) -> None:
        """A message that these alerts fire was sent, and not answered."""
        # As the newest: the oldest are forgotten first.
        alerts = self._alerts[handle] = self._alerts.pop(handle, {})
        alerts.update({_alert(notice): None for notice in notices})
        while len(self._alerts) > _MOST:
            del self._alerts[next(iter(self._alerts))]

    def forget(self, handle: str) -> None:
        """The message was sent again with success, or its end was."""
        self._alerts.pop(handle, None)

    def over(self, ended: Sequence[Notice]) -> dict[str, tuple[Notice, ...]]:
        """The messages whose last alert is one of *ended*, each with the ends of all its alerts."""
        if not self._alerts:
            return {}
        ends = {_alert(notice): notice for notice in ended}
        found = {}
        for handle, alerts in self._alerts.items():
            now = alerts.keys() & ends.keys()
            alerts.update({alert: ends[alert] for alert in now})
            over = tuple(notice for notice in alerts.values() if notice is not None)
            if now and len(over) == len(alerts):
                found[handle] = over
        return found


def _alert(notice: Notice) -> _Alert:
    return notice.instance, notice.incident
