"""Objectives are what history reached, leave a budget of more than a few events, and are never 100%."""

import doctest
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.suggestions import discovery, objectives, recognition, statuses, thresholds
from app.suggestions.objectives import DAY, STEPS, Basis, DailyCounts, day_figures, propose
from app.suggestions.thresholds import BucketCounts, latency_threshold

START = datetime(2026, 3, 1, tzinfo=UTC)
MONTH = timedelta(days=30)


def counts(total: list[float], bad: list[float], hours: list[float] | None = None) -> DailyCounts:
    return DailyCounts(
        starts=tuple(START + DAY * number for number in range(len(total))),
        total=np.array(total),
        bad=np.array(bad),
        hours=np.array(hours or [24.0] * len(total)),
    )


@pytest.mark.parametrize(
    "module", [discovery, objectives, recognition, statuses, thresholds], ids=lambda one: one.__name__
)
def test_examples_in_docstrings_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_the_objective_is_the_highest_usual_one_that_most_days_reached() -> None:
    """One day in ten may be worse; all days together must have left a tenth of the budget."""
    found = propose(counts([1e6] * 20, [400.0] * 19 + [900.0]), window=MONTH)

    assert (found.objective, found.basis) == (0.9995, Basis.HISTORY)
    assert found.days_missed == 1
    assert dict(found.budgets)[0.9995] == pytest.approx(1 - (19 * 400 + 900) / 20e6 / 0.0005)
    assert dict(found.budgets)[0.9999] < 0


def test_one_bad_day_that_spends_the_budget_of_all_lowers_the_objective() -> None:
    assert propose(counts([1e6] * 20, [10.0] * 19 + [30_000.0]), window=MONTH).objective == 0.998 - 0.003


def test_figures_of_days() -> None:
    figures = day_figures(counts([1e3, 0.0, 1e3, 1e3], [10.0, 0.0, 2.0, 1.0]))

    assert (figures.days, figures.worst, figures.worst_start) == (3, 0.99, START)
    assert figures.median == 0.998


def test_a_day_of_which_a_few_hours_are_known_is_no_day_beside_others() -> None:
    assert day_figures(counts([10.0, 1e3], [5.0, 1.0], [1.0, 24.0])).worst == 0.999
    assert day_figures(counts([10.0], [5.0], [1.0])).worst == 0.5


@pytest.mark.parametrize(
    ("total", "bad", "hours", "basis"),
    [
        ([0.0], [0.0], [0.0], Basis.NO_HISTORY),
        ([1e6], [100.0], [23.0], Basis.SHORT_HISTORY),
        ([5.0] * 10, [0.0] * 10, None, Basis.LITTLE_TRAFFIC),
        ([1e5] * 10, [0.1] * 10, None, Basis.FEW_FAILURES),
        ([1e5] * 10, [100.0] * 10, None, Basis.HISTORY),
        ([1e5] * 10, [60_000.0] * 10, None, Basis.MOSTLY_BAD),
    ],
)
def test_what_an_objective_rests_on_is_said(
    total: list[float], bad: list[float], hours: list[float] | None, basis: Basis
) -> None:
    assert propose(counts(total, bad, hours), window=MONTH).basis is basis


def test_a_short_history_gives_no_objective_above_what_it_reached() -> None:
    """`check --live` would warn of it at once."""
    assert propose(counts([1e4], [300.0], [5.0]), window=MONTH).objective == 0.95
    assert propose(counts([1e4], [1.0], [5.0]), window=MONTH).objective == 0.99
    assert propose(counts([1e4], [9_000.0], [5.0]), window=MONTH).basis is Basis.MOSTLY_BAD


def test_without_failures_the_objective_is_one_that_so_many_events_support() -> None:
    """Of 1,500 events without a failure, up to 3 in 1,500 may fail (rule of three): 99.8%."""
    assert propose(counts([500.0] * 3, [0.0] * 3), window=MONTH).objective == 0.995


@given(
    st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1), st.floats(0, 24)), min_size=1, max_size=40),
    st.sampled_from([timedelta(days=1), timedelta(days=7), MONTH]),
)
def test_any_history_gives_a_usual_objective_below_100_percent(
    days: list[tuple[float, float, float]], window: timedelta
) -> None:
    history = counts([day[0] for day in days], [day[0] * day[1] for day in days], [day[2] for day in days])
    found = propose(history, window=window)

    assert found.objective in STEPS
    assert max(STEPS) < 1
    if found.basis in {Basis.HISTORY, Basis.FEW_FAILURES}:
        assert history.budget_left(found.objective) >= 0
        assert found.objective <= found.reached


def test_a_threshold_is_the_least_bucket_that_nearly_all_events_fit_into() -> None:
    days = counts([1e5] * 10, [0.0] * 10)
    good = np.outer(np.full(10, 1e5), [0.5, 0.97, 0.992, 0.9999])
    found = latency_threshold(BucketCounts(bounds=(0.1, 0.25, 0.5, 1.0), good=good, all_events=days))

    assert found is not None
    assert (found.bound, found.is_kept) == (0.5, True)
    assert found.counts.ratio == pytest.approx(0.992)
    assert [bound for bound, _ in found.others] == [0.1, 0.25, 1.0]


def test_without_a_bucket_that_holds_enough_events_the_largest_is_only_offered() -> None:
    days = counts([1e5] * 10, [0.0] * 10)
    good = np.outer(np.full(10, 1e5), [0.5, 0.7])
    found = latency_threshold(BucketCounts(bounds=(0.1, 0.25), good=good, all_events=days))

    assert found is not None
    assert (found.bound, found.is_kept) == (0.25, False)
