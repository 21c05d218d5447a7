"""What the live budgets showed, slot by slot: recorded where it changes, so that the past can show the same (ADR-0034).

The ledger cannot tell it later: it keeps one SLO window, and a budget of last month looks back two.
"""

from collections.abc import Sequence

import numpy as np

from app.evaluation.figures.members import Member
from app.slo import SloId
from app.slo.arrays import Floats
from app.store import Transaction
from app.store.budgets import RecordedBudget, load_budgets

# A record older than this does not tell what was shown: nothing was evaluated in between.
RECORDED_EVERY_S = 4 * 3600
# Of the budget: a twentieth of a percent is less than anybody is shown.
_CHANGE = 5e-4
# A day of 10,000 SLOs, recorded every few hours, has less than half of that.
_MOST_UNWRITTEN = 200_000


def recorded_budgets(
    transaction: Transaction, slo: SloId, *, start_s: float, end_s: float
) -> Sequence[tuple[int, float]]:
    """What the budget of one SLO or group member showed in a time (Unix seconds), and last before: slots and ratios."""
    return load_budgets(transaction, slo, start_s=start_s - RECORDED_EVERY_S, end_s=end_s)


class BudgetRecord:
    """The newest recorded value of each SLO and group member, and what is not written yet."""

    def __init__(self) -> None:
        self.unwritten: list[RecordedBudget] = []
        self._ids: tuple[SloId, ...] = ()
        self._recorded_s = np.empty(0)
        self._recorded = np.empty(0)

    def note(self, members: Sequence[Member], remaining: Floats, at_s: float) -> None:
        """The budgets that were shown for the slot *at_s*, shape (members,); those that changed are recorded.

        While history is being read a budget is of a part of its window, and no record of it is kept.
        """
        self._follow(tuple(member.id for member in members))
        known = ~np.isnan(remaining) & np.array([member.tracked.backfilled for member in members], dtype=bool)
        # Spread over an hour, so that thousands of SLOs are not all written in the same slot again and again.
        due_s = RECORDED_EVERY_S - 60.0 - 60.0 * (np.arange(len(members)) % 60)
        changed = ~(np.abs(remaining - self._recorded) <= _CHANGE)
        due = np.flatnonzero(known & (changed | (at_s - self._recorded_s >= due_s)))
        self.unwritten += (RecordedBudget(self._ids[index], round(at_s), float(remaining[index])) for index in due)
        self._recorded_s[due], self._recorded[due] = at_s, remaining[due]
        del self.unwritten[:-_MOST_UNWRITTEN]

    def committed(self, written: int) -> None:
        """The oldest values, so many, were written."""
        del self.unwritten[:written]

    def _follow(self, ids: tuple[SloId, ...]) -> None:
        if ids == self._ids:
            return
        places = {slo: index for index, slo in enumerate(self._ids)}
        kept = np.array([places.get(slo, -1) for slo in ids], dtype=np.int64)
        stays = kept >= 0
        recorded_s, recorded = np.full(len(ids), -np.inf), np.full(len(ids), np.nan)
        recorded_s[stays], recorded[stays] = self._recorded_s[kept[stays]], self._recorded[kept[stays]]
        self._ids, self._recorded_s, self._recorded = ids, recorded_s, recorded
