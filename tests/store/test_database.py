"""Opening a database: what is refused, and what is put aside."""

import os
import sqlite3
import sys
import threading
import time
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.store import (
    Database,
    StoreCorruptError,
    StoreError,
    StoreFencedError,
    StoreLockedError,
    StoreUnavailableError,
    open_database,
)
from app.store.migrate import REVISION
from app.store.sqlite import open_in_memory
from testbed.forked import ForkedProcess
from testbed.waiting import PATIENCE_S
from tests.support.disks import can_mount, small_disk


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def _print_synchronous() -> None:
    with closing(open_database(sys.argv[1])) as database, database.begin() as tx:
        sys.stdout.write(f"{tx.exec_driver_sql('PRAGMA synchronous').scalar_one()}\n")


def test_what_is_committed_is_on_the_disk(tmp_path: Path) -> None:
    """In a process of its own, as the service has; in those of tests nothing waits for the disk."""
    output = tmp_path / "output"
    process = ForkedProcess(_print_synchronous, [url(tmp_path / "x.db")], env=os.environ, cwd=tmp_path, output=output)
    assert process.wait(PATIENCE_S) == 0, output.read_text()
    full = 2
    assert output.read_text().split() == [str(full)]


def test_a_new_database_makes_its_folder(tmp_path: Path) -> None:
    open_database(url(tmp_path / "data" / "sloburn.db")).close()
    assert (tmp_path / "data" / "sloburn.db").is_file()


def test_a_database_that_was_closed_opens_again_on_a_full_disk(tmp_path: Path) -> None:
    """SQLite makes two files at every start, for which space is kept; on a disk of its own if one can be mounted."""
    folder = tmp_path / "data"
    path, reserve = folder / "x.db", folder / "x.db.reserve"
    disk = small_disk(folder) if can_mount(tmp_path / "tried") else nullcontext()
    with disk as small:
        open_database(url(path)).close()
        assert reserve.stat().st_size > 0
        if small is not None:
            small.use_up()
        with closing(open_database(url(path))) as database, database.read() as transaction:
            assert transaction.execute(text("SELECT count(*) FROM schema_revision")).scalar_one() == 1
            assert reserve.exists() is (small is None)
        assert reserve.stat().st_size > 0, "for the next start"


def test_what_is_no_full_disk_leaves_the_kept_space_alone(tmp_path: Path) -> None:
    open_database(url(tmp_path / "x.db")).close()
    (tmp_path / "x.db-wal").mkdir()
    with pytest.raises(StoreUnavailableError):
        open_database(url(tmp_path / "x.db"))
    assert (tmp_path / "x.db.reserve").exists()


def test_a_second_opening_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    first = open_database(url(tmp_path / "x.db"))
    with pytest.raises(StoreLockedError, match="another sloburn"):
        open_database(url(tmp_path / "x.db"))
    first.close()
    open_database(url(tmp_path / "x.db")).close()


def test_what_fails_is_rolled_back(database: Database) -> None:
    def failing() -> None:
        with database.begin() as transaction:
            transaction.execute(text("UPDATE schema_revision SET version_num = 'x'"))
            raise KeyError

    with pytest.raises(KeyError):
        failing()
    with database.read() as transaction:
        assert transaction.execute(text("SELECT version_num FROM schema_revision")).scalar_one() == REVISION


def test_a_damaged_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"this is no database" * 500)
    with pytest.raises(StoreCorruptError, match="--recover"):
        open_database(url(path))
    assert path.read_bytes() == b"this is no database" * 500


def test_a_name_in_which_a_bit_has_changed_is_damage(tmp_path: Path) -> None:
    """SQLite finds such a file sound; the column would only be missed in the middle of a transaction."""
    path = tmp_path / "x.db"
    open_database(url(path)).close()
    content = path.read_bytes()
    assert b"wanted_from_s " in content
    path.write_bytes(content.replace(b"wanted_from_s ", b"wanted_from_r "))
    with pytest.raises(StoreCorruptError, match="no such column"):
        open_database(url(path))


def test_recovery_puts_a_damaged_file_aside_and_deletes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"this is no database" * 500)
    (tmp_path / "x.db.damaged-1").write_text("an earlier one")

    open_database(url(path), recover=True).close()

    assert (tmp_path / "x.db.damaged-1").read_text() == "an earlier one"
    assert (tmp_path / "x.db.damaged-2").read_bytes() == b"this is no database" * 500
    open_database(url(path)).close()


def test_recovery_leaves_a_sound_file_alone(tmp_path: Path) -> None:
    open_database(url(tmp_path / "x.db")).close()
    open_database(url(tmp_path / "x.db"), recover=True).close()
    assert not list(tmp_path.glob("*damaged*"))


def test_a_database_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match=r"mysql.*not supported.*sqlite.*postgresql"):
        open_database("mysql://localhost/x")
    assert not list(tmp_path.iterdir())


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StoreError, match="not a regular file"):
        open_database(f"sqlite:///{tmp_path}/pipe")


@pytest.mark.parametrize("lead", ["symlink", "hard link", "linked folder", "no lock file"])
def test_another_way_to_the_same_database_makes_no_second_writer(tmp_path: Path, lead: str) -> None:
    (tmp_path / "data").mkdir()
    path, other = tmp_path / "data" / "x.db", tmp_path / "data" / "y.db"
    first = open_database(url(path))
    if lead == "symlink":
        other.symlink_to(path)
    elif lead == "hard link":
        other.hardlink_to(path)
    elif lead == "linked folder":
        (tmp_path / "also").symlink_to(tmp_path / "data")
        other = tmp_path / "also" / "x.db"
    else:
        (tmp_path / "data" / "x.db.lock").unlink()
        other = path
    with pytest.raises(StoreLockedError, match="another sloburn"):
        open_database(url(other))
    first.close()
    open_database(url(other)).close()


