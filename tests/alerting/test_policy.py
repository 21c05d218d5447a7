"""The default tiers are those of the SRE Workbook, and an impossible factor is refused with an explanation."""

from datetime import timedelta

import pytest

from app.alerting import check_rule, default_policies
from app.slo import BurnRateRule, CalendarUnit, CalendarWindow, Evidence, RollingWindow, Severity, parse_duration


def _factors(window: str, objective: float = 0.999) -> dict[str, float]:
    policies = default_policies(RollingWindow(parse_duration(window)), objective)
    return {tier.name: round(tier.factor, 4) for policy in policies for tier in policy.rules}


@pytest.mark.parametrize(
    ("window", "factors"),
    [
        ("7d", {"1h/5m": 3.36, "6h/30m": 1.4, "1d/2h": 1.0, "3d/6h": 1.0}),
        ("28d", {"1h/5m": 13.44, "6h/30m": 5.6, "1d/2h": 2.8, "3d/6h": 1.0}),
        ("30d", {"1h/5m": 14.4, "6h/30m": 6.0, "1d/2h": 3.0, "3d/6h": 1.0}),
        ("90d", {"1h/5m": 43.2, "6h/30m": 18.0, "1d/2h": 9.0, "3d/6h": 3.0}),
    ],
)
def test_factors_follow_from_budget_share_and_window(window: str, factors: dict[str, float]) -> None:
    assert _factors(window) == factors


@pytest.mark.parametrize(
    ("window", "tiers"),
    [
        ("1h", ["1h/5m"]),
        ("6h", ["1h/5m", "6h/30m"]),
        ("23h", ["1h/5m", "6h/30m"]),
        ("1d", ["1h/5m", "6h/30m", "1d/2h"]),
        ("3d", ["1h/5m", "6h/30m", "1d/2h", "3d/6h"]),
    ],
)
def test_no_tier_looks_back_further_than_the_slo_window(window: str, tiers: list[str]) -> None:
    assert list(_factors(window)) == tiers


@pytest.mark.parametrize("hours", [1, 2, 5, 6, 12, 24, 47, 72, 100, 168, 336, 504, 672, 720, 1440, 2160])
@pytest.mark.parametrize("objective", [0.5, 0.9, 0.99, 0.9999])
def test_every_default_can_be_right(hours: int, objective: float) -> None:
    for policy in default_policies(RollingWindow(timedelta(hours=hours)), objective):
        assert policy.rules
        assert policy.evidence == Evidence()
        assert [check_rule(tier, objective) for tier in policy.rules] == [None] * len(policy.rules)


def test_a_calendar_month_has_the_factors_of_30_days() -> None:
    month = default_policies(CalendarWindow(CalendarUnit.MONTH, "Europe/Berlin"), 0.999)
    assert month == default_policies(RollingWindow(timedelta(days=30)), 0.999)


@pytest.mark.parametrize(
    ("objective", "tiers"),
    [
        (0.9307, ["1h/5m", "6h/30m", "1d/2h", "3d/6h"]),
        (0.93, ["6h/30m", "1d/2h", "3d/6h"]),
        (0.83, ["1d/2h", "3d/6h"]),
        (0.66, ["3d/6h"]),
    ],
)
def test_tiers_that_a_total_outage_does_not_reach_are_left_out(objective: float, tiers: list[str]) -> None:
    """14.4 can fire only for objectives above 93.06%, 6 above 83.33%, 3 above 66.67%."""
    assert list(_factors("30d", objective)) == tiers


def test_a_severity_without_tiers_is_left_out() -> None:
    policies = default_policies(RollingWindow(timedelta(days=30)), 0.83)
    assert [policy.severity for policy in policies] == [Severity.TICKET]


def _tier(factor: float) -> BurnRateRule:
    return BurnRateRule(long=timedelta(hours=1), short=timedelta(minutes=5), factor=factor)


def test_a_factor_below_one_is_refused() -> None:
    assert check_rule(_tier(0.9), 0.999) == (
        "the factor 0.9 of 1h/5m is below 1: it would fire while the objective is met",
        "write at least 1",
    )


def test_a_factor_above_a_total_outage_is_refused() -> None:
    assert check_rule(_tier(14.4), 0.9) == (
        "the factor 14.4 of 1h/5m can never be reached: at an objective of 90% a total outage burns at 10",
        "write at most 10",
    )


@pytest.mark.parametrize(("factor", "objective"), [(1.0, 0.5), (2.0, 0.5), (10.0, 0.9), (100.0, 0.99), (1000.0, 0.999)])
def test_the_bounds_themselves_are_allowed(factor: float, objective: float) -> None:
    """1 / (1 - 0.99) is 99.99999999999991 in floating point; 100 is still right."""
    assert check_rule(_tier(factor), objective) is None


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_a_factor_is_a_number(factor: float) -> None:
    assert check_rule(_tier(factor), 0.999) == (
        "the factor of 1h/5m must be a number",
        "write a number such as 14.4",
    )
