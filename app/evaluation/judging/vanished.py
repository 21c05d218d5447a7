"""Members of groups that have vanished while others of their group live on: what becomes of their alerts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from app.alerting import ADEQUATE_COVERAGE, MEMBER_GONE, End
from app.evaluation.figures.figures import HOUR, Figures
from app.evaluation.figures.members import Member
from app.ingest.series.group_limit import GONE_S
from app.slo import NoData, SloId
from app.slo.arrays import Bools, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Vanished:
    """What becomes of the alerts of a vanished member: *no_data* is the SLO's policy, *ended* says why they end."""

    no_data: NoData = NoData.FREEZE
    ended: End | None = None


PRESENT = Vanished()


def vanished(members: Sequence[Member], figures: Figures, stale: Sequence[bool], *, at_s: float) -> dict[int, Vanished]:
    """The members that have vanished alone and whose alerts are not just frozen for that, by their position."""
    found: dict[int, Vanished] = {}
    groups: dict[SloId, list[int]] = {}
    for index, member in enumerate(members):
        if member.group:
            groups.setdefault(member.slo.id, []).append(index)
    is_stale, hour = np.array(stale, dtype=bool), figures.windows[HOUR]
    for indexes in groups.values():
        of_group = np.array(indexes, dtype=np.int64)
        fresh = of_group[~is_stale[of_group]]
        if not len(fresh) or len(fresh) == len(of_group):
            continue
        # After an outage of Prometheus some targets are scraped before others; none of them has gone for that.
        lived = bool(_has_lived(hour.coverage[fresh], figures.data_since_s[fresh], at_s).any())
        gone_s = figures.as_of_s[fresh].max() - figures.as_of_s
        for index in of_group[is_stale[of_group]].tolist():
            gone = _of_member(members[index], float(gone_s[index]), others_lived=lived)
            if gone is not PRESENT:
                found[index] = gone
    return found


def _has_lived(coverage: Floats, since_s: Floats, at_s: float) -> Bools:
    """Whether members have been measured throughout the hour in which another was gone."""
    lived: Bools = (coverage >= ADEQUATE_COVERAGE) & (since_s <= at_s - GONE_S)
    return lived


def _of_member(member: Member, gone_s: float, *, others_lived: bool) -> Vanished:
    alerting = member.slo.alerting
    patience_s = (alerting.no_data_for or timedelta(0)).total_seconds()
    if alerting.no_data is not NoData.BAD and others_lived and gone_s >= max(GONE_S, patience_s):
        return Vanished(no_data=NoData.RESOLVE, ended=MEMBER_GONE)
    if alerting.no_data in {NoData.FREEZE, NoData.BAD} or alerting.no_data_for is None:
        return PRESENT
    return Vanished(no_data=alerting.no_data) if gone_s >= patience_s else PRESENT
