"""Days that the ledger has forgotten, as cells in front of those that it still has."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.evaluation.history.past import Past
from app.ledger import RowPast
from app.store.daily_totals import DailyTotal


def with_older_days(past: Past, stored: Sequence[DailyTotal]) -> Past:
    """The past with a cell for each of the *stored* days, in order, that begins before the ledger's oldest cell.

    Of the day in which that cell lies, what the ledger does not have is what it has taken from the day's total.
    """
    row = past.row
    if row is None:
        return past
    older = [day for day in stored if day.start_s < row.edges_s[0]]
    if not older:
        return past
    edges: list[float] = [older[0].start_s]
    cells: list[tuple[float, float, float]] = []
    for day in older:
        if day.start_s < edges[-1]:
            continue
        if day.start_s > edges[-1]:
            edges.append(day.start_s)
            cells.append((0.0, 0.0, 0.0))
        edges.append(min(day.end_s, float(row.edges_s[0])))
        cells.append(_unknown_to_the_ledger(day, row))
    if edges[-1] < row.edges_s[0]:
        edges.append(float(row.edges_s[0]))
        cells.append((0.0, 0.0, 0.0))
    total, bad, measured_s = np.array(cells, dtype=np.float64).T
    longer = replace(
        row,
        edges_s=np.concatenate([edges[:-1], row.edges_s]),
        total=np.concatenate([total, row.total]),
        bad=np.concatenate([bad, row.bad]),
        measured_s=np.concatenate([measured_s, row.measured_s]),
    )
    # The first day may have been read in part only.
    return replace(past, row=longer, known_from_s=min(past.known_from_s, older[0].end_s))


def _unknown_to_the_ledger(day: DailyTotal, row: RowPast) -> tuple[float, float, float]:
    """What was counted on a day before the ledger's oldest cell: total and bad events, measured seconds."""
    known_s = np.array([max(float(row.edges_s[0]), day.start_s), max(float(row.edges_s[0]), day.end_s)])
    total, bad, measured_s = (float(until - before) for before, until in row.counted_before(known_s))
    return max(day.total - total, 0.0), max(day.bad - bad, 0.0), max(day.measured_s - measured_s, 0.0)
