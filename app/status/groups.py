"""A whole group as one: the events of all its members added up."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.slo import Slo
from app.status.snapshot import WORST_FIRST, HealthState, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSummary:
    """The members of a group added up; *status* is that of the worst, *coverage* and *as_of* are the least of any.

    Ratios are NaN without events.
    """

    slo: Slo
    members: int
    status: HealthState
    counts: Mapping[HealthState, int]
    good: float
    bad: float
    total: float
    coverage: float
    as_of: datetime | None

    @property
    def sli(self) -> float:
        """The share of good events."""
        return self.good / self.total if self.total > 0 else math.nan

    @property
    def budget_events(self) -> float:
        """How many bad events the traffic allows."""
        return self.total * self.slo.error_budget

    @property
    def budget_remaining(self) -> float:
        """The unspent share of the budget, negative if overspent."""
        return 1.0 - self.bad / self.budget_events if self.budget_events > 0 else math.nan


def summed_group(members: Sequence[Snapshot]) -> GroupSummary:
    """The members of one group, at least one, added up."""
    counts = Counter(member.health for member in members)
    times = [member.as_of for member in members if member.as_of is not None]
    return GroupSummary(
        slo=members[0].slo,
        members=len(members),
        status=next(state for state in WORST_FIRST if counts[state]),
        counts=counts,
        good=math.fsum(member.good for member in members),
        bad=math.fsum(member.bad for member in members),
        total=math.fsum(member.total for member in members),
        coverage=min(member.coverage for member in members),
        as_of=min(times, default=None),
    )
