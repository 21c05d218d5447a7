"""Forecasts of error budgets: what is known of the days to come is exact, and what is not has an honest interval."""

import numpy as np
import pytest

from app.budget.forecast import Budgets, CountedCells, Forecasts, forecasts
from app.slo.arrays import Floats

DAY = 96
"""Quarter hours of a day."""
MONTH = 30 * DAY
DAY_S = 86_400.0


def forecast(
    bad: Floats, *, total: Floats | float = 10_000.0, error_budget: float = 0.001, calendar: float | None = None
) -> Forecasts:
    """The forecast of one SLO over 30 days by its bad events of each quarter hour, or of a period with days left."""
    cells = len(bad)
    horizon_s = 30 * DAY_S if calendar is None else calendar * DAY_S
    return forecasts(
        CountedCells(
            total=np.broadcast_to(np.asarray(total, dtype=np.float64), cells)[None],
            bad=bad[None],
            measured_s=np.full((1, cells), 900.0),
        ),
        Budgets(
            error_budget=np.array([error_budget]),
            reach_s=np.array([cells * 900.0]),
            rolls=np.array([calendar is None]),
            horizon_s=np.array([horizon_s]),
        ),
    )


def at(found: Forecasts, days: float) -> tuple[float, float, float]:
    """Low, median and high so many days ahead."""
    step = int(np.argmin(np.abs(found.ends_s[0] - days * DAY_S)))
    return float(found.low[0, step]), float(found.median[0, step]), float(found.high[0, step])


def test_a_steady_service_stays_where_it_is() -> None:
    """At half the budget, evenly, half of it is left in a week too, and nothing exhausts it."""
    found = forecast(np.full(MONTH, 5.0))
    low, median, high = at(found, 7)
    assert median == pytest.approx(0.5, abs=0.01)
    assert 0.35 < low < median < high < 0.6
    assert np.isinf(found.exhausted_in_s[0, 1])


def test_what_an_outage_spent_comes_back_on_the_day_it_leaves_the_window() -> None:
    """An outage of 26 days ago spent 60%: in three days it is still in the window, in five it is not."""
    bad = np.full(MONTH, 1.0)
    bad[4 * DAY : 4 * DAY + 4] = 0.6 * 10.0 * MONTH / 4
    found = forecast(bad)
    assert at(found, 3)[1] == pytest.approx(0.3, abs=0.05)
    assert at(found, 5)[1] == pytest.approx(0.9, abs=0.05)


def test_a_rate_that_has_risen_for_days_goes_on() -> None:
    """A quarter of the budget for 20 days, twice of it for ten: ten days before the end 150 of 400 are left."""
    bad = np.full(MONTH, 2.5)
    bad[-10 * DAY :] = 20.0
    found = forecast(bad, calendar=10.0)
    early, middle, late = (found.exhausted_in_s[0] / DAY_S).tolist()
    assert early < middle <= late
    # 150 at 20 a day are seven and a half days; the rate may rise further, or an incident come.
    assert 5.5 < middle < 8.0
    assert found.allowed_burn_rate[0] == pytest.approx(150 / 100, rel=0.02)


def test_an_outage_that_goes_on_may_end_or_last() -> None:
    """Everything has failed for an hour: soon exhausted in most futures, and the interval says how unsure that is."""
    bad = np.full(MONTH, 1.0)
    bad[-4:] = 10_000.0
    found = forecast(bad)
    early, middle, late = (found.exhausted_in_s[0] / DAY_S).tolist()
    assert early <= middle <= late
    assert middle < 0.1
    ended = bad.copy()
    ended[-2:] = 1.0
    ended[-4:-2] = 5_000.0
    assert forecast(ended).chance[0] < 0.5 < found.chance[0]


def test_a_budget_of_a_calendar_month_gets_nothing_back() -> None:
    """Nothing leaves the window before the month ends: of what is spent nothing comes back, and then it ends."""
    bad = np.full(20 * DAY, 1.0)
    bad[:4] = 0.5 * 10.0 * MONTH / 4
    found = forecast(bad, calendar=10.0)
    assert at(found, 10)[1] == pytest.approx(0.4, abs=0.06)
    assert found.ends_s[0, -1] == 10 * DAY_S
    # 300 of a month at 10 a day, of which 150 + 20 are spent: 130 in 10 days.
    assert found.allowed_burn_rate[0] == pytest.approx(1.3, rel=0.02)


def test_a_month_that_is_lost_allows_no_burn_rate() -> None:
    """Ten days before its end a month has spent twice its budget."""
    found = forecast(np.full(20 * DAY, 30.0), calendar=10.0)
    assert found.allowed_burn_rate[0] < 0
    assert found.chance[0] == 1.0


def test_a_budget_that_is_spent_to_the_last_event_is_exhausted() -> None:
    """No requests for weeks: where none come, and no errors, what is left stays at exactly nothing."""
    total, bad = np.zeros(MONTH), np.zeros(MONTH)
    total[:DAY], bad[0] = 1024.0, 1.0 * DAY
    found = forecast(bad, total=total, error_budget=1 / 1024, calendar=5.0)
    assert found.exhausted_in_s[0, 0] == 0.0
    assert found.low[0, 0] == 0.0


def test_the_same_counts_give_the_same_forecast_alone_and_among_others() -> None:
    """A forecast has no chance of its own, and no SLO changes that of another."""
    source = np.random.default_rng(3)
    total = source.poisson([[50.0], [5_000.0], [0.0], [2.0]], (4, MONTH)).astype(np.float64)
    bad = source.binomial(total.astype(np.int64), 0.002).astype(np.float64)
    bad[1, 500:520] = 3_000.0
    many = CountedCells(total=total, bad=bad, measured_s=np.full(total.shape, 900.0))
    asked = Budgets(
        error_budget=np.full(4, 0.01),
        reach_s=np.full(4, 30 * DAY_S),
        rolls=np.array([True, True, True, False]),
        horizon_s=np.array([30.0, 30.0, 30.0, 4.0]) * DAY_S,
    )
    together = forecasts(many, asked)
    for row in range(4):
        only = slice(row, row + 1)
        alone = forecasts(
            CountedCells(total=total[only], bad=bad[only], measured_s=many.measured_s[only]),
            Budgets(
                error_budget=asked.error_budget[only],
                reach_s=asked.reach_s[only],
                rolls=asked.rolls[only],
                horizon_s=asked.horizon_s[only],
            ),
        )
        np.testing.assert_allclose(alone.low[0], together.low[row])
        np.testing.assert_allclose(alone.exhausted_in_s[0], together.exhausted_in_s[row])


def test_the_pattern_of_the_week_is_known() -> None:
    """A service that is used on five days of seven: the weekend brings no failures."""
    week = np.repeat([1.0, 1.0, 1.0, 1.0, 1.0, 0.001, 0.001], DAY)
    total = np.tile(week, 5)[-MONTH:] * 10_000.0
    bad = total * 0.0005
    # The history ends on the evening of a weekend; what leaves the window has the pattern too.
    found = forecast(bad, total=total)
    assert found.known.week[0, :24].mean() > 10 * found.known.week[0, -24:].mean()
    assert at(found, 14)[1] == pytest.approx(0.5, abs=0.03)
