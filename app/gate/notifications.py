"""What receivers get about policies: a state that lasts, its escalation, break-glass; and their ends."""

from datetime import datetime
from hashlib import blake2b

from app.alerting import ALERTNAMES, Notification, NotificationStatus
from app.policy import BudgetPolicy, GateDecision, GateException, StateOfSlo
from app.slo import TENANT_LABEL, Cause, Labels, Severity, SloId, format_duration, in_tenant, rounded_percent
from app.status import Snapshot

BREAK_GLASS = "DeployGateBreakGlass"
"""The alertname of break-glass."""
_MEANINGS = {
    GateDecision.ALLOW: "changes go on",
    GateDecision.WARN: "changes go on with a warning",
    GateDecision.DENY: "changes are denied",
}


def severities_of_state(policy: BudgetPolicy, known: StateOfSlo, *, at: datetime) -> tuple[Severity, ...]:
    """The severities of the notifications that fire at a time; none of a state that does not notify."""
    place = policy.index_of(known.state)
    if place is None or not policy.states[place].notify or policy.dry_run:
        return ()
    is_escalated = policy.escalation is not None and at - known.since >= policy.escalation.after
    return (Severity.TICKET, Severity.PAGE) if is_escalated else (Severity.TICKET,)


def identity_of_state(snapshot: Snapshot, policy: BudgetPolicy, known: StateOfSlo) -> tuple[str, Labels]:
    """The incident and the labels of its notifications: one that fires with the same is not sent again."""
    labels = _labels(snapshot.slo.alert_labels, snapshot.group, policy=policy.name, policy_state=known.state)
    return _incident(snapshot.id, known.state, known.since), labels


def state_notification(
    snapshot: Snapshot, policy: BudgetPolicy, known: StateOfSlo, severity: Severity, *, at: datetime
) -> Notification:
    """The notification of a state that begins, with one of its severities; a page is its escalation."""
    slo, state = snapshot.slo, next(one for one in policy.states if one.name == known.state)
    incident, labels = identity_of_state(snapshot, policy, known)
    description = f" ({state.description})" if state.description else ""
    # Not the present budget: it would be another sentence in each evaluation.
    left = f"{rounded_percent(known.remaining, 1)} of the budget was left"
    words, escalation = "", policy.escalation
    if severity is Severity.PAGE and escalation is not None:
        to = f" to {', '.join(escalation.to)}" if escalation.to else ""
        words = f"; escalated{to} after {format_duration(escalation.after)}"
    return Notification(
        status=NotificationStatus.FIRING,
        slo=snapshot.id,
        severity=severity,
        incident=incident,
        alertname=ALERTNAMES[Cause.POLICY],
        service=slo.service,
        name=slo.name,
        objective=slo.objective,
        window=str(slo.window),
        period_seconds=slo.window.period(at).total_seconds(),
        # Not since when the state lasts: a policy that asks for it again later notifies of another alert.
        starts_at=at,
        at=at,
        group=snapshot.group,
        labels=labels,
        annotations=slo.alerting.annotations,
        tier=state.name,
        budget_remaining=snapshot.budget.remaining_ratio,
        slo_description=slo.description,
        cause=Cause.POLICY,
        condition=f"error budget policy in state {state.name}{description}: {_MEANINGS[state.deploys]}; {left}{words}",
    )


def break_glass_notification(exception: GateException, *, at: datetime) -> Notification:
    """The notification that the policies are overruled, for as long as that lasts."""
    service = " or ".join(exception.services) or f"all services{f' of {exception.tenant}' if exception.tenant else ''}"
    # Its receivers are those of the tenant.
    prefix = in_tenant(exception.tenant, "") if exception.tenant else ""
    tenant = [((TENANT_LABEL, exception.tenant),)] if exception.tenant else []
    where = f" in {' or '.join(exception.environments)}" if exception.environments else ""
    return Notification(
        status=NotificationStatus.FIRING,
        slo=SloId(f"{prefix}break-glass-{exception.id}"),
        severity=Severity.TICKET,
        incident=_incident("break-glass", exception.id, exception.created_at),
        alertname=BREAK_GLASS,
        service=service,
        name="deploy gate",
        objective=0.0,
        window="",
        period_seconds=0.0,
        starts_at=exception.starts_at,
        at=at,
        labels=_labels(*tenant, policy_state="break-glass"),
        tier="break-glass",
        cause=Cause.POLICY,
        condition=f"break-glass by {exception.owner} until {exception.ends_at:%Y-%m-%d %H:%M} UTC: "
        f"changes{where} go on with any error budget: {exception.reason}",
    )


def _incident(*parts: object) -> str:
    # The same after a restart: receivers must not take what is sent again for another incident.
    return blake2b("\n".join(map(str, parts)).encode(), digest_size=8).hexdigest()


def _labels(*several: Labels, **own: str) -> Labels:
    merged: dict[str, str] = {}
    for labels in several:
        merged.update(labels)
    return tuple(sorted({**merged, **own}.items()))
