"""What evaluations have decided and the database does not hold yet: in order, and bounded."""

from collections.abc import Sequence
from dataclasses import replace

from app.alerting import Notification
from app.evaluation.judging.judge import Judgement

# Of transitions and of notifications; the newest are kept. A day without a database has far fewer.
_MOST = 100_000


class PendingWrites:
    """The judgements since the last commit, as one: however long it takes, it stays the size of one and its news."""

    def __init__(self) -> None:
        self._earlier: Judgement | None = None
        self._newest: Judgement | None = None

    def add(self, judgement: Judgement) -> None:
        """One more slot was judged."""
        self._earlier, self._newest = self.whole, judgement

    def clear(self) -> None:
        """All of it has been written."""
        self._earlier = self._newest = None

    @property
    def whole(self) -> Judgement | None:
        """What is to be written; None if nothing is."""
        if self._earlier is None or self._newest is None:
            return self._newest
        return _joined(self._earlier, self._newest)

    @property
    def notified(self) -> Sequence[Notification]:
        """Notifications that no outbox holds yet, oldest first."""
        whole = self.whole
        return whole.notified if whole is not None else ()


def _joined(earlier: Judgement, later: Judgement) -> Judgement:
    there = {alert.key for alerts in later.alerts.values() for alert in alerts}
    changed = {alert.key: alert for alert in (*earlier.changed, *later.changed) if alert.key in there}
    gone = {alert.key: alert for alert in (*earlier.gone, *later.gone) if alert.key not in there}
    return replace(
        later,
        changed=tuple(changed.values()),
        gone=tuple(gone.values()),
        transitions=(*earlier.transitions, *later.transitions)[-_MOST:],
        notified=(*earlier.notified, *later.notified)[-_MOST:],
    )
