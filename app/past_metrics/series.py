"""The names and labels of the figures of the past: those of `/metrics`."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from app.changes import Change
from app.evaluation import ExposedPast, PastFigures, WindowPast
from app.metrics import families
from app.metrics.change_samples import change_labels
from app.metrics.families import Family
from app.metrics.labels import Label
from app.metrics.slo_lines import identity_labels, info_labels, rules_of_severities, thresholds_of, window_label
from app.past_metrics.recorded import NOTHING_RECORDED, IncidentSpan, Recorded, firing_at, newest_changes_at
from app.slo import Cause, Severity, format_duration
from app.slo.arrays import Floats


class PastSeries(NamedTuple):
    """One series: its labels without the metric's name, and a value for each time; NaN where there is no sample."""

    family: Family
    labels: tuple[Label, ...]
    values: Floats


EXPORTED = (
    families.SLO_INFO,
    families.SLO_OBJECTIVE,
    families.SLO_SLI,
    families.SLO_BURN_RATE,
    families.SLO_CONSUMED,
    families.SLO_REMAINING,
    families.SLO_MONTH_REMAINING,
    families.SLO_EVENTS,
    families.SLO_COVERAGE,
    families.SLO_FIRING,
    families.SLO_THRESHOLD,
    families.SLO_LAST_CHANGE,
)
"""The families that have a past, in the order in which `/metrics` has them."""


def past_series(exposed: ExposedPast, figures: PastFigures, recorded: Recorded = NOTHING_RECORDED) -> list[PastSeries]:
    """Every series of one SLO or group member, family by family in the order of `EXPORTED`.

    What a document says (the objective, the labels) is shown as it is now, from the first sample of the SLI on.
    Alerts fire in the incidents that were *recorded*, if those are known; its changes are those of the whole service.
    """
    slo = exposed.past.slo
    own = identity_labels(exposed.id, slo, exposed.group)
    whole = window_label(slo.window)
    views: list[tuple[str, WindowPast]] = [
        (format_duration(length), view) for length, view in figures.windows.items() if format_duration(length) != whole
    ]
    views.append((whole, figures.slo_window))
    there = np.where(np.isnan(figures.good_ever), np.nan, 1.0)
    return [
        PastSeries(families.SLO_INFO, (*own, *info_labels(slo, own)), there),
        PastSeries(families.SLO_OBJECTIVE, tuple(own), there * slo.objective),
        *(PastSeries(families.SLO_SLI, (*own, ("window", window)), view.sli) for window, view in views),
        *(PastSeries(families.SLO_BURN_RATE, (*own, ("window", window)), view.burn_rate) for window, view in views),
        PastSeries(families.SLO_CONSUMED, tuple(own), figures.consumed),
        PastSeries(families.SLO_REMAINING, tuple(own), figures.remaining),
        PastSeries(families.SLO_MONTH_REMAINING, tuple(own), figures.month_remaining),
        PastSeries(families.SLO_EVENTS, (*own, ("outcome", "good")), figures.good_ever),
        PastSeries(families.SLO_EVENTS, (*own, ("outcome", "bad")), figures.bad_ever),
        PastSeries(families.SLO_COVERAGE, tuple(own), figures.coverage),
        *(
            PastSeries(families.SLO_FIRING, (*own, ("severity", severity)), there * firing)
            for severity, firing in _firing(exposed, figures.at_s, recorded.incidents)
        ),
        *(
            PastSeries(families.SLO_THRESHOLD, (*own, ("severity", severity), ("window", window)), there * factor)
            for (severity, window), factor in thresholds_of(rules_of_severities(slo)).items()
        ),
        *_changes(recorded.changes, figures.at_s),
    ]


def _changes(changes: Sequence[Change], at_s: Floats) -> Iterator[PastSeries]:
    """One series for the changes with the same labels, such as deploys without a version."""
    by_labels: dict[tuple[Label, ...], Floats] = defaultdict(lambda: np.full(len(at_s), np.nan))
    for change, shown in newest_changes_at(at_s, changes):
        by_labels[change_labels(change)][shown] = change.started_at.timestamp()
    for labels, values in by_labels.items():
        yield PastSeries(families.SLO_LAST_CHANGE, labels, values)


def _firing(
    exposed: ExposedPast, at_s: Floats, incidents: Sequence[IncidentSpan] | None
) -> Iterator[tuple[Severity, Floats]]:
    """Of each severity that the alerts of the SLO can have, when an incident of it was under way."""
    if incidents is None:
        return
    # The ticket for missing data of a group is one of the whole SLO.
    of_member = (
        severity
        for severity, cause in exposed.past.slo.alerting.alerts
        if not (exposed.group and cause is Cause.NO_DATA)
    )
    for severity in dict.fromkeys(of_member):
        yield severity, firing_at(at_s, severity, incidents)


def with_added(labels: Sequence[Label], added: Sequence[Label]) -> list[Label]:
    """The labels and those that are added, such as `job`; a name that is there already keeps its value.

    >>> with_added([("slo", "a"), ("team", "x")], [("job", "sloburn"), ("team", "y")])
    [('slo', 'a'), ('team', 'x'), ('job', 'sloburn')]
    """
    if not added:
        return list(labels)
    taken = {name for name, _ in labels}
    return [*labels, *((name, value) for name, value in added if name not in taken)]
