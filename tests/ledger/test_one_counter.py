"""Whether two series of two servers show one counter: how much later it may be read, and how far they may be apart."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.ledger.counting.copies import is_one_counter
from app.slo.arrays import Floats

SCRAPES: Floats = 15.0 * np.arange(40.0)
AFTER_S = 5.0
"""So long after those of one server are those of the other one."""


def of_two(mine: Floats, theirs: Floats) -> bool:
    time, value = np.concatenate([SCRAPES + AFTER_S, SCRAPES]), np.concatenate([mine, theirs])
    return is_one_counter(time, value, np.arange(len(mine)), np.arange(len(mine), len(time)))


def steadily(scrapes: NDArray[np.floating]) -> Floats:
    """A hundred events a second, 1,500 between two scrapes."""
    return np.asarray(100.0 * scrapes, dtype=np.float64)


@pytest.mark.parametrize(
    ("late_s", "one"), [(0.0, True), (1.0, True), (1.23, True), (1.24, False), (-1.23, True), (-1.24, False)]
)
def test_a_counter_is_read_a_second_after_its_scrape_began_and_varies_by_chance(late_s: float, one: bool) -> None:
    """Chance is a deviation of 18.3 events, a third on the way through 1,500: squares half as large again, and one."""
    assert of_two(steadily(SCRAPES + AFTER_S + late_s), steadily(SCRAPES)) is one


@pytest.mark.parametrize(("restarts", "one"), [(7, True), (8, False)])
def test_a_fifth_of_the_samples_may_be_apart(restarts: int, one: bool) -> None:
    """Such as those beside restarts; 39 lie between samples of the other server."""
    mine = steadily(SCRAPES + AFTER_S)
    mine[4 : 4 * restarts + 1 : 4] += 700.0
    assert of_two(mine, steadily(SCRAPES)) is one


def test_counters_that_stand_still_may_be_one() -> None:
    assert of_two(np.full(40, 7.0), np.full(40, 9_000.0))


def test_bursts_that_the_steps_of_one_show_are_expected_of_the_other() -> None:
    """Events that come in batches of hundreds are not where time alone would have them."""
    dice = np.random.default_rng(1)
    events = np.where(dice.random(700) < 0.2, 500.0, 0.0)
    counted = np.concatenate([[0.0], np.cumsum(events)])
    assert of_two(counted[(SCRAPES + AFTER_S).astype(int)], counted[SCRAPES.astype(int)])
    # The same from a process that has batches of its own.
    others = np.concatenate([[0.0], np.cumsum(dice.permutation(events))])
    assert not of_two(others[(SCRAPES + AFTER_S).astype(int)], counted[SCRAPES.astype(int)])
