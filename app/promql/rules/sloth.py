"""Rules under the names and labels of those that Sloth generates."""

from collections.abc import Iterator
from datetime import timedelta

from app.promql import sloth_names
from app.promql.rules.parts import (
    BUDGET_INTERVAL,
    Group,
    Rule,
    absence_alert,
    alert_windows,
    budget_alerts,
    burn_alerts,
    grouped_rules,
    limit_of,
    period_of,
    recording,
    without_group,
)
from app.promql.selector_text import quote
from app.slo import BurnRateRule, Slo, duration_with_weeks

# What Sloth's dashboards ask for, whether an alert looks back over it or not.
_SHOWN = (sloth_names.CURRENT, timedelta(hours=1))


def sloth_groups(slo: Slo) -> Iterator[Group]:
    """The three groups of Sloth, and one more of what reads the whole SLO window."""
    identity, period = sloth_names.sloth_identity(slo), period_of(slo)
    labels = without_group(slo, sloth_names.sloth_labels(slo))
    windows = sorted({*_SHOWN, *alert_windows(slo)})
    ratios = [_error_ratio(slo, window, labels) for window in windows]
    yield grouped_rules(f"sloth-slo-sli-recordings-{slo.id}", ratios)
    yield grouped_rules(f"sloth-slo-meta-recordings-{slo.id}", list(_metadata(slo, labels)))
    alerts = [
        rule
        for policy in slo.alerting.policies
        for rule in burn_alerts(
            slo,
            policy,
            lambda tier: _burning(slo, tier),
            {**identity, sloth_names.SEVERITY_LABEL: policy.severity.value},
        )
    ]
    ticket = {**labels, sloth_names.SEVERITY_LABEL: "ticket"}
    if rules := [*alerts, *absence_alert(slo, "SLODataUnavailable", ticket)]:
        yield grouped_rules(f"sloth-slo-alerts-{slo.id}", rules)
    if period is not None:
        ratio = [] if period in windows else [_error_ratio(slo, period, labels)]
        yield grouped_rules(f"sloth-slo-period-{slo.id}", [*ratio, *_period(slo, period, labels)], BUDGET_INTERVAL)


def limits_of_sloth(slo: Slo) -> Iterator[str]:
    """What Sloth's names do not allow."""
    if slo.sli.by:
        yield (
            "the members of a group share one sloth_id, and Sloth's dashboards show one series for each id; "
            "SLOBURN_METRIC_NAMES=sloth gives each member an id"
        )


def _error_ratio(slo: Slo, window: timedelta, labels: dict[str, str]) -> Rule:
    windowed = {**labels, sloth_names.WINDOW_LABEL: duration_with_weeks(window)}
    return recording(sloth_names.error_ratio_name(window), slo.sli.error_ratio(window), windowed)


def _metadata(slo: Slo, labels: dict[str, str]) -> Iterator[Rule]:
    budget = f"{slo.error_budget:.10g}"
    days = slo.window.nominal / timedelta(days=1)
    yield recording(sloth_names.OBJECTIVE, f"vector({slo.objective:.10g})", labels)
    yield recording(sloth_names.ERROR_BUDGET, f"vector({budget})", labels)
    yield recording(sloth_names.PERIOD_DAYS, f"vector({days:.10g})", labels)
    current = _series(slo, sloth_names.error_ratio_name(sloth_names.CURRENT))
    yield recording(sloth_names.CURRENT_BURN_RATE, f"{current} / {budget}", labels)
    yield recording(sloth_names.INFO, "vector(1)", {**labels, **sloth_names.sloth_about(slo)})


def _period(slo: Slo, period: timedelta, labels: dict[str, str]) -> Iterator[Rule]:
    spent = f"{_series(slo, sloth_names.error_ratio_name(period))} / {slo.error_budget:.10g}"
    yield recording(sloth_names.PERIOD_BURN_RATE, spent, labels)
    yield recording(sloth_names.BUDGET_REMAINING, f"1 - {_series(slo, sloth_names.PERIOD_BURN_RATE)}", labels)
    ticket = {**sloth_names.sloth_identity(slo), sloth_names.SEVERITY_LABEL: "ticket"}
    yield from budget_alerts(slo, _series(slo, sloth_names.BUDGET_REMAINING), ticket)


def _burning(slo: Slo, tier: BurnRateRule) -> str:
    # Without the label of the window, which would make two alerts of the two tiers of one.
    long, short = (
        f"max without ({sloth_names.WINDOW_LABEL}) ({_series(slo, sloth_names.error_ratio_name(window))})"
        f" >= {limit_of(slo, tier)}"
        for window in (tier.long, tier.short)
    )
    return f"({long} and {short})"


def _series(slo: Slo, name: str) -> str:
    identity = ", ".join(f"{label}={quote(value)}" for label, value in sloth_names.sloth_identity(slo).items())
    return f"{name}{{{identity}}}"
