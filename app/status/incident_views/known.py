"""The newest incidents and transitions in memory, for pages while the database cannot be read (ADR-0104)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.alerting import Transition
from app.clock import Clock
from app.store import Database
from app.store.alerts import TransitionFilter, list_transitions
from app.store.deliveries import Delivery
from app.store.incidents import Incident, IncidentFilter, IncidentRecord, load_newest_incidents

# Two pages of the history; an incident that is older was not paged for tonight.
_MOST_INCIDENTS = 100
_MOST_TRANSITIONS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIncidents:
    """What was read of the database last, newest first; *at* is when, None if nothing was.

    *changes* are transitions, each with its number.
    """

    at: datetime | None = None
    records: tuple[IncidentRecord, ...] = ()
    changes: tuple[tuple[int, Transition], ...] = ()

    def listed(
        self, wanted: IncidentFilter, *, limit: int, before: tuple[float, str] | None = None
    ) -> Sequence[Incident]:
        """As `IncidentLog.listed`, of those that are known."""
        return [
            one
            for one in (record.incident for record in self.records)
            if wanted.matches(one) and (before is None or (one.started_at.timestamp(), one.id) < before)
        ][:limit]

    def find(self, incident: str) -> IncidentRecord | None:
        """One incident; None if it is not known."""
        return next((one for one in self.records if one.incident.id == incident), None)

    def deliveries(self, incidents: Sequence[Incident]) -> Mapping[str, Sequence[Delivery]]:
        """As `IncidentLog.deliveries`, of those that are known."""
        wanted = {one.id for one in incidents}
        return {one.incident.id: one.deliveries for one in self.records if one.incident.id in wanted}

    def transitions(
        self, wanted: TransitionFilter, *, limit: int, before_id: int | None = None
    ) -> Sequence[tuple[int, Transition]]:
        """As `IncidentLog.transitions`, of those that are known."""
        return [
            (number, one)
            for number, one in self.changes
            if wanted.matches(one) and (before_id is None or number < before_id)
        ][:limit]


class IncidentMemory:
    """Holds the newest incidents; one thread reads them again and again, any takes what is *known*."""

    def __init__(self) -> None:
        self.known = KnownIncidents()

    def read(self, database: Database, clock: Clock) -> None:
        """Read the newest ones.

        Raises:
            StoreError: they cannot be read; those of before stay known.
        """
        at = clock.now()
        with database.read() as transaction:
            changed = list_transitions(transaction, TransitionFilter(), limit=_MOST_TRANSITIONS)
            records = load_newest_incidents(transaction, [one for _, one in changed], limit=_MOST_INCIDENTS)
        self.known = KnownIncidents(at=at, records=records, changes=changed)
