"""The burn-rate rules of an SLO as alert policies of OpenSLO."""

from datetime import timedelta

from app.documents.importing.severities import severity_of
from app.documents.openslo.writing.spans import written_span
from app.slo import Alerting, BurnRateRule, SeverityPolicy, SloId
from app.yamldoc.tree import BooleanText
from app.yamldoc.writing import Written, given, written_number

_TRUE, _FALSE = BooleanText("true"), BooleanText("false")
# A policy must have one; who is notified is the routes' matter.
_TARGET: Written = [
    {"kind": "AlertNotificationTarget", "metadata": {"name": "alertmanager"}, "spec": {"target": "alertmanager"}}
]


def written_policies(slo: SloId, alerting: Alerting) -> list[Written]:
    """A policy for each rule of each severity."""
    no_data = _FALSE if alerting.no_data_for is None else _TRUE
    return [
        _policy(f"{slo}-{policy.severity}-{number}", _severity(policy), condition, no_data)
        for policy in alerting.policies
        for number, rule in enumerate(policy.rules, start=1)
        if (condition := _condition(rule, policy.pending_for)) is not None
    ]


def _severity(policy: SeverityPolicy) -> str:
    """The label `severity` of the alert, if it is as urgent as the alert."""
    label = dict(policy.labels).get("severity", "")
    return label if label and severity_of(label) is policy.severity else str(policy.severity)


def _condition(rule: BurnRateRule, pending_for: timedelta) -> Written | None:
    """The condition of a rule; None where OpenSLO cannot say its long window."""
    span = written_span(rule.long)
    if span is None:
        return None
    return given(
        {
            "kind": "burnrate",
            "op": "gte",
            "threshold": written_number(rule.factor),
            "lookbackWindow": span,
            "alertAfter": written_span(pending_for if rule.pending_for is None else rule.pending_for),
        }
    )


def _policy(name: str, severity: str, condition: Written, no_data: BooleanText) -> Written:
    return {
        "kind": "AlertPolicy",
        "metadata": {"name": name},
        "spec": {
            "alertWhenBreaching": _TRUE,
            "alertWhenNoData": no_data,
            "conditions": [
                {
                    "kind": "AlertCondition",
                    "metadata": {"name": name},
                    "spec": {"severity": severity, "condition": condition},
                }
            ],
            "notificationTargets": _TARGET,
        },
    }
