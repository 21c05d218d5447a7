"""The read model: one snapshot per SLO, published once a tick for everybody who displays.

May import the core and `app.slo`; knows neither HTTP nor Prometheus. Start at `snapshot.py`; `board.py` hands the
newest snapshots to readers without ever making a tick wait; `wording.py` names what alerts do.
"""

from app.status.board import Board
from app.status.snapshot import (
    AlertView,
    BudgetView,
    DataState,
    HealthState,
    HistoryPoint,
    Progress,
    Snapshot,
    WindowView,
)
from app.status.wording import severities_words, state_words

__all__ = [
    "AlertView",
    "Board",
    "BudgetView",
    "DataState",
    "HealthState",
    "HistoryPoint",
    "Progress",
    "Snapshot",
    "WindowView",
    "severities_words",
    "state_words",
]
