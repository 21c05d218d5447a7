"""What incidents to come may cost: as much as one of the past, or an amount that was not seen so far."""

from collections.abc import Sequence

import numpy as np
import pytest

from app.budget.forecast.futures import sizes_of_incidents
from app.budget.forecast.incidents import MOST_INCIDENTS, PastIncidents

BUDGET_HOURS = 0.72
"""Hours of failing traffic that spend the whole budget: 99.9% over 30 days."""


def incidents_of(*sizes: float) -> PastIncidents:
    """One SLI whose incidents failed all requests of so many hours, and lasted three times as long."""
    size, nothing = np.full((1, MOST_INCIDENTS), np.nan), np.zeros(1)
    size[0, : len(sizes)] = sizes
    return PastIncidents(
        size=size,
        hours=3 * size,
        begins=size,
        count=np.array([len(sizes)]),
        ongoing_share=nothing,
        ongoing_hours=nothing,
        small=np.zeros((1, 1), dtype=bool),
        followed=nothing,
        quiet_hours=nothing,
    )


def to_come(past: PastIncidents, which: Sequence[float], larger: float) -> tuple[list[float], list[float]]:
    some = len(which)
    size, hours = sizes_of_incidents(
        past,
        np.full(some, BUDGET_HOURS),
        np.zeros(some, dtype=np.int64),
        which=np.array(which),
        larger=np.full(some, larger),
    )
    return size.tolist(), hours.tolist()


def test_an_incident_is_like_each_of_the_past_as_often_and_twice_as_often_like_none() -> None:
    """Two of the past, two more of a size not seen: a quarter of the chance for each."""
    size, hours = to_come(incidents_of(0.4, 0.1), [0.0, 0.24, 0.25, 0.49, 0.5, 0.75, 0.99], 0.0)
    # The middle of 0.6% and 30% of the budget, each order of magnitude alike.
    unseen = BUDGET_HOURS * (0.006 * 0.3) ** 0.5
    assert size == pytest.approx([0.4, 0.4, 0.1, 0.1, unseen, unseen, unseen])
    assert hours == pytest.approx([1.2, 1.2, 0.3, 0.3, 1.0, 1.0, 1.0])


@pytest.mark.parametrize("larger", [-1.0, 1.0])
def test_an_incident_like_one_of_the_past_is_half_or_twice_as_large(larger: float) -> None:
    size, hours = to_come(incidents_of(0.4), [0.0], larger)
    assert size == pytest.approx([0.4 * 2.0**larger], rel=0.01)
    assert hours == pytest.approx([1.2])


@pytest.mark.parametrize(("larger", "share"), [(-20.0, 0.006), (20.0, 0.3)])
def test_incidents_of_sizes_not_seen_spend_up_to_a_third_of_a_budget(larger: float, share: float) -> None:
    size, _ = to_come(incidents_of(), [0.0, 0.99], larger)
    assert size == pytest.approx([share * BUDGET_HOURS] * 2)


def test_one_of_as_many_incidents_as_are_kept_is_chosen_as_any() -> None:
    sizes = [float(MOST_INCIDENTS - number) for number in range(MOST_INCIDENTS)]
    which = (np.arange(MOST_INCIDENTS) + 0.5) / (MOST_INCIDENTS + 2)
    assert to_come(incidents_of(*sizes), which.tolist(), 0.0)[0] == pytest.approx(sizes)
    assert to_come(incidents_of(*sizes), [0.999], 0.0)[1] == [1.0]
