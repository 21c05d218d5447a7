"""New SQLite databases of tests get the tables of the revisions as statements: to run the revisions takes far longer.

Services in processes of their own and `tests/store/test_migrations.py` run the revisions.
"""

from functools import cache

from sqlalchemy import Connection, create_engine, text

from app.store.migrate import migrate


def migrate_by_copy(connection: Connection, *, how_to_start_anew: str) -> None:
    """As `migrate`."""
    if connection.execute(text("SELECT count(*) FROM sqlite_master")).scalar_one():
        migrate(connection, how_to_start_anew=how_to_start_anew)
        return
    for statement in _statements():
        connection.exec_driver_sql(statement)


@cache
def _statements() -> tuple[str, ...]:
    """What makes the tables that the revisions make, and notes the newest."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        migrate(connection, how_to_start_anew="")
        made = connection.execute(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")).scalars().all()
        revision = connection.execute(text("SELECT version_num FROM schema_revision")).scalar_one()
    engine.dispose()
    return (*made, f"INSERT INTO schema_revision VALUES ('{revision}')")  # noqa: S608  a constant
