"""A burn rate that is the factor trips, to the event: one bad event fewer does not.

The expectation is exact, in fractions; in floating point 144 / 10000 / 0.001 is less than 14.4.
"""

from fractions import Fraction

import numpy as np
import pytest

from app.alerting import Alert, Reading, RuleReading, step
from app.budget import budget, burn_rate
from app.sli import sli_of_bad
from app.slo import (
    AlertState,
    BurnRateRule,
    Matcher,
    MatchOp,
    RollingWindow,
    Selector,
    Severity,
    SeverityPolicy,
    Slo,
    SloId,
)
from tests.alerting.scripts import PAGE, SLOT, slot

OBJECTIVES = ("50", "80", "90", "95", "97", "99", "99.5", "99.9", "99.95", "99.99", "99.999")
FACTORS = ("1", "1.4", "2", "2.8", "3", "3.36", "5.6", "6", "9", "13.44", "14.4", "16.8", "18", "43.2")
TOTAL = Selector((Matcher("__name__", MatchOp.EQUAL, "http_requests_total"),))
HOUR, FIVE_MINUTES = PAGE.rules[0].long, PAGE.rules[0].short


def _slo(objective: str) -> Slo:
    return Slo(
        id=SloId("checkout-availability"),
        service="checkout",
        name="availability",
        objective=float(Fraction(objective) / 100),
        window=RollingWindow(24 * 30 * HOUR),
        sli=sli_of_bad(total=TOTAL, bad=TOTAL),
    )


def _state(bad: int, total: int, *, slo: Slo, factor: str) -> AlertState:
    tier = BurnRateRule(long=HOUR, short=FIVE_MINUTES, factor=float(factor))
    policy = SeverityPolicy(severity=Severity.PAGE, rules=(tier,), pending_for=SLOT)
    counted = (np.array([float(count)]) for count in (bad, total))
    (rate,) = burn_rate(*counted, error_budget=np.array([slo.error_budget])).tolist()
    reading = Reading(rules=(RuleReading(long_burn_rate=rate, short_burn_rate=rate),))
    return step(Alert(slo=slo.id, severity=Severity.PAGE), reading, policy, at=slot(0))[0].state


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_factor_itself_trips_and_one_event_fewer_does_not(objective: str) -> None:
    slo = _slo(objective)
    ratios = {factor: Fraction(factor) * (1 - Fraction(objective) / 100) for factor in FACTORS}
    possible = {factor: ratio for factor, ratio in ratios.items() if ratio <= 1}
    assert possible
    for factor, ratio in possible.items():
        for many in (1, 2, 3, 7, 11, 29, 58, 1000, 12_345):
            bad, total = ratio.numerator * many, ratio.denominator * many
            assert _state(bad, total, slo=slo, factor=factor) is AlertState.PENDING, (factor, bad, total)
            assert _state(bad - 1, total, slo=slo, factor=factor) is AlertState.INACTIVE, (factor, bad, total)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_budget_that_is_spent_to_the_last_event_is_spent(objective: str) -> None:
    ratio = 1 - Fraction(objective) / 100
    bad, total = (np.array([float(part * 1009)]) for part in (ratio.numerator, ratio.denominator))
    figures = budget(bad, total, error_budget=np.array([_slo(objective).error_budget]))
    assert figures.remaining.tolist() == pytest.approx([0.0], abs=3e-16)
