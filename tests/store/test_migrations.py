"""Revisions: what they make is what the tables say, and formats that are not known are refused and left alone."""

from pathlib import Path

import pytest
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.store import Database, StoreNewerError, StoreOutdatedError, open_database
from app.store.migrate import REVISION, REVISION_TABLE, migrate
from app.store.tables import metadata


@pytest.fixture(autouse=True)
def _revisions_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere in the tests their tables are made at once."""
    monkeypatch.setattr("app.store.sqlite.migrate", migrate)


def test_the_revisions_make_the_tables(database: Database) -> None:
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415  each worker of pytest would import it

    with database.begin() as tx:
        options = {"version_table": REVISION_TABLE, "compare_type": True}
        assert compare_metadata(MigrationContext.configure(tx, opts=options), metadata) == []


def test_the_newest_revision_is_the_one_that_databases_are_brought_to() -> None:
    config = Config()
    config.set_main_option("script_location", "app/store/migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_a_database_is_opened_again_as_it_was(database_url: str) -> None:
    first = open_database(database_url)
    with first.begin() as tx:
        tx.execute(text("INSERT INTO budget_record VALUES ('x', 30, 0.5)"))
    first.close()
    again = open_database(database_url)
    with again.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM budget_record")).scalar_one() == 1
    again.close()


def test_a_database_of_a_newer_revision_is_refused(database_url: str) -> None:
    _change(database_url, "UPDATE schema_revision SET version_num = '9999'")
    with pytest.raises(StoreNewerError, match=r"revision 9999.*install the newer sloburn"):
        open_database(database_url)


def test_a_database_of_before_revisions_is_refused_with_how_to_start_anew(database_url: str) -> None:
    _change(database_url, "CREATE TABLE schema_version (version INTEGER NOT NULL)")
    with pytest.raises(StoreOutdatedError, match=r"start again|another in SLOBURN_DATABASE_URL") as refused:
        open_database(database_url)
    assert "\n" not in str(refused.value)


def test_a_database_that_was_refused_works_under_another_name(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/sloburn.db"
    _change(url, "CREATE TABLE schema_version (version INTEGER NOT NULL)")
    with pytest.raises(StoreOutdatedError, match=f"rename {tmp_path}/sloburn.db"):
        open_database(url)
    (tmp_path / "sloburn.db").rename(tmp_path / "old.db")
    open_database(url).close()


def _change(url: str, statement: str) -> None:
    database = open_database(url)
    with database.begin() as tx:
        tx.execute(text(statement))
    database.close()
