"""Series for charts: few steps, and none of what happened in them is left out."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.evaluation import Past, range_series, sum_of_members, with_older_days
from app.slo import SloId
from app.status import RangeSeries
from app.store.daily_totals import DailyTotal
from tests.support.pasts import a_past

START = datetime(2026, 3, 1, tzinfo=UTC)
SINCE_S = START.timestamp()
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
HOURS_S = 3600.0
SLO = SloId("checkout-availability")


def _series(past: Past, *, hours: float = 24, step: timedelta = HOUR, **more: object) -> RangeSeries:
    return range_series(SLO, past, start=START, end=START + hours * HOUR, step=step, **more)  # type: ignore[arg-type]


def _with_errors(past: Past, at_s: float, bad: float) -> Past:
    """The past with bad events in the cell that ends at a time."""
    assert past.row is not None
    errors = np.where(past.row.edges_s[1:] == at_s, bad, 0.0)
    return replace(past, row=replace(past.row, bad=past.row.bad + errors))


def _half_minutes(hours: float = 24) -> Past:
    return a_past(since_s=SINCE_S, until_s=SINCE_S + hours * HOURS_S, width_s=30, per_cell=(100.0, 0.0))


def test_half_a_minute_of_errors_is_seen_in_steps_of_an_hour() -> None:
    """At 99.9% a slot of errors only burns 100x in the window of 5 minutes, and 8.3x in the hour."""
    series = _series(_with_errors(_half_minutes(), SINCE_S + 12.5 * HOURS_S, 100.0))
    assert len(series.at) == 24
    assert series.at[12] == START + 13 * HOUR
    assert [series.bad[12], series.total[12]] == [100.0, 12_000.0]
    assert sum(series.bad) == 100.0
    assert series.burn_rates[5 * MINUTE][12] == pytest.approx(100.0)
    assert series.burn_rates[HOUR][12] == pytest.approx(100 / 12_000 / 0.001)
    assert series.burn_rates[5 * MINUTE][11] == series.burn_rates[5 * MINUTE][14] == 0.0


def test_the_lowest_budget_of_a_step_is_kept_though_it_recovers_in_it() -> None:
    past = _half_minutes()
    recorded = [(SINCE_S + 60.0 * minutes, 0.9) for minutes in range(0, 24 * 60, 60)]
    series = _series(past, recorded=sorted([*recorded, (SINCE_S + 12.25 * HOURS_S, -0.4), (SINCE_S + 45_000.0, 0.9)]))
    assert [series.budget_remaining[index] for index in (11, 12, 13)] == [0.9, -0.4, 0.9]


def test_what_was_not_measured_has_no_figures() -> None:
    """Least of all a good SLI."""
    past = _half_minutes()
    assert past.row is not None
    hole = (past.row.edges_s[1:] > SINCE_S + 5 * HOURS_S) & (past.row.edges_s[1:] <= SINCE_S + 8 * HOURS_S)
    total, bad, measured_s = (
        np.where(hole, 0.0, column) for column in (past.row.total, past.row.bad, past.row.measured_s)
    )
    series = _series(replace(past, row=replace(past.row, total=total, bad=bad, measured_s=measured_s)))
    assert [*series.coverage[4:9]] == [1.0, 0.0, 0.0, 0.0, 1.0]
    columns = (series.good, series.bad, series.total, series.sli, series.budget_remaining, *series.burn_rates.values())
    assert all(math.isnan(column[index]) for column in columns for index in (5, 6, 7))
    assert not any(math.isnan(column[index]) for column in (series.sli, series.good) for index in (4, 8))


def test_measured_time_without_traffic_has_events_and_no_sli() -> None:
    series = _series(a_past(since_s=SINCE_S, until_s=SINCE_S + 24 * HOURS_S, per_cell=(0.0, 0.0)))
    assert [series.coverage[3], series.total[3]] == [1.0, 0.0]
    assert math.isnan(series.sli[3])


def test_steps_are_round_but_at_the_ends_of_the_range() -> None:
    end = START + 3 * HOUR
    series = range_series(SLO, _half_minutes(), start=START + 10 * MINUTE, end=end - 10 * MINUTE, step=HOUR)
    assert series.since == START + 10 * MINUTE
    assert [*series.at] == [START + HOUR, START + 2 * HOUR, end - 10 * MINUTE]


def test_nothing_is_shown_of_before_the_first_and_after_the_newest_cell() -> None:
    past = a_past(since_s=SINCE_S + 2 * HOURS_S, until_s=SINCE_S + 5 * HOURS_S)
    series = _series(past)
    assert (series.since, series.at[0], series.at[-1]) == (START + 2 * HOUR, START + 3 * HOUR, START + 5 * HOUR)
    assert _series(past, hours=1).at == ()


def test_days_that_the_ledger_has_forgotten_are_steps_in_front() -> None:
    past = a_past(since_s=SINCE_S + 3 * 86_400, until_s=SINCE_S + 4 * 86_400, per_cell=(100.0, 1.0))
    assert past.row is not None
    past = replace(past, row=replace(past.row, first_sample_s=SINCE_S))
    day = int(DAY.total_seconds())
    stored = [
        DailyTotal(1, round(SINCE_S) + number * day, day, 9_600.0, 960.0 * (number == 1), day) for number in range(3)
    ]
    series = range_series(SLO, with_older_days(past, stored), start=START, end=START + 4 * DAY, step=DAY)
    assert [*series.bad] == [0.0, 960.0, 0.0, 96.0]
    assert [*series.total] == [9_600.0] * 4
    assert series.burn_rates[DAY][1] == pytest.approx(100.0)


def test_the_members_of_a_group_are_summed() -> None:
    one = a_past(since_s=SINCE_S, until_s=SINCE_S + 86_400, per_cell=(100.0, 1.0))
    other = a_past(since_s=SINCE_S + 43_200, until_s=SINCE_S + 86_400, width_s=300, per_cell=(10.0, 10.0))
    summed = sum_of_members([replace(one, row=None), one, other])
    assert summed is not None
    series = _series(summed)
    assert [series.total[3], series.bad[3]] == [400.0, 4.0]
    assert [series.total[20], series.bad[20]] == pytest.approx([400.0 + 120.0, 4.0 + 120.0])
    alike = sum_of_members([one, one])
    assert alike is not None
    assert [_series(alike).total[3], _series(alike).bad[3], _series(alike).coverage[3]] == [800.0, 8.0, 1.0]
    assert sum_of_members([replace(one, row=None)]) is None
