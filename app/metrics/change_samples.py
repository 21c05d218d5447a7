"""The newest changes of services as samples: what dashboards mark on their graphs."""

from collections.abc import Collection, Iterable, Iterator

from app.changes import Change
from app.metrics.families import SLO_LAST_CHANGE
from app.metrics.labels import Label, render_labels
from app.metrics.sample_lines import number_text
from app.metrics.slo_samples import SloSample

# Tools write whole commit messages into a version; labels are to be read on a graph.
_LONGEST = 80


def change_labels(change: Change) -> tuple[Label, ...]:
    """The labels of a change, without those that have no value: to Prometheus these do not exist."""
    labels = (
        ("slo_service", change.service),
        ("environment", change.environment[:_LONGEST]),
        ("kind", change.kind.value),
        ("version", change.version[:_LONGEST]),
    )
    return tuple((name, value) for name, value in labels if value)


def change_samples(changes: Iterable[Change], services: Collection[str]) -> Iterator[SloSample]:
    """When each of the changes of some services began."""
    for change in changes:
        if change.service in services:
            yield SloSample(SLO_LAST_CHANGE, change_labels(change), change.started_at.timestamp())


def render_changes(changes: Iterable[Change], services: Collection[str], *, openmetrics: bool) -> str:
    """The family of the changes of some services; nothing without any."""
    lines = [
        f"{sample.family.name}{{{render_labels(sample.labels)}}} {number_text(sample.value)}\n"
        for sample in change_samples(changes, services)
    ]
    return SLO_LAST_CHANGE.header(openmetrics=openmetrics) + "".join(lines) if lines else ""
