"""When a budget is exhausted, and that nothing is said once the burn has stopped."""

import numpy as np
import pytest

from app.budget import RecentEvents, exhaustion_s, present_burn_rate
from app.slo.arrays import Floats


def of(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def test_table_5_4_of_the_workbook() -> None:
    """A burn rate of 1 lasts 30 days, 2 lasts 15, 10 lasts 3, 1,000 lasts 43 minutes."""
    day = 86_400.0
    lasts = exhaustion_s(of(1, 1, 1, 1), of(1, 2, 10, 1000), window_s=of(30, 30, 30, 30) * day)
    assert lasts.tolist() == pytest.approx([30 * day, 15 * day, 3 * day, 43.2 * 60])


def test_a_budget_that_lasts_the_window_is_never_exhausted_and_one_that_is_spent_is_so_now() -> None:
    left = exhaustion_s(of(1, 0.5, -0.2), of(0.9, 0, 1), window_s=of(1, 1, 1))
    assert np.isnan(left[:2]).all()
    assert left[2] == 0


@pytest.mark.parametrize(
    ("hour", "half_hour", "five_minutes", "rate"),
    [
        ((72, 3600), (36, 1800), (6, 300), 20.0),
        ((72, 3600), (72, 1800), (0, 300), 0.0),
        ((72, 3600), (0, 1800), (0, 300), 0.0),
        ((1, 60), (1, 30), (0, 5), 1 / 60 / 0.001),
        ((72, 3600), (72, 1800), (0, 0), 20.0),
        ((72, 3600), (0, 0), (0, 0), 0.0),
        ((0, 0), (0, 0), (0, 0), np.nan),
    ],
    ids=[
        "it burns",
        "five minutes without errors, of six expected",
        "half an hour without errors",
        "too little traffic to conclude from five minutes",
        "five minutes without requests",
        "half an hour without requests",
        "nothing is known",
    ],
)
def test_the_present_rate_is_that_of_the_hour_unless_the_burn_has_stopped(
    hour: tuple[float, float], half_hour: tuple[float, float], five_minutes: tuple[float, float], rate: float
) -> None:
    """At an objective of 99.9%, bad and total events of the last hour, half hour and five minutes."""
    recent = (RecentEvents(of(bad), of(total)) for bad, total in (hour, half_hour, five_minutes))
    assert present_burn_rate(*recent, error_budget=of(0.001)).tolist() == pytest.approx([rate], nan_ok=True)
