"""Backups by the tools of each database, made while it is written, and restored: all is there, and work goes on."""

import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from sqlalchemy import select

from app.store import Database, open_database
from app.store.alerts import transition
from app.store.tables import metadata
from tests.support.incidents import burning, ended, record
from tests.support.notifications import START
from tests.support.postgres import Postgres, program

# Each process has a row of its own, with a time.
_LEFT_OUT = {"instance"}


def _fill(database: Database, number: int) -> None:
    page = burning(incident=f"incident{number}", starts_at=START + timedelta(days=number))
    with database.begin() as tx:
        record(tx, page)
        record(tx, ended(page))


def _rows(database: Database) -> Mapping[str, list[str]]:
    with database.read() as tx:
        return {
            table.name: sorted(map(repr, tx.execute(select(table)).all()))
            for table in metadata.sorted_tables
            if table.name not in _LEFT_OUT
        }


def _goes_on(restored: Database) -> None:
    """Rows are numbered from behind those that were restored."""
    with restored.read() as tx:
        before = set(tx.execute(select(transition.c.id)).scalars())
    _fill(restored, 3)
    with restored.read() as tx:
        added = set(tx.execute(select(transition.c.id)).scalars()) - before
    assert len(added) == 2
    assert min(added) > max(before)


def test_a_dump_of_postgresql_is_restored(postgres_server: Postgres, tmp_path: Path) -> None:
    url, target = postgres_server.new_database(), postgres_server.empty_database()
    server = ["-h", "127.0.0.1", "-p", str(postgres_server.port), "-U", "sloburn"]
    with closing(open_database(url)) as database:
        _fill(database, 1)
        kept = _rows(database)
        dump = tmp_path / "sloburn.dump"
        dumped = [program("pg_dump"), *server, "--format=custom", f"--file={dump}", url.rpartition("/")[2]]
        subprocess.run(dumped, check=True, capture_output=True)
        # What is written afterwards is not in it.
        _fill(database, 2)
        assert _rows(database) != kept
    restored = [program("pg_restore"), *server, "--no-owner", f"--dbname={target.rpartition('/')[2]}", str(dump)]
    subprocess.run(restored, check=True, capture_output=True)
    with closing(open_database(target)) as database:
        assert _rows(database) == kept
        _goes_on(database)


def test_a_backup_of_an_sqlite_file_is_restored(tmp_path: Path) -> None:
    with closing(open_database(f"sqlite:///{tmp_path}/sloburn.db")) as database:
        _fill(database, 1)
        kept = _rows(database)
        # As `.backup` of the command line does, beside the process that writes.
        with (
            closing(sqlite3.connect(tmp_path / "sloburn.db")) as source,
            closing(sqlite3.connect(tmp_path / "backup.db")) as target,
        ):
            source.backup(target)
        _fill(database, 2)
        assert _rows(database) != kept
    with closing(open_database(f"sqlite:///{tmp_path}/backup.db")) as database:
        assert _rows(database) == kept
        _goes_on(database)
