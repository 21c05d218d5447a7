"""What the rules of all namings are made of."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from app.promql.selector_text import render
from app.slo import BurnRateRule, RollingWindow, SeverityPolicy, Slo, format_duration

# As Prometheus reads them from YAML.
Rule = dict[str, Any]
Group = dict[str, Any]

# The budget reads the whole SLO window at every evaluation, so it is evaluated no more often than people look at it.
BUDGET_INTERVAL: Final = timedelta(minutes=5)


def recording(name: str, expr: str, labels: Mapping[str, str]) -> Rule:
    """A recording rule."""
    return {"record": name, "expr": expr, "labels": dict(labels)}


def grouped_rules(name: str, rules: list[Rule], interval: timedelta | None = None) -> Group:
    """A group of rules; without an *interval* it has that of the server."""
    timed = {} if interval is None else {"interval": format_duration(interval)}
    return {"name": name, **timed, "rules": rules}


def alert_windows(slo: Slo) -> list[timedelta]:
    """The windows that the burn-rate rules of an SLO look back over, the shortest first."""
    tiers = [tier for policy in slo.alerting.policies for tier in policy.rules]
    return sorted({window for tier in tiers for window in (tier.short, tier.long)})


def period_of(slo: Slo) -> timedelta | None:
    """The length of a rolling SLO window; None for a calendar window, which PromQL does not know."""
    return slo.window.duration if isinstance(slo.window, RollingWindow) else None


def limit_of(slo: Slo, tier: BurnRateRule) -> str:
    """The share of bad events at which a burn-rate rule trips."""
    return f"{tier.factor:.10g} * {slo.error_budget:.10g}"


def without_group(slo: Slo, labels: Mapping[str, str]) -> dict[str, str]:
    """The labels but those of the group."""
    # A rule's label overwrites that of the series: the members of a group would all become one.
    return {name: value for name, value in labels.items() if name not in slo.sli.by}


def burn_alerts(
    slo: Slo, policy: SeverityPolicy, burning: Callable[[BurnRateRule], str], labels: Mapping[str, str]
) -> Iterator[Rule]:
    """One alert of all tiers; or, where they wait for different times, one for each such time."""
    if not policy.rules_wait_apart:
        yield _burn_alert(slo, policy, burning, labels)
        return
    waiting: dict[timedelta, list[BurnRateRule]] = {}
    for tier in policy.rules:
        wait = policy.pending_for if tier.pending_for is None else tier.pending_for
        waiting.setdefault(wait, []).append(tier)
    for wait, tiers in waiting.items():
        # Prometheus tells the alerts of two rules apart by their labels only.
        apart = {**labels, "tier": tiers[0].name}
        yield _burn_alert(slo, replace(policy, rules=tuple(tiers), pending_for=wait), burning, apart)


def _burn_alert(
    slo: Slo, policy: SeverityPolicy, burning: Callable[[BurnRateRule], str], labels: Mapping[str, str]
) -> Rule:
    summary = ("summary", f"{slo.service} {slo.name} burns its error budget")
    return alert(
        slo.alerting.name,
        " or ".join(burning(tier) for tier in policy.rules),
        labels={**labels, **dict(slo.alerting.labels), **dict(policy.labels)}
        | {name: labels[name] for name in labels.keys() & {"tier"}},
        annotations=dict((summary, *slo.alerting.annotations, *policy.annotations)),
        pending_for=policy.pending_for,
        keep_firing_for=policy.keep_firing_for,
    )


def alert(
    name: str,
    expr: str,
    *,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    pending_for: timedelta = timedelta(0),
    keep_firing_for: timedelta = timedelta(0),
) -> Rule:
    """An alerting rule."""
    rule: Rule = {"alert": name, "expr": expr}
    if pending_for:
        rule["for"] = format_duration(pending_for)
    if keep_firing_for:
        rule["keep_firing_for"] = format_duration(keep_firing_for)
    return rule | {"labels": _literal(labels), "annotations": _literal(annotations)}


def budget_alerts(slo: Slo, remaining: str, labels: Mapping[str, str]) -> Iterator[Rule]:
    """The tickets about the budget itself; *remaining* is the PromQL of its unspent share."""
    budget = slo.alerting.budget
    if budget is None:
        return
    about = f"the error budget of {slo.service} {slo.name}"
    gone = f"{remaining} <= 0"
    if budget.consumed is not None:
        # Once it is exhausted, that has an alert of its own.
        unless = f" unless {gone}" if budget.exhausted else ""
        expr, summary = (
            f"1 - {remaining} >= {budget.consumed:.10g}{unless}",
            f"{budget.consumed:.4%} of {about} is spent",
        )
        yield alert("ErrorBudgetConsumed", expr, labels=labels, annotations=_annotated(slo, summary))
    if budget.exhausted:
        yield alert("ErrorBudgetExhausted", gone, labels=labels, annotations=_annotated(slo, f"{about} is exhausted"))


def absence_alert(slo: Slo, name: str, labels: Mapping[str, str]) -> Iterator[Rule]:
    """The ticket that says that the SLO has no data; none where the document asks for none, or no series is named."""
    sli = slo.sli
    # Where the rules read native histograms, one that is there is data too.
    native = sli.native if sli.including_native() is sli else ()
    selectors = [render(selector) for selector in (*sli.queries, *native)]
    wait = slo.alerting.no_data_for
    if wait is None or not selectors:
        return
    expr = " and on () ".join(f"absent({selector})" for selector in selectors)
    summary = f"{slo.service} {slo.name} has no data"
    yield alert(name, expr, labels=labels, annotations=_annotated(slo, summary), pending_for=wait)


def _annotated(slo: Slo, summary: str) -> dict[str, str]:
    return dict((("summary", summary), *slo.alerting.annotations))


def _literal(texts: Mapping[str, str]) -> dict[str, str]:
    # Prometheus expands templates in the labels and annotations of alerts; documents hold plain text.
    return {name: text.replace("{{", '{{ "{{" }}') for name, text in texts.items()}
