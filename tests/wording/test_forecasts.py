"""Forecasts in words."""

from datetime import timedelta
from typing import Any

import pytest

from app.budget.forecast import NoForecast
from app.wording.forecasts import allowance_words, expectation_words, forecast_words, inputs_words, no_forecast_words
from tests.support.forecasts import AT, an_outlook


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "is expected to last: 61% is left on 2026-03-31 (80% interval 34% to 72%)."),
        ({"chance": 0.31}, "is exhausted by 2026-03-31 with a chance of 31%; 61% is expected to be left"),
        (
            {"chance": 0.7, "earliest": AT + timedelta(hours=40), "expected": AT + timedelta(days=6)},
            "exhausted on 2026-03-07 (80% interval 2026-03-03 04:00 UTC to after 2026-03-31).",
        ),
        ({"chance": 1.0, "earliest": AT, "expected": AT, "latest": AT}, "exhausted now."),
    ],
)
def test_a_forecast_says_whether_a_budget_lasts_and_how_sure_that_is(changed: dict[str, Any], words: str) -> None:
    assert words in expectation_words(an_outlook(**changed))


def test_a_forecast_says_what_the_objective_needs() -> None:
    assert allowance_words(an_outlook()).endswith("the mean burn rate must stay below 0.91x (0.091% errors).")
    assert "No error rate" in allowance_words(an_outlook(allowed_burn_rate=-0.2))
    assert allowance_words(an_outlook(allowed_burn_rate=float("nan"))) == ""
    assert forecast_words(an_outlook()).count("2026-03-31") == 1


def test_a_forecast_says_what_it_goes_by() -> None:
    words = inputs_words(an_outlook(incident_goes_on=True))
    for part in (
        "29d 22h",
        "0.27x",
        "33,400 events",
        "2 incidents",
        "9%",
        "goes on",
        "12% leaves the window on 2026-03-09",
    ):
        assert part in words
    assert "no incidents" in inputs_words(an_outlook(incident_share=float("nan")))


@pytest.mark.parametrize("why", NoForecast)
def test_that_there_is_no_forecast_is_a_sentence(why: NoForecast) -> None:
    assert no_forecast_words(why).endswith(".")
