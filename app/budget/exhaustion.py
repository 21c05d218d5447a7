"""When an error budget is exhausted: one definition for alerts, pages, API and tickets (ADR-0039).

All arrays share one shape, one element per SLO; NaN is *not known*.
"""

from typing import NamedTuple

import numpy as np

from app.budget.ratios import burn_rate, share_of
from app.slo.arrays import Bools, Floats

# The burn rate that spends a budget in exactly one SLO window: at less, none is ever exhausted.
_HARMLESS = 1.0
# Bad events that a window must have had at the rate of the hour before their absence means that the burn has stopped:
# by chance alone it has none of three expected ones once in 20 times (e^-3).
_EXPECTED_EVENTS = 3.0
# Bad events from which on the rate of a shorter window is preferred: chance moves such a count by a third (1/sqrt(10)),
# an outage that began minutes ago moves that of the hour by a factor of ten (ADR-0039).
_ENOUGH_EVENTS = 10.0


class RecentEvents(NamedTuple):
    """Bad and total events of one recent window of many SLOs, and how many *seconds* of it were measured."""

    bad: Floats
    total: Floats
    seconds: Floats


class EventRates(NamedTuple):
    """Bad and total events per second."""

    bad: Floats
    total: Floats


def present_rates(
    hour: RecentEvents, half_hour: RecentEvents, five_minutes: RecentEvents, *, error_budget: Floats
) -> EventRates:
    """The rates of the shortest window that has ten bad events, else of the hour; NaN where the hour had no events.

    No bad events where the burn has stopped: where the last half hour, or with enough traffic the last five minutes,
    spend less than the budget can bear, or where nothing has been requested for half an hour.
    """
    bad, total = _per_second(hour)
    for window in (half_hour, five_minutes):
        shorter, enough = _per_second(window), window.bad >= _ENOUGH_EVENTS
        bad, total = np.where(enough, shorter.bad, bad), np.where(enough, shorter.total, total)
    stopped = _has_stopped(hour, half_hour, five_minutes, error_budget=error_budget)
    return EventRates(np.where(stopped & ~np.isnan(bad), 0.0, bad), total)


def exhaustion_s(
    remaining_events: Floats, rates: EventRates, *, error_budget: Floats, leaves_in_s: Floats, at_most_s: Floats
) -> Floats:
    """Seconds until none of the budget is left at these rates; 0 if none is, NaN if it lasts *at_most_s*.

    Until the first events leave the SLO window, in *leaves_in_s* seconds, its budget grows with its events. From then
    on as many leave as come: the budget stays as it is, and each bad event takes one of those that remain.
    """
    spent_faster = rates.bad - error_budget * rates.total
    early = np.divide(remaining_events, spent_faster, out=np.full_like(rates.bad, np.inf), where=spent_faster > 0)
    remain_then = remaining_events - spent_faster * leaves_in_s
    late = leaves_in_s + np.divide(remain_then, rates.bad, out=np.full_like(rates.bad, np.inf), where=rates.bad > 0)
    lasts = np.where(early <= leaves_in_s, early, late)
    lasts = np.where(remaining_events <= 0, 0.0, lasts)
    left: Floats = np.where(np.isnan(remaining_events) | (lasts > at_most_s), np.nan, lasts)
    return left


def exhausting_burn_rate(
    within_s: float, *, remaining_events: float, events_per_s: float, error_budget: float, leaves_in_s: float
) -> float:
    """The burn rate at which a budget is exhausted in *within_s* seconds: the inverse of `exhaustion_s` for one SLO.

    0 if none is left, infinite where no events come.
    """
    if remaining_events <= 0:
        return 0.0
    if not events_per_s > 0:
        return float("inf")
    needed = remaining_events / within_s / (events_per_s * error_budget)
    return needed + min(leaves_in_s, within_s) / within_s


def _per_second(window: RecentEvents) -> EventRates:
    measured = window.seconds > 0
    unknown = np.full_like(window.bad, np.nan)
    # Bad events are events, also where the total stands still beside them.
    total = np.where(
        window.total > 0, np.maximum(window.total, window.bad), np.where(window.bad > 0, window.bad, np.nan)
    )
    return EventRates(
        np.divide(np.maximum(window.bad, 0.0), window.seconds, out=unknown.copy(), where=measured & ~np.isnan(total)),
        np.divide(total, window.seconds, out=unknown, where=measured),
    )


def _has_stopped(
    hour: RecentEvents, half_hour: RecentEvents, five_minutes: RecentEvents, *, error_budget: Floats
) -> Bools:
    # Negated, so that NaN (nothing requested for half an hour) counts as stopped.
    half_hour_stopped = ~(burn_rate(half_hour.bad, half_hour.total, error_budget=error_budget) >= _HARMLESS)
    harmless_lately = burn_rate(five_minutes.bad, five_minutes.total, error_budget=error_budget) < _HARMLESS
    share = share_of(five_minutes.total, hour.total)
    enough: Bools = hour.bad * share >= _EXPECTED_EVENTS
    stopped: Bools = half_hour_stopped | (harmless_lately & enough)
    return stopped
