"""Rules under the names and labels of those that Pyrra generates.

Source: https://github.com/pyrra-dev/pyrra/blob/main/slo/rules.go
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from app.promql.metric_names import BUCKET, NAME, name_of
from app.promql.rules.parts import (
    Group,
    Rule,
    absence_alert,
    alert,
    alert_windows,
    grouped_rules,
    limit_of,
    period_of,
    recording,
    without_group,
)
from app.promql.selector_text import by_clause, quote, render
from app.slo import (
    BurnRateRule,
    Events,
    MatchOp,
    Selector,
    Severity,
    SeverityPolicy,
    SliKind,
    Slo,
    duration_with_weeks,
)

# The interval that Pyrra gives to its groups of rules.
_INTERVAL = timedelta(seconds=30)
# Of the group that reads the whole SLO window: half a minute, and as much again for each week of it.
_LONGEST_INTERVAL = timedelta(minutes=4)
_RATE = timedelta(minutes=5)
_SUFFIXES = ("_total", "_count", "_bucket")
_SEVERITIES = {Severity.PAGE: "critical", Severity.TICKET: "warning"}
_REGEXES = frozenset({MatchOp.REGEX, MatchOp.NOT_REGEX})


def pyrra_groups(slo: Slo) -> Iterator[Group]:
    """The groups of Pyrra; none for an SLI without a metric, after which Pyrra names what it records."""
    metric = _metric(slo)
    if metric is None:
        return
    labels, name, period = _labels(slo), _name(slo), period_of(slo)
    burn_rates = [
        recording(_burn_rate_name(metric, window), slo.sli.error_ratio(window), labels) for window in alert_windows(slo)
    ]
    alerts = [_alert(slo, policy, tier, metric, labels) for policy in slo.alerting.policies for tier in policy.rules]
    if rules := [*burn_rates, *alerts]:
        yield grouped_rules(name, rules, _INTERVAL)
    missing = list(absence_alert(slo, "SLOMetricAbsent", {**labels, "severity": "critical"}))
    if period is not None:
        available = recording("pyrra_availability", f"1 - ({slo.sli.error_ratio(period)})", labels)
        rules = [*_increases(slo, period, labels), available, *missing]
        yield grouped_rules(f"{name}-increase", rules, _interval(period))
    elif missing:
        yield grouped_rules(f"{name}-increase", missing, _INTERVAL)
    yield grouped_rules(f"{name}-generic", list(_generic(slo, labels)), _INTERVAL)


def limits_of_pyrra(slo: Slo) -> Iterator[str]:
    """What Pyrra's names do not allow."""
    if _metric(slo) is None:
        yield "left out: Pyrra names what it records after a metric, and the SLI has none"
        return
    if _parts(slo) is None:
        yield (
            "the counts of Pyrra (increase, pyrra_requests_total, pyrra_errors_total) are of one counter of all events "
            "and one of the bad or the good ones, which this SLI is not made of"
        )
    elif slo.sli.native and slo.sli.including_native() is slo.sli:
        yield "the counts of Pyrra (increase, pyrra_requests_total, pyrra_errors_total) are of classic histograms only"
    if slo.alerting.budget is not None:
        yield "Pyrra has no alerts on the budget itself"


def _metric(slo: Slo) -> str | None:
    return name_of(slo.sli.terms[0].selector) if slo.sli.terms else None


def _name(slo: Slo) -> str:
    return dict(slo.labels).get("slo", slo.id)


def _labels(slo: Slo) -> dict[str, str]:
    """The labels of every series: those of the document, and the matchers of all events that have one value."""
    total = slo.sli.terms[0].selector
    fixed = {one.label: one.value for one in total.matchers if one.op is MatchOp.EQUAL and one.label != NAME}
    return without_group(slo, {**fixed, **dict(slo.labels)}) | {"slo": _name(slo)}


def _base(metric: str) -> str:
    for suffix in _SUFFIXES:
        metric = metric.removesuffix(suffix)
    return metric


def _burn_rate_name(metric: str, window: timedelta) -> str:
    return f"{_base(metric)}:burnrate{duration_with_weeks(window)}"


