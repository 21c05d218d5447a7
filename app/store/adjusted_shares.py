"""What adjustments took from days and incidents while the ledger still knew it in detail (ADR-0088).

A row is about a span of time of one row of the ledger, under one overlay: a closed report says the same for years.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Connection, Float, Integer, Table, and_, bindparam, delete, select

from app.store.schema import metadata
from app.store.upsert import upsert_records

adjusted_share = Table(
    "adjusted_share",
    metadata,
    Column("row_id", Integer, primary_key=True),
    Column("start_s", Integer, primary_key=True),
    Column("end_s", Integer, primary_key=True),
    # What the overlay was in that time: another one has another row, one that comes back finds its own.
    Column("overlay", BigInteger, primary_key=True, autoincrement=False),
    Column("total", Float(53), nullable=False),
    Column("bad", Float(53), nullable=False),
    Column("total_share", Float(53), nullable=False),
    Column("bad_share", Float(53), nullable=False),
    sqlite_with_rowid=False,
)


class AdjustedShare(NamedTuple):
    """The shares of all and of bad events that an overlay takes from a span of time (unix seconds).

    *total* and *bad* are the events of the span when the shares were computed: where it has been counted again, they
    differ from what it has now.
    """

    row_id: int
    start_s: int
    end_s: int
    overlay: int
    total: float
    bad: float
    total_share: float
    bad_share: float


def save_adjusted_shares(connection: Connection, shares: Sequence[AdjustedShare]) -> None:
    """Write shares over what was there."""
    upsert_records(connection, adjusted_share, shares)


def load_adjusted_shares(
    connection: Connection, row_id: int, *, start_s: float, end_s: float
) -> dict[tuple[int, int, int], AdjustedShare]:
    """What is kept of a row for spans that begin in [start, end), by start, end and overlay."""
    begins = adjusted_share.c.start_s
    mine = and_(adjusted_share.c.row_id == row_id, begins >= start_s, begins < end_s)
    found = (AdjustedShare(*row) for row in connection.execute(select(adjusted_share).where(mine)))
    return {(one.start_s, one.end_s, one.overlay): one for one in found}


def prune_adjusted_shares(connection: Connection, row_ids: Sequence[int], *, before_s: float) -> None:
    """Delete what is kept of some rows for spans that begin before a time."""
    if row_ids:
        old = (adjusted_share.c.row_id == bindparam("row")) & (adjusted_share.c.start_s < before_s)
        connection.execute(delete(adjusted_share).where(old), [{"row": row_id} for row_id in row_ids])
