"""Bad events that go on while the total is missing: they are judged at the traffic of the hour before (ADR-0060).

A total outage may take the counter of all requests with it, and leave that of the errors at a proxy. How many requests
there would be is not known; that so many errors of the usual number would burn is.
"""

import math
from collections.abc import Sequence
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
from app.evaluation.figures.figures import HOUR, Figures
from app.evaluation.judging.slots_with_errors import bad_slots
from app.ledger import FINE_REACH_S, Ledger
from app.slo import SeverityPolicy
from app.slo.arrays import Floats

AT_USUAL_TRAFFIC = (
    "the total has no new samples, and bad events go on: they are judged at the traffic of the hour before"
)
"""Why figures are estimated."""
# As long as the longest short window of a page: bad events that ended before burn no more.
_GOES_ON_S = 1800.0
# The traffic of one hour says little of another time of day.
_USUAL_FOR_S = 6 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingTotal:
    """One row whose total is missing since *as_of_s*, at *at_s*; *events_per_s* is its traffic in the hour before."""

    row: int
    as_of_s: float
    at_s: float
    events_per_s: float

    def counts(self, length: timedelta, ledger: Ledger) -> WindowCounts:
        """The events of the window that ends now, as many as usual where they are missing."""
        start_s = self.at_s - length.total_seconds()
        missing_from_s = max(start_s, self.as_of_s)
        total = bad = 0.0
        if start_s < self.as_of_s:
            rows, starts_s, ends_s = np.array([self.row]), np.array([start_s]), np.array([self.as_of_s])
            measured = ledger.sums(rows, starts_s, ends_s)
            total, bad = float(measured.total[0]), float(measured.bad[0])
        # Sums of coarser cells end with what is measured: what came since is in the fine ones.
        width_s = ledger.fine.width_s
        first, last = int(max(missing_from_s, self.at_s - FINE_REACH_S) // width_s) + 1, int(-(-self.at_s // width_s))
        more = float(ledger.fine.read(self.row, first, last)[1].sum())
        unmeasured = max(self.events_per_s * (self.at_s - missing_from_s), more)
        slots = math.inf
        if may_be_one_failure(bad + more):
            slots = bad_slots(ledger, self.row, start_s=start_s, end_s=self.at_s)
        return WindowCounts(window=length, total=total + unmeasured, bad=bad + more, bad_slots=slots)

    def reading(self, policy: SeverityPolicy, error_budget: float, ledger: Ledger) -> Reading | None:
        """What shows that it burns; None if nothing does, and then nothing is known."""
        lengths = {*needed_windows(policy), *(length for rule in policy.rules for length in (rule.long, rule.short))}
        counts = {length: self.counts(length, ledger) for length in lengths}
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
    figures: Figures, rows: Sequence[int | None], stale: Sequence[bool], ledger: Ledger, *, at_s: float
) -> dict[int, MissingTotal]:
    """By position, the members without new data of which bad events have been counted since; few, or none."""
    stale_places = [place for place, row in enumerate(rows) if stale[place] and row is not None]
    places = np.array(
        [place for place in stale_places if at_s - _USUAL_FOR_S <= figures.as_of_s[place] < at_s], dtype=np.int64
    )
    if not len(places):
        return {}
    of_rows = np.array([rows[place] for place in places.tolist()], dtype=np.int64)
    as_of_s: Floats = figures.as_of_s[places]
    bad = ledger.sums(of_rows, np.maximum(as_of_s, at_s - _GOES_ON_S), np.full(len(places), at_s)).bad
    hour = figures.windows[HOUR]
    found = {}
    for index in np.flatnonzero(bad > 0).tolist():
        place = int(places[index])
        measured_s = min(HOUR.total_seconds(), float(as_of_s[index] - figures.data_since_s[place]))
        coverage, total = float(hour.coverage[place]), float(hour.total[place])
        if coverage >= ADEQUATE_COVERAGE and measured_s > 0 and total > 0:
            found[place] = MissingTotal(
                row=int(of_rows[index]),
                as_of_s=float(as_of_s[index]),
                at_s=at_s,
                events_per_s=total / (coverage * measured_s),
            )
    return found
