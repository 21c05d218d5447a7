"""The past of one SLO, read from the ledger."""

from datetime import UTC, datetime, timedelta

import numpy as np

from app.budget import budget, burn_rate, sli
from app.evaluation.members import Member
from app.ledger import Ledger
from app.status import HistoryPoint


def points(
    member: Member, ledger: Ledger, *, start: datetime, end: datetime, step: timedelta
) -> tuple[HistoryPoint, ...]:
    """One point for each step that ends in (start, end], oldest first; nothing for a member without a row."""
    if member.row is None or end <= start:
        return ()
    step_s = step.total_seconds()
    at_s = np.arange(start.timestamp() + step_s, end.timestamp() + step_s / 1000, step_s)
    at_s = at_s[at_s <= ledger.newest_s]
    rows = np.full(len(at_s), member.row, dtype=np.int64)
    error_budget = np.full(len(at_s), member.slo.error_budget)
    steps = ledger.sums(rows, at_s - step_s, at_s)
    starts = np.array([member.slo.window.bounds(datetime.fromtimestamp(at, UTC))[0].timestamp() for at in at_s])
    windows = ledger.sums(rows, starts, at_s)
    remaining = budget(windows.bad, windows.total, error_budget=error_budget).remaining
    columns = (
        at_s,
        steps.total - steps.bad,
        steps.bad,
        steps.total,
        sli(steps.bad, steps.total),
        burn_rate(steps.bad, steps.total, error_budget=error_budget),
        remaining,
        steps.coverage,
    )
    return tuple(
        HistoryPoint(
            at=datetime.fromtimestamp(at, UTC),
            good=good,
            bad=bad,
            total=total,
            sli=ratio,
            burn_rate=burn,
            budget_remaining_ratio=left,
            coverage=coverage,
        )
        for at, good, bad, total, ratio, burn, left, coverage in zip(
            *(column.tolist() for column in columns), strict=True
        )
    )
