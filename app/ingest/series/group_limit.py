"""The places of a grouped SLO: they belong to living members, and those that have gone for long make room."""

import numpy as np

from app.ingest.series import tracked_slis
from app.ingest.series.tracked_slis import TrackedSli
from app.ledger import Ledger
from app.slo import GroupKey
from app.slo.arrays import Floats

# A member whose series have been gone for so long, while others of its group live, is no longer reported.
GONE_S = 3600.0


def has_room(tracked: TrackedSli, group: GroupKey) -> bool:
    """Whether a group has a place, or there is a free one."""
    return group in tracked.rows or len(tracked.rows) < tracked_slis.MOST_GROUPS


def free_places(tracked: TrackedSli, ledger: Ledger, *, gone_s: float, most: int | None = None) -> set[int]:
    """Take the places of members that have been gone for *gone_s* seconds, the longest first; their rows."""
    groups, rows = list(tracked.rows), np.array(list(tracked.rows.values()), dtype=np.int64)
    gone = how_long_gone_s(ledger.covered_s[rows], ledger.first_sample_s[rows])
    order = np.argsort(-gone, kind="stable")[: most if most is not None else len(rows)]
    return {tracked.rows.pop(groups[place]) for place in order.tolist() if gone[place] > gone_s}


def how_long_gone_s(covered_s: Floats, first_sample_s: Floats) -> Floats:
    """How long before the newest of a group each member was last measured; 0 for one that has no samples yet.

    While nothing of the group is measured, such as in an outage of Prometheus, no member has gone.
    """
    measured = ~np.isnan(first_sample_s)
    newest_s = covered_s[measured].max(initial=0.0)
    gone_s: Floats = np.where(measured, newest_s - covered_s, 0.0)
    return gone_s
