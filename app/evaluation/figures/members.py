"""Who is shown and judged: one member for each SLO, or for each value of its group."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from app.alerting import Definition, needed_windows, with_windows_of_at_least
from app.budget import windows_of
from app.ingest.series.tracked_slis import TrackedSli
from app.slo import GroupKey, Severity, Slo, SloId, group_id
from app.slo.arrays import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One SLO with one row of the ledger; *row* is None for a grouped SLO of which nothing was seen yet.

    The short windows of *slo* hold two scrapes each; *documented* is the SLO as its document has it. *shown* are the
    windows that are shown of it, *needed* those that are computed, *definitions* those of its alerts that were wanted.
    """

    id: SloId
    slo: Slo
    documented: Slo
    tracked: TrackedSli
    group: GroupKey
    row: int | None
    shown: tuple[timedelta, ...]
    needed: tuple[timedelta, ...]
    definitions: dict[Severity, Definition] = field(default_factory=dict, compare=False, repr=False)


def members_of(slos: Sequence[Slo], tracked_slis: Sequence[TrackedSli], shortest_s: Floats) -> tuple[Member, ...]:
    """All members, in the order of the SLOs and of the groups' values.

    *shortest_s* is the shortest window that alerts may have, in seconds, by row of the ledger.
    """
    watch_of = {slo.id: tracked for tracked in tracked_slis for slo in tracked.slos}
    members = []
    for documented in slos:
        tracked = watch_of[documented.id]
        windows: dict[timedelta, tuple[Slo, tuple[timedelta, ...], tuple[timedelta, ...]]] = {}
        rows: list[tuple[GroupKey, int | None]] = [*sorted(tracked.rows.items())]
        for group, row in rows or [((), None)]:
            least = timedelta(0) if row is None else timedelta(seconds=float(shortest_s[row]))
            if least not in windows:
                windows[least] = _with_windows(documented, least)
            slo, shown, needed = windows[least]
            members.append(
                Member(
                    id=group_id(slo.id, group),
                    slo=slo,
                    documented=documented,
                    tracked=tracked,
                    group=group,
                    row=row,
                    shown=shown,
                    needed=needed,
                )
            )
    return tuple(members)


def _with_windows(documented: Slo, least: timedelta) -> tuple[Slo, tuple[timedelta, ...], tuple[timedelta, ...]]:
    widened = with_windows_of_at_least(documented, least)
    slo = documented if widened == documented else widened
    shown = windows_of(slo)
    return slo, shown, (*shown, *(length for policy in slo.alerting.policies for length in needed_windows(policy)))
