"""What needs attention now: active alerts by time to exhaustion, budgets that are gone or going, what is not judged."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.status import BoardContent, DataState, HealthState, Snapshot, SortColumn, ordered
from app.ui import views
from app.ui.incidents import IncidentView, incidents

# What fits on a screen; the rest is one link away.
ALERTS_SHOWN = 8
SLOS_SHOWN = 6
_IN_TROUBLE = {HealthState.EXHAUSTED, HealthState.AT_RISK}
_NOT_JUDGED = {DataState.ERROR, DataState.STALE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """The most urgent of each kind, and how many there are.

    *spent* are SLOs exhausted or at risk without an active alert, *blind* those that cannot be judged, *reading* those
    of which history is still being read.
    """

    alerts: Sequence[IncidentView]
    alert_count: int
    spent: Sequence[Snapshot]
    spent_count: int
    blind: Sequence[tuple[Snapshot, str]]
    blind_count: int
    reading: Sequence[Snapshot]
    reading_count: int

    @property
    def needed(self) -> bool:
        """Whether something needs attention; history that is being read does not."""
        return bool(self.alert_count or self.spent_count or self.blind_count)

    def __bool__(self) -> bool:
        return self.needed or bool(self.reading_count)


def attention(known: BoardContent, chosen: Sequence[Snapshot], *, filtered: bool, by_status: bool = False) -> Attention:
    """What needs attention of the *chosen* SLOs; if they are not *filtered*, also alerts of an SLO that is gone.

    Chosen *by_status*, those in trouble are what the table has anyway.
    """
    ids = {snapshot.id for snapshot in chosen} | {snapshot.slo.id for snapshot in chosen}
    active = [notification for notification in known.notifications if not filtered or notification.slo in ids]
    alerting = {notification.slo for notification in active}
    troubled = (snapshot for snapshot in chosen if snapshot.health in _IN_TROUBLE and snapshot.id not in alerting)
    spent = [] if by_status else ordered(troubled, SortColumn.STATUS)
    blind = ordered((snapshot for snapshot in chosen if _is_not_judged(snapshot)), SortColumn.STATUS)
    # The least known first; most of them end at the same time.
    reading = sorted(
        (snapshot for snapshot in chosen if _is_reading(snapshot)), key=lambda one: (views.history_read(one), one.id)
    )
    return Attention(
        alerts=incidents(active[:ALERTS_SHOWN], known),
        alert_count=len(active),
        spent=spent[:SLOS_SHOWN],
        spent_count=len(spent),
        blind=[(snapshot, _why(snapshot)) for snapshot in blind[:SLOS_SHOWN]],
        blind_count=len(blind),
        reading=reading[:SLOS_SHOWN],
        reading_count=len(reading),
    )


def _is_reading(snapshot: Snapshot) -> bool:
    return snapshot.data is DataState.BACKFILLING


def _is_not_judged(snapshot: Snapshot) -> bool:
    # A new SLO is not judged since its history is being read, which ends by itself.
    return not _is_reading(snapshot) and (snapshot.data in _NOT_JUDGED or views.is_blind(snapshot))


def _why(snapshot: Snapshot) -> str:
    if snapshot.problem is not None:
        return snapshot.problem
    return next((alert.reason for alert in snapshot.alerts if alert.reason is not None), "there is no data")
