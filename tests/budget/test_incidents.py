"""Incidents in the history of an SLI: whether one goes on now."""

import numpy as np
import pytest

from app.budget import base_rates
from app.budget.forecast.incidents import left_out_incidents

HOURS = 240


@pytest.mark.parametrize(("lately_bad", "goes_on"), [(20.0, True), (5.0, False)])
def test_an_incident_goes_on_while_the_last_half_hour_fails_half_as_much(*, lately_bad: float, goes_on: bool) -> None:
    """At night, with a tenth of the traffic, half of the newest hour fails; of the last half hour less does."""
    total, bad = np.full((1, HOURS), 1000.0), np.ones((1, HOURS))
    total[0, -1], bad[0, -1] = 100.0, 50.0
    rates = base_rates(total, bad)
    found = left_out_incidents(
        total,
        bad,
        rates,
        expected=rates.expected_bad(total),
        lately_total=np.array([50.0]),
        lately_bad=np.array([lately_bad]),
    )
    assert found.count.tolist() == [1]
    assert (found.ongoing_share[0] > 0) == goes_on
    assert found.ongoing_hours.tolist() == [0.5 if goes_on else 0.0]


def test_a_quiet_hour_between_two_that_fail_belongs_to_their_incident_and_adds_nothing() -> None:
    """Half of the requests of two hours failed: one incident of three hours, as large as one hour without answers."""
    total, bad = np.full((1, HOURS), 1000.0), np.zeros((1, HOURS))
    bad[0, [100, 102]] = 500.0
    rates = base_rates(total, bad)
    nothing = np.zeros((1, HOURS))
    found = left_out_incidents(
        total, bad, rates, expected=nothing, lately_total=np.array([500.0]), lately_bad=np.array([0.0])
    )
    assert found.count.tolist() == [1]
    assert found.hours[0, 0] == 3
    assert found.size[0, 0] == pytest.approx(1.0, abs=1e-9)


def test_incidents_that_follow_each_other_are_expected_to_go_on_doing_so() -> None:
    """Six outages a week apart or more are no cluster, six in two days are; of one alone it is not known."""
    hours = 42 * 24
    total, bad = np.full((3, hours), 1000.0), np.zeros((3, hours))
    bad[0, range(24, hours, 170)] = 500.0
    bad[1, range(300, 348, 8)] = 500.0
    bad[2, 900] = 500.0
    found = left_out_incidents(
        total,
        bad,
        base_rates(total, bad),
        expected=np.zeros((3, hours)),
        lately_total=np.full(3, 500.0),
        lately_bad=np.zeros(3),
    )
    assert found.count.tolist() == [6, 6, 1]
    apart, together, alone = found.followed.tolist()
    assert apart < alone < 0.2
    assert together > 0.6
    assert found.quiet_hours.tolist() == [hours - 24 - 5 * 170 - 1, hours - 341, hours - 901]
