"""When an error budget is exhausted: one definition for alerts, pages, API and tickets.

All arrays share one shape, one element per SLO; NaN is *not known*.
"""

from typing import NamedTuple

import numpy as np

from app.budget.ratios import burn_rate
from app.slo.arrays import Bools, Floats

_HARMLESS = 1.0
"""The burn rate that spends a budget in exactly one SLO window: at less, none is ever exhausted."""
_EXPECTED_EVENTS = 3.0
"""Bad events that a window must have had at the rate of the hour before their absence means that the burn has stopped:
by chance alone it has none of three expected ones once in 20 times."""


class RecentEvents(NamedTuple):
    """Bad and total events of one recent window of many SLOs."""

    bad: Floats
    total: Floats


def present_burn_rate(
    hour: RecentEvents, half_hour: RecentEvents, five_minutes: RecentEvents, *, error_budget: Floats
) -> Floats:
    """The burn rate of the last hour; 0 where the burn has stopped since, NaN where the hour had no events.

    It has stopped where the last half hour, or with enough traffic the last five minutes, spend less than the budget
    can bear, or where nothing has been requested for half an hour.
    """
    rate = burn_rate(*hour, error_budget=error_budget)
    half_hour_stopped = ~(burn_rate(*half_hour, error_budget=error_budget) >= _HARMLESS)
    harmless_lately = burn_rate(*five_minutes, error_budget=error_budget) < _HARMLESS
    share = np.divide(five_minutes.total, hour.total, out=np.zeros_like(hour.total), where=hour.total > 0)
    enough: Bools = hour.bad * share >= _EXPECTED_EVENTS
    stopped = half_hour_stopped | (harmless_lately & enough)
    present: Floats = np.where(stopped & ~np.isnan(rate), 0.0, rate)
    return present


def exhaustion_s(remaining: Floats, burn: Floats, *, window_s: Floats) -> Floats:
    """Seconds until none of the budget is left at this burn rate; 0 if none is, NaN if it lasts the window.

    At a burn rate of 1 a whole budget lasts one SLO window, so what remains lasts remaining x window / burn rate.
    """
    lasts = np.divide(remaining * window_s, burn, out=np.full_like(remaining, np.inf), where=burn > 0)
    lasts = np.where(remaining <= 0, 0.0, lasts)
    left: Floats = np.where(np.isnan(remaining) | (lasts > window_s), np.nan, lasts)
    return left
