"""Opening, locking and versioning the database.

One writer connection in BEGIN IMMEDIATE, readers beside it (WAL). Everything is synchronous; callers that must not
wait use a worker thread.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError, SQLAlchemyError
from sqlalchemy.schema import CreateColumn

from app.store.database_file import DatabaseFile, claim
from app.store.errors import StoreCorruptError, StoreError, StoreLockedError, StoreNewerError, StoreUnavailableError
from app.store.schema import SCHEMA_VERSION, metadata, schema_version

Transaction = Connection
"""What the functions of this room work in; the others pass it on and never look inside."""

_BUSY_TIMEOUT_S = 5.0
_REMEDY = "restore a backup, or start with --recover to put it aside and count anew what Prometheus remembers"


class Database:
    """An open database; `close` releases it for another process."""

    def __init__(self, engine: Engine, file: DatabaseFile | None) -> None:
        self._engine = engine
        self._file = file

    def put_aside(self) -> None:
        """Close it and rename its files; who opens it next begins a new one."""
        path = self._engine.url.database
        self._engine.dispose()
        if path and path != ":memory:":
            _put_aside(Path(path))
        self.close()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A write transaction: committed at the end, rolled back by an exception.

        Raises:
            StoreError: it could not be begun, written or committed. Nothing of it counts; but after a commit that
                failed to reach the disk its rows may be found later, so what is written again must not count twice.
        """
        self._check_file()
        with translated_errors(), self._engine.connect() as connection:
            try:
                with connection.begin():
                    self._check_journal()
                    yield connection
            except DatabaseError:
                # What an open connection believes after a failed write or fsync cannot be relied on.
                connection.invalidate()
                raise

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction on one consistent state, which never waits for the writer.

        Raises:
            StoreError: the database cannot be read.
        """
        self._check_file()
        with translated_errors(), self._engine.connect().execution_options(sloburn_read=True) as connection:
            yield connection

    def check(self) -> None:
        """Look through the whole database; it may take seconds.

        Raises:
            StoreError: it is damaged, or cannot be read.
        """
        self._check_file()
        with translated_errors():
            _check_integrity(self._engine)

    def close(self) -> None:
        """Close the connections and release the lock."""
        self._engine.dispose()
        if self._file is not None:
            self._file.release()

    def _check_file(self) -> None:
        if self._file is not None:
            self._file.check()

    def _check_journal(self) -> None:
        if self._file is not None:
            self._file.check_journal()


def open_database(url: str, *, recover: bool = False) -> Database:
    """Open a database, making its tables if it is new.

    With *recover*, a damaged file is put aside, never deleted, and a new one is begun in its place.

    Raises:
        StoreError: it cannot be opened, is locked by another process, damaged, or of a newer version.
    """
    try:
        target = make_url(url)
    except ArgumentError as error:
        raise StoreUnavailableError(
            f"the database URL {url!r} cannot be read; write one such as sqlite:///data/sloburn.db"
        ) from error
    if target.get_backend_name() != "sqlite":
        raise StoreUnavailableError(
            f"databases of kind {target.get_backend_name()!r} are not supported; write sqlite:///FILE"
        )
    file = claim(Path(target.database)) if target.database and target.database != ":memory:" else None
    try:
        try:
            engine = _open(target)
        except StoreCorruptError:
            if not recover:
                raise
            _put_aside(Path(str(target.database)))
            if file is not None:
                file.release()
                file = claim(file.path)
            engine = _open(target)
    except BaseException:
        if file is not None:
            file.release()
        raise
    if file is not None:
        file.opened()
    return Database(engine, file)


def _open(target: URL) -> Engine:
    engine = create_engine(target, connect_args={"timeout": _BUSY_TIMEOUT_S})
    _prepare_connections(engine)
    try:
        with translated_errors():
            _check_integrity(engine)
            _create_tables(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _put_aside(path: Path) -> None:
    """Rename a damaged database and what belongs to it, to the first free name."""
    number = next(number for number in count(1) if not path.with_name(f"{path.name}.damaged-{number}").exists())
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(path.with_name(f"{path.name}.damaged-{number}{suffix}"))


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn the errors of the driver into those of `app.store.errors`."""
    try:
        yield
    except StoreError:
        raise
    except OperationalError as error:
        if "locked" in str(error.orig) or "busy" in str(error.orig):
            raise StoreLockedError(f"the database is locked by another program: {error.orig}") from error
        if "decode" in str(error.orig):
            raise _damaged(error.orig) from error
        raise StoreUnavailableError(f"the database cannot be used: {error.orig}") from error
    except DatabaseError as error:
        raise _damaged(error.orig) from error
    except UnicodeDecodeError as error:
        # Of a damaged name SQLite complains in bytes that are no text.
        raise _damaged("a name in it is no text") from error
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise StoreUnavailableError(f"the database cannot be used: {error}") from error


@contextmanager
def unreadable_is_damaged() -> Iterator[None]:
    """Take what was read and makes no sense for what it is: the database does not know what its own values mean.

    Raises:
        StoreCorruptError: something could not be decoded.
    """
    try:
        yield
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        raise _damaged(error) from error


def _damaged(error: object) -> StoreCorruptError:
    return StoreCorruptError(f"the database is damaged: {error}; {_REMEDY}")


def _prepare_connections(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: Any) -> None:
        # We begin transactions ourselves: the driver's own way begins them late and never IMMEDIATE.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL: a committed tick survives the loss of power, for one fsync a tick.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("sloburn_read", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _check_integrity(engine: Engine) -> None:
    with engine.connect().execution_options(sloburn_read=True) as connection:
        verdict = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
    if verdict != "ok":
        raise _damaged(" ".join(verdict.split()))


def _create_tables(engine: Engine) -> None:
    with engine.begin() as connection:
        if not inspect(connection).has_table(schema_version.name):
            metadata.create_all(connection)
            connection.execute(insert(schema_version).values(version=SCHEMA_VERSION))
            return
        version = connection.execute(select(schema_version.c.version)).scalar_one()
        if version > SCHEMA_VERSION:
            raise StoreNewerError(
                f"the database has version {version}, this sloburn knows {SCHEMA_VERSION}: install the newer one again"
            )
        metadata.create_all(connection)
        _add_columns(connection)


def _add_columns(connection: Connection) -> None:
    """Add the columns that tables have got since a database was made; those may be null, so every version reads it."""
    for table in metadata.sorted_tables:
        known = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in known:
                ddl = CreateColumn(column).compile(dialect=connection.dialect)
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {ddl}"))
