"""Random histories are seeded, and what they call the truth is what an honest counter would show."""

import numpy as np
import pytest

from testbed.histories import KINDS, NAMED, random_history
from testbed.increase import joined, summed_increase

END = 1_790_000_010
KEEPS_SERIES = ("calm", "full_restarts", "scrape_gaps", "outage_of_the_service", "own_timestamps", "late_errors")


def test_the_same_seed_makes_the_same_history_and_another_does_not() -> None:
    one, same, other = (random_history(seed, service="shop", end=END) for seed in (5, 5, 6))
    assert str(one) == str(same) != str(other)
    for mine, twin in zip(one.trace.series, same.trace.series, strict=True):
        assert mine.text == twin.text
        assert mine.values.tolist() == twin.values.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_makes_series_in_the_order_of_time(kind: str) -> None:
    history = random_history(3, service="shop", end=END, kinds=(kind,))
    assert history.trace.truth(history.trace.start, END).total > 0
    for series in joined(history.trace.series):
        assert (np.diff(series.times_ms) > 0).all()
        assert (series.values >= 0).all()


@pytest.mark.parametrize("kind", KEEPS_SERIES)
def test_where_increase_is_right_it_agrees_with_the_truth(kind: str) -> None:
    """Over windows that begin behind the first scrape of everything and end before the last."""
    for seed in range(6):
        history = random_history(seed, service="shop", end=END, kinds=(kind,))
        trace, window_s = history.trace, 3600
        truth = trace.truth(END - 60 - window_s, END - 60)
        counted = summed_increase(trace.series, at=END - 60, window_s=window_s)
        most = trace.busiest(END - 120 - window_s, END, width_s=120)
        assert abs(counted - truth.total) <= 2 * most.total + 2


def test_the_named_histories_hold_what_was_reported() -> None:
    first, collector, falling, replicas, containers = (make(END) for make in NAMED)
    old = [int(one.values.max()) for one in joined(first.trace.series) if "version" not in one.text]
    assert old == [10_000_000 - 230, 500_000]
    assert collector.trace.truth(END - 1800, END).bad <= 2
    good = next(one for one in falling.trace.series if 'code="200"' in one.text)
    assert np.diff(good.values).min() == -120
    assert len(joined(replicas.trace.series)) == 4
    assert len({int(one.times_ms[0]) for one in containers.trace.series}) == 10
