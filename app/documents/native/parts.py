"""The parts of a native document as the domain's values: windows, SLIs, tiers."""

from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import Final

from app.alerting.policy import default_policies
from app.documents.native.model import (
    AlertingModel,
    BudgetAlertsModel,
    CalendarModel,
    PolicyModel,
    SlaModel,
    TierModel,
)
from app.sli import Composite, Part
from app.slo import (
    Alerting,
    BudgetAlerts,
    BurnRateRule,
    CalendarWindow,
    CompositeRule,
    Evidence,
    Labels,
    RollingWindow,
    Severity,
    SeverityPolicy,
    Sla,
    Slo,
    SloId,
    Window,
)


def labels_of(*mappings: dict[str, str]) -> Labels:
    """Labels of several mappings, the later ones first in rank, sorted by name."""
    merged = {name: value for mapping in mappings for name, value in mapping.items()}
    return tuple(sorted(merged.items()))


def sla_of(model: SlaModel | None) -> Sla | None:
    """The service level agreement; None without one."""
    return None if model is None else Sla(contract=model.contract, penalty_free=model.penalty_free)


def window_of(model: timedelta | CalendarModel) -> Window:
    """The SLO window."""
    if isinstance(model, CalendarModel):
        return CalendarWindow(model.calendar, model.timezone, model.every, model.start)
    return RollingWindow(model)


WITHOUT_ALERTS: Final = Alerting(no_data_for=None)


def aggregate_of(slo: Slo, objective: float, alerting: Alerting) -> Slo:
    """The SLO of all members of a group together: the sum of their events."""
    return replace(
        slo,
        id=SloId(f"{slo.id}-all"),
        name=f"{slo.name}-all",
        objective=objective,
        sli=Composite(rule=CompositeRule.SUM_OF, parts=(Part(slo=slo.id),)),
        alerting=alerting,
        # The agreement is about each member.
        sla=None,
    )


def policies_of(model: AlertingModel, window: Window, objective: float) -> tuple[SeverityPolicy, ...]:
    """The policies of the severities that are on, the page first."""
    policies = (
        _policy(Severity.PAGE, model.page, window, objective),
        _policy(Severity.TICKET, model.ticket, window, objective),
    )
    evidence = None
    if model.evidence is not None:
        evidence = Evidence(level=model.evidence, min_bad_events=model.min_bad_events)
    silence = model.resolve_no_traffic_after
    return tuple(
        replace(policy, evidence=evidence, resolve_no_traffic_after=silence)
        for policy in policies
        if policy is not None
    )


def budget_alerts_of(model: BudgetAlertsModel) -> BudgetAlerts | None:
    """The tickets about the budget that are asked for; None if there are none."""
    wanted = BudgetAlerts(consumed=model.consumed, runs_out_within=model.runs_out_within, exhausted=model.exhausted)
    return None if wanted == BudgetAlerts() else wanted


def factor_of(tier: TierModel, window: Window) -> float:
    """The burn rate that trips the tier: as given, or the one that burns the budget share within the long window."""
    if tier.budget is None:
        return tier.factor or 0.0
    return tier.budget * (window.nominal / tier.long)


def _policy(severity: Severity, model: PolicyModel | None, window: Window, objective: float) -> SeverityPolicy | None:
    if model is None:
        return None
    given = (
        BurnRateRule(long=tier.long, short=tier.short, factor=factor_of(tier, window), pending_for=tier.pending_for)
        for tier in model.tiers
    )
    # The quickest first: it is the rule that an alert names when several trip.
    tiers = tuple(sorted(given, key=lambda tier: (tier.long, tier.short))) or _default_tiers(
        severity, window, objective
    )
    if not tiers:
        return None
    return SeverityPolicy(
        severity=severity,
        rules=tiers,
        pending_for=model.pending_for,
        keep_firing_for=model.keep_firing_for,
        labels=labels_of(model.labels, model.override_labels),
        annotations=labels_of(model.annotations),
    )


@lru_cache(maxsize=1024)
def _default_tiers(severity: Severity, window: Window, objective: float) -> tuple[BurnRateRule, ...]:
    policies = default_policies(window, objective)
    return next((policy.rules for policy in policies if policy.severity is severity), ())
