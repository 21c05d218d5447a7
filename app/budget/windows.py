"""Which windows are computed for an SLO."""

from datetime import timedelta

from app.slo import Slo

STANDARD_WINDOWS = tuple(
    timedelta(seconds=seconds) for seconds in (300, 1800, 3600, 7200, 6 * 3600, 86_400, 3 * 86_400)
)
"""5m 30m 1h 2h 6h 1d 3d.

Source: https://sre.google/workbook/alerting-on-slos/ (the windows of its recommended alerts)
"""

LEARNED_FROM = timedelta(days=30)
"""How much history is kept however short an SLO window is: normal rates ask for 28 whole days, forecasts for weeks."""


def windows_of(slo: Slo) -> tuple[timedelta, ...]:
    """The look-back windows of an SLO, shortest first: the standard set and those of its alerts."""
    alerts = {length for policy in slo.alerting.policies for tier in policy.rules for length in (tier.long, tier.short)}
    return tuple(sorted({*STANDARD_WINDOWS, *alerts}))
