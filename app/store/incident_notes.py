"""What people add to incidents: whether an incident was worth its notifications, and notes."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, Connection, Index, Integer, String, Table, delete, func, insert, select

from app.store.moments import Moment
from app.store.schema import metadata
from app.store.upsert import upsert

incident_mark = Table(
    "incident_mark",
    metadata,
    Column("incident", String, primary_key=True),
    Column("mark", String, nullable=False),
    Column("at", Moment, nullable=False),
)
incident_note = Table(
    "incident_note",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("incident", String, nullable=False),
    Column("at", Moment, nullable=False),
    Column("author", String),
    Column("text", String, nullable=False),
    Index("incident_note_by_incident", "incident", "id"),
)

MOST_NOTES = 100
"""Notes of one incident: more are no notes but a chat, and all of them are one page."""
LONGEST_NOTE, LONGEST_AUTHOR = 10_000, 100
"""Characters that the API and the pages take."""


class IncidentMark(StrEnum):
    """What people say of an incident: its notifications were useful, or they were noise."""

    USEFUL = "useful"
    NOISE = "noise"


class TooManyNotesError(ValueError):
    """An incident has as many notes as it may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentNote:
    """A note in Markdown."""

    id: int
    at: datetime
    author: str | None
    text: str


def set_mark(connection: Connection, incident: str, mark: IncidentMark | None, *, at: datetime) -> None:
    """Mark an incident; None takes the mark away."""
    if mark is None:
        connection.execute(delete(incident_mark).where(incident_mark.c.incident == incident))
        return
    upsert(connection, incident_mark, [{"incident": incident, "mark": mark.value, "at": at}])


def add_note(connection: Connection, incident: str, text: str, *, author: str | None, at: datetime) -> IncidentNote:
    """Add a note to an incident.

    Raises:
        TooManyNotesError: it has `MOST_NOTES` already.
    """
    mine = incident_note.c.incident == incident
    if (connection.execute(select(func.count()).where(mine)).scalar() or 0) >= MOST_NOTES:
        raise TooManyNotesError(f"an incident may have at most {MOST_NOTES} notes")
    values = {"incident": incident, "at": at, "author": author, "text": text}
    id_ = connection.execute(insert(incident_note).values(**values).returning(incident_note.c.id)).scalar_one()
    return IncidentNote(id=id_, at=at, author=author, text=text)


def notes_of(connection: Connection, incident: str) -> tuple[IncidentNote, ...]:
    """The notes of an incident, oldest first."""
    mine = select(incident_note).where(incident_note.c.incident == incident).order_by(incident_note.c.id)
    return tuple(
        IncidentNote(id=row.id, at=row.at, author=row.author, text=row.text) for row in connection.execute(mine)
    )
