"""The lines of one SLO, or of one member of its group.

Labels are put into text once for each SLO, and the lines of its alerts once for all SLOs whose alerts are in the same
states: what is left for each evaluation are some twenty values.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from app.budget.forecast import Outlook
from app.metrics.families import (
    RESERVED_LABELS,
    SLO_BURN_RATE,
    SLO_CONSUMED,
    SLO_COVERAGE,
    SLO_DATA_SINCE,
    SLO_EVENTS,
    SLO_FACTOR,
    SLO_FIRING,
    SLO_FORECAST_ALLOWED,
    SLO_FORECAST_EXHAUSTED,
    SLO_HISTOGRAM_THRESHOLD,
    SLO_INFO,
    SLO_MEASURED,
    SLO_MONTH_REMAINING,
    SLO_OBJECTIVE,
    SLO_PROBLEM,
    SLO_REMAINING,
    SLO_SLA,
    SLO_SLI,
    SLO_STATE,
    SLO_THRESHOLD,
    SLO_WINDOW,
)
from app.metrics.labels import Label, exported_labels, render_labels
from app.metrics.sample_lines import Lines, add_sample, number_text
from app.promql.buckets import bound_of
from app.promql.inclusion import histogram_of
from app.promql.metric_names import BUCKET, NAME
from app.promql.selector_text import render
from app.slo import (
    TENANT_LABEL,
    AlertState,
    BurnRateRule,
    CalendarWindow,
    Cause,
    GroupKey,
    Matcher,
    MatchOp,
    Selector,
    Severity,
    Slo,
    SloId,
    Window,
    format_duration,
)
from app.status import AlertView, Snapshot

States = tuple[tuple[Severity, Cause, AlertState, bool], ...]
"""Of every alert of an SLO its state, and whether it fires."""

Rules = tuple[tuple[Severity, BurnRateRule], ...]

STATES_OF_CAUSE = {
    True: tuple(AlertState),
    False: (AlertState.INACTIVE, AlertState.FIRING, AlertState.MUTED),
}
"""The states of an alert on a burn, and of any other: those are shown while they fire, and are not frozen."""
_ANY_NAME = f'{NAME}!=""'
# Where the labels of an SLO go in a text that SLOs share; no label has this character.
_LABELS = "\0"


class KnownTexts:
    """What is written once: by SLO, and by the states of alerts."""

    def __init__(self) -> None:
        self._of_slos: dict[SloId, _SloText] = {}
        self._of_alerts: dict[States, tuple[str, str]] = {}

    def add_about(self, lines: Lines, snapshot: Snapshot) -> None:
        """Add the lines of one SLO that say what it is to those of each family."""
        self._text(snapshot).add_about(lines)

    def add_windows(self, lines: Lines, snapshot: Snapshot) -> None:
        """Add the lines of the windows of one SLO."""
        self._text(snapshot).add_windows(lines, snapshot)

    def add_figures(self, lines: Lines, snapshot: Snapshot) -> None:
        """Add the lines of all other figures of one SLO."""
        self._text(snapshot).add_figures(lines, snapshot)

    def add_alerts(self, lines: Lines, snapshot: Snapshot) -> None:
        """Add the lines of the alerts of one SLO, and of their rules."""
        text = self._text(snapshot)
        lines[SLO_FACTOR].append(text.factors.replace(_LABELS, text.labels))
        lines[SLO_THRESHOLD].append(text.thresholds.replace(_LABELS, text.labels))
        resting = len(snapshot.alerts) <= text.policies and all(map(_is_at_rest, snapshot.alerts))
        self._add_alerts(lines, text.labels, text.at_rest if resting else states_of(snapshot))

    def add_alerts_of_group(self, lines: Lines, member: Snapshot) -> None:
        """Add the alerts of a whole group: one ticket says that data is missing, however many members a group has."""
        self._add_alerts(lines, labels_of_slo(member.slo), states_of(member, of_group=True))

    def forget_all_but(self, snapshots: Sequence[Snapshot]) -> None:
        """Forget the SLOs that have gone."""
        if len(self._of_slos) > len(snapshots):
            there = {snapshot.id for snapshot in snapshots}
            self._of_slos = {slo_id: text for slo_id, text in self._of_slos.items() if slo_id in there}

    def _text(self, snapshot: Snapshot) -> "_SloText":
        text = self._of_slos.get(snapshot.id)
        if text is None or text.slo is not snapshot.slo or text.group != snapshot.group:
            text = self._of_slos[snapshot.id] = _SloText.of(snapshot)
        return text

    def _add_alerts(self, lines: Lines, labels: str, states: States) -> None:
        texts = self._of_alerts.get(states)
        if texts is None:
            texts = self._of_alerts[states] = _alert_lines(states)
        firing, state = texts
        lines[SLO_FIRING].append(firing.replace(_LABELS, labels))
        lines[SLO_STATE].append(state.replace(_LABELS, labels))


def identity_labels(slo_id: SloId, slo: Slo, group: GroupKey = ()) -> list[Label]:
    """The labels that every series of an SLO has, or of the member of its group with this id."""
    own = exported_labels(group, taken=RESERVED_LABELS)
    # Without tenants the label is free for documents.
    tenant = [(TENANT_LABEL, slo.tenant)] if slo.tenant else []
    return [("slo", slo_id), ("slo_service", slo.service), ("slo_name", slo.name), *tenant, *own]


def labels_of_slo(slo: Slo) -> str:
    """The labels that every line of a whole SLO has."""
    return render_labels(identity_labels(slo.id, slo))


def window_label(window: Window) -> str:
    """The SLO window as a label value that never changes: ``30d``, or ``month`` for a calendar window."""
    return window.unit.value if isinstance(window, CalendarWindow) else format_duration(window.duration)


@dataclass(frozen=True, slots=True, kw_only=True)
class _SloText:
    """What is written once of an SLO or a member of its group: its *labels*, and the length of its *whole* window.

    *at_rest* are the states of its alerts while none does anything, *policies* is how many of them are of burn rates.
    """

    slo: Slo
    group: GroupKey
    labels: str
    info: str
    histogram: tuple[str, float] | None
    whole: str
    factors: str
    thresholds: str
    at_rest: States
    policies: int

    @classmethod
    def of(cls, snapshot: Snapshot) -> "_SloText":
        slo, identity = snapshot.slo, identity_labels(snapshot.id, snapshot.slo, snapshot.group)
        labels, rules = render_labels(identity), rules_of_severities(slo)
        return cls(
            slo=slo,
            group=snapshot.group,
            labels=labels,
            info=f"{labels},{render_labels(info_labels(slo, identity))}",
            histogram=_histogram_text(labels, slo, snapshot.group),
            whole=window_label(slo.window),
            factors=_factor_lines(rules),
            thresholds=_threshold_lines(rules),
            at_rest=states_of(replace(snapshot, alerts=())),
            policies=len(slo.alerting.policies),
        )

    def add_about(self, lines: Lines) -> None:
        """Add what the document says."""
        rest = f"{{{self.labels}}} "
        lines[SLO_INFO].append(f"{SLO_INFO.name}{{{self.info}}} 1.0\n")
        add_sample(lines, SLO_OBJECTIVE, rest, self.slo.objective)
        if self.slo.sla is not None:
            add_sample(lines, SLO_SLA, rest, self.slo.sla.contract)
        if self.histogram is not None:
            of_histogram, threshold = self.histogram
            add_sample(lines, SLO_HISTOGRAM_THRESHOLD, of_histogram, threshold)

    def add_figures(self, lines: Lines, snapshot: Snapshot) -> None:
        """Add all figures but those of windows."""
        labels, budget = self.labels, snapshot.budget
        rest = f"{{{labels}}} "
        add_sample(lines, SLO_CONSUMED, rest, budget.consumed_ratio)
        add_sample(lines, SLO_REMAINING, rest, budget.remaining_ratio)
        add_sample(lines, SLO_MONTH_REMAINING, rest, budget.month_remaining_ratio)
        if isinstance(snapshot.forecast, Outlook):
            add_sample(lines, SLO_FORECAST_ALLOWED, rest, snapshot.forecast.allowed_burn_rate)
            for quantile, at_s in exhaustion_times(snapshot.forecast):
                add_sample(lines, SLO_FORECAST_EXHAUSTED, f'{{{labels},quantile="{quantile}"}} ', at_s)
        add_sample(lines, SLO_COVERAGE, rest, snapshot.coverage)
        add_sample(lines, SLO_WINDOW, rest, window_seconds(snapshot))
        if snapshot.as_of is not None:
            add_sample(lines, SLO_MEASURED, rest, snapshot.as_of.timestamp())
        if snapshot.data_since is not None:
            add_sample(lines, SLO_DATA_SINCE, rest, snapshot.data_since.timestamp())
        add_sample(lines, SLO_EVENTS, f'{{{labels},outcome="good"}} ', snapshot.good_ever)
        add_sample(lines, SLO_EVENTS, f'{{{labels},outcome="bad"}} ', snapshot.bad_ever)
        for problem in snapshot.problems:
            add_sample(lines, SLO_PROBLEM, f'{{{labels},problem="{problem.code}",level="{problem.level}"}} ', 1.0)

    def add_windows(self, lines: Lines, snapshot: Snapshot) -> None:
        """Add SLI and burn rate of each window."""
        for window, sli, burn_rate in figures_of_windows(snapshot, self.whole):
            rest = f'{{{self.labels},window="{window}"}} '
            add_sample(lines, SLO_SLI, rest, sli)
            add_sample(lines, SLO_BURN_RATE, rest, burn_rate)


def exhaustion_times(forecast: Outlook) -> Iterator[tuple[str, float]]:
    """The quantiles in which a forecast exhausts the budget until its end, and when, in Unix seconds."""
    for quantile, at in (("0.1", forecast.earliest), ("0.5", forecast.expected), ("0.9", forecast.latest)):
        if at is not None:
            yield quantile, at.timestamp()


# SLOs share few lengths of windows and sets of rules.
_duration = lru_cache(maxsize=1024)(format_duration)


@lru_cache(maxsize=1024)
def _factor_lines(rules: Rules) -> str:
    return "".join(
        f'{SLO_FACTOR.name}{{{_LABELS},severity="{severity}",long="{format_duration(rule.long)}",'
        f'short="{format_duration(rule.short)}"}} {number_text(rule.factor)}\n'
        for severity, rule in rules
    )


@lru_cache(maxsize=1024)
def _threshold_lines(rules: Rules) -> str:
    return "".join(
        f'{SLO_THRESHOLD.name}{{{_LABELS},severity="{severity}",window="{window}"}} {number_text(factor)}\n'
        for (severity, window), factor in thresholds_of(rules).items()
    )


def rules_of_severities(slo: Slo) -> Rules:
    """Every burn-rate rule of the SLO with its severity."""
    return tuple((policy.severity, rule) for policy in slo.alerting.policies for rule in policy.rules)


def thresholds_of(rules: Rules) -> dict[tuple[Severity, str], float]:
    """By severity and window, the least factor of the tiers that look at it, in the order of the tiers."""
    found: dict[tuple[Severity, str], float] = {}
    for severity, rule in rules:
        for window in (format_duration(rule.long), format_duration(rule.short)):
            found[severity, window] = min(rule.factor, found.get((severity, window), rule.factor))
    return found


def figures_of_windows(snapshot: Snapshot, whole: str) -> Iterator[tuple[str, float, float]]:
    """The label, the SLI and the burn rate of each window; the last one is that of the SLO, with the label *whole*."""
    for view in snapshot.windows:
        window = _duration(view.window)
        if window != whole:
            yield window, view.sli, view.burn_rate
    yield whole, snapshot.sli, (1.0 - snapshot.sli) / snapshot.slo.error_budget


def window_seconds(snapshot: Snapshot) -> float:
    """The length of the SLO window; of a calendar window, that of the current period."""
    window = snapshot.slo.window
    period = window.nominal if snapshot.as_of is None else window.period(snapshot.as_of)
    return period.total_seconds()


def info_labels(slo: Slo, identity: Sequence[Label]) -> list[Label]:
    """What `slo_info` has beside the labels of every series of the SLO."""
    own = [("objective", f"{slo.objective:.10g}"), ("window", window_label(slo.window)), *_runbook(slo)]
    taken = {name for name, _ in identity} | RESERVED_LABELS
    labels = [label for label in slo.labels if not (slo.tenant and label[0] == TENANT_LABEL)]
    return own + exported_labels(labels, taken=taken)


def histogram_threshold(slo: Slo, group: GroupKey) -> tuple[list[Label], float] | None:
    """The histogram of a latency SLI, what is selected of it, and the largest bound of the buckets that are counted.

    None for other SLIs, and where several histograms are counted.
    """
    of_member = [Matcher(label, MatchOp.EQUAL, value) for label, value in group]
    found: dict[tuple[str, str], list[float]] = {}
    for bucket in slo.sli.buckets:
        name, bound = histogram_of(bucket), bound_of(bucket)
        others = [matcher for matcher in bucket.matchers if matcher.label not in {NAME, BUCKET}]
        if name is not None and bound is not None:
            # Never empty, as a label without a value would be: dashboards put it into braces behind the name.
            selected = render(Selector((*others, *of_member)))[1:-1] if others or of_member else _ANY_NAME
            found.setdefault((name, selected), []).append(float(bound))
    if len(found) != 1:
        return None
    (((name, selector), bounds),) = found.items()
    return [("histogram", name), ("selector", selector)], max(bounds)


def _histogram_text(labels: str, slo: Slo, group: GroupKey) -> tuple[str, float] | None:
    found = histogram_threshold(slo, group)
    return None if found is None else (f"{{{labels},{render_labels(found[0])}}} ", found[1])


def _runbook(slo: Slo) -> list[Label]:
    """The runbook that a document names for all alerts of the SLO, or for the first severity that has one."""
    several = (slo.alerting.annotations, *(policy.annotations for policy in slo.alerting.policies))
    found = [(name, value) for annotations in several for name, value in annotations if name == "runbook_url"]
    return found[:1]


def _of_group(snapshot: Snapshot, cause: Cause) -> bool:
    """Whether alerts with this cause are of the whole group that the snapshot is a member of."""
    return bool(snapshot.group) and cause is Cause.NO_DATA


def _is_at_rest(alert: AlertView) -> bool:
    return alert.state is AlertState.INACTIVE and alert.cause is Cause.BURN


def states_of(snapshot: Snapshot, *, of_group: bool = False) -> States:
    """Every alert that the SLO, or its group as a whole, can have, with its state and whether it fires."""
    states: dict[tuple[Severity, Cause], tuple[AlertState, bool]] = {
        alert: (AlertState.INACTIVE, False)
        for alert in snapshot.slo.alerting.alerts
        if _of_group(snapshot, alert[1]) is of_group
    }
    states |= {
        (alert.severity, alert.cause): (alert.state, alert.firing)
        for alert in snapshot.alerts
        if _of_group(snapshot, alert.cause) is of_group
    }
    return tuple((severity, cause, *state) for (severity, cause), state in states.items())


def firing_severities(states: States) -> dict[Severity, bool]:
    """Of each severity, whether an alert of it fires."""
    firing: dict[Severity, bool] = {}
    for severity, _, _, fires in states:
        firing[severity] = firing.get(severity, False) or fires
    return firing


def _alert_lines(states: States) -> tuple[str, str]:
    """Whether each severity fires, and the state of every alert."""
    return (
        "".join(
            f'{SLO_FIRING.name}{{{_LABELS},severity="{severity}"}} {float(fires)}\n'
            for severity, fires in firing_severities(states).items()
        ),
        "".join(
            f'{SLO_STATE.name}{{{_LABELS},severity="{severity}",cause="{cause}",state="{state}"}} '
            f"{float(state is current)}\n"
            for severity, cause, current, _ in states
            for state in STATES_OF_CAUSE[cause is Cause.BURN]
        ),
    )
