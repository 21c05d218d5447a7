"""How an SLO alerts, as a native document says it: only what differs from the usual."""

from collections.abc import Iterator
from datetime import timedelta

from app.alerting import OVERRIDABLE
from app.alerting.policy import default_policies
from app.documents.native.writing.scalars import OFF, written_share, written_wait
from app.slo import (
    Alerting,
    BudgetAlerts,
    BurnRateRule,
    Evidence,
    Labels,
    Severity,
    SeverityPolicy,
    Window,
    format_duration,
)
from app.yamldoc.tree import BooleanText
from app.yamldoc.writing import Written, given, written_number

_USUAL = Alerting()
_USUAL_SILENCE = SeverityPolicy(severity=Severity.PAGE, rules=()).resolve_no_traffic_after


def written_alerting(alerting: Alerting, window: Window, objective: float) -> dict[str, Written]:
    """The keys below `alerting`; none where all is as usual."""
    usual = {policy.severity: policy for policy in default_policies(window, objective)}
    keys: dict[str, Written | None] = {
        "name": alerting.name if alerting.name != _USUAL.name else None,
        **{str(one): _policy(alerting.policy(one), usual.get(one)) for one in Severity},
        **written_labels(alerting.labels),
        "annotations": dict(alerting.annotations),
        **_evidence(alerting),
        "no_data": str(alerting.no_data) if alerting.no_data is not _USUAL.no_data else None,
        "no_data_for": _unless(_USUAL.no_data_for, alerting.no_data_for),
        "no_traffic": str(alerting.no_traffic) if alerting.no_traffic is not _USUAL.no_traffic else None,
        "no_traffic_for": _unless(_USUAL.no_traffic_for, alerting.no_traffic_for),
        "budget": None if alerting.budget is None else dict(_budget(alerting.budget)),
    }
    return given(keys)


def written_labels(labels: Labels) -> dict[str, Written]:
    """The keys of labels, and of those that replace labels that Sloburn sets."""
    own = {name: value for name, value in labels if name not in OVERRIDABLE}
    overriding = {name: value for name, value in labels if name in OVERRIDABLE}
    return given({"labels": own, "override_labels": overriding})


def _unless(usual: timedelta | None, duration: timedelta | None) -> str | None:
    return None if duration == usual else written_wait(duration)


def _policy(policy: SeverityPolicy | None, usual: SeverityPolicy | None) -> Written | None:
    if policy is None:
        return OFF
    rules = [] if usual is not None and policy.rules == usual.rules else [_rule(rule) for rule in policy.rules]
    return given(
        {
            "tiers": rules,
            "for": written_wait(policy.pending_for) if policy.pending_for else None,
            "keep_firing_for": written_wait(policy.keep_firing_for) if policy.keep_firing_for else None,
            **written_labels(policy.labels),
            "annotations": dict(policy.annotations),
        }
    )


def _rule(rule: BurnRateRule) -> Written:
    return given(
        {
            "long": format_duration(rule.long),
            "short": format_duration(rule.short),
            "factor": written_number(rule.factor),
            "for": None if rule.pending_for is None else written_wait(rule.pending_for),
        }
    )


def _evidence(alerting: Alerting) -> dict[str, Written | None]:
    """What all policies of the SLO ask of their evidence, and of alerts without traffic."""
    if not alerting.policies:
        return {}
    policy, usual = alerting.policies[0], Evidence()
    evidence = policy.evidence or usual
    level = None if evidence.level == usual.level else written_share(evidence.level)
    least = None if evidence.min_bad_events == usual.min_bad_events else written_number(evidence.min_bad_events)
    return {
        "evidence": OFF if policy.evidence is None else level,
        "min_bad_events": least,
        "resolve_no_traffic_after": _unless(_USUAL_SILENCE, policy.resolve_no_traffic_after),
    }


def _budget(alerts: BudgetAlerts) -> Iterator[tuple[str, Written]]:
    if alerts.consumed is not None:
        yield "consumed", written_share(alerts.consumed)
    if alerts.runs_out_within is not None:
        yield "runs_out_within", format_duration(alerts.runs_out_within)
    if alerts.exhausted:
        yield "exhausted", BooleanText("true")
