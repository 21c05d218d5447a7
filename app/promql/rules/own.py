"""Rules under our own names: a recording rule for each window, alerts of both severities, and the budget."""

from collections.abc import Iterator
from datetime import timedelta

from app.promql.rules.parts import (
    BUDGET_INTERVAL,
    Group,
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
from app.slo import BurnRateRule, Slo, format_duration

_REMAINING = "slo:error_budget_remaining:ratio"


def own_groups(slo: Slo) -> Iterator[Group]:
    """One group for the alerts of the SLO, and one for its budget."""
    windows, period = alert_windows(slo), period_of(slo)
    own = {"slo": slo.id}
    all_labels = without_group(slo, {**dict(slo.labels), "service": slo.service, "name": slo.name}) | own
    ratios = {window: recording(_ratio_name(window), slo.sli.error_ratio(window), all_labels) for window in windows}
    alerts = [
        # The series have the id already; without it here promtool takes the rules of several SLOs for duplicates.
        rule
        for policy in slo.alerting.policies
        for rule in burn_alerts(
            slo, policy, lambda tier: _burning(slo, tier), {**own, "severity": policy.severity.value}
        )
    ]
    missing = absence_alert(slo, "SLODataUnavailable", {**all_labels, "severity": "ticket"})
    if rules := [*ratios.values(), *alerts, *missing]:
        yield grouped_rules(slo.id, rules)
    if period is not None:
        ratio = [] if period in windows else [recording(_ratio_name(period), slo.sli.error_ratio(period), all_labels)]
        spent = f"{_ratio_of(slo, period)} / {slo.error_budget:.10g}"
        remaining = recording(_REMAINING, f"1 - {spent}", own)
        tickets = budget_alerts(slo, f"{_REMAINING}{{slo={quote(slo.id)}}}", {**own, "severity": "ticket"})
        yield grouped_rules(f"{slo.id}-budget", [*ratio, remaining, *tickets], BUDGET_INTERVAL)


def _burning(slo: Slo, tier: BurnRateRule) -> str:
    long, short = (f"{_ratio_of(slo, window)} >= {limit_of(slo, tier)}" for window in (tier.long, tier.short))
    return f"({long} and {short})"


def _ratio_of(slo: Slo, window: timedelta) -> str:
    return f"{_ratio_name(window)}{{slo={quote(slo.id)}}}"


def _ratio_name(window: timedelta) -> str:
    return f"slo:sli_error:ratio_rate{format_duration(window)}"
