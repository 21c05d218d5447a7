"""The mathematics of error budgets: SLI, burn rate, budget, exhaustion, base rates.

Pure: no IO. May import `app.slo` only. Everything is vectorised over SLOs. Start at `ratios.py`.
"""

from app.budget.base_rate import BaseRates, base_rates, normal_share
from app.budget.exhaustion import EventRates, RecentEvents, exhausting_burn_rate, exhaustion_s, present_rates
from app.budget.ratios import BudgetFigures, bad_ratio, budget, burn_rate, period_remaining, sli
from app.budget.windows import LEARNED_FROM, STANDARD_WINDOWS, windows_of

__all__ = [
    "LEARNED_FROM",
    "STANDARD_WINDOWS",
    "BaseRates",
    "BudgetFigures",
    "EventRates",
    "RecentEvents",
    "bad_ratio",
    "base_rates",
    "budget",
    "burn_rate",
    "exhausting_burn_rate",
    "exhaustion_s",
    "normal_share",
    "period_remaining",
    "present_rates",
    "sli",
    "windows_of",
]