def _interval(period: timedelta) -> timedelta:
    # As Pyrra has them: 30 s below a week, 2m30s at four weeks, at most 4 minutes.
    return min(_INTERVAL * (1 + period // timedelta(weeks=1)), _LONGEST_INTERVAL)


def _alert(slo: Slo, policy: SeverityPolicy, tier: BurnRateRule, metric: str, labels: Mapping[str, str]) -> Rule:
    """One alert for each burn-rate rule, as Pyrra has them."""
    long, short = (
        f"{_burn_rate_name(metric, window)}{{slo={quote(_name(slo))}}} >= {limit_of(slo, tier)}"
        for window in (tier.long, tier.short)
    )
    return alert(
        slo.alerting.name,
        f"{short} and {long}",
        labels={
            **labels,
            "severity": _SEVERITIES[policy.severity],
            **dict(slo.alerting.labels),
            **dict(policy.labels),
            "short": duration_with_weeks(tier.short),
            "long": duration_with_weeks(tier.long),
            "exhaustion": duration_with_weeks(slo.window.nominal / tier.factor),
        },
        annotations=dict((*slo.alerting.annotations, *policy.annotations)),
        pending_for=policy.pending_for if tier.pending_for is None else tier.pending_for,
        keep_firing_for=policy.keep_firing_for,
    )


def _parts(slo: Slo) -> tuple[Selector, Selector, Events] | None:
    """The counter of all events, that of some of them, and whether those are the bad or the good ones."""
    terms = slo.sli.terms
    if slo.sli.kind is not SliKind.COUNTERS or len(terms) != len({Events.TOTAL, Events.BAD}):
        return None
    total, part = terms
    weights = (total.weights.total, total.weights.bad, part.weights.total, part.weights.bad)
    if name_of(total.selector) is None or name_of(part.selector) is None:
        return None
    events = {(1.0, 0.0, 0.0, 1.0): Events.BAD, (1.0, 1.0, 0.0, -1.0): Events.GOOD}.get(weights)
    return None if events is None else (total.selector, part.selector, events)


def _increases(slo: Slo, period: timedelta, labels: Mapping[str, str]) -> Iterator[Rule]:
    """How much each counter grew in the SLO window, by the labels that tell its parts apart."""
    parts = _parts(slo)
    if parts is None:
        return
    total, part, _ = parts
    known = {matcher.label for matcher in total.matchers}
    apart = {one.label for one in part.matchers if one.label not in known} | {
        one.label for one in total.matchers if one.op in _REGEXES
    }
    by = sorted({*slo.sli.by, *apart} - {NAME, BUCKET})
    # The errors are a part of what is recorded for the total, unless they have a metric of their own.
    selectors = [total] if name_of(total) == name_of(part) else [total, part]
    for selector in selectors:
        bound = {one.label: one.value for one in selector.matchers if one.label == BUCKET}
        name = f"{_base(name_of(selector) or '')}:increase{duration_with_weeks(period)}"
        grown = f"sum{by_clause(by)} (increase({render(selector)}[{duration_with_weeks(period)}]))"
        free = {label: value for label, value in labels.items() if label not in by}
        yield recording(name, grown, free | bound)


def _generic(slo: Slo, labels: Mapping[str, str]) -> Iterator[Rule]:
    """What Pyrra's dashboards show."""
    yield recording("pyrra_objective", f"vector({slo.objective:.10g})", labels)
    yield recording("pyrra_window", f"vector({slo.window.nominal.total_seconds():.10g})", labels)
    parts = _parts(slo)
    if parts is None:
        return
    counters = tuple(render(selector) for selector in parts[:2])
    rates = tuple(f"rate({counter}[{duration_with_weeks(_RATE)}])" for counter in counters)
    for suffix, (total, part) in (("_total", counters), (":rate5m", rates)):
        everything, some = (f"sum{by_clause(slo.sli.by)} ({one})" for one in (total, part))
        # Without a series of errors there were none.
        selected = f"({some} or 0 * {everything})"
        yield recording(f"pyrra_requests{suffix}", everything, labels)
        errors = selected if parts[2] is Events.BAD else f"{everything} - {selected}"
        yield recording(f"pyrra_errors{suffix}", errors, labels)
