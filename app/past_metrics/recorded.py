"""What the database has recorded of an SLO beside its counts: budgets as they were shown, and incidents."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from app.changes import Change
from app.evaluation import recorded_budgets
from app.slo import Severity, SloId
from app.slo.arrays import Floats
from app.status import CHANGE_KINDS, RECENT
from app.store import Database
from app.store.changes import ChangeFilter, list_changes
from app.store.incidents import IncidentFilter, list_incidents

# Of one SLO and range, the newest: a notification of a kilobyte is read with each.
_MOST_INCIDENTS = 1_000
_MOST_CHANGES = 10_000


class IncidentSpan(NamedTuple):
    """When alerts of an SLO notified, in Unix seconds; the end is infinite while they do."""

    severity: Severity
    start_s: float
    end_s: float


class Recorded(NamedTuple):
    """What was recorded between two times.

    Attributes:
        budgets: slots (Unix seconds) with the budget that was shown then.
        incidents: None where they are not known.
        changes: of the service, the oldest first.
    """

    budgets: Sequence[tuple[float, float]] = ()
    incidents: Sequence[IncidentSpan] | None = None
    changes: Sequence[Change] = ()


NOTHING_RECORDED = Recorded()


def read_recorded(
    database: Database, slo_id: SloId, *, start_s: float, end_s: float, changes_of: str | None = None
) -> Recorded:
    """What was recorded of an SLO or a member of a group between two times (Unix seconds).

    *changes_of* is the service whose changes are wanted: they are those of all of its SLOs, and shown once.

    Raises:
        StoreError: the database cannot be read.
    """
    since, until = (datetime.fromtimestamp(at_s, UTC) for at_s in (start_s, end_s))
    wanted = IncidentFilter(slos=frozenset([slo_id]), since=since, until=until)
    with database.read() as transaction:
        budgets = recorded_budgets(transaction, slo_id, start_s=start_s, end_s=end_s)
        incidents = list_incidents(transaction, wanted, limit=_MOST_INCIDENTS)
        changes = (
            []
            if changes_of is None
            else list_changes(transaction, _changes(changes_of, since, until), limit=_MOST_CHANGES)
        )
    spans = [
        IncidentSpan(
            one.severity, one.started_at.timestamp(), math.inf if one.ended_at is None else one.ended_at.timestamp()
        )
        for one in incidents
    ]
    return Recorded(budgets=budgets, incidents=spans, changes=changes[::-1])


def _changes(service: str, since: datetime, until: datetime) -> ChangeFilter:
    return ChangeFilter(services=frozenset([service]), kinds=CHANGE_KINDS, since=since - RECENT, until=until)


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


def newest_changes_at(at_s: Floats, changes: Sequence[Change]) -> Sequence[tuple[Change, slice]]:
    """Each change, the oldest first, and at which of the ascending times (Unix seconds) it was the newest.

    The newest is that of an environment and kind, for two days. A change that is followed by the next one between two
    of the times is shown at the second.
    """
    following: dict[tuple[str, str], float] = {}
    shown = []
    for change in reversed(changes):
        key, start_s = (change.environment, change.kind.value), change.started_at.timestamp()
        end_s = min(following.get(key, math.inf), start_s + RECENT.total_seconds())
        following[key] = start_s
        first, last = np.searchsorted(at_s, [start_s, end_s])
        # One that ended before the first time is not between two of them.
        shown.append((change, slice(first, max(last, first + 1 if first else 0))))
    return shown[::-1]
