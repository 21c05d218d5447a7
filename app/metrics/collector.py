"""The snapshots on the board as metric families, written straight as exposition lines.

prometheus_client needs a second for the 30,000 samples of a thousand SLOs; this needs some tens of milliseconds. All
labels come from documents, so a removed SLO leaves with its snapshot. A value that is NaN is left out: an absent
sample is Prometheus's own way to say "unknown".
"""

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from app.metrics.labels import Label, exported_labels, render_labels
from app.slo import AlertState, CalendarWindow, Cause, Window, format_duration
from app.status import ProblemCode, Snapshot


# Families are constants, and every sample is filed under one: hashing their texts would take a tenth of the time.
@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """One metric: its name, its type and its help."""

    name: str
    kind: Literal["gauge", "counter"]
    documentation: str

    def header(self, *, openmetrics: bool) -> str:
        """The HELP and TYPE lines; OpenMetrics names a counter's family without ``_total``."""
        name = self.name.removesuffix("_total") if openmetrics else self.name
        return f"# HELP {name} {self.documentation}\n# TYPE {name} {self.kind}\n"


_INFO = Family("slo_info", "gauge", "The SLO's labels, objective and window; always 1.")
_OBJECTIVE = Family("slo_objective_ratio", "gauge", "Share of events that must be good over the SLO window.")
_SLI = Family("slo_sli_ratio", "gauge", "Share of events that were good over a window; absent without events.")
_BURN_RATE = Family(
    "slo_burn_rate", "gauge", "Bad ratio over a window in error budgets; 1 spends it in one SLO window."
)
_CONSUMED = Family("slo_error_budget_consumed_ratio", "gauge", "Spent share of the error budget; above 1 if overspent.")
_REMAINING = Family("slo_error_budget_remaining_ratio", "gauge", "Unspent share of the error budget; may be negative.")
_EVENTS = Family("slo_events_total", "counter", "Good and bad events counted since the SLI's first sample.")
_COVERAGE = Family("slo_coverage_ratio", "gauge", "Measured share of the SLO window's slots.")
_WINDOW = Family("slo_window_seconds", "gauge", "Length of the SLO window; of a calendar window, that of its period.")
_MEASURED = Family("slo_last_measured_timestamp_seconds", "gauge", "End of the newest measured slot.")
_DATA_SINCE = Family(
    "slo_data_since_timestamp_seconds", "gauge", "First sample of the SLI; coverage counts from then on."
)
_PROBLEM = Family("slo_problem", "gauge", "1 for each problem with the data of an SLO; absent without problems.")
_FIRING = Family(
    "slo_alert_firing", "gauge", "1 while an alert of a severity fires and is not muted, also while frozen; else 0."
)
_STATE = Family("slo_alert_state", "gauge", "1 for the state that an alert is in, 0 for the others.")
_FACTOR = Family("slo_alert_factor", "gauge", "Burn rate at which a tier of an alert trips, in both of its windows.")
_PROBLEMS = Family("sloburn_slo_problems", "gauge", "SLOs that have a problem with their data.")
_REFUSED = Family(
    "slo_group_refused_members", "gauge", "Members of a group that are not evaluated since it has too many."
)
_SLOS = Family("sloburn_slos", "gauge", "SLOs on the board; every member of a group counts.")

FAMILIES = (
    _INFO,
    _OBJECTIVE,
    _SLI,
    _BURN_RATE,
    _CONSUMED,
    _REMAINING,
    _EVENTS,
    _COVERAGE,
    _WINDOW,
    _MEASURED,
    _DATA_SINCE,
    _PROBLEM,
    _FIRING,
    _STATE,
    _FACTOR,
    _PROBLEMS,
    _REFUSED,
    _SLOS,
)

_OWN_LABELS = frozenset(
    {"slo", "slo_service", "slo_name", "window", "outcome", "severity", "objective", "long", "short", "cause", "state"}
    | {"problem", "level"}
)
# Prometheus and its Operator set these on everything they scrape. Without `honor_labels` they rename ours to
# `exported_...`, with it ours would replace theirs: under the prefix from the start a label has one name in both.
# Source: https://github.com/prometheus-operator/prometheus-operator/blob/main/pkg/prometheus/promcfg.go
_TARGET_LABELS = frozenset({"job", "instance", "namespace", "service", "pod", "container", "endpoint", "node"})
# Names that a group's label may not take, in any family: the same label has one name everywhere.
RESERVED_LABELS = _OWN_LABELS | _TARGET_LABELS

# The states of an alert on a burn, and of any other: those are shown while they fire, and are not frozen.
_STATES = {
    True: tuple(AlertState),
    False: (AlertState.INACTIVE, AlertState.FIRING, AlertState.MUTED),
}

Sample = tuple[Family, str, float]


def render_slos(snapshots: Sequence[Snapshot], *, openmetrics: bool = False) -> str:
    """Every family of the SLOs in the text format or in OpenMetrics, without its closing ``# EOF``."""
    lines: dict[Family, list[str]] = defaultdict(list)
    samples = itertools.chain(*map(_samples, snapshots), _group_alert_samples(snapshots))
    for family, labels, value in samples:
        if not math.isnan(value):
            lines[family].append(f"{family.name}{{{labels}}} {_number(value)}\n")
    lines[_PROBLEMS] += _problem_counts(snapshots)
    for slo, refused in _refused(snapshots).items():
        lines[_REFUSED].append(f"{_REFUSED.name}{{{render_labels(slo)}}} {refused}\n")
    lines[_SLOS].append(f"{_SLOS.name} {len(snapshots)}\n")
    return "".join(
        family.header(openmetrics=openmetrics) + "".join(lines[family]) for family in FAMILIES if family in lines
    )


