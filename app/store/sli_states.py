"""How far each SLI has been counted: one row of what is final, and one of what is provisional.

The two are apart since an evaluation changes the latter only; the former, the larger half, changes every five minutes.
"""

import zlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    bindparam,
    delete,
    select,
)

from app.store.ledger import forget_rows_of, ledger_row
from app.store.schema import metadata
from app.store.upsert import upsert_records

STATE_FORMAT = 1
"""Raised whenever the layout of a binary column changes; `app/evaluation/saving/state_records.py` has the layouts."""

# Times are unix seconds. Binary columns are records of a fixed layout, each of one member, series, cell and so on.
sli_state = Table(
    "sli_state",
    metadata,
    Column("sli", String, primary_key=True),
    Column("format", Integer, nullable=False),
    Column("interval_s", Integer, nullable=False),
    Column("settled_s", Float(53), nullable=False),
    Column("complete_from_s", Float(53), nullable=False),
    Column("wanted_from_s", Float(53), nullable=False),
    Column("members", LargeBinary, nullable=False),
    Column("counters", LargeBinary, nullable=False),
    Column("dips", LargeBinary, nullable=False),
    Column("first_sightings", LargeBinary, nullable=False),
    Column("first_values", LargeBinary, nullable=False),
    Column("new_series", LargeBinary, nullable=False),
    Column("history_cells", LargeBinary, nullable=False),
    Column("checksum", BigInteger, nullable=False),
    Column("used_at_s", Float(53), nullable=False),
)
sli_provisional = Table(
    "sli_provisional",
    metadata,
    Column("sli", String, primary_key=True),
    Column("counted_s", Float(53), nullable=False),
    Column("members", LargeBinary, nullable=False),
    Column("counters", LargeBinary, nullable=False),
    Column("cells", LargeBinary, nullable=False),
    Column("settled_cells", LargeBinary, nullable=False),
    Column("checksum", BigInteger, nullable=False),
)

# Rows in one statement, whose blobs are some kilobytes each.
_AT_ONCE = 500
State = TypeVar("State", "FinalState", "ProvisionalState")


class FinalState(NamedTuple):
    """The columns of `sli_state`; a tuple, since an evaluation makes one for each SLI."""

    sli: str
    format: int
    interval_s: int
    settled_s: float
    complete_from_s: float
    wanted_from_s: float
    members: bytes
    counters: bytes
    dips: bytes
    first_sightings: bytes
    first_values: bytes
    new_series: bytes
    history_cells: bytes

    @property
    def checksum(self) -> int:
        """A number that differs where a state differs: it shows damage, and what need not be written."""
        return _checksum(self[:6], self[6:])


class ProvisionalState(NamedTuple):
    """The columns of `sli_provisional`; its members and counters are in the order of those of the final state."""

    sli: str
    counted_s: float
    members: bytes
    counters: bytes
    cells: bytes
    settled_cells: bytes

    @property
    def checksum(self) -> int:
        """A number that differs where a state differs."""
        return _checksum(self[:2], self[2:])


class SliState(NamedTuple):
    """Both parts of the state of one SLI."""

    final: FinalState
    provisional: ProvisionalState


def load_interval(connection: Connection) -> int | None:
    """The evaluation interval, in seconds, of the SLI that was evaluated last; None if none was."""
    newest = select(sli_state.c.interval_s).order_by(sli_state.c.used_at_s.desc()).limit(1)
    return connection.execute(newest).scalar()


def load_states(connection: Connection, slis: Iterable[str]) -> list[SliState]:
    """The states of those of *slis* that have one.

    Raises:
        ValueError: one is damaged.
    """
    wanted, found = list(slis), []
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        finals = connection.execute(select(sli_state).where(sli_state.c.sli.in_(some)))
        provisionals = connection.execute(select(sli_provisional).where(sli_provisional.c.sli.in_(some)))
        by_sli = {row.sli: _read(ProvisionalState, row) for row in provisionals}
        found += [SliState(_read(FinalState, row), by_sli[row.sli]) for row in finals]
    return found


def save_finals(connection: Connection, states: Sequence[tuple[FinalState, int]], *, at_s: float) -> None:
    """Write states with their checksums over what was there."""
    upsert_records(connection, sli_state, [(*state, checksum, at_s) for state, checksum in states])


def save_provisionals(connection: Connection, states: Sequence[tuple[ProvisionalState, int]]) -> None:
    """Write states with their checksums over what was there."""
    upsert_records(connection, sli_provisional, [(*state, checksum) for state, checksum in states])


def mark_used(connection: Connection, slis: Sequence[str], *, at_s: float) -> None:
    """Note that SLIs are in use, so that they are not pruned."""
    if slis:
        used = sli_state.update().where(sli_state.c.sli == bindparam("key")).values(used_at_s=at_s)
        connection.execute(used, [{"key": sli} for sli in slis])


def prune_states(connection: Connection, *, unused_since_s: float) -> None:
    """Delete all that is known of SLIs that no document has asked for since then, but for their days."""
    unused = connection.execute(select(sli_state.c.sli).where(sli_state.c.used_at_s < unused_since_s)).scalars().all()
    for start in range(0, len(unused), _AT_ONCE):
        some = unused[start : start + _AT_ONCE]
        forget_rows_of(connection, some)
        for table in (sli_provisional, sli_state):
            connection.execute(delete(table).where(table.c.sli.in_(some)))


def rows_without_state(connection: Connection) -> list[int]:
    """The rows of SLIs that are pruned, which have nothing but days."""
    known = select(sli_state.c.sli)
    return list(connection.execute(select(ledger_row.c.id).where(ledger_row.c.sli.not_in(known))).scalars())


def _checksum(identity: tuple[str | float, ...], blobs: Sequence[bytes]) -> int:
    # The shortest text that gives a number back is the same in every process.
    return zlib.crc32(b"".join(blobs), zlib.crc32(repr(identity).encode()))


def _read(kind: type[State], row: Row[Any]) -> State:
    state = kind(*(getattr(row, name) for name in kind._fields))
    if state.checksum != row.checksum:
        raise ValueError(f"the state of SLI {row.sli} is not what was written")
    return state
