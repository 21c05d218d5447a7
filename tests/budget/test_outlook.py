"""What a forecast says of one SLO: figures of what was counted, in the words and units in which they are shown."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from app.budget.forecast import Budgets, CountedCells, Forecasts, Outlook, forecasts, outlook
from app.budget.windows import windows_of
from app.slo import Alerting, BurnRateRule
from tests.support.snapshots import an_slo

AT = datetime(2026, 3, 31, tzinfo=UTC)
DAY = 96
"""Quarter hours of a day."""
MONTH = timedelta(days=30)
ERROR_BUDGET = 0.001


@pytest.fixture(scope="module")
def found() -> Forecasts:
    """Two SLOs of 40,000 events an hour: one burns steadily at 2, and one has had two outages of half an hour."""
    bad = np.full((2, 30 * DAY), 1.0)
    bad[0] = 20.0
    # All events of two quarter hours failed 26 days ago, and a fifth of them 10 days ago.
    bad[1, 4 * DAY : 4 * DAY + 2], bad[1, 20 * DAY : 20 * DAY + 2] = 10_000.0, 2_000.0
    return forecasts(
        CountedCells(total=np.full(bad.shape, 10_000.0), bad=bad, measured_s=np.full(bad.shape, 900.0)),
        Budgets(
            error_budget=np.full(2, ERROR_BUDGET),
            reach_s=np.full(2, MONTH.total_seconds()),
            rolls=np.array([True, True]),
            horizon_s=np.array([MONTH.total_seconds(), 10 * 86_400.0]),
        ),
    )


def of(found: Forecasts, place: int, *, rolls: bool = True, with_steps: bool = False) -> Outlook:
    return outlook(found, place, at=AT, error_budget=ERROR_BUDGET, window=MONTH, rolls=rolls, with_steps=with_steps)


def test_what_it_goes_by_is_what_was_counted(found: Forecasts) -> None:
    steady, outages = of(found, 0), of(found, 1)
    assert (steady.at, steady.until, outages.until) == (AT, AT + MONTH, AT + timedelta(days=10))
    assert (steady.history, outages.history) == (MONTH, MONTH)
    assert steady.events_per_day == pytest.approx(960_000.0, rel=0.01)
    assert steady.background_burn_rate == pytest.approx(2.0, rel=0.05)
    assert outages.background_burn_rate == pytest.approx(0.1, abs=0.05)
    assert steady.incidents_per_month == 0.0
    assert outages.incidents_per_month == pytest.approx(2.0)
    # Of 28,800 errors that a month may have, the outages were 20,000 and 4,000.
    assert math.isnan(steady.incident_share)
    assert outages.incident_share == pytest.approx(4_000 / 28_800, rel=0.05)
    assert (steady.incident_goes_on, outages.incident_goes_on) == (False, False)


def test_budgets_are_exhausted_at_times_or_not_within_the_horizon(found: Forecasts) -> None:
    steady, outages = of(found, 0), of(found, 1)
    # Twice the budget is spent already.
    assert (steady.earliest, steady.expected, steady.latest) == (AT, AT, AT)
    assert steady.chance == 1.0
    assert steady.remaining.low <= steady.remaining.median <= steady.remaining.high < 0
    assert outages.latest is None
    assert 0.0 <= outages.chance < 0.5
    # The large one leaves after four days, so that more than its share is left after ten.
    assert outages.remaining.median == pytest.approx(1 - 4_000 / 28_800 - 0.1, abs=0.06)
    for one, place in ((steady, 0), (outages, 1)):
        assert one.allowed_burn_rate == found.allowed_burn_rate[place]
        assert one.allowed_bad_ratio == pytest.approx(one.allowed_burn_rate * 0.001)


def test_incidents_leave_a_window_that_rolls_when_they_are_as_old_as_it(found: Forecasts) -> None:
    (leaving,) = of(found, 1).leaving
    assert leaving.start == AT + timedelta(days=4)
    assert timedelta(0) < leaving.end - leaving.start <= timedelta(hours=1)
    assert leaving.share == pytest.approx(20_000 / 28_800, rel=0.05)
    assert (of(found, 1, rolls=False).leaving, of(found, 0).leaving) == ((), ())


def test_steps_go_on_to_the_horizon(found: Forecasts) -> None:
    assert of(found, 1).steps == ()
    steps = of(found, 1, with_steps=True).steps
    assert (steps[0].at, steps[-1].at) == (AT + timedelta(hours=1), AT + timedelta(days=10))
    assert [step.at for step in steps] == sorted({step.at for step in steps})
    assert steps[-1].remaining == of(found, 1).remaining
    assert steps[0].remaining.median == pytest.approx(1 - 24_000 / 28_800 - 0.1, abs=0.06)


def test_windows_are_the_usual_ones_and_those_of_the_alerts() -> None:
    minutes = [5, 30, 60, 120, 360, 1_440, 4_320]
    assert [window.total_seconds() / 60 for window in windows_of(an_slo())] == minutes
    (page, ticket), rule = an_slo().alerting.policies, rule_of(hours=1, minutes=7)
    longer = rule_of(hours=168, minutes=5)
    alerting = Alerting(policies=(replace(page, rules=(rule,)), replace(ticket, rules=(longer,))))
    found = windows_of(replace(an_slo(), alerting=alerting))
    assert [window.total_seconds() / 60 for window in found] == sorted([*minutes, 7, 10_080])


def rule_of(*, hours: float, minutes: float) -> BurnRateRule:
    return BurnRateRule(long=timedelta(hours=hours), short=timedelta(minutes=minutes), factor=2.0)