def window_label(window: Window) -> str:
    """The SLO window as a label value that never changes: ``30d``, or ``month`` for a calendar window."""
    return window.unit.value if isinstance(window, CalendarWindow) else format_duration(window.duration)


def _samples(snapshot: Snapshot) -> Iterator[Sample]:
    group = exported_labels(snapshot.group, taken=RESERVED_LABELS)
    identity = [("slo", snapshot.id), ("slo_service", snapshot.slo.service), ("slo_name", snapshot.slo.name), *group]
    labels = render_labels(identity)
    yield _INFO, f"{labels},{render_labels(_info_labels(snapshot, identity))}", 1.0
    yield _OBJECTIVE, labels, snapshot.slo.objective
    yield from _window_samples(snapshot, labels)
    yield _CONSUMED, labels, snapshot.budget.consumed_ratio
    yield _REMAINING, labels, snapshot.budget.remaining_ratio
    yield _EVENTS, f'{labels},outcome="good"', snapshot.good_ever
    yield _EVENTS, f'{labels},outcome="bad"', snapshot.bad_ever
    yield _COVERAGE, labels, snapshot.coverage
    yield _WINDOW, labels, _window_seconds(snapshot)
    yield _MEASURED, labels, math.nan if snapshot.as_of is None else snapshot.as_of.timestamp()
    if snapshot.data_since is not None:
        yield _DATA_SINCE, labels, snapshot.data_since.timestamp()
    for problem in snapshot.problems:
        yield _PROBLEM, f'{labels},problem="{problem.code}",level="{problem.level}"', 1.0
    yield from _alert_samples(snapshot, labels)
    for policy in snapshot.slo.alerting.policies:
        for tier in policy.rules:
            windows = f'long="{format_duration(tier.long)}",short="{format_duration(tier.short)}"'
            yield _FACTOR, f'{labels},severity="{policy.severity}",{windows}', tier.factor


def _refused(snapshots: Sequence[Snapshot]) -> dict[tuple[Label, ...], int]:
    """Of every group, how many members it refuses; by the labels of the whole SLO."""
    return {
        (("slo", one.slo.id), ("slo_service", one.slo.service), ("slo_name", one.slo.name)): one.refused_members
        for one in snapshots
        if one.refused_members is not None
    }


def _window_seconds(snapshot: Snapshot) -> float:
    window = snapshot.slo.window
    period = window.nominal if snapshot.as_of is None else window.period(snapshot.as_of)
    return period.total_seconds()


def _problem_counts(snapshots: Sequence[Snapshot]) -> Iterator[str]:
    # Of one SLO only what it has is listed: twenty series at zero for each would double the page.
    counts = Counter(code for snapshot in snapshots for code in {problem.code for problem in snapshot.problems})
    for code in ProblemCode:
        yield f'{_PROBLEMS.name}{{problem="{code}"}} {counts[code]}\n'


def _info_labels(snapshot: Snapshot, identity: Sequence[Label]) -> list[Label]:
    own = [("objective", f"{snapshot.slo.objective:.10g}"), ("window", window_label(snapshot.slo.window))]
    taken = {name for name, _ in identity} | RESERVED_LABELS
    return own + exported_labels(snapshot.slo.labels, taken=taken)


def _window_samples(snapshot: Snapshot, labels: str) -> Iterator[Sample]:
    whole = window_label(snapshot.slo.window)
    for view in snapshot.windows:
        window = format_duration(view.window)
        if window != whole:
            yield _SLI, f'{labels},window="{window}"', view.sli
            yield _BURN_RATE, f'{labels},window="{window}"', view.burn_rate
    yield _SLI, f'{labels},window="{whole}"', snapshot.sli
    yield _BURN_RATE, f'{labels},window="{whole}"', (1.0 - snapshot.sli) / snapshot.slo.error_budget


def _of_group(snapshot: Snapshot, cause: Cause) -> bool:
    """Whether alerts with this cause are of the whole group that the snapshot is a member of."""
    return bool(snapshot.group) and cause is Cause.NO_DATA


def _group_alert_samples(snapshots: Sequence[Snapshot]) -> Iterator[Sample]:
    """The alerts of whole groups: one ticket says that data is missing, however many members a group has."""
    # Every member shows the alerts of its group.
    first_members = {one.slo.id: one for one in reversed(snapshots) if one.group}
    for one in reversed(first_members.values()):
        labels = render_labels([("slo", one.slo.id), ("slo_service", one.slo.service), ("slo_name", one.slo.name)])
        yield from _alert_samples(one, labels, of_group=True)


def _alert_samples(snapshot: Snapshot, labels: str, *, of_group: bool = False) -> Iterator[Sample]:
    """Whether each severity fires, and the state of every alert that the SLO, or its group as a whole, can have."""
    alerts = [alert for alert in snapshot.alerts if _of_group(snapshot, alert.cause) is of_group]
    states = {
        (severity, cause): AlertState.INACTIVE
        for severity, cause in snapshot.slo.alerting.alerts
        if _of_group(snapshot, cause) is of_group
    }
    states |= {(alert.severity, alert.cause): alert.state for alert in alerts}
    firing = {severity: False for severity, _ in states}
    for alert in alerts:
        firing[alert.severity] |= alert.firing
    for severity, fires in firing.items():
        yield _FIRING, f'{labels},severity="{severity}"', float(fires)
    for (severity, cause), current in states.items():
        for state in _STATES[cause is Cause.BURN]:
            value = float(state is current)
            yield _STATE, f'{labels},severity="{severity}",cause="{cause}",state="{state}"', value


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))
