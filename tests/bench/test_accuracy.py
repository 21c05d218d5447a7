"""What the accuracy benchmark calls an error, and what it forgives."""

import math
from datetime import UTC, datetime

import numpy as np

from bench.accuracy import Error, _off
from testbed.accuracy_limits import LIMITS, WINDOWS
from testbed.traces import Trace

END = 1_790_000_000


def trace(bad_at: int | None = None) -> Trace:
    made = Trace(service="shop", start=END - 3600, end=END)
    good, bad = np.full(3600, 10, np.int64), np.zeros(3600, np.int64)
    if bad_at is not None:
        bad[bad_at] = 9
    made.add_truth(0, good, bad)
    return made


def test_every_window_has_a_limit() -> None:
    assert WINDOWS.keys() == LIMITS.keys()


def test_the_error_is_in_percentage_points_of_the_budget() -> None:
    # 9 of 3,009 events in five minutes are bad: a burn rate of 2.99 at 99.9%.
    error = _off(2.0, trace(bad_at=3450), datetime.fromtimestamp(END, UTC), 300)
    assert math.isclose(error.points, 100 * (2.0 - 9 / 3009 / 0.001))


def test_an_error_that_moving_the_edges_by_a_scrape_explains_is_forgiven() -> None:
    at = datetime.fromtimestamp(END, UTC)
    assert _off(0.0, trace(bad_at=3590), at, 300).within(10)
    assert not _off(0.0, trace(bad_at=3450), at, 300).within(10)


def test_no_answer_is_right_only_where_there_is_no_truth() -> None:
    at = datetime.fromtimestamp(END, UTC)
    assert not _off(math.nan, trace(), at, 300).within(10)
    assert _off(math.nan, trace(), at.replace(year=2000), 300) == Error(0.0)
