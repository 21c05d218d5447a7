"""From counted events to the distribution of what will be left of error budgets, for many SLOs at once."""

from dataclasses import dataclass

import numpy as np

from app.budget.forecast.draws import FUTURES
from app.budget.forecast.futures import Futures, futures
from app.budget.forecast.usual import DAY_CELLS, Usual, usual
from app.budget.ratios import share_of
from app.slo.arrays import Bools, Floats

CELL_S = 900
"""Histories are counted in quarter hours."""
LONGEST_HORIZON_S = 30 * 86_400
"""How far ahead budgets are forecast at most."""
LEARNED_CELLS = 42 * DAY_CELLS
"""What a forecast learns from: more than six weeks ago says little of the weeks to come."""
_HOUR_S = 3600.0
# Hours first, then days: what is further away is known less exactly.
_STEPS_H = np.concatenate(
    [
        [1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 15.0, 18.0, 21.0],
        np.arange(24.0, 48.0, 4.0),
        np.arange(48.0, 168.0, 6.0),
        np.arange(168.0, 721.0, 24.0),
    ]
)
# The ends of the 80% interval, and the median.
_PLACES = tuple(round(share * (FUTURES - 1)) for share in (0.1, 0.5, 0.9))


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedCells:
    """Counted quarter hours, oldest first, whole days of them at least; the newest holds the present.

    All of shape (SLOs, cells); *measured_s* of a cell is at most 900.
    """

    total: Floats
    bad: Floats
    measured_s: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """What is asked of each SLO, shape (SLOs,), times in seconds.

    *reach_s* is how far the SLO window reaches back from the end of the newest cell; *rolls* says whether its start
    moves on with time, or else stays where it is; *horizon_s* is how far ahead is asked.
    """

    error_budget: Floats
    reach_s: Floats
    rolls: Bools
    horizon_s: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecasts:
    """Forecasts of SLOs; times in seconds from now, shares are of the budget of the window of the time.

    *low*, *median* and *high* are the unspent share that is reached or exceeded in 90, 50 and 10 of 100 futures at
    *ends_s*, shape (SLOs, steps). *exhausted_in_s* is when none is left in the first 10, 50 and 90 of 100 futures,
    infinity if later than the horizon, shape (SLOs, 3); *chance* is the share of futures in which none is left by then.
    *allowed_burn_rate* is the highest mean burn rate from now on at which some is left at every time until the horizon,
    negative where that is not possible any more. *known* is what the history says.
    """

    ends_s: Floats
    low: Floats
    median: Floats
    high: Floats
    exhausted_in_s: Floats
    chance: Floats
    allowed_burn_rate: Floats
    known: Usual


def forecasts(cells: CountedCells, budgets: Budgets) -> Forecasts:
    """The forecasts of SLOs with at least three days of history; the same counts give the same forecasts."""
    learned = slice(-min(cells.total.shape[1] // DAY_CELLS * DAY_CELLS, LEARNED_CELLS), None)
    known = usual(cells.total[:, learned], cells.bad[:, learned], cells.measured_s[:, learned])
    horizon_s = np.minimum(budgets.horizon_s, LONGEST_HORIZON_S)
    ends_s = np.minimum(_STEPS_H * _HOUR_S, horizon_s[:, None])
    kept_total, kept_bad = _kept(cells, budgets, np.concatenate([np.zeros((len(ends_s), 1)), ends_s], axis=1))
    # A period of the calendar is longer than what has passed of it.
    window_s = budgets.reach_s + np.where(budgets.rolls, 0.0, budgets.horizon_s)
    ahead = futures(known, _STEPS_H, horizon_s / _HOUR_S, budgets.error_budget * window_s / _HOUR_S)
    error_budget = budgets.error_budget[:, None, None]
    allowed = (kept_total[:, None, 1:] + ahead.total) * error_budget
    # A window without events has spent nothing.
    remaining = 1.0 - share_of(kept_bad[:, None, 1:] + ahead.bad, allowed)
    now = 1.0 - share_of(kept_bad[:, :1], kept_total[:, :1] * budgets.error_budget[:, None])
    low, median, high = _quantiles(remaining)
    exhausted_in_s = _exhaustion(now, remaining, ends_s)
    return Forecasts(
        ends_s=ends_s,
        low=low,
        median=median,
        high=high,
        exhausted_in_s=np.stack(_quantiles(exhausted_in_s), axis=1),
        chance=np.isfinite(exhausted_in_s).mean(axis=1),
        allowed_burn_rate=_allowed_burn_rate(kept_total[:, 1:], kept_bad[:, 1:], ahead, budgets.error_budget[:, None]),
        known=known,
    )


def _quantiles(values: Floats) -> tuple[Floats, Floats, Floats]:
    """What 10, 50 and 90 of 100 futures are below; futures are the second axis."""
    ordered = np.partition(values, _PLACES, axis=1)
    first, middle, last = _PLACES
    return ordered[:, first], ordered[:, middle], ordered[:, last]


def _kept(cells: CountedCells, budgets: Budgets, ahead_s: Floats) -> tuple[Floats, Floats]:
    """Total and bad events of the history that are in the SLO window at each time ahead; shape of *ahead_s*."""
    many = cells.total.shape[1]
    reach_s = budgets.reach_s[:, None] - np.where(budgets.rolls[:, None], ahead_s, 0.0)
    place = many - np.clip(reach_s / CELL_S, 0.0, many)
    whole = np.minimum(place.astype(np.int64), many - 1)
    found = []
    for column in (cells.total, cells.bad):
        before = np.concatenate([np.zeros((len(column), 1)), np.cumsum(column, axis=1)], axis=1)
        first, second = (np.take_along_axis(before, at, axis=1) for at in (whole, whole + 1))
        found.append(before[:, -1:] - first - (place - whole) * (second - first))
    return found[0], found[1]


def _exhaustion(now: Floats, remaining: Floats, ends_s: Floats) -> Floats:
    """When none is left in each future, infinity if later; between two steps a budget falls evenly."""
    gone = remaining <= 0
    step = np.argmax(gone, axis=2)
    first = np.maximum(step - 1, 0)
    before, after = (np.take_along_axis(remaining, at[:, :, None], axis=2)[:, :, 0] for at in (first, step))
    begin_s, end_s = (np.take_along_axis(ends_s, at, axis=1) for at in (first, step))
    before, begin_s = np.where(step > 0, before, np.maximum(now, 0.0)), np.where(step > 0, begin_s, 0.0)
    part = share_of(before, before - after)
    at_s: Floats = np.where(gone.any(axis=2), begin_s + part * (end_s - begin_s), np.inf)
    return at_s


def _allowed_burn_rate(kept_total: Floats, kept_bad: Floats, ahead: Futures, error_budget: Floats) -> Floats:
    """The highest mean burn rate from now on at which some budget is left at each step; NaN if no events come."""
    coming = error_budget * np.median(ahead.total, axis=1)
    left = error_budget * kept_total + coming - kept_bad
    allowed = np.divide(left, coming, out=np.full_like(left, np.inf), where=coming > 0).min(axis=1)
    return np.where(np.isinf(allowed), np.nan, allowed)
