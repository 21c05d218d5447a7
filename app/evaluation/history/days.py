"""The days of a calendar: what was counted on each, and what that is of the budget."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from app.budget import burn_rate, sli
from app.evaluation.history.past import Past, counted_between, window_totals
from app.slo import day_starts
from app.status import DaySummary


def days(past: Past, *, start: datetime, end: datetime) -> tuple[DaySummary, ...]:
    """The days in the zone of the SLO window that lie in (start, end], from the first of which anything is known.

    The budget of a day is that of the whole SLO window that ends with it, or of the calendar period that it lies in. Of
    a window that is not known as a whole, the rest is taken to have as many events as what is known.
    """
    row, slo = past.row, past.slo
    if row is None:
        return ()
    since_s = max(start.timestamp(), float(np.fmax(row.edges_s[0], row.first_sample_s)))
    until_s = min(end.timestamp(), float(row.edges_s[-1]))
    if not since_s < until_s:
        return ()
    bounds = day_starts(slo.window.timezone, since_s, until_s)
    start_s, end_s = (np.array(column, dtype=np.float64) for column in zip(*pairwise(bounds), strict=True))
    counted_s = np.minimum(end_s, until_s)
    total, bad, coverage = counted_between(row, start_s, counted_s)
    error_budget = np.full(len(total), slo.error_budget)
    allowed = window_totals(past, row, counted_s) * error_budget
    spent = np.divide(bad, allowed, out=np.zeros(len(bad)), where=(bad > 0) & (allowed > 0))
    burned = burn_rate(bad, total, error_budget=error_budget)
    # Of a day on which nothing was measured only that is known.
    figures = [
        np.where(coverage > 0, column, np.nan).tolist()
        for column in (total - bad, bad, total, sli(bad, total), burned, spent)
    ]
    zone = ZoneInfo(slo.window.timezone)
    return tuple(
        DaySummary(
            datetime.fromtimestamp(first, zone).date(),
            datetime.fromtimestamp(first, UTC),
            datetime.fromtimestamp(last, UTC),
            last <= until_s,
            *row_of_figures,
        )
        for first, last, *row_of_figures in zip(
            start_s.tolist(), end_s.tolist(), *figures, coverage.tolist(), strict=True
        )
    )
