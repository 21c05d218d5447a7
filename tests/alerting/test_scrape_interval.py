"""Windows of alerts on counters that are scraped seldom hold two scrapes, and are left alone otherwise."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from app.alerting import with_windows_of_at_least
from app.alerting.scrape_interval import shortest_windows_s
from app.slo import Alerting, BurnRateRule
from tests.alerting.scripts import PAGE, SERVICE, TICKET

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("scrape_interval_s", "window_s"),
    [(0.4, 30), (1, 30), (15, 30), (16.9, 30), (18, 60), (29.9, 60), (30.1, 60), (60, 120), (120, 240), (300.2, 600)],
)
def test_the_shortest_window_holds_two_scrapes_whatever_the_jitter(scrape_interval_s: float, window_s: float) -> None:
    assert shortest_windows_s(np.array([scrape_interval_s])).tolist() == [window_s]


def test_a_scrape_interval_that_is_not_known_asks_for_nothing() -> None:
    assert shortest_windows_s(np.array([np.nan, 300.0])).tolist() == [0.0, 600.0]


def test_only_short_windows_that_are_too_short_are_made_longer() -> None:
    widened = with_windows_of_at_least(SERVICE, 10 * MINUTE)
    page, ticket = widened.alerting.policies
    (rule,) = page.rules
    assert (rule.short, rule.long, rule.factor) == (10 * MINUTE, 60 * MINUTE, 14.4)
    assert ticket == TICKET
    assert replace(widened, alerting=SERVICE.alerting) == SERVICE


def test_a_long_window_stays_twice_the_short_one() -> None:
    rule = BurnRateRule(long=12 * MINUTE, short=MINUTE, factor=14.4)
    slo = replace(SERVICE, alerting=Alerting(policies=(replace(PAGE, rules=(rule,)),)))
    (policy,) = with_windows_of_at_least(slo, 10 * MINUTE).alerting.policies
    assert policy.rules == (replace(rule, short=10 * MINUTE, long=20 * MINUTE),)


def test_an_slo_whose_windows_are_long_enough_is_left_alone() -> None:
    assert with_windows_of_at_least(SERVICE, 5 * MINUTE) is SERVICE
