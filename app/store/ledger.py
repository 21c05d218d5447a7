"""The tables of the ledger: its rows, their final cells in chunks, their days, and how far alerts were stepped."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    JSON,
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
    exists,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.slo import GroupKey
from app.store.moments import Moment
from app.store.schema import metadata
from app.store.upsert import insert_missing, upsert, upsert_records

ledger_row = Table(
    "ledger_row",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sli", String, nullable=False),
    # PostgreSQL compares documents as JSONB only.
    Column("group", JSON().with_variant(JSONB(), "postgresql"), nullable=False),
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
daily_total = Table(
    "daily_total",
    metadata,
    # The row comes first: a reader wants the days of one row, and they lie side by side.
    Column("row_id", Integer, primary_key=True),
    Column("start_s", Integer, primary_key=True),
    Column("length_s", Integer, primary_key=True),
    Column("total", Float, nullable=False),
    Column("bad", Float, nullable=False),
    Column("measured_s", Float, nullable=False),
    sqlite_with_rowid=False,
)
evaluation = Table(
    "evaluation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("stepped_at", Moment, nullable=False),
)

# The table has one row.
_THE_EVALUATION = 1
_has_days = exists().where(daily_total.c.row_id == ledger_row.c.id)
# Rows in one statement: SQLite allows 32,766 parameters.
_AT_ONCE = 500


class StoredRow(NamedTuple):
    """A row of the ledger: its id, the key of its SLI, and its group."""

    id: int
    sli: str
    group: GroupKey


class StoredChunk(NamedTuple):
    """Some neighbouring cells of a row: number *chunk* of those of one width."""

    row_id: int
    width_s: int
    chunk: int
    cells: bytes


def load_rows(connection: Connection, slis: Iterable[str]) -> list[StoredRow]:
    """The known rows of some SLIs, in the order in which they were added."""
    wanted, found = list(slis), []
    for start in range(0, len(wanted), _AT_ONCE):
        some = ledger_row.c.sli.in_(wanted[start : start + _AT_ONCE])
        found += [
            StoredRow(row.id, row.sli, tuple((label, value) for label, value in row.group))
            for row in connection.execute(select(ledger_row).where(some))
        ]
    return sorted(found)


def find_row_id(connection: Connection, sli: str, group: GroupKey) -> int | None:
    """The id of the row of one member of an SLI; None if it is not known."""
    # Of an SLI with thousands of members the others are not read.
    return connection.scalar(select(ledger_row.c.id).where(ledger_row.c.sli == sli, ledger_row.c.group == group))


def add_rows(connection: Connection, rows: Sequence[tuple[str, GroupKey]]) -> list[int]:
    """The ids of rows, each the key of an SLI and a group; those that are not known are added in this order."""
    insert_missing(connection, ledger_row, [{"sli": sli, "group": group} for sli, group in rows])
    known = {(row.sli, row.group): row.id for row in load_rows(connection, {sli for sli, _ in rows})}
    return [known[row] for row in rows]


def load_chunks(connection: Connection, row_ids: Iterable[int]) -> Iterable[StoredChunk]:
    """All chunks of some rows, row by row."""
    columns = (ledger_chunk.c.row_id, ledger_chunk.c.width_s, ledger_chunk.c.chunk, ledger_chunk.c.cells)
    for row_id in row_ids:
        for found in connection.execute(select(*columns).where(ledger_chunk.c.row_id == row_id)):
            yield StoredChunk(*found)


def save_chunks(connection: Connection, chunks: Sequence[StoredChunk]) -> None:
    """Write chunks over what was there."""
    upsert_records(connection, ledger_chunk, chunks)


def prune_chunks(connection: Connection, width_s: int, *, before_chunk: int) -> None:
    """Forget the chunks of one width that are older than any window needs."""
    connection.execute(
        delete(ledger_chunk).where((ledger_chunk.c.width_s == width_s) & (ledger_chunk.c.chunk < before_chunk))
    )


def forget_rows(connection: Connection, row_ids: Sequence[int]) -> None:
    """Delete the cells of rows, and the rows that have no day: reports read the days for years (ADR-0070)."""
    if not row_ids:
        return
    for statement in (
        delete(ledger_chunk).where(ledger_chunk.c.row_id == bindparam("gone")),
        delete(ledger_row).where((ledger_row.c.id == bindparam("gone")) & ~_has_days),
    ):
        connection.execute(statement, [{"gone": row_id} for row_id in row_ids])


def forget_rows_of(connection: Connection, slis: Sequence[str]) -> None:
    """Delete the cells of the rows of SLIs, and the rows that have no day."""
    mine = ledger_row.c.sli.in_(slis)
    connection.execute(delete(ledger_chunk).where(ledger_chunk.c.row_id.in_(select(ledger_row.c.id).where(mine))))
    connection.execute(delete(ledger_row).where(mine & ~_has_days))


def save_stepped(connection: Connection, at: datetime) -> None:
    """Note the newest slot that alerts have been stepped through."""
    upsert(connection, evaluation, [{"id": _THE_EVALUATION, "stepped_at": at}])


def load_stepped(connection: Connection) -> datetime | None:
    """The newest slot that alerts have been stepped through; None if there is none."""
    return connection.execute(select(evaluation.c.stepped_at)).scalar()
