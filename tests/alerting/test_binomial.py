"""Chances of counts agree with the sum of the binomial distribution, computed exactly."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.alerting.binomial import chance_of_at_least, chance_of_at_most


def _exactly(bad: int, total: int, ratio: float) -> float:
    p = Fraction(ratio)
    return float(sum(math.comb(total, k) * p**k * (1 - p) ** (total - k) for k in range(bad, total + 1)))


@given(total=st.integers(1, 150), data=st.data(), ratio=st.floats(1e-6, 0.999))
def test_chances_are_those_of_the_binomial_distribution(total: int, data: st.DataObject, ratio: float) -> None:
    bad = data.draw(st.integers(0, total))
    assert chance_of_at_least(bad, total, ratio) == pytest.approx(_exactly(bad, total, ratio), rel=1e-8, abs=1e-12)
    assert chance_of_at_most(bad, total, ratio) == pytest.approx(1 - _exactly(bad + 1, total, ratio), abs=1e-9)


@given(total=st.floats(1, 1e9), share=st.floats(0, 1), ratio=st.floats(1e-9, 1))
def test_more_bad_events_are_never_more_likely(total: float, share: float, ratio: float) -> None:
    bad = share * total
    fewer, more = chance_of_at_least(bad, total, ratio), chance_of_at_least(bad + 1, total + 1, ratio)
    assert 0 <= chance_of_at_least(min(bad + 1, total), total, ratio) <= fewer + 1e-6
    assert 0 <= more <= 1


def test_many_events_take_the_normal_distribution_and_agree_with_it() -> None:
    """Just below and just above the change the chance of one standard deviation is the same."""
    below, above = 999_000 / 0.99, 1_001_000 / 0.99
    chances = [chance_of_at_least(total * 0.01 + math.sqrt(total * 0.0099), total, 0.01) for total in (below, above)]
    assert chances[0] == pytest.approx(chances[1], abs=1e-3)
    low = chance_of_at_least(100_000 * 0.01 + 31, 100_000, 0.01)
    assert low == pytest.approx(0.167, abs=5e-3)


@pytest.mark.parametrize(("bad", "total", "chance"), [(0, 0, 1.0), (0, 10, 1.0), (1, 0, 0.01)])
def test_edges(bad: float, total: float, chance: float) -> None:
    assert chance_of_at_least(bad, total, 0.01) == pytest.approx(chance)


def test_no_more_than_all_events_are_bad() -> None:
    assert chance_of_at_most(5, 5, 0.5) == 1.0
    assert chance_of_at_most(6, 5, 0.5) == 1.0
    assert chance_of_at_least(5, 5, 1.0) == 1.0
