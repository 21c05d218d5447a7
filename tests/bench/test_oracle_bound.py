"""What is known of a month's making tells when a page is right."""

import numpy as np

from bench.oracle_bound import chances
from bench.simulated_months import SLOTS, Month, month


def test_chances_are_high_where_a_page_is_right() -> None:
    source = np.random.default_rng(3)
    lived = month(source, objective=0.99, per_second=1 / 60)
    chance = chances(lived, objective=0.99)
    right = np.zeros(SLOTS, dtype=bool)
    serious = [incident for incident in lived.incidents if incident.deserves_a_page]
    assert serious
    for incident in serious:
        right[int(incident.start) : int(incident.end) + 121] = True
        assert chance[int(incident.start) : int(incident.end) + 2].max() > 0.9
    assert ((chance >= 0) & (chance <= 1 + 1e-9)).all()
    assert right[chance > 0.9].mean() > 0.9


def test_without_failures_nothing_is_likely() -> None:
    quiet = Month(total=np.full(SLOTS, 1), bad=np.zeros(SLOTS, dtype=np.int64), incidents=())
    assert chances(quiet, objective=0.999).max() < 0.01
