"""The tables of the ledger: its rows, their settled cells in chunks, and how far counting has come."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    delete,
    insert,
    select,
)

from app.store.schema import metadata
from app.store.upsert import upsert

ledger_row = Table(
    "ledger_row",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sli", String, nullable=False),
    Column("group", String, nullable=False),
    Column("used_at", Float, nullable=False),
    UniqueConstraint("sli", "group"),
)
ledger_chunk = Table(
    "ledger_chunk",
    metadata,
    Column("row_id", Integer, primary_key=True),
    Column("width_s", Integer, primary_key=True),
    Column("chunk", Integer, primary_key=True),
    Column("cells", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
ledger_state = Table(
    "ledger_state",
    metadata,
    Column("name", String, primary_key=True),
    Column("state", LargeBinary, nullable=False),
)


LAID_BY = "laid by "
"""Begins the names of states of SLIs that no document asks for now; the key of the SLI follows."""
_STEPPED = "stepped"


class StoredRow(NamedTuple):
    """A row of the ledger: its id, the key of its SLI, and its group as JSON."""

    id: int
    sli: str
    group: str


class StoredChunk(NamedTuple):
    """Some neighbouring cells of a row: number *chunk* of those of one width."""

    row_id: int
    width_s: int
    chunk: int
    cells: bytes


def load_rows(connection: Connection, slis: Iterable[str]) -> list[StoredRow]:
    """The known rows of some SLIs."""
    wanted = set(slis)
    rows = connection.execute(select(ledger_row.c.id, ledger_row.c.sli, ledger_row.c.group).order_by(ledger_row.c.id))
    return [StoredRow(*row) for row in rows if row.sli in wanted]


def add_row(connection: Connection, sli: str, group: str, *, at_s: float) -> int:
    """The id of a row, new if it is not known."""
    known = connection.execute(
        select(ledger_row.c.id).where((ledger_row.c.sli == sli) & (ledger_row.c.group == group))
    ).scalar()
    if known is not None:
        return int(known)
    made = connection.execute(insert(ledger_row).values(sli=sli, group=group, used_at=at_s))
    (row_id,) = made.inserted_primary_key or (0,)
    return int(row_id)


def mark_used(connection: Connection, row_ids: Sequence[int], *, at_s: float) -> None:
    """Note that rows are in use, so that they are not pruned."""
    if row_ids:
        statement = ledger_row.update().where(ledger_row.c.id == bindparam("row")).values(used_at=at_s)
        connection.execute(statement, [{"row": row_id} for row_id in row_ids])


def load_chunks(connection: Connection, row_ids: Iterable[int]) -> Iterable[StoredChunk]:
    """All chunks of some rows, row by row."""
    columns = (ledger_chunk.c.row_id, ledger_chunk.c.width_s, ledger_chunk.c.chunk, ledger_chunk.c.cells)
    for row_id in row_ids:
        for found in connection.execute(select(*columns).where(ledger_chunk.c.row_id == row_id)):
            yield StoredChunk(*found)


def save_chunks(connection: Connection, chunks: Sequence[StoredChunk]) -> None:
    """Write chunks over what was there."""
    upsert(connection, ledger_chunk, [chunk._asdict() for chunk in chunks])


def save_state(connection: Connection, name: str, state: bytes) -> None:
    """Write how far counting has come over what was there."""
    upsert(connection, ledger_state, [{"name": name, "state": state}])


def load_state(connection: Connection, name: str) -> bytes | None:
    """How far counting had come; None at the first start."""
    state = connection.execute(select(ledger_state.c.state).where(ledger_state.c.name == name)).scalar()
    return None if state is None else bytes(state)


def save_stepped(connection: Connection, at: datetime) -> None:
    """Note the newest slot that alerts have been stepped through."""
    save_state(connection, _STEPPED, str(at.timestamp()).encode())


def load_stepped(connection: Connection) -> datetime | None:
    """The newest slot that alerts have been stepped through; None if there is none."""
    stored = load_state(connection, _STEPPED)
    return None if stored is None else datetime.fromtimestamp(float(stored), UTC)


def prune_chunks(connection: Connection, width_s: int, *, before_chunk: int) -> None:
    """Forget the chunks of one width that are older than any window needs."""
    connection.execute(
        delete(ledger_chunk).where((ledger_chunk.c.width_s == width_s) & (ledger_chunk.c.chunk < before_chunk))
    )


def delete_rows(connection: Connection, row_ids: Sequence[int]) -> None:
    """Delete rows with all their cells."""
    for table, column in ((ledger_chunk, ledger_chunk.c.row_id), (ledger_row, ledger_row.c.id)):
        statement = delete(table).where(column == bindparam("gone"))
        if row_ids:
            connection.execute(statement, [{"gone": row_id} for row_id in row_ids])


def prune_rows(connection: Connection, *, unused_since_s: float) -> None:
    """Forget rows that no document has asked for since then, and the states that were laid by for their SLIs."""
    unused = select(ledger_row.c.id).where(ledger_row.c.used_at < unused_since_s)
    connection.execute(delete(ledger_chunk).where(ledger_chunk.c.row_id.in_(unused)))
    connection.execute(delete(ledger_row).where(ledger_row.c.used_at < unused_since_s))
    kept = select(LAID_BY + ledger_row.c.sli)
    connection.execute(
        delete(ledger_state).where(
            ledger_state.c.name.startswith(LAID_BY, autoescape=True) & ledger_state.c.name.not_in(kept)
        )
    )
