"""What a change cost each SLO of its service."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.changes import Change, ChangeKind, concerns
from app.slo import SloId
from app.status.change_log import ChangeLog
from app.status.ports import Pasts
from app.status.range_series import BudgetCost
from app.status.snapshot import Snapshot
from app.store.changes import ChangeFilter

AFTER = timedelta(hours=1)
"""How long after its end a change is held to account; errors of later have other causes, too."""
# Each is a copy of what was counted of an SLO, which the engine makes.
_MOST_SLOS = 50
_DEPLOYS = frozenset({ChangeKind.DEPLOY, ChangeKind.ROLLBACK})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCost:
    """What a change cost one SLO in (*start*, *end*]; *over* says whether that time has passed."""

    slo: SloId
    start: datetime
    end: datetime
    cost: BudgetCost
    over: bool


def costs_of_change(
    change: Change, log: ChangeLog, snapshots: Sequence[Snapshot], pasts: Pasts
) -> Sequence[ChangeCost]:
    """From the start of a change until an hour after its end, or the next deploy of its service."""
    members: dict[SloId, list[Snapshot]] = {}
    for snapshot in snapshots:
        if concerns(change, snapshot.slo.service, (*snapshot.slo.labels, *snapshot.group)):
            members.setdefault(snapshot.slo.id, []).append(snapshot)
    if not members:
        return ()
    end = min((change.ended_at + AFTER, *_next_deploy(change, log)))
    found = []
    for slo, some in list(members.items())[:_MOST_SLOS]:
        newest = max((one.as_of for one in some if one.as_of is not None), default=None)
        if newest is None or newest <= change.started_at:
            continue
        until = min(end, newest)
        cost = pasts.cost([one.id for one in some], change.started_at, until)
        if cost is not None:
            over = newest >= end
            found.append(ChangeCost(slo=slo, start=change.started_at, end=until, cost=cost, over=over))
    return found


def _next_deploy(change: Change, log: ChangeLog) -> Sequence[datetime]:
    """When the next deploy of the same service and environment began; empty if there was none within the hour."""
    wanted = ChangeFilter(
        services=frozenset({change.service}),
        environments=frozenset({change.environment}),
        kinds=_DEPLOYS,
        since=change.started_at,
        until=change.ended_at + AFTER,
    )
    later = [each.started_at for each in log.listed(wanted, limit=100) if each.started_at > change.started_at]
    return [min(later)] if later else []
