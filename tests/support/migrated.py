"""New SQLite databases of tests get their tables at once: to run the revisions takes far longer.

Services in processes of their own and `tests/store/test_migrations.py` run them, and see that the tables are the same.
"""

from functools import cache

from sqlalchemy import Connection, Engine, create_engine, text

from app.store.migrate import REVISION, REVISION_TABLE, migrate
from app.store.tables import metadata

_NOTED = (
    f"CREATE TABLE {REVISION_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
    f"INSERT INTO {REVISION_TABLE} VALUES ('{REVISION}')",  # noqa: S608  constants
)
"""What notes the newest revision."""


def migrate_by_copy(connection: Connection, *, how_to_start_anew: str) -> None:
    """As `migrate`."""
    if connection.execute(text("SELECT count(*) FROM sqlite_master")).scalar_one():
        migrate(connection, how_to_start_anew=how_to_start_anew)
        return
    _execute(connection, *_tables(), *_NOTED)


def create_by_copy(engine: Engine) -> None:
    """As `create_tables`."""
    with engine.begin() as connection:
        _execute(connection, *_tables())


def _execute(connection: Connection, *statements: str) -> None:
    # By the driver itself: a hundred statements through SQLAlchemy take as long as all else that opening does.
    cursor = connection.connection.cursor()
    for statement in statements:
        cursor.execute(statement)
    cursor.close()


@cache
def _tables() -> tuple[str, ...]:
    """The statements that make them."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        made = connection.execute(text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")).scalars().all()
    engine.dispose()
    return tuple(made)
