"""Bad events that go on while the total is missing: they are judged at the traffic of the hour before (ADR-0060).

A total outage may take the counter of all requests with it, and leave that of the errors at a proxy. How many requests
there would be is not known; that so many errors of the usual number would burn is.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from app.alerting import (
    ADEQUATE_COVERAGE,
    Reading,
    RuleReading,
    WindowCounts,
    judge,
    may_be_one_failure,
    needed_windows,
)
from app.evaluation.figures.adjusted_sums import AdjustedSums
from app.evaluation.figures.figures import HOUR, Figures
from app.evaluation.figures.members import Member
from app.evaluation.judging.slots_with_errors import bad_slots
from app.ledger import FINE_REACH_S, AdjustedTime, Ledger, WindowSums
from app.slo import SeverityPolicy, SloId
from app.slo.arrays import Floats

AT_USUAL_TRAFFIC = (
    "the total has no new samples, and bad events go on: they are judged at the traffic of the hour before"
)
"""Why figures are estimated."""
# As long as the longest short window of a page: bad events that ended before burn no more.
_GOES_ON_S = 1800.0
# The traffic of one hour says little of another time of day.
_USUAL_FOR_S = 6 * 3600.0
_ALL_SEEN = AdjustedTime.of(())


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingTotal:
    """One row whose total is missing since *as_of_s*, at *at_s*; *events_per_s* is its traffic in the hour before.

    *left_out* is time that alerts do not see, such as maintenance.
    """

    row: int
    as_of_s: float
    at_s: float
    events_per_s: float
    left_out: AdjustedTime

    def counts(self, length: timedelta, ledger: Ledger) -> WindowCounts:
        """The events of the window that ends now, as many as usual where they are missing."""
        start_s = self.at_s - length.total_seconds()
        missing_from_s = max(start_s, self.as_of_s)
        total = bad = 0.0
        if start_s < self.as_of_s:
            measured = _sums(ledger, self.row, self.left_out, start_s, self.as_of_s)
            total, bad = float(measured.total[0]), float(measured.bad[0])
        # Sums of coarser cells end with what is measured: what came since is in the fine ones.
        width_s = ledger.fine.width_s
        first, last = int(max(missing_from_s, self.at_s - FINE_REACH_S) // width_s) + 1, int(-(-self.at_s // width_s))
        _, unseen = self.left_out.shares(np.arange(first - 1, last + 1, dtype=np.float64) * width_s)
        more = float((ledger.fine.read(self.row, first, last)[1] * (1.0 - unseen)).sum())
        _, unseen_of_all = self.left_out.shares(np.array([missing_from_s, self.at_s]))
        missing_s = (self.at_s - missing_from_s) * (1.0 - float(unseen_of_all[0]))
        unmeasured = max(self.events_per_s * missing_s, more)
        slots = math.inf
        if may_be_one_failure(bad + more):
            slots = bad_slots(ledger, self.row, start_s=start_s, end_s=self.at_s, left_out=self.left_out)
        return WindowCounts(window=length, total=total + unmeasured, bad=bad + more, bad_slots=slots)

    def reading(self, policy: SeverityPolicy, error_budget: float, ledger: Ledger) -> Reading | None:
        """What shows that it burns; None if nothing does, and then nothing is known."""
        lengths = {*needed_windows(policy), *(length for rule in policy.rules for length in (rule.long, rule.short))}
        counts = {length: self.counts(length, ledger) for length in lengths}
        if any(one.total <= 0 for one in counts.values()):
            # Nothing of a window is seen.
            return None
        rules = []
        for rule in policy.rules:
            far, near = counts[rule.long], counts[rule.short]
            rules.append(
                RuleReading(
                    long_burn_rate=far.bad / far.total / error_budget,
                    short_burn_rate=near.bad / near.total / error_budget,
                    good=far.total - far.bad,
                    bad=far.bad,
                    bad_slots=far.bad_slots,
                )
            )
        recent = tuple(counts[length] for length in needed_windows(policy))
        reading = Reading(rules=tuple(rules), recent=recent, error_budget=error_budget, estimated=AT_USUAL_TRAFFIC)
        return reading if judge(reading, policy).burning else None


def missing_totals(
    figures: Figures,
    members: Sequence[Member],
    stale: Sequence[bool],
    ledger: Ledger,
    *,
    at_s: float,
    left_out: Mapping[SloId, AdjustedTime],
) -> dict[int, MissingTotal]:
    """By position, the members without new data of which bad events have been counted since; few, or none.

    *left_out* is the time that alerts do not see: no bad events of it count, and its traffic is not the usual one.
    """
    lately = np.flatnonzero((figures.as_of_s >= at_s - _USUAL_FOR_S) & (figures.as_of_s < at_s)).tolist()
    rows = {place: row for place in lately if stale[place] and (row := members[place].row) is not None}
    if not rows:
        return {}
    # All at once: where Prometheus is away these are thousands.
    unseen = [left_out.get(members[place].id, _ALL_SEEN) for place in rows]
    as_of_s: Floats = figures.as_of_s[list(rows)]
    starts_s, ends_s = np.maximum(as_of_s, at_s - _GOES_ON_S), np.full(len(rows), at_s)
    sums = AdjustedSums(ledger, unseen).sums(np.arange(len(rows)), np.array(list(rows.values())), starts_s, ends_s)
    found = {}
    for (place, row), time, bad in zip(rows.items(), unseen, sums.bad.tolist(), strict=True):
        if bad <= 0:
            continue
        since_s, until_s = float(figures.data_since_s[place]), float(figures.as_of_s[place])
        events_per_s = _usual(ledger, row, time, until_s, since_s, at_s=at_s)
        if events_per_s > 0:
            found[place] = MissingTotal(row=row, as_of_s=until_s, at_s=at_s, events_per_s=events_per_s, left_out=time)
    return found


def _usual(
    ledger: Ledger, row: int, unseen: AdjustedTime, as_of_s: float, data_since_s: float, *, at_s: float
) -> float:
    """The traffic of the newest hour of which alerts see all; 0 if it is not known, or too long ago."""
    hour_s = HOUR.total_seconds()
    while unseen.touches(np.array([as_of_s - hour_s]), np.array([as_of_s]))[0]:
        as_of_s = float(unseen.since_s[np.searchsorted(unseen.since_s, as_of_s) - 1])
    measured_s = min(hour_s, as_of_s - data_since_s)
    sums = ledger.sums(np.array([row]), np.array([as_of_s - hour_s]), np.array([as_of_s]))
    coverage, total = float(sums.coverage[0]), float(sums.total[0])
    if at_s - as_of_s > _USUAL_FOR_S or not coverage >= ADEQUATE_COVERAGE or not measured_s > 0:
        return 0.0
    return total / (coverage * measured_s)


def _sums(ledger: Ledger, row: int, unseen: AdjustedTime, start_s: float, end_s: float) -> WindowSums:
    sums = AdjustedSums(ledger, [unseen])
    return sums.sums(np.array([0]), np.array([row]), np.array([start_s]), np.array([end_s]))
