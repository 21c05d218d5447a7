"""Bringing the tables of a database to the newest revision; the revisions are in `migrations/versions`.

A revision says in `works_with` which revision the oldest code is of that works on its tables. Replicas of the version
before go on beside one that has added something (expand), and none may work where something is taken away (contract).
"""

from pathlib import Path

from sqlalchemy import Column, Connection, String, Table, delete, insert, inspect, select, text

from app.store.database_clock import database_now_s
from app.store.errors import StoreLockedError, StoreNewerError, StoreOutdatedError
from app.store.instances import instance
from app.store.schema import metadata

REVISION = "0001"
"""The newest revision; a test compares it with those that there are."""
REVISION_TABLE = "schema_revision"
MIGRATIONS = Path(__file__).with_name("migrations")
"""The folder of the revisions. Their numbers have four digits, so that a later one is a larger text."""
# The table by which databases of before the first revision are known.
_BEFORE_REVISIONS = "schema_version"
schema_support = Table(
    "schema_support",
    metadata,
    Column("revision", String, primary_key=True),
    Column("works_with", String, nullable=False),
)


def migrate(connection: Connection, *, how_to_start_anew: str) -> None:
    """Bring the tables to the newest revision, in the transaction of *connection*.

    Tables of a later revision that this code works with are left as they are.

    Raises:
        StoreOutdatedError: the database is of before the first revision.
        StoreNewerError: its revision is too new.
        StoreLockedError: processes work on it that cannot work on the tables to be.
    """
    names = inspect(connection).get_table_names()
    if _BEFORE_REVISIONS in names:
        raise StoreOutdatedError(
            "the database has the format of a development version and cannot be converted: "
            f"{how_to_start_anew}; history is backfilled from Prometheus"
        )
    found = _revision(connection, names)
    if found is None or found < REVISION:
        _upgrade(connection, found)
    elif found > REVISION and not _works_here(connection, names, found):
        raise StoreNewerError(
            f"the database has revision {found}, this sloburn knows {REVISION}: install the newer sloburn again"
        )


def check_revision(connection: Connection) -> None:
    """Make sure that this code works with the tables, without changing them.

    Raises:
        StoreOutdatedError: they are of an earlier revision, or there are none.
        StoreNewerError: their revision is too new.
    """
    names = inspect(connection).get_table_names()
    found = _revision(connection, names)
    if found is None or found < REVISION:
        raise StoreOutdatedError("no sloburn of this version has worked on the database: start `sloburn serve` with it")
    if found > REVISION and not _works_here(connection, names, found):
        raise StoreNewerError(
            f"the database has revision {found}, this sloburn knows {REVISION}: use the sloburn that works on it"
        )


def _revision(connection: Connection, names: list[str]) -> str | None:
    if REVISION_TABLE not in names:
        return None
    found: str | None = connection.execute(
        text(f"SELECT version_num FROM {REVISION_TABLE}")  # noqa: S608  a constant
    ).scalar()
    return found


def _works_here(connection: Connection, names: list[str], found: str) -> bool:
    """Whether the tables of a later revision still work with this code."""
    if schema_support.name not in names:
        return False
    said = select(schema_support.c.works_with).where(schema_support.c.revision == found)
    oldest = connection.execute(said).scalar()
    return oldest is not None and oldest <= REVISION


def _upgrade(connection: Connection, found: str | None) -> None:
    # It takes a tenth of a second to import, and nearly every start finds the newest revision.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        new = [*ScriptDirectory.from_config(config).iterate_revisions("head", found or "base")]
    except CommandError as error:
        raise StoreOutdatedError(f"the database has revision {found}, which is not known: {error}") from error
    oldest = max(str(one.module.works_with) for one in new)
    if found is not None:
        _check_replicas(connection, oldest)
    command.upgrade(config, "head")
    connection.execute(delete(schema_support))
    connection.execute(insert(schema_support).values(revision=REVISION, works_with=oldest))


def _check_replicas(connection: Connection, oldest: str) -> None:
    """Make sure that no process works on the database whose code would not work any more."""
    lives = instance.c.expires_at_s > database_now_s(connection)
    of = connection.execute(select(instance.c.name, instance.c.revision).where(lives)).all()
    behind = sorted(row.name for row in of if (row.revision or "") < oldest)
    if behind:
        raise StoreLockedError(
            f"a sloburn of a version that does not work on the new tables works on the database: {', '.join(behind)}; "
            "stop it first"
        )
