"""SQLite: one file, claimed by one process; one writer at a time (BEGIN IMMEDIATE), readers beside it (WAL)."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import StaticPool
from typing_extensions import override

from app.store import json_text, tables
from app.store.backend import Backend
from app.store.errors import StoreCorruptError, StoreError, StoreLockedError, StoreUnavailableError
from app.store.instances import Instance
from app.store.migrate import check_revision, migrate
from app.store.sqlite_file import DatabaseFile, claim

# How long SQLite waits for the lock of another program, such as a backup: longer than any transaction of our own,
# shorter than a slot.
BUSY_TIMEOUT_S = 5.0
# A committed evaluation survives the loss of power, for one fsync each.
SYNCHRONOUS = "FULL"
# The lower byte of an extended result code, https://www.sqlite.org/rescode.html.
_PRIMARY_CODE = 0xFF
# PROTOCOL is a lock of the write-ahead log that stayed contended, in SQLite's own words a locking protocol error.
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class SqliteBackend(Backend):
    """A SQLite file, or a database in memory."""

    is_shared = False

    def __init__(self, engine: Engine, file: DatabaseFile | None) -> None:
        self.engine = engine
        self.instance = Instance()
        self.read_options = {"sloburn_read": True}
        self._file = file

    @property
    @override
    def product(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    @override
    def check_usable(self) -> None:
        if self._file is not None:
            self._file.check()

    @override
    def check_writable(self, connection: Connection) -> None:
        if self._file is not None:
            self._file.check_journal()

    @override
    def check_integrity(self) -> None:
        with self.engine.connect().execution_options(**self.read_options) as connection:
            verdict = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
        if verdict != "ok":
            raise self.damaged(" ".join(verdict.split()))

    @override
    def living(self, connection: Connection) -> frozenset[str]:
        # The lock on the file says that there is no other.
        return frozenset({self.instance.id})

    @override
    def put_aside(self) -> None:
        path = self.engine.url.database
        self.engine.dispose()
        if path and path != ":memory:":
            _put_aside(Path(path))
        self.close()

    @override
    def translated(self, error: SQLAlchemyError) -> StoreError:
        if isinstance(error, OperationalError):
            # Only what the driver itself finds has no code: a text in the file that is no UTF-8.
            code = getattr(error.orig, "sqlite_errorcode", None)
            if code is None or code & _PRIMARY_CODE in _DAMAGED:
                return self.damaged(error.orig)
            if code & _PRIMARY_CODE in _LOCKED:
                return StoreLockedError(f"the database is locked by another program: {error.orig}")
            return StoreUnavailableError(f"the database cannot be used: {error.orig}")
        if isinstance(error, DatabaseError):
            return self.damaged(error.orig)
        return StoreUnavailableError(f"the database cannot be used: {error}")

    @override
    def damaged(self, why: object) -> StoreCorruptError:
        return StoreCorruptError(
            f"the database is damaged: {why}; restore a backup, or start with --recover to put it aside and count "
            "again what Prometheus remembers"
        )

    @override
    def close(self) -> None:
        self.engine.dispose()
        if self._file is not None:
            self._file.release()


def open_sqlite(target: URL, *, recover: bool) -> SqliteBackend:
    """Open a file, making it and its tables if it is new; with *recover*, a damaged one is put aside.

    Raises:
        StoreError: it cannot be opened, is locked by another process, damaged, or of another version.
    """
    path = Path(target.database) if target.database and target.database != ":memory:" else None
    with _claimed(path) as file:
        try:
            backend = _open_on_full_disk(target, file)
        except StoreCorruptError:
            if not recover or path is None or file is None:
                raise
            _put_aside(path)
            file.release()
            with _claimed(file.path) as claimed:
                backend = _open(target, claimed)
    return backend


def open_sqlite_for_reading(target: URL) -> SqliteBackend:
    """Open a file that another process may work on, and change nothing.

    Raises:
        StoreError: there is no such file, it cannot be read, or is of another version.
    """
    return _open_beside(target, mode="ro")


def open_sqlite_beside(target: URL) -> SqliteBackend:
    """Open a file that another process may work on, for a few short writes.

    Raises:
        StoreError: there is no such file, it cannot be used, or is of another version.
    """
    return _open_beside(target, mode="rw")


def _open_beside(target: URL, *, mode: str) -> SqliteBackend:
    path = Path(target.database or ":memory:")
    if not path.is_file():
        raise StoreUnavailableError(f"there is no database {path}: name that of the service in SLOBURN_DATABASE_URL")
    engine = create_engine(
        # Not `immutable`: the service goes on writing.
        f"sqlite:///file:{quote(str(path))}?mode={mode}&uri=true",
        connect_args={"timeout": BUSY_TIMEOUT_S},
        json_serializer=json_text.serialize,
        json_deserializer=json_text.deserialize,
    )
    _begin_transactions(engine)
    backend = SqliteBackend(engine, None)
    with ExitStack() as unless_opened:
        unless_opened.callback(engine.dispose)
        try:
            with engine.connect().execution_options(**backend.read_options) as connection:
                check_revision(connection)
        except SQLAlchemyError as error:
            raise backend.translated(error) from error
        unless_opened.pop_all()
    return backend


def open_in_memory() -> SqliteBackend:
    """A new database in memory, gone when it is closed; it has one connection, for one transaction at a time."""
    engine = create_engine(
        "sqlite://",
        # A database in memory lives as long as its connection: every thread shares the one.
        poolclass=StaticPool,
        connect_args={"check_same_thread": False},
        json_serializer=json_text.serialize,
        json_deserializer=json_text.deserialize,
    )
    _prepare_connections(engine)
    create_tables(engine)
    return SqliteBackend(engine, None)


def create_tables(engine: Engine) -> None:
    """Create all tables of a new database as they are now, without the revisions that led to them."""
    tables.metadata.create_all(engine)


@contextmanager
def _claimed(path: Path | None) -> Iterator[DatabaseFile | None]:
    """Claim a file, and release it if it cannot be opened."""
    file = None if path is None else claim(path)
    with ExitStack() as unless_opened:
        if file is not None:
            unless_opened.callback(file.release)
        yield file
        unless_opened.pop_all()
    if file is not None:
        file.opened()


def _open_on_full_disk(target: URL, file: DatabaseFile | None) -> SqliteBackend:
    """As `_open`, with the space that was kept if there is no other: pages go out while nothing can be written."""
    try:
        return _open(target, file)
    except StoreUnavailableError as error:
        if file is None or not file.is_disk_full:
            raise
        if not file.free_reserve():
            raise StoreUnavailableError(f"{error}: there is no space left on the disk of {file.path}") from error
    return _open(target, file)


def _open(target: URL, file: DatabaseFile | None) -> SqliteBackend:
    engine = create_engine(
        target,
        connect_args={"timeout": BUSY_TIMEOUT_S},
        json_serializer=json_text.serialize,
        json_deserializer=json_text.deserialize,
    )
    _prepare_connections(engine)
    backend = SqliteBackend(engine, file)
    with ExitStack() as unless_opened:
        unless_opened.callback(engine.dispose)
        try:
            backend.check_integrity()
            with engine.begin() as connection:
                migrate(connection, how_to_start_anew=f"rename {target.database} and start again")
                _check_columns(backend, connection)
        except SQLAlchemyError as error:
            raise backend.translated(error) from error
        except UnicodeDecodeError as error:
            # SQLite quotes a damaged name in bytes that are no text.
            raise backend.damaged("a name in it is no text") from error
        unless_opened.pop_all()
    return backend


def _check_columns(backend: SqliteBackend, connection: Connection) -> None:
    """Check that all tables and columns are there: a name in which a bit has changed is sound to SQLite.

    Raises:
        StoreCorruptError: one is missing, although the database says that it has this format.
    """
    for statement in _selects_of_all_columns():
        try:
            connection.exec_driver_sql(statement)
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
                raise backend.damaged(error.orig) from error
            raise


@cache
def _selects_of_all_columns() -> tuple[str, ...]:
    """A statement for each table that fails if the table or a column is missing; as texts, which are compiled once."""
    return tuple(
        str(select(table).limit(0).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))
        for table in tables.metadata.sorted_tables
    )


def _put_aside(path: Path) -> None:
    """Rename a damaged database and what belongs to it, to the first free name."""
    number = next(number for number in count(1) if not path.with_name(f"{path.name}.damaged-{number}").exists())
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(path.with_name(f"{path.name}.damaged-{number}{suffix}"))


def _prepare_connections(engine: Engine) -> None:
    _begin_transactions(engine)

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={SYNCHRONOUS}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()


def _begin_transactions(engine: Engine) -> None:
    # We begin transactions ourselves: the driver's own way begins them late and never IMMEDIATE.
    @event.listens_for(engine, "connect")
    def leave_to_us(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("sloburn_read", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
