"""What the database has recorded of an SLO beside its counts: budgets as they were shown, and incidents."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from app.evaluation import recorded_budgets
from app.slo import Severity, SloId
from app.slo.arrays import Floats
from app.store import Database
from app.store.incidents import IncidentFilter, list_incidents

# Of one SLO and range, the newest: a notification of a kilobyte is read with each.
_MOST_INCIDENTS = 1_000


class IncidentSpan(NamedTuple):
    """When alerts of an SLO notified, in Unix seconds; the end is infinite while they do."""

    severity: Severity
    start_s: float
    end_s: float


class Recorded(NamedTuple):
    """Slots (Unix seconds) with the budget that was shown then, and the incidents; None where they are not known."""

    budgets: Sequence[tuple[float, float]] = ()
    incidents: Sequence[IncidentSpan] | None = None


def read_recorded(database: Database, slo_id: SloId, *, start_s: float, end_s: float) -> Recorded:
    """What was recorded of an SLO or a member of a group between two times (Unix seconds).

    Raises:
        StoreError: the database cannot be read.
    """
    since, until = (datetime.fromtimestamp(at_s, UTC) for at_s in (start_s, end_s))
    wanted = IncidentFilter(slos=frozenset([slo_id]), since=since, until=until)
    with database.read() as transaction:
        budgets = recorded_budgets(transaction, slo_id, start_s=start_s, end_s=end_s)
        incidents = list_incidents(transaction, wanted, limit=_MOST_INCIDENTS)
    spans = [
        IncidentSpan(
            one.severity, one.started_at.timestamp(), math.inf if one.ended_at is None else one.ended_at.timestamp()
        )
        for one in incidents
    ]
    return Recorded(budgets=budgets, incidents=spans)


def firing_at(at_s: Floats, severity: Severity, incidents: Sequence[IncidentSpan]) -> Floats:
    """1 at the ascending times at which an incident of the severity was under way, else 0.

    One between two of the times is shown at the second.
    """
    firing = np.zeros(len(at_s))
    for one in incidents:
        if one.severity is severity:
            first, last = np.searchsorted(at_s, [one.start_s, one.end_s])
            firing[first : max(last, first + 1)] = 1.0
    return firing
