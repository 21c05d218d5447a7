"""What people add to incidents: whether an incident was worth its notifications, notes, and postmortems."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, Connection, Index, Integer, String, Table, delete, func, insert, select

from app.policy import WrittenPostmortem
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
postmortem = Table(
    "postmortem",
    metadata,
    Column("incident", String, primary_key=True),
    Column("written_at", Moment, nullable=False),
    Column("author", String, nullable=False),
    Column("url", String, nullable=False),
)

MOST_NOTES = 100
"""Notes of one incident: more are no notes but a chat, and all of them are one page."""
LONGEST_NOTE, LONGEST_AUTHOR = 10_000, 100
"""Characters that the API and the pages take."""
POSTMORTEM_URL = r"^(https?://[^\s<>\"'`\\]+)?$"
"""Where a postmortem may be: a link that is safe on pages, or nothing."""


class IncidentMark(StrEnum):
    """What people say of an incident: its notifications were useful, or they were noise."""

    USEFUL = "useful"
    NOISE = "noise"


class MarkFilter(StrEnum):
    """Marks to choose incidents by; none: those without one."""

    USEFUL = IncidentMark.USEFUL.value
    NOISE = IncidentMark.NOISE.value
    NONE = "none"


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


def notes_of(connection: Connection, incidents: Collection[str]) -> Mapping[str, tuple[IncidentNote, ...]]:
    """The notes of each of some incidents, oldest first."""
    mine = select(incident_note).where(incident_note.c.incident.in_(incidents)).order_by(incident_note.c.id)
    found: dict[str, list[IncidentNote]] = defaultdict(list)
    for row in connection.execute(mine):
        found[row.incident].append(IncidentNote(id=row.id, at=row.at, author=row.author, text=row.text))
    return {incident: tuple(notes) for incident, notes in found.items()}


def set_postmortem(connection: Connection, incident_id: str, written: WrittenPostmortem | None) -> None:
    """Note that the postmortem of an incident is written, or that it is not."""
    if written is None:
        connection.execute(delete(postmortem).where(postmortem.c.incident == incident_id))
        return
    values = {"written_at": written.written_at, "author": written.author, "url": written.url}
    upsert(connection, postmortem, [{"incident": incident_id, **values}])


def find_postmortem(connection: Connection, incident_id: str) -> WrittenPostmortem | None:
    """The postmortem of an incident; None if it is not written."""
    return postmortems_of(connection, [incident_id]).get(incident_id)


def postmortems_of(connection: Connection, incidents: Collection[str]) -> Mapping[str, WrittenPostmortem]:
    """The postmortem of each of some incidents of which it is written."""
    rows = connection.execute(select(postmortem).where(postmortem.c.incident.in_(incidents)))
    return {row.incident: WrittenPostmortem(written_at=row.written_at, author=row.author, url=row.url) for row in rows}
