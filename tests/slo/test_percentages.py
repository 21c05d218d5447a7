import doctest
import math

import pytest

from app.slo import percentages, rounded_percent


def test_the_examples_hold() -> None:
    assert doctest.testmod(percentages).failed == 0


@pytest.mark.parametrize(
    ("ratio", "digits", "text"),
    [
        (0.999, 4, "99.9%"),
        (1.0, 0, "100%"),
        (-0.00001, 1, "0%"),
        (-0.5, 1, "-50%"),
        (-999, 1, "-99,900%"),
        (math.nan, 1, "–"),  # noqa: RUF001  an en dash
    ],
)
def test_ratios_are_shown_as_percent_without_idle_zeros(ratio: float, digits: int, text: str) -> None:
    assert rounded_percent(ratio, digits) == text
