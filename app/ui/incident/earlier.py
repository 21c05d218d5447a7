"""Earlier incidents of the same SLO: what was noted then may help again."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from app.status import IncidentLog
from app.store import StoreError
from app.store.incidents import Incident, IncidentFilter
from app.ui.incident.notes import rendered_note

# As many as are looked at while somebody waits; the history of alerts has the rest.
_MOST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierIncident:
    """One incident before: the newest *note* and the *postmortem*, an address; empty where there is none."""

    incident: Incident
    note: Markup | None
    noted_by: str
    postmortem: str


def earlier_incidents(log: IncidentLog, incident: Incident) -> Sequence[EarlierIncident]:
    """The incidents of an SLO before one of them, newest first; none while the database cannot be read."""
    wanted = IncidentFilter(slos=frozenset({incident.slo}))
    try:
        found = log.listed(wanted, limit=_MOST, before=(incident.started_at.timestamp(), incident.id))
        return [_with_notes(log, each) for each in found]
    except (StoreError, TimeoutError):
        # Who was paged needs the rest of the page, most of all while something is wrong.
        return ()


def _with_notes(log: IncidentLog, incident: Incident) -> EarlierIncident:
    record = log.find(incident.id)
    newest = record.notes[-1] if record is not None and record.notes else None
    written = None if record is None else record.postmortem
    return EarlierIncident(
        incident=incident,
        note=None if newest is None else rendered_note(newest.text),
        noted_by=(newest.author or "") if newest is not None else "",
        postmortem="" if written is None else written.url,
    )
