"""What ticks have decided and the database does not hold yet: in order, and bounded."""

from collections.abc import Sequence
from dataclasses import replace

from app.alerting import Notice
from app.evaluation.judging import Judgement

_MOST = 100_000
"""Of transitions and of news; the newest are kept. A day without a database has far fewer."""


class Unsaved:
    """The judgements since the last commit, as one: however long it takes, it stays the size of one and its news."""

    def __init__(self) -> None:
        self._whole: Judgement | None = None

    def add(self, judgement: Judgement) -> None:
        """One more slot was judged."""
        self._whole = judgement if self._whole is None else _joined(self._whole, judgement)

    def clear(self) -> None:
        """All of it has been written."""
        self._whole = None

    @property
    def whole(self) -> Judgement | None:
        """What is to be written; None if nothing is."""
        return self._whole

    @property
    def told(self) -> Sequence[Notice]:
        """What receivers are to be told and no outbox holds yet, oldest first."""
        return self._whole.told if self._whole is not None else ()


def _joined(earlier: Judgement, later: Judgement) -> Judgement:
    there = {alert.key for alerts in later.alerts.values() for alert in alerts}
    changed = {alert.key: alert for alert in (*earlier.changed, *later.changed) if alert.key in there}
    gone = {alert.key: alert for alert in (*earlier.gone, *later.gone) if alert.key not in there}
    return replace(
        later,
        changed=tuple(changed.values()),
        gone=tuple(gone.values()),
        transitions=(*earlier.transitions, *later.transitions)[-_MOST:],
        told=(*earlier.told, *later.told)[-_MOST:],
    )
