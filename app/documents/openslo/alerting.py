"""Alert policies of OpenSLO to policies of an SLO, one for each severity."""

from collections.abc import Sequence

from app.documents.importing.fields import Operator
from app.documents.importing.rules import short_window, usable_rules, waits_of
from app.documents.importing.scope import Scope
from app.documents.importing.severities import severity_of
from app.documents.openslo.objects import BurnRateCondition, Objects, Policy
from app.slo import Alerting, BurnRateRule, Evidence, Labels, Severity, SeverityPolicy, Window


def condition_of(policy: Policy, objects: Objects) -> BurnRateCondition | None:
    """The condition of a policy; None, and an error, where it names one that no document has."""
    if not isinstance(policy.condition, str):
        return policy.condition
    found = objects.conditions.get(policy.condition)
    if found is None and ("AlertCondition", policy.condition) not in objects.unusable:
        problem = f"no document has the AlertCondition {policy.condition}"
        policy.of_condition.error(problem, "add its document, or write the condition here", "unresolved_reference")
    return found


def check_targets(policy: Policy, objects: Objects, *, of_whole_slo: bool) -> None:
    """Look for the targets that a policy names in the documents.

    One that is not there is an error; a warning in the policy of an SLO that is whole, whose alerts go where Sloburn's
    routes send them.
    """
    for name, scope in policy.targets:
        if name in objects.targets or ("AlertNotificationTarget", name) in objects.unusable:
            continue
        problem = f"no document has the AlertNotificationTarget {name}"
        if of_whole_slo:
            remedy = "add its document, or write the target here; routes decide who is notified"
            scope.warning(problem, remedy, "unresolved_target")
        else:
            scope.error(problem, "add its document, or write the target here", "unresolved_reference")


def alerting_of(
    policies: Sequence[tuple[Policy, BurnRateCondition]], window: Window, objective: float, scope: Scope
) -> Alerting:
    """The alerts of an SLO by its policies, each with its condition."""
    if not policies:
        problem = "has no alert policy, so nothing fires when its budget burns"
        scope.warning(problem, "write alertPolicies: and a policy with a burn rate", "no_alerts")
    fire = [(policy, condition) for policy, condition in policies if policy.breaching]
    of_severity = {
        severity: [condition for _, condition in fire if severity_of(condition.severity) is severity]
        for severity in Severity
    }
    found = (_policy(severity, conditions, window, objective) for severity, conditions in of_severity.items())
    usual = Alerting()
    # Only where all of them say so: an SLO has one ticket about its data.
    silent = bool(policies) and all(policy.no_data is False for policy, _ in policies)
    return Alerting(
        policies=tuple(policy for policy in found if policy is not None),
        no_data_for=None if silent else usual.no_data_for,
    )


def _policy(
    severity: Severity, conditions: Sequence[BurnRateCondition], window: Window, objective: float
) -> SeverityPolicy | None:
    rules = usable_rules(((_rule(one), one.scope.below("threshold")) for one in conditions), window, objective)
    if not rules:
        return None
    rules, pending_for = waits_of(tuple(dict.fromkeys(rules)))
    return SeverityPolicy(
        severity=severity,
        rules=rules,
        pending_for=pending_for,
        labels=_own_label(conditions[0].severity, severity),
        evidence=Evidence(),
    )


def _own_label(text: str, severity: Severity) -> Labels:
    """The label `severity` of a policy where it is another word than that which every alert has."""
    return () if text == severity else (("severity", text),)


def _rule(condition: BurnRateCondition) -> BurnRateRule:
    if condition.op in {Operator.LT, Operator.LTE}:
        problem = "an alert on a burn rate below the threshold would fire while all is well: gte is used"
        condition.scope.below("op").warning(problem, "write op: gte", "operator_of_burn_rate")
    elif condition.op is None:
        condition.scope.warning("has no op: gte is used", "write op: gte", "operator_of_burn_rate")
    short = short_window(condition.lookback)
    return BurnRateRule(
        long=condition.lookback, short=short, factor=condition.threshold, pending_for=condition.alert_after
    )
