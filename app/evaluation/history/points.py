"""Points of the past of one SLO: the counts of each step, and the budget as it stood then."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from app.budget import burn_rate, sli
from app.evaluation.history.past import Past, as_recorded, counted_between, remaining_budgets
from app.status import HistoryPoint


def points(
    past: Past, *, start: datetime, end: datetime, step: timedelta, recorded: Sequence[tuple[float, float]] = ()
) -> tuple[HistoryPoint, ...]:
    """One point for each step that ends in (start, end], oldest first.

    *recorded* are slots (unix seconds) and what the live budget showed then; where there is none it is computed.

    Points lie on the edges of the ledger's cells, so that no event is moved out of the cell it was counted in: where
    cells are longer than the step, there is one point for each cell.
    """
    row = past.row
    if row is None or end <= start:
        return ()
    step_s = step.total_seconds()
    asked_s = np.arange(start.timestamp(), end.timestamp() + step_s / 1000, step_s)
    bounds_s = np.unique(row.floor(asked_s[asked_s <= row.edges_s[-1]]))
    since_s, at_s = bounds_s[:-1], bounds_s[1:]
    if not len(at_s):
        return ()
    total, bad, coverage = counted_between(row, since_s, at_s)
    columns = (
        at_s,
        total - bad,
        bad,
        total,
        sli(bad, total),
        burn_rate(bad, total, error_budget=np.full(len(at_s), past.slo.error_budget)),
        as_recorded(at_s, past.usable(recorded), remaining_budgets(past, row, at_s)),
        coverage,
    )
    return tuple(
        HistoryPoint(datetime.fromtimestamp(at, UTC), *figures)
        for at, *figures in zip(*(column.tolist() for column in columns), strict=True)
    )
