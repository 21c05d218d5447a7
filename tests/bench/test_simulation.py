"""The figures in docs/low-traffic.md, roughly, on few months; the whole table is `python -m bench simulation`."""

import statistics

import pytest

from bench.simulated_months import Kind
from bench.simulation import LEVELS, compare


@pytest.mark.parametrize(
    ("objective", "level", "precision", "recall"),
    [(0.999, "10 an hour", 0.8, 0.05), (0.999, "1 a minute", 0.8, 0.75), (0.99, "10 an hour", 0.85, 0.9)],
)
def test_at_low_traffic_most_pages_are_right(objective: float, level: str, precision: float, recall: float) -> None:
    plain, guarded = compare(objective, LEVELS[level], months=8, seed=6)
    assert plain.precision < 0.8
    assert guarded.precision >= max(precision, plain.precision)
    assert guarded.recall >= recall


def test_where_failures_are_usual_they_page_no_more_often() -> None:
    """By what the objective allows three of ten pages were wrong."""
    plain, guarded = compare(0.999, LEVELS["1 a minute"], months=6, seed=5, base=0.7)
    assert plain.precision < 0.3
    assert guarded.precision > 0.8
    assert guarded.recall > 0.65


def test_in_months_that_differ_most_pages_are_right_and_end_in_half_the_time() -> None:
    plain, guarded = compare(0.999, LEVELS["1 a minute"], months=8, seed=6, kind=Kind.VARIED)
    assert guarded.precision > 0.85
    assert guarded.recall > plain.recall - 0.2
    assert statistics.median(guarded.reset) < statistics.median(plain.reset) / 2


@pytest.mark.parametrize("objective", [0.99, 0.999])
@pytest.mark.parametrize("level", ["1 a second", "100 a second"])
def test_with_traffic_every_page_is_right_and_not_a_slot_later(objective: float, level: str) -> None:
    plain, guarded = compare(objective, LEVELS[level], months=3, seed=5)
    assert guarded.firsts == plain.firsts
    assert guarded.recall == 1.0
    assert guarded.precision_once >= plain.precision_once
    assert sum(guarded.reset) < 0.7 * sum(plain.reset)
    assert sum(guarded.per_incident) <= sum(plain.per_incident)
