"""How readers get at incidents and transitions, and people mark and annotate them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from app.alerting import Transition
from app.policy import PastIncident, WrittenPostmortem
from app.status.incident_views.known import KnownIncidents
from app.store import StoreUnavailableError
from app.store.alerts import TransitionFilter
from app.store.deliveries import Delivery
from app.store.incident_notes import IncidentMark, IncidentNote
from app.store.incidents import Incident, IncidentFilter, IncidentRecord

_Found = TypeVar("_Found")


class PastAlerts(Protocol):
    """Incidents and transitions, as the database has them or as they are known without it."""

    def listed(
        self, wanted: IncidentFilter, *, limit: int, before: tuple[float, str] | None = None
    ) -> Sequence[Incident]:
        """The newest incidents, newest first; *before* are start (unix seconds) and id of the last of a page."""
        ...

    def find(self, incident: str) -> IncidentRecord | None:
        """One incident with all that is kept of it; None if none with this id is kept."""
        ...

    def deliveries(self, incidents: Sequence[Incident]) -> Mapping[str, Sequence[Delivery]]:
        """The notifications of some incidents by the id of each, oldest first; an incident without any has no entry."""
        ...

    def transitions(
        self, wanted: TransitionFilter, *, limit: int, before_id: int | None = None
    ) -> Sequence[tuple[int, Transition]]:
        """The newest transitions, each with its number, newest first; *before_id* is the last of a page."""
        ...


class IncidentLog(PastAlerts, Protocol):
    """Incidents and transitions that are kept; called in a worker thread.

    Where the database cannot be read, reading raises `StoreUnavailableError`, at once if that was so a moment ago.
    """

    @property
    def known(self) -> KnownIncidents:
        """The newest ones as they were read last, for when the database cannot be read."""
        ...

    def past(self, slos: Collection[str], *, since: datetime, label: str) -> Sequence[PastIncident]:
        """The incidents of some SLOs that lasted or began since a time, each with its value of one *label*."""
        ...

    def set_postmortem(self, incident: str, written: WrittenPostmortem | None) -> bool:
        """Note that the postmortem of an incident is written, or is not; False if there is no such incident."""
        ...

    def set_mark(self, incident: str, mark: IncidentMark | None) -> bool:
        """Mark an incident, or take its mark away; False if there is no such incident."""
        ...

    def add_note(self, incident: str, text: str, *, author: str | None) -> IncidentNote | None:
        """Add a note to an incident; None if there is no such incident.

        Raises:
            TooManyNotesError: it has as many as it may have.
        """
        ...


def read_or_known(log: IncidentLog, read: Callable[[PastAlerts], _Found]) -> tuple[_Found, KnownIncidents | None]:
    """What is read of a log; or of what is *known*, which is then given too, while the database cannot be read."""
    try:
        return read(log), None
    except StoreUnavailableError:
        known = log.known
        return read(known), known
