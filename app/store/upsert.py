"""Insert or update: the one statement whose meaning SQLite and PostgreSQL share and that SQLAlchemy spells for each."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite

_INSERT: Final[Mapping[str, Callable[[Table], sqlite.Insert | postgresql.Insert]]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}


def upsert(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, update: Sequence[str] | None = None
) -> None:
    """Insert rows; where the primary key exists, the columns *update* are written over, None being all that are given.

    All *rows* have the same columns.
    """
    if not rows:
        return
    names = tuple(rows[0] if update is None else update)
    connection.execute(_upsert(connection.dialect.name, table, names), rows)


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows that break no unique constraint."""
    if rows:
        connection.execute(_insert_missing(connection.dialect.name, table), rows)


def upsert_records(connection: Connection, table: Table, records: Sequence[tuple[Any, ...]]) -> None:
    """As `upsert`, of records with a value for every column of the table, in its order, as drivers take them.

    These are numbers, texts and bytes; None is NULL.
    """
    if records:
        _execute(connection, table, _upsert_text(connection.dialect, table), records)


def insert_missing_records(connection: Connection, table: Table, records: Sequence[tuple[Any, ...]]) -> None:
    """As `insert_missing`, of records as `upsert_records` takes them."""
    if records:
        _execute(connection, table, _insert_missing_text(connection.dialect, table), records)


def _execute(connection: Connection, table: Table, text: str, records: Sequence[tuple[Any, ...]]) -> None:
    # SQLAlchemy would convert value by value, which takes longer than to write them: an evaluation of 10,000 SLOs has
    # 20,000 records.
    if connection.dialect.positional:
        connection.exec_driver_sql(text, list(records))
    else:
        names = table.c.keys()
        connection.exec_driver_sql(text, [dict(zip(names, record, strict=True)) for record in records])


# Each evaluation writes to five tables, and to make a statement takes as long as to execute it.
@cache
def _upsert(dialect: str, table: Table, names: tuple[str, ...]) -> sqlite.Insert | postgresql.Insert:
    keys = [column.name for column in table.primary_key]
    statement = _INSERT[dialect](table)
    values = {name: statement.excluded[name] for name in names if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=values)


@cache
def _insert_missing(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    return _INSERT[dialect](table).on_conflict_do_nothing()


# Every database that is opened has a dialect of its own.
@lru_cache(maxsize=64)
def _upsert_text(dialect: Dialect, table: Table) -> str:
    names = table.c.keys()
    return str(_upsert(dialect.name, table, tuple(names)).compile(dialect=dialect, column_keys=names))


@lru_cache(maxsize=64)
def _insert_missing_text(dialect: Dialect, table: Table) -> str:
    return str(_insert_missing(dialect.name, table).compile(dialect=dialect, column_keys=table.c.keys()))
