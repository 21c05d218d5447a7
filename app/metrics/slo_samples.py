"""The figures of one SLO as typed samples, for those who send them: the same as the lines of `/metrics`."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from app.budget.forecast import Outlook
from app.metrics import families
from app.metrics.families import Family
from app.metrics.labels import Label
from app.metrics.slo_lines import (
    STATES_OF_CAUSE,
    States,
    exhaustion_times,
    figures_of_windows,
    firing_severities,
    histogram_threshold,
    identity_labels,
    info_labels,
    rules_of_severities,
    states_of,
    thresholds_of,
    window_label,
    window_seconds,
)
from app.slo import Cause, Slo, format_duration
from app.status import Snapshot


class SloSample(NamedTuple):
    """One value of a series; its labels are without the metric's name."""

    family: Family
    labels: Sequence[Label]
    value: float


def slo_samples(snapshots: Iterable[Snapshot]) -> Iterator[SloSample]:
    """Every sample of some SLOs and members of groups, those that are NaN left out; of each group its alerts once."""
    groups: set[str] = set()
    for snapshot in snapshots:
        own = identity_labels(snapshot.id, snapshot.slo, snapshot.group)
        for sample in _figures(snapshot, own):
            # NaN is the one value that differs from itself.
            if sample.value == sample.value:
                yield sample
        yield from _alerts(states_of(snapshot), own)
        if snapshot.group and snapshot.slo.id not in groups:
            groups.add(snapshot.slo.id)
            yield from _of_group(snapshot)


def _of_group(member: Snapshot) -> Iterator[SloSample]:
    own = identity_labels(member.slo.id, member.slo)
    yield from _alerts(states_of(member, of_group=True), own)
    if member.refused_members is not None:
        yield SloSample(families.SLO_REFUSED_MEMBERS, own, member.refused_members)


def _figures(snapshot: Snapshot, own: list[Label]) -> Iterator[SloSample]:
    slo, budget = snapshot.slo, snapshot.budget
    yield SloSample(families.SLO_INFO, (*own, *info_labels(slo, own)), 1.0)
    yield SloSample(families.SLO_OBJECTIVE, own, slo.objective)
    if slo.sla is not None:
        yield SloSample(families.SLO_SLA, own, slo.sla.contract)
    histogram = histogram_threshold(slo, snapshot.group)
    if histogram is not None:
        yield SloSample(families.SLO_HISTOGRAM_THRESHOLD, (*own, *histogram[0]), histogram[1])
    for window, sli, burn_rate in figures_of_windows(snapshot, window_label(slo.window)):
        yield SloSample(families.SLO_SLI, (*own, ("window", window)), sli)
        yield SloSample(families.SLO_BURN_RATE, (*own, ("window", window)), burn_rate)
    yield SloSample(families.SLO_CONSUMED, own, budget.consumed_ratio)
    yield SloSample(families.SLO_REMAINING, own, budget.remaining_ratio)
    yield SloSample(families.SLO_MONTH_REMAINING, own, budget.month_remaining_ratio)
    if isinstance(snapshot.forecast, Outlook):
        yield SloSample(families.SLO_FORECAST_ALLOWED, own, snapshot.forecast.allowed_burn_rate)
        for quantile, at_s in exhaustion_times(snapshot.forecast):
            yield SloSample(families.SLO_FORECAST_EXHAUSTED, (*own, ("quantile", quantile)), at_s)
    yield SloSample(families.SLO_EVENTS, (*own, ("outcome", "good")), snapshot.good_ever)
    yield SloSample(families.SLO_EVENTS, (*own, ("outcome", "bad")), snapshot.bad_ever)
    yield SloSample(families.SLO_COVERAGE, own, snapshot.coverage)
    yield SloSample(families.SLO_WINDOW, own, window_seconds(snapshot))
    if snapshot.as_of is not None:
        yield SloSample(families.SLO_MEASURED, own, snapshot.as_of.timestamp())
    if snapshot.data_since is not None:
        yield SloSample(families.SLO_DATA_SINCE, own, snapshot.data_since.timestamp())
    for problem in snapshot.problems:
        yield SloSample(families.SLO_PROBLEM, (*own, ("problem", problem.code), ("level", problem.level)), 1.0)
    yield from _factors(slo, own)


def _factors(slo: Slo, own: list[Label]) -> Iterator[SloSample]:
    rules = rules_of_severities(slo)
    for severity, rule in rules:
        windows = (("long", format_duration(rule.long)), ("short", format_duration(rule.short)))
        yield SloSample(families.SLO_FACTOR, (*own, ("severity", severity), *windows), rule.factor)
    for (severity, window), factor in thresholds_of(rules).items():
        yield SloSample(families.SLO_THRESHOLD, (*own, ("severity", severity), ("window", window)), factor)


def _alerts(states: States, own: list[Label]) -> Iterator[SloSample]:
    for severity, cause, current, _ in states:
        labels = (*own, ("severity", severity), ("cause", cause))
        for state in STATES_OF_CAUSE[cause is Cause.BURN]:
            yield SloSample(families.SLO_STATE, (*labels, ("state", state)), float(state is current))
    for severity, fires in firing_severities(states).items():
        yield SloSample(families.SLO_FIRING, (*own, ("severity", severity)), float(fires))
