"""The Prometheus rules that come closest to what Sloburn does by itself, for those who leave or who compare.

They judge ratios of `rate`, which extrapolates and forgets what a restart or a failed scrape hid; budgets from them are
estimates. A calendar window and the page that mutes a ticket have no equivalent and are left out.

Source: https://sre.google/workbook/alerting-on-slos/, approach 6
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from app.promql.selector_text import quote
from app.slo import BurnRateRule, Labels, RollingWindow, SeverityPolicy, Slo, format_duration

# As Prometheus reads them from YAML.
Rule = dict[str, Any]
Group = dict[str, Any]

# The budget reads the whole SLO window at every evaluation, so it is evaluated no more often than people look at it.
_BUDGET_INTERVAL = timedelta(minutes=5)


def rule_groups(slos: Iterable[Slo]) -> list[Group]:
    """The groups of a rule file, one for the alerts of each SLO and one for its budget."""
    return [group for slo in slos for group in _groups(slo)]


def _groups(slo: Slo) -> Iterator[Group]:
    windows = sorted({window for tier in _tiers(slo) for window in (tier.short, tier.long)})
    if windows:
        ratios = [_error_ratio(slo, window) for window in windows]
        alerts = [alert for policy in slo.alerting.policies for alert in _alerts(slo, policy)]
        yield {"name": slo.id, "rules": [*ratios, *alerts]}
    if isinstance(slo.window, RollingWindow):
        budget = [_budget(slo, slo.window.duration)]
        ratio = [] if slo.window.duration in windows else [_error_ratio(slo, slo.window.duration)]
        yield {"name": f"{slo.id}-budget", "interval": format_duration(_BUDGET_INTERVAL), "rules": [*ratio, *budget]}


def _tiers(slo: Slo) -> Iterator[BurnRateRule]:
    for policy in slo.alerting.policies:
        yield from policy.rules


def _error_ratio(slo: Slo, window: timedelta) -> Rule:
    return {"record": _ratio_name(window), "expr": slo.sli.error_ratio(window), "labels": _labels(slo)}


def _budget(slo: Slo, window: timedelta) -> Rule:
    expr = f"1 - {_ratio_of(slo, window)} / {slo.error_budget:.10g}"
    return {"record": "slo:error_budget_remaining:ratio", "expr": expr, "labels": {"slo": slo.id}}


def _alerts(slo: Slo, policy: SeverityPolicy) -> Iterator[Rule]:
    """One alert of all tiers; or, where they wait for different times, one for each such time."""
    if not policy.rules_wait_apart:
        yield _alert(slo, policy)
        return
    waiting: dict[timedelta, list[BurnRateRule]] = {}
    for tier in policy.rules:
        wait = policy.pending_for if tier.pending_for is None else tier.pending_for
        waiting.setdefault(wait, []).append(tier)
    for wait, tiers in waiting.items():
        alert = _alert(slo, replace(policy, rules=tuple(tiers), pending_for=wait))
        # Prometheus tells the alerts of two rules apart by their labels only.
        alert["labels"] = {**alert["labels"], "tier": tiers[0].name}
        yield alert


def _alert(slo: Slo, policy: SeverityPolicy) -> Rule:
    rule: Rule = {"alert": slo.alerting.name, "expr": " or ".join(_burning(slo, tier) for tier in policy.rules)}
    if policy.pending_for:
        rule["for"] = format_duration(policy.pending_for)
    if policy.keep_firing_for:
        rule["keep_firing_for"] = format_duration(policy.keep_firing_for)
    summary = ("summary", f"{slo.service} {slo.name} burns its error budget")
    annotations = dict((summary, *slo.alerting.annotations, *policy.annotations))
    # The series have it already; without it here promtool takes the rules of several SLOs for duplicates.
    rule["labels"] = _literal({"slo": slo.id, "severity": str(policy.severity), **dict(policy.labels)})
    rule["annotations"] = _literal(annotations)
    return rule


def _burning(slo: Slo, tier: BurnRateRule) -> str:
    limit = f"{tier.factor:.10g} * {slo.error_budget:.10g}"
    long, short = (f"{_ratio_of(slo, window)} >= {limit}" for window in (tier.long, tier.short))
    return f"({long} and {short})"


def _ratio_of(slo: Slo, window: timedelta) -> str:
    return f"{_ratio_name(window)}{{slo={quote(slo.id)}}}"


def _ratio_name(window: timedelta) -> str:
    return f"slo:sli_error:ratio_rate{format_duration(window)}"


def _labels(slo: Slo) -> dict[str, str]:
    own: Labels = (*slo.labels, ("service", slo.service), ("name", slo.name))
    # A rule's label overwrites that of the series: the members of a group would all become one.
    free: Sequence[tuple[str, str]] = [(name, value) for name, value in own if name not in slo.sli.by]
    return dict(free) | {"slo": slo.id}


def _literal(texts: Mapping[str, str]) -> dict[str, str]:
    # Prometheus expands templates in the labels and annotations of alerts; documents hold plain text.
    return {name: text.replace("{{", '{{ "{{" }}') for name, text in texts.items()}
