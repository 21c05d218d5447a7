"""The parts of a native document as the domain's values: windows, SLIs, tiers."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache

from app.alerting.policy import default_policies
from app.documents.native.model import (
    AlertingModel,
    BadSliModel,
    BudgetAlertsModel,
    CalendarModel,
    GoodSliModel,
    LatencySliModel,
    PolicyModel,
    TierModel,
)
from app.promql.buckets import le_matcher
from app.sli import BadRatio, GoodRatio, HistogramThreshold, picks_bucket
from app.slo import (
    BudgetAlerts,
    BurnRateRule,
    CalendarWindow,
    Evidence,
    Labels,
    Matcher,
    MatchOp,
    RollingWindow,
    Selector,
    Severity,
    SeverityPolicy,
    Sli,
    Window,
)

SliModel = BadSliModel | GoodSliModel | LatencySliModel
_MS = timedelta(milliseconds=1)
_MS_PER_SECOND = 1000


def labels_of(*mappings: dict[str, str]) -> Labels:
    """Labels of several mappings, the later ones first in rank, sorted by name."""
    merged = {name: value for mapping in mappings for name, value in mapping.items()}
    return tuple(sorted(merged.items()))


def window_of(model: timedelta | CalendarModel) -> Window:
    """The SLO window."""
    if isinstance(model, CalendarModel):
        return CalendarWindow(model.calendar, model.timezone)
    return RollingWindow(model)


def sli_of(model: SliModel, by: tuple[str, ...]) -> Sli:
    """What is counted; a latency SLI counts the bucket at the threshold as good."""
    total, part, _ = event_selectors(model)
    if isinstance(model, BadSliModel):
        return BadRatio(total=total, bad=part, by=by)
    kind = HistogramThreshold if picks_bucket(part, total) else GoodRatio
    return kind(total=total, good=part, by=by)


def event_selectors(model: SliModel) -> tuple[Selector, Selector, str]:
    """The selectors of all events and of the good or bad ones, and which of the two."""
    if isinstance(model, BadSliModel):
        return model.total, model.bad, "bad"
    if isinstance(model, GoodSliModel):
        return model.total, model.good, "good"
    matchers = histogram_matchers(model)
    total = Selector((_named(f"{model.histogram}_count"), *matchers))
    good = Selector((_named(f"{model.histogram}_bucket"), le_matcher(_bound(model.threshold)), *matchers))
    return total, good, "good"


def histogram_matchers(model: LatencySliModel) -> tuple[Matcher, ...]:
    """Which series of the histogram are meant."""
    if isinstance(model.selector, Selector):
        return model.selector.matchers
    return tuple(Matcher(label, MatchOp.EQUAL, value) for label, value in model.selector.items())


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
    given = (BurnRateRule(long=tier.long, short=tier.short, factor=factor_of(tier, window)) for tier in model.tiers)
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
        labels=labels_of(model.labels),
        annotations=labels_of(model.annotations),
    )


@lru_cache(maxsize=1024)
def _default_tiers(severity: Severity, window: Window, objective: float) -> tuple[BurnRateRule, ...]:
    policies = default_policies(window, objective)
    return next((policy.rules for policy in policies if policy.severity is severity), ())


def _bound(threshold: timedelta | Decimal) -> Decimal:
    return threshold if isinstance(threshold, Decimal) else Decimal(threshold // _MS) / _MS_PER_SECOND


def _named(metric: str) -> Matcher:
    return Matcher("__name__", MatchOp.EQUAL, metric)
