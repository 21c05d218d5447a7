"""Insert or update: the one statement whose meaning SQLite and PostgreSQL share and that SQLAlchemy spells for each."""

from collections.abc import Callable, Mapping, Sequence
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
    keys = [column.name for column in table.primary_key]
    statement = _INSERT[connection.dialect.name](table)
    names = [name for name in rows[0] if name not in keys] if update is None else update
    values = {name: statement.excluded[name] for name in names}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values), rows)


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows that break no unique constraint."""
    if rows:
        connection.execute(_INSERT[connection.dialect.name](table).on_conflict_do_nothing(), rows)
