"""Alert policies of Nobl9 to the policies and budget alerts of an SLO."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.documents.importing.fields import Operator
from app.documents.importing.rules import short_window, usable_rules, waits_of
from app.documents.importing.scalars import read_any_number
from app.documents.importing.scope import Scope
from app.documents.importing.severities import severity_of
from app.documents.nobl9.model import ConditionModel, PolicySpec
from app.slo import (
    BudgetAlerts,
    BurnRateRule,
    DurationError,
    Evidence,
    Severity,
    SeverityPolicy,
    Window,
    format_duration,
    parse_duration,
)

_AVERAGE, _DROP = "averageBurnRate", "budgetDrop"
_ENTIRE, _REMAINING, _BURNED = "timeToBurnEntireBudget", "timeToBurnBudget", "burnedBudget"
_MEASUREMENTS = (_AVERAGE, _DROP, _ENTIRE, _REMAINING, _BURNED)
_OF_TIME = frozenset({_ENTIRE, _REMAINING})
# Nobl9's own defaults where a policy has no coolDown, and a condition no alertingWindow.
_COOL_DOWN = timedelta(minutes=5)
_AT_ONCE = frozenset({"0", "0s", "0m"})
_WINDOW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One condition; *value* is a number, or a number of seconds where the measurement is a time."""

    measurement: str
    value: float
    op: Operator | None
    window: timedelta
    lasts_for: timedelta
    scope: Scope

    def burn_rate(self, window: Window) -> float | None:
        """The burn rate that it asks for; None if it asks for something else."""
        match self.measurement:
            case "averageBurnRate":
                return self.value
            case "budgetDrop":
                return self.value * (window.nominal / self.window)
            case "timeToBurnEntireBudget":
                return window.nominal.total_seconds() / self.value
            case _:
                return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """An alert policy with its conditions, all of which must hold."""

    severity: Severity
    cool_down: timedelta
    measures: tuple[Measure, ...]
    scope: Scope


def policy_of(spec: PolicySpec, scope: Scope) -> Policy | None:
    """The policy; None, and why, where a condition is unusable."""
    conditions = scope.below("conditions")
    measures = [_measure(one, conditions.below(i)) for i, one in enumerate(spec.conditions)]
    usable = tuple(measure for measure in measures if measure is not None)
    if len(usable) < len(measures):
        return None
    return Policy(
        severity=severity_of(spec.severity), cool_down=spec.cool_down or _COOL_DOWN, measures=usable, scope=scope
    )


def policies_of(policies: Sequence[Policy], window: Window, objective: float) -> tuple[SeverityPolicy, ...]:
    """The burn-rate alerts of an SLO, one for each severity."""
    found = []
    for severity in Severity:
        own = [policy for policy in policies if policy.severity is severity]
        rules = usable_rules((rule for policy in own for rule in _rules(policy, window)), window, objective)
        if rules:
            # One alert has the rules of all policies of its severity: it must not resolve before the slowest of them
            # would.
            keep = max(policy.cool_down for policy in own)
            rules, pending_for = waits_of(rules)
            found.append(
                SeverityPolicy(
                    severity=severity,
                    rules=rules,
                    pending_for=pending_for,
                    keep_firing_for=keep,
                    evidence=Evidence(),
                )
            )
    return tuple(found)


def budget_alerts_of(policies: Sequence[Policy]) -> BudgetAlerts | None:
    """The tickets about the budget itself; None if no policy asks for one."""
    measures = [measure for policy in policies for measure in policy.measures]
    consumed = [one.value for one in measures if _is_burned_at_least(one) and one.value < 1]
    runs_out = [one.value for one in measures if one.measurement == _REMAINING]
    alerts = BudgetAlerts(
        consumed=min(consumed, default=None),
        runs_out_within=timedelta(seconds=max(runs_out)) if runs_out else None,
        exhausted=any(_is_burned_at_least(one) and one.value >= 1 for one in measures),
    )
    for one in measures:
        if one.measurement == _REMAINING:
            problem = "is read at the present burn rate"
            one.scope.below("alertingWindow").warning(problem, "remove alertingWindow", "budget_window")
    return None if alerts == BudgetAlerts() else alerts


def _measure(model: ConditionModel, scope: Scope) -> Measure | None:
    if model.measurement not in _MEASUREMENTS:
        scope.below("measurement").error(f"{model.measurement!r} is not known", f"write {', '.join(_MEASUREMENTS)}")
        return None
    value = _seconds(model.value, scope) if model.measurement in _OF_TIME else _number(model.value, scope)
    lasts_for = timedelta(0) if model.lasts_for is None else _lasts_for(model.lasts_for, scope)
    if value is None or lasts_for is None:
        return None
    return Measure(
        measurement=model.measurement,
        value=value,
        op=model.op,
        window=model.alerting_window or _WINDOW,
        lasts_for=lasts_for,
        scope=scope,
    )


def _lasts_for(text: str, scope: Scope) -> timedelta | None:
    try:
        return timedelta(0) if text in _AT_ONCE else parse_duration(text)
    except DurationError as error:
        scope.below("lastsFor").error(error.problem, error.remedy)
        return None


def _seconds(text: str, scope: Scope) -> float | None:
    try:
        return parse_duration(text).total_seconds()
    except DurationError as error:
        scope.below("value").error(error.problem, error.remedy)
        return None


def _number(text: str, scope: Scope) -> float | None:
    try:
        number = float(read_any_number(text))
    except ValueError:
        number = 0.0
    if number > 0:
        return number
    scope.below("value").error(f"{text!r} is not a number above 0", "write a number such as 0.8")
    return None


def _is_burned_at_least(measure: Measure) -> bool:
    return measure.measurement == _BURNED and measure.op not in {Operator.LT, Operator.LTE}


def _rules(policy: Policy, window: Window) -> Iterator[tuple[BurnRateRule, Scope]]:
    """The rule of a policy: its longest window, and its shortest or a twelfth of the longest."""
    burns = [(rate, one) for one in policy.measures if (rate := one.burn_rate(window)) is not None]
    others = [one for one in policy.measures if one.burn_rate(window) is None]
    for one in others:
        if _is_burned_at_least(one) and burns:
            problem = "is an alert of its own: a budget alert and a burn rate are not combined"
            one.scope.warning(problem, "write it in a policy of its own", "not_combined")
        elif one.measurement == _BURNED and not _is_burned_at_least(one):
            problem = "is ignored: alerts on a burn do not ask what is left of the budget"
            one.scope.warning(problem, "remove it", "not_combined")
    if not burns:
        return
    rate, longest = max(burns, key=lambda burn: burn[1].window)
    short = min(one.window for _, one in burns)
    for other, one in burns:
        if other != rate:
            problem = f"has the burn rate {other:.4g}, and both windows of a rule one: {rate:.4g} is used"
            one.scope.below("value").warning(problem, f"write {rate:.4g} in both", "one_factor")
    if short >= longest.window:
        short = short_window(longest.window)
    # All conditions must hold, so one that lasts for longer is waited for.
    pending_for = max(one.lasts_for for _, one in burns)
    for _, one in burns:
        if one.lasts_for != pending_for:
            problem = f"both windows of a rule last alike: {format_duration(pending_for)} is used"
            remedy = f"write lastsFor: {format_duration(pending_for)} in both"
            one.scope.below("lastsFor").warning(problem, remedy, "merged_wait")
    rule = BurnRateRule(long=longest.window, short=short, factor=rate, pending_for=pending_for)
    yield rule, longest.scope.below("value")
