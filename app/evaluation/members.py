"""Who is shown and judged: one member for each SLO, or for each value of its group."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.alerting import needed_windows
from app.budget import windows_of
from app.evaluation.watch import Watch
from app.slo import GroupKey, Slo, SloId, group_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One SLO with one row of the ledger; *row* is None for a grouped SLO of which nothing was seen yet.

    *shown* are the windows that are shown of it, *needed* those that are computed.
    """

    id: SloId
    slo: Slo
    watch: Watch
    group: GroupKey
    row: int | None
    shown: tuple[timedelta, ...]
    needed: tuple[timedelta, ...]


def members_of(slos: Sequence[Slo], watches: Sequence[Watch]) -> tuple[Member, ...]:
    """All members, in the order of the SLOs and of the groups' values."""
    watch_of = {slo.id: watch for watch in watches for slo in watch.slos}
    members = []
    for slo in slos:
        watch = watch_of[slo.id]
        shown = windows_of(slo)
        needed = (*shown, *(length for policy in slo.alerting.policies for length in needed_windows(policy)))
        rows: list[tuple[GroupKey, int | None]] = [*sorted(watch.rows.items())]
        for group, row in rows or [((), None)]:
            members.append(
                Member(
                    id=group_id(slo.id, group),
                    slo=slo,
                    watch=watch,
                    group=group,
                    row=row,
                    shown=shown,
                    needed=needed,
                )
            )
    return tuple(members)
