"""The mathematics of error budgets, as properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.budget import bad_ratio, budget, burn_rate, sli
from app.slo.arrays import Floats

events = st.integers(1, 10**12).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))
budgets = st.floats(1e-5, 0.5)


def of(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


@given(total=st.integers(1, 10**12), error_budget=budgets)
def test_all_good_burns_nothing_and_all_bad_burns_the_inverse_of_the_budget(total: int, error_budget: float) -> None:
    burnt = burn_rate(of(0, total), of(total, total), error_budget=of(error_budget, error_budget))
    assert burnt.tolist() == pytest.approx([0.0, 1 / error_budget])


@given(counted=events, error_budget=budgets, factor=st.integers(1, 1000))
def test_scaling_both_counts_changes_nothing(counted: tuple[int, int], error_budget: float, factor: int) -> None:
    bad, total = counted
    once = burn_rate(of(bad), of(total), error_budget=of(error_budget))
    often = burn_rate(of(bad * factor), of(total * factor), error_budget=of(error_budget))
    assert often.tolist() == pytest.approx(once.tolist())


@given(counted=events)
def test_good_and_bad_are_everything(counted: tuple[int, int]) -> None:
    bad, total = counted
    assert (sli(of(bad), of(total)) + bad_ratio(of(bad), of(total))).tolist() == pytest.approx([1.0])


@given(counted=events, error_budget=budgets)
def test_a_budget_is_signed_and_adds_up(counted: tuple[int, int], error_budget: float) -> None:
    bad, total = counted
    figures = budget(of(bad), of(total), error_budget=of(error_budget))
    assert (figures.consumed + figures.remaining).tolist() == pytest.approx([1.0])
    assert (figures.remaining_events + bad).tolist() == pytest.approx(figures.total_events.tolist())
    assert (figures.remaining[0] < 0) == (figures.consumed[0] > 1)


def test_without_events_nothing_is_known() -> None:
    assert np.isnan(sli(of(0), of(0))).all()
    assert np.isnan(burn_rate(of(0), of(0), error_budget=of(0.001))).all()
    assert np.isnan(budget(of(0), of(0), error_budget=of(0.001)).remaining).all()


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="must share a shape"):
        bad_ratio(of(1), of(1, 2))


def test_bad_events_beside_no_total_are_all_there_is() -> None:
    """A Prometheus rule over `errors / sent` fires; good events beyond the total give no budget back."""
    bad, total, error_budget = of(5, 15, -5), of(0, 10, 10), of(0.1, 0.1, 0.1)
    assert burn_rate(bad, total, error_budget=error_budget).tolist() == pytest.approx([10, 10, 0])
    assert budget(bad, total, error_budget=error_budget).remaining.tolist() == pytest.approx([-9, -9, 1])
