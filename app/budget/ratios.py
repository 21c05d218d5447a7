"""SLI, burn rate and error budget from event counts.

All arrays share one shape, one element per SLO (or SLO and window); counts are events, ratios and burn rates have no
unit, NaN is *no events*.
"""

from dataclasses import dataclass

import numpy as np

from app.slo.arrays import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetFigures:
    """Error budgets over their SLO windows; signed, never clamped.

    *total_events*: bad events that the traffic allows; *consumed* and *remaining*: shares of it, NaN without events;
    *remaining_events*: bad events that may still happen, negative when overspent.
    """

    total_events: Floats
    consumed: Floats
    remaining: Floats
    remaining_events: Floats


def bad_ratio(bad: Floats, total: Floats) -> Floats:
    """Bad/total, between 0 and 1; NaN where there were no events.

    Bad events are events: where the total stands still beside them the ratio is 1, as if it had counted them.

    Raises:
        ValueError: the shapes differ.
    """
    if bad.shape != total.shape:
        raise ValueError(f"bad {bad.shape} and total {total.shape} must share a shape")
    total = np.maximum(total, bad)
    ratio = np.divide(bad, total, out=np.full_like(total, np.nan), where=total > 0)
    return np.maximum(ratio, 0.0)


def share_of(part: Floats, whole: Floats) -> Floats:
    """Part/whole; 0 where there is no whole."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


def sli(bad: Floats, total: Floats) -> Floats:
    """Good/total: one minus the bad ratio; NaN where there were no events."""
    return 1.0 - bad_ratio(bad, total)


def burn_rate(bad: Floats, total: Floats, *, error_budget: Floats | float) -> Floats:
    """Bad ratio / error budget: 1 spends the budget in exactly one SLO window; NaN where there were no events.

    Source: https://sre.google/workbook/alerting-on-slos/ (4: alert on burn rate)
    """
    return bad_ratio(bad, total) / error_budget


def period_remaining(burn_rates: Floats, elapsed: Floats) -> Floats:
    """Unspent share of the budget of a whole period, of which the share *elapsed* has passed at these mean burn rates.

    The rest of the period is taken to have as many events; 1 at its start, signed, NaN without events.

    >>> float(period_remaining(np.array([14.4]), np.array([1 / 720])).round(3)[0])
    0.98
    """
    return 1.0 - burn_rates * np.clip(elapsed, 0.0, 1.0)


def budget(bad: Floats, total: Floats, *, error_budget: Floats) -> BudgetFigures:
    """The error budget over the SLO window: consumed = bad / (total x error budget), never below 0.

    Source: https://sre.google/workbook/error-budget-policy/
    """
    bad = np.maximum(bad, 0.0)
    total = np.maximum(total, bad)
    allowed = total * error_budget
    consumed = np.divide(bad, allowed, out=np.full_like(total, np.nan), where=allowed > 0)
    return BudgetFigures(
        total_events=allowed, consumed=consumed, remaining=1.0 - consumed, remaining_events=allowed - bad
    )
