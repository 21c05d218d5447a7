"""The incidents that may need a postmortem."""

from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import Connection, and_, or_, select

from app.policy import PastIncident, WrittenPostmortem
from app.store.incident_notes import postmortem
from app.store.incidents import incident, incident_label
from app.store.json_text import storable

# Below the number of variables that SQLite takes in one statement.
_AT_ONCE = 500


def slos_with_incidents(connection: Connection, *, since: datetime) -> list[str]:
    """The SLOs and members that had incidents since a time."""
    query = select(incident.c.slo).where(incident.c.started_at >= since).distinct()
    return list(connection.execute(query).scalars())


def past_incidents(
    connection: Connection, slos: Collection[str], *, since: datetime, label: str = ""
) -> Iterator[PastIncident]:
    """The incidents of some SLOs that lasted or began since a time, each with its value of one *label*."""
    of_label = and_(incident_label.c.incident == incident.c.id, incident_label.c.name == label)
    columns = [incident.c[name] for name in ("id", "slo", "started_at", "ended_at", "spent")]
    query = (
        select(*columns, incident_label.c.value, postmortem.c.written_at, postmortem.c.author, postmortem.c.url)
        .select_from(
            incident.outerjoin(incident_label, of_label).outerjoin(postmortem, postmortem.c.incident == incident.c.id)
        )
        # What one whose alerts fire has spent is in those; one that has ended without a figure needs none.
        .where(or_(incident.c.ended_at.is_(None), and_(incident.c.ended_at >= since, incident.c.spent.is_not(None))))
    )
    wanted = storable(sorted(slos))
    for start in range(0, len(wanted), _AT_ONCE):
        for row in connection.execute(query.where(incident.c.slo.in_(wanted[start : start + _AT_ONCE]))):
            yield PastIncident(
                id=row.id,
                slo=row.slo,
                labels=((label, row.value),) if row.value is not None else (),
                started_at=row.started_at,
                ended_at=row.ended_at,
                spent=row.spent,
                written=None
                if row.written_at is None
                else WrittenPostmortem(written_at=row.written_at, author=row.author, url=row.url),
            )
