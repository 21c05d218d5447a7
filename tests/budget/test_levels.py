"""How far a service is above its usual level, and which ways of changing explain its days."""

import numpy as np
import pytest

from app.budget.forecast.levels import levels


def test_the_level_of_each_sli_is_its_own() -> None:
    """A service at its usual level, and one at three times of it."""
    expected = np.full((2, 30), 1_000.0)
    assert levels(expected * [[1.0], [3.0]], expected).mean == pytest.approx([1.0, 3.0], rel=0.01)


@pytest.mark.parametrize(("days", "weighed"), [(2, False), (3, True)])
def test_what_explains_a_service_is_weighed_from_its_third_day_on(*, days: int, weighed: bool) -> None:
    """Predictions of the first two days say more of what was assumed before them."""
    counts = np.array([[1_000.0, 1_000.0, 3_000.0]])[:, :days]
    weight = levels(counts, np.full_like(counts, 1_000.0)).weight[0]
    assert weight.sum() == pytest.approx(1.0)
    assert (weight.max() > 2 * weight.min()) == weighed
