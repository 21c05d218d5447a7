"""Incidents that people know of by marks on past alerts."""

from collections.abc import Iterable
from datetime import datetime

from app.replay.incidents.files import LabelledIncident
from app.replay.incidents.found import IncidentSource, ReplayIncident
from app.store.incident_notes import IncidentMark
from app.store.incidents import Incident, IncidentFilter

MOST_MARKED = 1_000
"""Past alerts that are looked at, the newest."""


def marked_filter(since: datetime, until: datetime) -> IncidentFilter:
    """The past alerts of a time that have any mark."""
    return IncidentFilter(since=since, until=until, marks=frozenset(IncidentMark))


def marked_incidents(past: Iterable[Incident], *, until: datetime) -> tuple[LabelledIncident, ...]:
    """What marks on past alerts say: useful ones are incidents, noise is none."""
    return tuple(
        LabelledIncident(
            incident=ReplayIncident(
                # What an alert tells of began before it.
                start=one.first_bad_at or one.started_at,
                end=one.ended_at or until,
                source=IncidentSource.MARKED,
                is_noise=one.mark is IncidentMark.NOISE,
            ),
            slo=str(one.slo),
        )
        for one in past
    )
