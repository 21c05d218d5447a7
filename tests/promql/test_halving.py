"""A selector is halved exactly, and about evenly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.promql.halving import halves, halving_pattern
from app.promql.matching import matches
from app.promql.selector_text import parse_selector, render

SELECTOR = parse_selector('http_requests_total{job="api"}')
VALUES = st.dictionaries(st.text(max_size=6), st.integers(1, 1000).map(float), min_size=1, max_size=30)


@given(VALUES)
def test_every_series_is_in_one_half(series: dict[str, float]) -> None:
    pattern, share = halving_pattern(series)
    assert 0.5 <= share <= 1
    if share == 1:
        return
    parts = halves(SELECTOR, "route", pattern)
    for value in (*series, "another", ""):
        labels = {"__name__": "http_requests_total", "job": "api", "route": value}
        assert [matches(part, labels) for part in parts].count(True) == 1
    assert [parse_selector(render(part)) for part in parts] == list(parts)


@pytest.mark.parametrize(
    "values",
    [
        [f"10.0.{number // 250}.{number % 250}:8080" for number in range(5000)],
        [f"checkout-7d9f8b6c5-{number:05x}" for number in range(3000)],
        [f"/users/{number}/orders" for number in range(1000)],
        ["GET", "POST"],
        ["200", "404"],
    ],
    ids=["addresses", "pods", "paths", "methods", "codes"],
)
def test_the_halves_are_about_even(values: list[str]) -> None:
    pattern, share = halving_pattern(dict.fromkeys(values, 1.0))
    assert share <= 0.6
    assert len(pattern) < 100


@pytest.mark.parametrize("series", [{}, {"one": 5.0}, {"": 5.0}])
def test_what_cannot_be_told_apart_is_not_halved(series: dict[str, float]) -> None:
    assert halving_pattern(series)[1] == 1.0
