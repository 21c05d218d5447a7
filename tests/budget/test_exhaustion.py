"""When a budget is exhausted, and that nothing is said once the burn has stopped."""

import numpy as np
import pytest

from app.budget import EventRates, RecentEvents, exhausting_burn_rate, exhaustion_s, present_rates
from app.slo.arrays import Floats

DAY = 86_400.0
BUDGET = 0.001


def of(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def lasts(
    remaining_events: float,
    bad: float,
    total: float = 1.0,
    *,
    leaves_in_s: float = 0.0,
    at_most_s: float = 30 * DAY,
) -> float:
    """How long a budget lasts at so many bad and total events per second; objective 99.9%."""
    (left,) = exhaustion_s(
        of(remaining_events),
        EventRates(of(bad), of(total)),
        error_budget=of(BUDGET),
        leaves_in_s=of(leaves_in_s),
        at_most_s=of(at_most_s),
    )
    return float(left)


@pytest.mark.parametrize(("burn_rate", "seconds"), [(1, 30 * DAY), (2, 15 * DAY), (10, 3 * DAY), (1000, 43.2 * 60)])
def test_table_5_4_of_the_workbook(burn_rate: float, seconds: float) -> None:
    """At one event per second a budget of 30 days is 2,592 events."""
    assert lasts(30 * DAY * BUDGET, burn_rate * BUDGET) == pytest.approx(seconds)


def test_a_budget_of_a_window_that_still_fills_is_that_of_the_events_so_far() -> None:
    """Two days of ten events per second: 1,728 bad events are allowed, and a total outage spends 10 a second."""
    assert lasts(1728, 10, 10, leaves_in_s=28 * DAY) == pytest.approx(1728 / (10 - 0.01))


def test_it_grows_until_the_first_events_leave_the_window() -> None:
    """At twice the pace that it can bear: 86.4 events remain, a day spends all that it adds and 86.4 of them."""
    assert lasts(1.5 * DAY * BUDGET, 2 * BUDGET, leaves_in_s=10 * DAY) == pytest.approx(1.5 * DAY)
    assert lasts(1.5 * DAY * BUDGET, 2 * BUDGET, leaves_in_s=DAY) == pytest.approx(DAY + 0.25 * DAY)
    assert np.isnan(lasts(1.5 * DAY * BUDGET, 0.9 * BUDGET, leaves_in_s=30 * DAY))


def test_a_budget_that_outlasts_its_month_is_not_exhausted() -> None:
    """Ten days before the end, with five days' worth of events left."""
    ten_days = {"leaves_in_s": 10 * DAY, "at_most_s": 10 * DAY}
    assert lasts(5 * DAY * BUDGET, 2 * BUDGET, **ten_days) == pytest.approx(5 * DAY)
    assert np.isnan(lasts(5 * DAY * BUDGET, 1.4 * BUDGET, **ten_days))


def test_a_budget_that_lasts_the_window_is_never_exhausted_and_one_that_is_spent_is_so_now() -> None:
    assert np.isnan(lasts(30 * DAY * BUDGET, 0.9 * BUDGET))
    assert np.isnan(lasts(15 * DAY * BUDGET, 0.0))
    assert np.isnan(lasts(float("nan"), 1.0))
    assert lasts(-1.0, 1.0) == 0
    assert lasts(-1.0, float("nan"), float("nan")) == 0


@pytest.mark.parametrize("within_s", [3600.0, 3 * DAY, 20 * DAY])
@pytest.mark.parametrize("leaves_in_s", [0.0, 5 * DAY, 30 * DAY])
def test_the_exhausting_burn_rate_is_the_one_that_lasts_so_long(within_s: float, leaves_in_s: float) -> None:
    needed = exhausting_burn_rate(
        within_s, remaining_events=100, events_per_s=2, error_budget=BUDGET, leaves_in_s=leaves_in_s
    )
    assert lasts(100, needed * 2 * BUDGET, 2, leaves_in_s=leaves_in_s) == pytest.approx(within_s)


@pytest.mark.parametrize(
    ("hour", "half_hour", "five_minutes", "rate"),
    [
        ((72, 3600), (36, 1800), (6, 300), 36 / 1800),
        ((72, 3600), (72, 1800), (60, 300), 60 / 300),
        ((9, 3600), (9, 1800), (9, 300), 9 / 3600),
        ((72, 3600), (72, 1800), (0, 300), 0.0),
        ((72, 3600), (0, 1800), (0, 300), 0.0),
        ((1, 60), (1, 30), (0, 5), 1 / 3600),
        ((72, 3600), (72, 1800), (0, 0), 72 / 1800),
        ((72, 3600), (0, 0), (0, 0), 0.0),
        ((0, 0), (0, 0), (0, 0), np.nan),
        ((72, 0), (72, 0), (60, 0), 60 / 300),
        ((10, 3600), (10, 1800), (10, 300), 10 / 300),
        ((9, 36000), (9, 9000), (0, 1500), 9 / 3600),
        ((36, 36000), (20, 18000), (3, 3000), 20 / 1800),
        ((36, 3600), (36, 1800), (0, 300), 0.0),
        ((1, 1), (1, 1), (0, 0), 1 / 3600),
        ((0.5, 0), (0.5, 0), (0.5, 0), 0.5 / 3600),
        ((4, 1), (4, 1), (0, 1), 0.0),
    ],
    ids=[
        "it burns",
        "an outage that has just begun",
        "too few errors to tell the pace of minutes",
        "five minutes without errors, of six expected",
        "half an hour without errors",
        "too little traffic to conclude from five minutes",
        "five minutes without requests",
        "half an hour without requests",
        "nothing is known",
        "errors beside a total that stands still",
        "ten errors tell the pace of minutes",
        "half an hour at exactly what the budget bears burns",
        "five minutes at exactly what the budget bears burn",
        "three expected errors that did not come tell the end",
        "one event in the hour",
        "fractions of events, as of interpolated buckets",
        "errors beside a total of one event, which has come since",
    ],
)
def test_the_present_rate_is_that_of_the_shortest_window_that_tells_it_unless_the_burn_has_stopped(
    hour: tuple[float, float], half_hour: tuple[float, float], five_minutes: tuple[float, float], rate: float
) -> None:
    """At an objective of 99.9%, bad and total events of the last hour, half hour and five minutes."""
    measured = ((hour, 3600.0), (half_hour, 1800.0), (five_minutes, 300.0))
    recent = (RecentEvents(of(bad), of(total), of(seconds)) for (bad, total), seconds in measured)
    assert present_rates(*recent, error_budget=of(BUDGET)).bad.tolist() == pytest.approx([rate], nan_ok=True)


def test_the_events_of_the_rate_are_those_of_the_same_window_and_never_less_than_its_errors() -> None:
    hour, half_hour, five_minutes = (3_600.0, 1_800.0, 300.0)
    rates = present_rates(
        RecentEvents(of(72, 9, 9, 0, 0), of(36_000, 36_000, 3, 0, 1), of(*[hour] * 5)),
        RecentEvents(of(72, 9, 9, 0, 0), of(9_000, 9_000, 3, 0, 1), of(*[half_hour] * 5)),
        RecentEvents(of(60, 0, 9, 0, 0), of(600, 600, 3, 0, 1), of(*[five_minutes] * 5)),
        error_budget=of(*[BUDGET] * 5),
    )
    assert rates.total.tolist() == pytest.approx([600 / 300, 10.0, 9 / 3_600, np.nan, 1 / 3_600], nan_ok=True)


def test_rates_go_by_the_time_that_was_measured_and_are_unknown_without_any() -> None:
    nothing = RecentEvents(of(0, 0), of(0, 0), of(0, 0))
    rates = present_rates(
        RecentEvents(of(5, 5), of(50, 50), of(0.5, 0)), RecentEvents(of(5, 5), of(50, 50), of(0.5, 0)), nothing,
        error_budget=of(BUDGET, BUDGET),
    )  # fmt: skip
    assert rates.bad.tolist() == pytest.approx([10, np.nan], nan_ok=True)
    assert rates.total.tolist() == pytest.approx([100, np.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("remaining", "events_per_s", "burn_rate"),
    [
        (0.0, 2.0, 0.0),
        (-5.0, 2.0, 0.0),
        (0.5, 0.5, 0.5 / 3600 / (0.5 * BUDGET) + 0.5),
        (1.0, 0.0, np.inf),
        (1.0, np.nan, np.inf),
    ],
)
def test_the_exhausting_burn_rate_at_its_edges(remaining: float, events_per_s: float, burn_rate: float) -> None:
    """None where nothing is left to spend, infinite where no events come that could spend it."""
    found = exhausting_burn_rate(
        3600.0, remaining_events=remaining, events_per_s=events_per_s, error_budget=BUDGET, leaves_in_s=1800.0
    )
    assert found == pytest.approx(burn_rate)


def test_a_budget_of_which_exactly_nothing_is_left_is_exhausted_now() -> None:
    assert lasts(0.0, 0.0) == 0
    assert lasts(0.5, 1.0) == 0.5
    assert lasts(0.0, 1.0, leaves_in_s=DAY) == 0
