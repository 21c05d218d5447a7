"""Series for charts over a range, in few steps that hide nothing: the lowest budget and the highest burn of each."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from app.budget import burn_rate, sli, windows_of
from app.evaluation.history.past import Past, as_recorded, counted_between, remaining_budgets
from app.ledger import RowPast
from app.slo import SloId
from app.slo.arrays import Floats, Ints
from app.status import RangeSeries


def range_series(
    slo_id: SloId,
    past: Past,
    *,
    start: datetime,
    end: datetime,
    step: timedelta,
    recorded: Sequence[tuple[float, float]] = (),
) -> RangeSeries:
    """The series of the steps that end in (start, end], which lie on multiples of *step* and on edges of cells.

    *recorded* are slots (unix seconds) and what the live budget showed then; where there is none it is computed.
    In a step in which nothing was measured only its coverage is known, which is 0.
    """
    row, recorded = past.row, past.usable(recorded)
    bounds_s = np.empty(0) if row is None else _bounds(row, start.timestamp(), end.timestamp(), step.total_seconds())
    if row is None or len(bounds_s) < 2:  # noqa: PLR2004  a step has two
        return RangeSeries(id=slo_id, since=None)
    total, bad, coverage = counted_between(row, bounds_s[:-1], bounds_s[1:])
    measured = coverage > 0

    def known(column: Floats) -> list[float]:
        values: list[float] = np.where(measured, column, np.nan).tolist()
        return values

    edges_s = row.edges_s[(row.edges_s > bounds_s[0]) & (row.edges_s <= bounds_s[-1])]
    return RangeSeries(
        id=slo_id,
        since=_moment(bounds_s[0]),
        at=[_moment(at_s) for at_s in bounds_s[1:].tolist()],
        good=known(total - bad),
        bad=known(bad),
        total=known(total),
        sli=known(sli(bad, total)),
        budget_remaining=known(_lowest_budgets(past, row, bounds_s, edges_s, recorded)),
        coverage=coverage.tolist(),
        burn_rates={window: known(column) for window, column in _highest_burns(past, row, bounds_s, edges_s)},
    )


def sum_of_members(members: Iterable[Past]) -> Past | None:
    """The past of a whole group: the events of all its members; measured is what was measured of any."""
    summed: Past | None = None
    for past in members:
        if past.row is None:
            continue
        summed = replace(past, group=()) if summed is None else _with(summed, past.row, past.known_from_s)
    return summed


def _with(summed: Past, row: RowPast, known_from_s: float) -> Past:
    known = summed.row
    if known is None:
        return summed
    edges_s = known.edges_s if np.array_equal(known.edges_s, row.edges_s) else np.union1d(known.edges_s, row.edges_s)
    (total, bad, measured_s), (more, more_bad, also_s) = _cut(known, edges_s), _cut(row, edges_s)
    both = replace(
        known,
        edges_s=edges_s,
        total=total + more,
        bad=bad + more_bad,
        measured_s=np.maximum(measured_s, also_s),
        first_sample_s=float(np.fmin(known.first_sample_s, row.first_sample_s)),
        complete_from_s=max(known.complete_from_s, row.complete_from_s),
        watermark_s=float(np.fmax(known.watermark_s, row.watermark_s)),
    )
    return replace(summed, row=both, known_from_s=max(summed.known_from_s, known_from_s))


def _cut(row: RowPast, edges_s: Floats) -> tuple[Floats, Floats, Floats]:
    """Total events, bad events and measured seconds in finer cells."""
    # Most members of a group have the same cells, and to cut some takes milliseconds.
    if edges_s is row.edges_s or np.array_equal(edges_s, row.edges_s):
        return row.total, row.bad, row.measured_s
    total, bad, measured_s = (np.diff(column) for column in row.counted_before(edges_s))
    return total, bad, measured_s


def _bounds(row: RowPast, start_s: float, end_s: float, step_s: float) -> Floats:
    """The bounds of the steps, on edges of cells; nothing before the oldest cell or behind the newest."""
    first = np.floor(start_s / step_s) + 1
    grid_s = np.arange(first, np.ceil(end_s / step_s)) * step_s
    asked_s = np.concatenate([[start_s], grid_s, [end_s]])
    bounds: Floats = np.unique(row.floor(np.minimum(asked_s, row.edges_s[-1])))
    return bounds


def _lowest_budgets(
    past: Past, row: RowPast, bounds_s: Floats, edges_s: Floats, recorded: Sequence[tuple[float, float]]
) -> Floats:
    # Where cells are long, records know more than their edges: each is a budget that was shown.
    slots_s = np.array([slot_s for slot_s, _ in recorded if bounds_s[0] < slot_s <= bounds_s[-1]], dtype=np.float64)
    at_s = np.unique(np.concatenate([edges_s, slots_s]))
    budgets = as_recorded(at_s, recorded, remaining_budgets(past, row, at_s))
    return np.fmin.reduceat(budgets, _first_of_steps(bounds_s, at_s))


def _highest_burns(past: Past, row: RowPast, bounds_s: Floats, edges_s: Floats) -> Iterator[tuple[timedelta, Floats]]:
    error_budget, first = np.full(len(edges_s), past.slo.error_budget), _first_of_steps(bounds_s, edges_s)
    for window in windows_of(past.slo):
        total, bad, _ = counted_between(row, edges_s - window.total_seconds(), edges_s)
        yield window, np.fmax.reduceat(burn_rate(bad, total, error_budget=error_budget), first)


def _first_of_steps(bounds_s: Floats, at_s: Floats) -> Ints:
    """The place of the first of the ascending times in each step; every step has one, as it ends with an edge."""
    first: Ints = np.searchsorted(at_s, bounds_s[:-1], side="right")
    return first


def _moment(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
