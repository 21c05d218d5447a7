"""A whole database copied into another: from the SQLite file of one process to PostgreSQL for several."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Integer, Table, func, insert, select

from app.replicas import ALL_SHARDS
from app.store.database import Database
from app.store.errors import StoreError
from app.store.instances import instance
from app.store.ledger import evaluation, load_stepped
from app.store.migrate import schema_support
from app.store.shards import shard
from app.store.shown import shown_shard
from app.store.tables import metadata
from app.store.upsert import insert_missing

# Of each process, and of who evaluates what: the new database has its own.
_NOT_COPIED = frozenset({instance, shard, shown_shard, evaluation, schema_support})
# Chunks of the ledger are kilobytes each.
_ROWS_AT_ONCE = 1_000
_SUM_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSum:
    """What a table has: its rows, and the sum of a hash of each, in any order."""

    rows: int = 0
    sum: int = 0

    def plus(self, rows: Sequence[Mapping[str, Any]]) -> "TableSum":
        """The same with more rows."""
        return TableSum(rows=self.rows + len(rows), sum=(self.sum + sum(map(_hash, rows))) % (1 << 8 * _SUM_BYTES))


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedTable:
    """One table after the copy; it is whole if both sums are the same."""

    name: str
    source: TableSum
    target: TableSum

    @property
    def is_whole(self) -> bool:
        """Whether the target has the rows of the source, and no other."""
        return self.source == self.target


def copy_database(
    source: Database, target: Database, *, copied: Callable[[CopiedTable], object] = lambda _: None
) -> Sequence[CopiedTable]:
    """Copy all rows of *source* that *target* lacks, then compare both; *copied* is called after each table.

    One that was interrupted goes on when it is called again. Neither may be in use.

    Raises:
        StoreError: one of them cannot be read or written, or processes work on the target.
    """
    _check_unused(target)
    done = []
    for table in metadata.sorted_tables:
        if table in _NOT_COPIED:
            continue
        found = _copy_table(source, target, table)
        with target.read() as transaction:
            there = reduce(TableSum.plus, _rows(transaction, table), TableSum())
        one = CopiedTable(name=table.name, source=found, target=there)
        done.append(one)
        copied(one)
    _copy_stepped(source, target)
    return done


def _check_unused(target: Database) -> None:
    with target.read() as transaction:
        others = target.living(transaction) - {target.instance}
    if others:
        raise StoreError("a sloburn works on the database that is copied to: stop it first")


def _copy_table(source: Database, target: Database, table: Table) -> TableSum:
    """Copy the rows of a table that the target lacks; what the source has."""
    found = TableSum()
    with source.read() as reading:
        for rows in _rows(reading, table):
            found = found.plus(rows)
            with target.begin() as writing:
                insert_missing(writing, table, rows)
    with target.begin() as writing:
        _continue_numbers(writing, table)
    return found


def _rows(transaction: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    """The rows of a table, some at a time."""
    found = transaction.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(table))
    for some in found.partitions():
        yield [dict(row._mapping) for row in some]  # noqa: SLF001  its mapping


def _continue_numbers(transaction: Connection, table: Table) -> None:
    """Let PostgreSQL number new rows from behind those that were copied with their numbers."""
    number = table.autoincrement_column
    if transaction.dialect.name != "postgresql" or number is None or not isinstance(number.type, Integer):
        return
    newest = transaction.execute(select(func.max(number))).scalar()
    if newest is not None:
        sequence = func.pg_get_serial_sequence(table.name, number.name)
        transaction.execute(select(func.setval(sequence, newest)))


def _copy_stepped(source: Database, target: Database) -> None:
    """Note for each shard the newest slot that alerts were stepped through, which a file has once for all."""
    with source.read() as transaction:
        stepped = load_stepped(transaction)
    if stepped is None:
        return
    with target.begin() as transaction:
        known = set(transaction.execute(select(shard.c.shard)).scalars())
        rows = [_free_shard(number, stepped) for number in ALL_SHARDS if number not in known]
        if rows:
            transaction.execute(insert(shard), rows)


def _free_shard(number: int, stepped: datetime) -> Mapping[str, Any]:
    return {"shard": number, "owner": None, "epoch": 0, "expires_at_s": 0.0, "stepped_at": stepped}


def _hash(row: Mapping[str, Any]) -> int:
    plain = repr([(name, _plain(row[name])) for name in sorted(row)])
    return int.from_bytes(blake2b(plain.encode(), digest_size=_SUM_BYTES).digest())


def _plain(value: Any) -> Any:
    """A value as both databases give it: PostgreSQL orders the keys of objects and writes some numbers otherwise."""
    if isinstance(value, Mapping):
        return sorted((key, _plain(each)) for key, each in value.items())
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return bytes(value) if isinstance(value, memoryview) else value
