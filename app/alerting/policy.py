"""The default rules of long and short windows, and the check that a factor can be right.

Source: https://sre.google/workbook/alerting-on-slos/, approach 6 and table 5-8. The 1d/2h ticket is in the chapter's
code, not in its table.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from app.slo import BurnRateRule, Evidence, Severity, SeverityPolicy, Window, format_percent

# Derived factors and 1 / (1 - objective) are exact only to the precision of a double: at 90%, that is
# 10.000000000000002.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTemplate:
    """A rule before the SLO window is known: it trips when *budget_share* is spent within *long*."""

    severity: Severity
    long: timedelta
    short: timedelta
    budget_share: float

    def factor(self, window: timedelta) -> float:
        """The burn rate that spends *budget_share* of the budget of *window* within *long*, at least 1.

        A burn rate below 1 never spends the budget, so an alert on it would fire while the SLO is met.

        >>> TEMPLATES[0].factor(timedelta(days=30))
        14.4
        """
        return max(1.0, self.budget_share * (window / self.long))


TEMPLATES = (
    RuleTemplate(severity=Severity.PAGE, long=timedelta(hours=1), short=timedelta(minutes=5), budget_share=0.02),
    RuleTemplate(severity=Severity.PAGE, long=timedelta(hours=6), short=timedelta(minutes=30), budget_share=0.05),
    RuleTemplate(severity=Severity.TICKET, long=timedelta(days=1), short=timedelta(hours=2), budget_share=0.10),
    RuleTemplate(severity=Severity.TICKET, long=timedelta(days=3), short=timedelta(hours=6), budget_share=0.10),
)


def highest_burn_rate(objective: float) -> float:
    """The burn rate of a total outage: no burn rate can be higher."""
    return 1.0 / (1.0 - objective)


# Thousands of SLOs have few windows and objectives, and share their policies.
@lru_cache(maxsize=256)
def default_policies(window: Window, objective: float) -> tuple[SeverityPolicy, ...]:
    """The policies of an SLO that says nothing about its rules, the page first.

    Left out are rules that look back further than the SLO window, since the budget no longer counts those events, and
    rules whose factor not even a total outage reaches. A severity without rules is left out as a whole (ADR-0010).
    """
    policies = []
    for severity in Severity:
        rules = tuple(
            BurnRateRule(long=template.long, short=template.short, factor=template.factor(window.nominal))
            for template in TEMPLATES
            if template.severity is severity and template.long <= window.nominal
        )
        possible = tuple(rule for rule in rules if check_rule(rule, objective) is None)
        if possible:
            policies.append(SeverityPolicy(severity=severity, rules=possible, evidence=Evidence()))
    return tuple(policies)


def check_rule(rule: BurnRateRule, objective: float | None) -> tuple[str, str] | None:
    """Why the factor of *rule* can never be right for *objective*, and what to write instead; None if it can be.

    Without an objective: why it can be right for none.
    """
    if not math.isfinite(rule.factor):
        return f"the factor of {rule.name} must be a number", "write a number such as 14.4"
    if rule.factor < 1.0 - _ROUNDING:
        return (
            f"the factor {rule.factor:g} of {rule.name} is below 1: it would fire while the objective is met",
            "write at least 1",
        )
    if objective is None:
        return None
    highest = highest_burn_rate(objective)
    if rule.factor > highest * (1.0 + _ROUNDING):
        return (
            (
                f"the factor {rule.factor:g} of {rule.name} can never be reached: at an objective of "
                f"{format_percent(objective)} a total outage burns at {highest:.6g}"
            ),
            f"write at most {highest:.6g}",
        )
    return None
