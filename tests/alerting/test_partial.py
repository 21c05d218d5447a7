"""Partial data may show a burn, and never its end."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.alerting.reading import Reading, RuleReading, judge
from app.slo import BurnRateRule, Severity, SeverityPolicy

PARTIAL = "store-2: connection refused"
TIER = BurnRateRule(long=timedelta(hours=1), short=timedelta(minutes=5), factor=14.4)
POLICY = SeverityPolicy(severity=Severity.PAGE, rules=(TIER,))


def reading(burn_rate: float) -> Reading:
    return Reading(rules=(RuleReading(long_burn_rate=burn_rate, short_burn_rate=burn_rate),), partial=PARTIAL)


def test_it_shows_a_burn() -> None:
    assert judge(reading(20.0), POLICY).burning


@pytest.mark.parametrize("burn_rate", [0.0, 14.0, float("nan")])
def test_that_nothing_burns_is_not_known(burn_rate: float) -> None:
    assert judge(reading(burn_rate), POLICY).unknown == PARTIAL
    assert judge(replace(reading(burn_rate), partial=None), POLICY).unknown is None
