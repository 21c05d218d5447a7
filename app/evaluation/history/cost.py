"""What a stretch of time cost of the error budget, against what such a stretch usually costs."""

from datetime import datetime, timedelta

import numpy as np

from app.evaluation.history.past import Past, counted_between, remaining_budgets, window_totals
from app.slo.arrays import Floats
from app.status import BudgetCost

# A week has each hour of the day on each kind of day: against less, any busy morning would be dear.
_COMPARED = timedelta(days=7)
# A week of minutes would be compared in ten thousand stretches; as many tell a median as well.
_MOST_COMPARED = 500


def cost(past: Past, *, start: datetime, end: datetime) -> BudgetCost | None:
    """What (start, end] cost; None if it has not begun, or nothing was measured in it."""
    row = past.row
    if row is None or np.isnan(row.watermark_s):
        return None
    start_s, end_s = start.timestamp(), min(end.timestamp(), row.watermark_s)
    if end_s <= start_s:
        return None
    length_s = end_s - start_s
    several = min(int(_COMPARED.total_seconds() // length_s), _MOST_COMPARED)
    starts_s: Floats = start_s - length_s * np.arange(0, several + 1, dtype=np.float64)
    _, bad, coverage = counted_between(row, starts_s, starts_s + length_s)
    if not coverage[0] > 0:
        return None
    whole = float(window_totals(past, row, np.array([end_s]))[0]) * past.slo.error_budget
    shares = np.where(coverage > 0, bad / whole, np.nan) if whole > 0 else np.full(len(bad), np.nan)
    measured = shares[1:][~np.isnan(shares[1:])]
    before, after = remaining_budgets(past, row, np.array([start_s, end_s])).tolist()
    return BudgetCost(
        before=before,
        after=after,
        spent=float(shares[0]),
        # The median: one incident in the week is not the usual.
        usual=float(np.median(measured)) if len(measured) else float("nan"),
    )
