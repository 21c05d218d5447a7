"""Bringing the tables of a database to the newest revision; the revisions are in `migrations/versions`."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from app.store.errors import StoreNewerError, StoreOutdatedError

REVISION = "0001"
"""The newest revision; a test compares it with those that there are."""
REVISION_TABLE = "schema_revision"
# The table by which databases of before the first revision are known.
_BEFORE_REVISIONS = "schema_version"


def migrate(connection: Connection, *, how_to_start_anew: str) -> None:
    """Bring the tables to the newest revision, in the transaction of *connection*.

    Raises:
        StoreOutdatedError: the database is of before the first revision.
        StoreNewerError: its revision is unknown.
    """
    names = inspect(connection).get_table_names()
    if _BEFORE_REVISIONS in names:
        raise StoreOutdatedError(
            "the database has the format of a development version and cannot be converted: "
            f"{how_to_start_anew}; history is backfilled from Prometheus"
        )
    found = None
    if REVISION_TABLE in names:
        found = connection.execute(text(f"SELECT version_num FROM {REVISION_TABLE}")).scalar()  # noqa: S608  a constant
    if found != REVISION:
        _upgrade(connection, found)


def check_revision(connection: Connection) -> None:
    """Make sure that the tables have the newest revision, without changing them.

    Raises:
        StoreOutdatedError: they are of before it, or there are none.
        StoreNewerError: their revision is unknown.
    """
    found = None
    if REVISION_TABLE in inspect(connection).get_table_names():
        found = connection.execute(text(f"SELECT version_num FROM {REVISION_TABLE}")).scalar()  # noqa: S608  a constant
    if found is None:
        raise StoreOutdatedError("no sloburn of this version has worked on the database: start `sloburn serve` with it")
    if found != REVISION:
        raise StoreNewerError(
            f"the database has revision {found}, this sloburn knows {REVISION}: use the sloburn that works on it"
        )


def _upgrade(connection: Connection, found: str | None) -> None:
    # It takes a tenth of a second to import, and nearly every start finds the newest revision.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StoreNewerError(
            f"the database has revision {found}, this sloburn knows {REVISION}: install the newer sloburn again"
        )
    command.upgrade(config, "head")
