"""The exposed figures of one SLO at times of the past: what `/metrics` would have shown then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import numpy as np

from app.alerting import ADEQUATE_COVERAGE
from app.budget import budget, burn_rate, period_remaining, sli
from app.evaluation.history.past import Past, as_recorded, counted_between, is_known, month_bounds, window_starts
from app.ledger import RowPast
from app.slo import GroupKey, SloId
from app.slo.arrays import Bools, Floats

# Adding up cells leaves 1e-10 of an event, and half of an event is none.
_ROUNDING_EVENTS = 0.5


class MemberHistory(NamedTuple):
    """What an SLO or group member is counted from, and whether its history has been read.

    *sli_key* names what is counted, *recounts* how many times all history of it was counted again.
    """

    sli_key: str
    recounts: int
    backfilled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposedPast:
    """What was counted for an SLO or a group member, and what of it is exposed.

    *windows* are the look-back windows that are shown. *good_ever* and *bad_ever* are the counters that never reset, as
    they are now; *counted* is what they have counted, where *past* is adjusted.
    """

    id: SloId
    past: Past
    windows: tuple[timedelta, ...]
    good_ever: float
    bad_ever: float
    counted: RowPast | None = None

    @property
    def group(self) -> GroupKey:
        """The member of a group; empty for a whole SLO."""
        return self.past.group

    @property
    def known_from_s(self) -> float:
        """Since when something is known, in Unix seconds; NaN before the first sample."""
        row = self.past.row
        if row is None:
            return np.nan
        return max(self.past.known_from_s, float(row.edges_s[0]), row.first_sample_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPast:
    """The SLI and the burn rate of one window at each time."""

    sli: Floats
    burn_rate: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class PastFigures:
    """The figures at the times *at_s* (Unix seconds), each of shape (n,); NaN where a figure is not known.

    *good_ever* and *bad_ever* are counters; where they are lower than before, the live ones began at zero: from there
    on *is_live* holds.
    """

    at_s: Floats
    consumed: Floats
    remaining: Floats
    month_remaining: Floats
    coverage: Floats
    slo_window: WindowPast
    windows: Mapping[timedelta, WindowPast]
    good_ever: Floats
    bad_ever: Floats
    is_live: Bools


def past_figures(
    exposed: ExposedPast, at_s: Floats, *, recorded: Sequence[tuple[float, float]] = ()
) -> PastFigures | None:
    """The figures at the ascending times *at_s*; None before the first sample of the SLI.

    A time within a cell of the ledger has the figures of its beginning, and a window covers whole cells: beyond three
    days, windows of less than a quarter of an hour are those of the whole quarter. *recorded* are slots (Unix seconds)
    and what the live budget showed then.
    """
    past, row = exposed.past, exposed.past.row
    if row is None or np.isnan(row.first_sample_s) or not len(at_s):
        return None
    end_s = row.floor(np.fmin(at_s, row.watermark_s))
    error_budget = np.full(len(at_s), past.slo.error_budget)
    start_s = window_starts(past.slo, end_s)
    total, bad, coverage = counted_between(row, start_s, end_s)
    there = _is_there(past, row, start_s, end_s)
    figures = budget(bad, total, error_budget=error_budget)
    remaining = as_recorded(at_s, recorded, np.where(there, figures.remaining, np.nan))
    good_ever, bad_ever, is_live = _ever(exposed, row, end_s)
    return PastFigures(
        at_s=at_s,
        consumed=1.0 - remaining,
        remaining=remaining,
        month_remaining=_month_remaining(past, row, end_s),
        coverage=np.where(there, coverage, np.nan),
        slo_window=_window(total, bad, error_budget, there),
        windows={length: _look_back(past, row, length, end_s, error_budget) for length in exposed.windows},
        good_ever=good_ever,
        bad_ever=bad_ever,
        is_live=is_live,
    )


def _month_remaining(past: Past, row: RowPast, at_s: Floats) -> Floats:
    """Unspent share of the budget of the calendar month at each time, as the live one is computed."""
    start_s, end_s = month_bounds(past.slo.window, at_s)
    total, bad, coverage = counted_between(row, start_s, at_s)
    begin_s = np.fmax(start_s, row.first_sample_s)
    burn_rates = burn_rate(bad, total, error_budget=np.full(len(at_s), past.slo.error_budget))
    remaining = period_remaining(burn_rates, (at_s - begin_s) / (end_s - begin_s))
    return np.where((at_s > row.first_sample_s) & (coverage >= ADEQUATE_COVERAGE), remaining, np.nan)


def _look_back(past: Past, row: RowPast, length: timedelta, end_s: Floats, error_budget: Floats) -> WindowPast:
    start_s = row.floor(end_s - length.total_seconds())
    # Of a window that is shorter than the cells, `end_s` and its start may lie in one: it is the cell before the end.
    start_s = np.where(start_s < end_s, start_s, row.floor(np.nextafter(end_s, -np.inf)))
    total, bad, _ = counted_between(row, start_s, end_s)
    return _window(total, bad, error_budget, _is_there(past, row, start_s, end_s))


def _window(total: Floats, bad: Floats, error_budget: Floats, there: Bools) -> WindowPast:
    ratio, rate = sli(bad, total), burn_rate(bad, total, error_budget=error_budget)
    return WindowPast(sli=np.where(there, ratio, np.nan), burn_rate=np.where(there, rate, np.nan))


def _is_there(past: Past, row: RowPast, start_s: Floats, end_s: Floats) -> Bools:
    """Whether a window ends after the first sample and everything since its start was counted."""
    there: Bools = (end_s > row.first_sample_s) & is_known(row, start_s, past.known_from_s)
    return there


def _ever(exposed: ExposedPast, row: RowPast, end_s: Floats) -> tuple[Floats, Floats, Bools]:
    """The counters of good and bad events at each time, and whether they are the live ones.

    They go on to where the live ones are. What was before those began is counted from the oldest cell: the drop to the
    live counter is one that Prometheus takes for a restart, so that no event is counted twice.
    """
    # The last of the times is the newest: what the live counters have counted is counted backwards from there.
    counted = exposed.counted or row
    total, bad, _ = counted.counted_before(np.append(end_s, row.watermark_s))
    # Cells that were corrected may hold less than nothing; a counter that falls a little would be a restart.
    good, bad = (np.maximum.accumulate(np.maximum(column, 0.0)) for column in (total - bad, bad))
    since = (good[-1] + bad[-1]) - (good[:-1] + bad[:-1])
    is_live: Bools = since < exposed.good_ever + exposed.bad_ever - _ROUNDING_EVENTS
    there = end_s > row.first_sample_s
    good_ever, bad_ever = (
        np.where(there, np.where(is_live, np.maximum(ever - (column[-1] - column[:-1]), 0.0), column[:-1]), np.nan)
        for column, ever in ((good, exposed.good_ever), (bad, exposed.bad_ever))
    )
    return good_ever, bad_ever, is_live