def _fails(database: Database) -> list[str]:
    """Why it can neither be written nor read; empty if it can."""
    reasons = []
    for attempt in (database.begin, database.read):
        try:
            with attempt() as transaction:
                transaction.execute(text("SELECT version_num FROM schema_revision"))
        except StoreUnavailableError as error:
            reasons.append(str(error))
    return reasons


def test_a_file_that_is_deleted_is_noticed_and_used_again_when_it_is_put_back(tmp_path: Path) -> None:
    path, away = tmp_path / "x.db", tmp_path / "away.db"
    database = open_database(url(path))
    assert not _fails(database)
    path.rename(away)
    assert [f"{path} was deleted" in reason for reason in _fails(database)] == [True, True]
    assert not path.exists()
    away.rename(path)
    assert not _fails(database)
    database.close()


def test_a_file_that_is_replaced_is_noticed_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    database = open_database(url(path))
    other = open_database(url(tmp_path / "y.db"))
    other.close()
    (tmp_path / "y.db").rename(path)
    before = path.read_bytes()
    assert [f"{path} was replaced" in reason for reason in _fails(database)] == [True, True]
    assert path.read_bytes() == before
    database.close()


def test_a_write_ahead_log_that_is_deleted_is_noticed(tmp_path: Path) -> None:
    """What has been committed is there after a restart."""
    database = open_database(url(tmp_path / "x.db"))
    with database.begin() as transaction:
        transaction.execute(text("CREATE TABLE kept (x)"))
    (tmp_path / "x.db-wal").unlink()
    with pytest.raises(StoreUnavailableError, match=r"x\.db-wal was deleted"), database.begin():
        pass
    database.close()
    again = open_database(url(tmp_path / "x.db"))
    with again.read() as transaction:
        assert transaction.execute(text("SELECT count(*) FROM kept")).scalar_one() == 0
    again.close()


def test_writes_of_one_process_wait_for_each_other_however_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine a write may take longer than SQLite waits for a lock."""
    monkeypatch.setattr("app.store.sqlite.BUSY_TIMEOUT_S", 0.0)
    database = open_database(url(tmp_path / "x.db"))
    began, written = threading.Event(), []

    def write() -> None:
        began.set()
        with database.begin():
            written.append("second")

    with database.begin():
        other = threading.Thread(target=write)
        other.start()
        assert began.wait(60)
        written.append("first")
    other.join(60)
    assert written == ["first", "second"]
    database.close()


def test_another_program_that_holds_the_lock_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.store.sqlite.BUSY_TIMEOUT_S", 0.0)
    database = open_database(url(tmp_path / "x.db"))
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreLockedError, match="another program"), database.begin():
            pass
    with database.begin():
        pass
    database.close()


def test_a_write_that_gives_up_since_another_has_does_not_make_later_ones_give_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a stream of writes, each of which waits for the one before, would never end to give up."""
    database = open_database(url(tmp_path / "x.db"))
    waits, errors = threading.Event(), []
    times = {"waiting": iter([1.0, 4.0]), threading.current_thread().name: iter([0.0, 2.0, 3.0])}

    class Clock:
        @staticmethod
        def monotonic() -> float:
            name = threading.current_thread().name
            if name == "waiting":
                waits.set()
            return next(times[name])

    def write() -> None:
        try:
            with database.begin():
                pass
        except StoreLockedError as error:
            errors.append(str(error))

    monkeypatch.setattr("app.store.database.time", Clock)
    waiting = threading.Thread(target=write, name="waiting")
    with pytest.raises(StoreLockedError), database.begin():  # noqa: PT012  the other write waits meanwhile
        waiting.start()
        assert waits.wait(60)
        raise StoreLockedError("another program")
    waiting.join(60)
    with database.begin():
        pass
    assert errors == ["the database is locked by another program"]
    database.close()


def test_a_write_that_is_fenced_makes_no_other_give_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has waited for nobody: pages and evaluations that wait for their turn are written."""
    database = open_database(url(tmp_path / "x.db"))
    waits, written = threading.Event(), threading.Event()

    class Clock:
        @staticmethod
        def monotonic() -> float:
            if threading.current_thread().name == "waiting":
                waits.set()
            return time.monotonic()

    def write() -> None:
        with database.begin():
            written.set()

    monkeypatch.setattr("app.store.database.time", Clock)
    waiting = threading.Thread(target=write, name="waiting")
    with pytest.raises(StoreFencedError), database.begin():  # noqa: PT012  the other write waits meanwhile
        waiting.start()
        assert waits.wait(60)
        raise StoreFencedError("another replica has them")
    waiting.join(60)
    assert written.is_set()
    database.close()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreLockedError),
        (sqlite3.SQLITE_LOCKED, StoreLockedError),
        (sqlite3.SQLITE_CORRUPT_INDEX, StoreCorruptError),
        (sqlite3.SQLITE_NOTADB, StoreCorruptError),
        (sqlite3.SQLITE_FULL, StoreUnavailableError),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreUnavailableError),
        (None, StoreCorruptError),
    ],
)
def test_an_error_is_known_by_its_code_and_not_by_its_text(code: int | None, error: type[Exception]) -> None:
    """Without a code it is of the driver itself: a text that is no UTF-8."""
    found = sqlite3.OperationalError("no such table: locked_or_busy, could not decode")
    if code is not None:
        found.sqlite_errorcode = code
    assert type(open_in_memory().translated(OperationalError("SELECT", None, found))) is error
