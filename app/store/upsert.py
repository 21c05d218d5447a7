"""Insert or update: the one statement whose meaning SQLite and PostgreSQL share and that SQLAlchemy spells for each."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Table
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
