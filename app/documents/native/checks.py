"""What the parts of an SLO must be to each other; single fields are checked as they are read."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

from app.alerting.policy import check_rule
from app.documents.native.composites import CompositeSliModel
from app.documents.native.interval_counts import DatadogSliModel, NewRelicSliModel
from app.documents.native.model import (
    AggregateModel,
    AlertingModel,
    PolicyModel,
    SloEntry,
    TierModel,
)
from app.documents.native.parts import factor_of, window_of
from app.documents.windows import calendar_problem
from app.slo import BurnRateRule, CalendarWindow, MatchOp, NoData, Selector, Severity, Sli, Window, format_duration
from app.yamldoc.findings import FieldFinding, FieldPath
from app.yamldoc.scalars import name_problem

SLICES_OF_SEVERAL = (
    "are decided by one Prometheus, and the SLO is counted from several",
    "write the SLO without time_slices, and a composite worst_of or weighted of it, which has slices",
)
"""What is wrong with slices of an SLO of several sources, and what to write instead."""

SLICES_OF_COUNTS = (
    "are decided by Prometheus, and the SLO counts events of another service",
    "write the SLO without time_slices, and a composite worst_of or weighted of it, which has slices",
)
"""What is wrong with slices of counts of intervals, and what to write instead."""


def check_slo(slo: SloEntry, labels: Mapping[str, str]) -> Iterator[FieldFinding]:
    """Everything that makes the SLO unusable; *labels* are those of its document."""
    problem_of_name = name_problem(slo.name) if slo.id is None else None
    if problem_of_name is not None:
        yield FieldFinding(("name",), *problem_of_name)
    # Before its groups, since an SLI with findings of its own cannot be made, and its groups not be checked.
    found = list(slo.sli.findings(slo.by))
    yield from found
    if not found:
        yield from _check_groups(slo, slo.sli.sli(slo.by), {**labels, **slo.labels})
    if slo.sla is not None and slo.sla.penalty_free >= slo.sla.contract:
        problem = "is as much as the contract: no penalty would ever be due"
        yield FieldFinding(("sla", "penalty_free"), problem, "write percentage points, such as 0.1")
    if slo.source is not None and isinstance(slo.sli, CompositeSliModel):
        problem = "a composite is counted from the sources of its components"
        yield FieldFinding(("source",), problem, "write it for each component, and remove it")
    if slo.time_slices is not None:
        yield from slo.time_slices.findings()
        if isinstance(slo.sli, DatadogSliModel | NewRelicSliModel):
            yield FieldFinding(("time_slices",), *SLICES_OF_COUNTS)
        if isinstance(slo.sli, CompositeSliModel):
            problem = "a composite counts slices already"
            yield FieldFinding(("time_slices",), problem, "write slice: and target: below sli:, and remove it")
    yield from _check_window(window_of(slo.window))
    if slo.aggregate is not None:
        yield from _check_aggregate(slo, slo.aggregate)
    yield from check_alerting(slo.alerting, slo)


def _check_window(window: Window) -> Iterator[FieldFinding]:
    problem = calendar_problem(window) if isinstance(window, CalendarWindow) else None
    if problem is not None:
        yield FieldFinding(("window", "every"), *problem)


def _check_aggregate(slo: SloEntry, aggregate: AggregateModel) -> Iterator[FieldFinding]:
    """Whether there is a group, and whether the alerts of all its members together can fire."""
    if not slo.by:
        yield FieldFinding(("aggregate",), "has no group to add up", "write by: and its labels, or remove it")
    if aggregate.alerting is not None:
        own = {"alerting": aggregate.alerting, "objective": aggregate.objective or slo.objective}
        for finding in check_alerting(aggregate.alerting, slo.model_copy(update=own)):
            yield replace(finding, path=("aggregate", *finding.path))


def check_alerting(alerting: AlertingModel, slo: SloEntry | None = None) -> Iterator[FieldFinding]:
    """Whether evidence, policies and rules do not contradict each other, nor the SLO; without one they are for any."""
    if alerting.evidence is None and "min_bad_events" in alerting.model_fields_set:
        problem = "asks for evidence, which is off"
        yield FieldFinding(("alerting", "min_bad_events"), problem, "remove it, or evidence: off")
    if alerting.no_data_for is None and alerting.no_data is not NoData.FREEZE:
        problem = f"never comes to {alerting.no_data}, since no_data_for is off"
        yield FieldFinding(("alerting", "no_data"), problem, "write no_data_for: 10m, or remove it")
    yield from _check_policy(slo, Severity.PAGE, alerting.page)
    yield from _check_policy(slo, Severity.TICKET, alerting.ticket)


def _check_groups(slo: SloEntry, sli: Sli, labels: Mapping[str, str]) -> Iterator[FieldFinding]:
    for i, label in enumerate(sli.by):
        path: FieldPath = ("by", i) if slo.by else ("sli",)
        if label in sli.by[:i]:
            yield FieldFinding(path, f"{label} is given twice", "remove one of them")
        # A group by `le` would be one SLO for each bucket, each of which holds the events of the smaller ones.
        if label == "le":
            yield FieldFinding(path, "le identifies buckets, not SLOs", "remove it")
        elif sli.terms:
            yield from _check_group(sli, label, path)
        if label in labels:
            problem = f"{label} is a label of the SLO already, with the value {labels[label]!r}"
            yield FieldFinding(path, problem, "remove it from by, or from labels")


def _check_group(sli: Sli, label: str, path: FieldPath) -> Iterator[FieldFinding]:
    """Whether events can be good and bad in each value of a label."""
    totals = [term.selector for term in sli.terms if term.weights.total > 0]
    if all(is_fixed(total, label) for total in totals):
        # A warning: documents of other tools have such groups, and they are no less right with one member.
        return
    deciding = next((term for term in sli.terms if not term.weights.total and _has_matcher(term.selector, label)), None)
    if deciding is not None and not any(_has_matcher(total, label) for total in totals):
        problem = f"{label} decides what is {deciding.events}: every group would be all good or all bad"
        yield FieldFinding(path, problem, f"remove it from by, or its matcher from {deciding.events}")


def is_fixed(selector: Selector, label: str) -> bool:
    """Whether all series of a selector have one value of the label."""
    return any(matcher.label == label and matcher.op is MatchOp.EQUAL for matcher in selector.matchers)


def _has_matcher(selector: Selector, label: str) -> bool:
    return any(matcher.label == label for matcher in selector.matchers)


def _check_policy(slo: SloEntry | None, severity: Severity, policy: PolicyModel | None) -> Iterator[FieldFinding]:
    if policy is None:
        return
    seen: set[tuple[timedelta, timedelta, timedelta]] = set()
    for i, tier in enumerate(policy.tiers):
        path = ("alerting", str(severity), "tiers", i)
        # With another wait it is another rule: at a higher factor an alert may wait for less.
        windows = tier.long, tier.short, policy.pending_for if tier.pending_for is None else tier.pending_for
        if windows in seen:
            yield FieldFinding(path, "has the same windows as a tier before", "remove one of them")
        seen.add(windows)
        yield from _check_tier(tier, path, slo)


def _check_tier(tier: TierModel, path: FieldPath, slo: SloEntry | None) -> Iterator[FieldFinding]:
    if tier.short >= tier.long:
        problem = f"{format_duration(tier.short)} is not shorter than the long window, {format_duration(tier.long)}"
        yield FieldFinding((*path, "short"), problem, _shorter(tier))
        return
    if slo is not None and tier.long > (longest := window_of(slo.window).nominal):
        remedy = f"write at most {format_duration(longest)}"
        yield FieldFinding((*path, "long"), f"{format_duration(tier.long)} is longer than the SLO window", remedy)
    if (tier.factor is None) == (tier.budget is None):
        problem = "needs a factor" if tier.factor is None else "factor and budget exclude each other"
        yield FieldFinding(path, problem, "write one of them: factor: 14.4, or budget: 2%")
        return
    if slo is not None:
        yield from _check_rate(tier, path, window_of(slo.window), slo.objective)
    elif tier.factor is not None:
        yield from _refusal((*path, "factor"), tier, tier.factor, None)


def _check_rate(tier: TierModel, path: FieldPath, window: Window, objective: float) -> Iterator[FieldFinding]:
    """Whether the objective and the SLO window allow the factor."""
    factor = factor_of(tier, window)
    if tier.budget is None:
        yield from _refusal((*path, "factor"), tier, factor, objective)
    else:
        for finding in _refusal((*path, "budget"), tier, factor, objective):
            yield replace(finding, remedy=_as_budget(tier, window, objective))


def _refusal(path: FieldPath, tier: TierModel, factor: float, objective: float | None) -> Iterator[FieldFinding]:
    refusal = check_rule(BurnRateRule(long=tier.long, short=tier.short, factor=factor), objective)
    if refusal is not None:
        yield FieldFinding(path, *refusal)


def _shorter(tier: TierModel) -> str:
    if tier.short > tier.long:
        return f"write long: {format_duration(tier.short)} and short: {format_duration(tier.long)}"
    return f"write short: {format_duration(tier.long / 12)}"


def _as_budget(tier: TierModel, window: Window, objective: float) -> str:
    share = tier.long / window.nominal
    lowest, highest = 100 * share, min(100.0, 100 * share / (1 - objective))
    return f"write a budget of {lowest:.3g}% to {highest:.3g}%, or a factor"
