"""Opening the database of a URL, and transactions on it.

Everything is synchronous; callers that must not wait use a worker thread.
"""

import math
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, SQLAlchemyError

from app.store import postgres
from app.store.backend import Backend
from app.store.errors import StoreFencedError, StoreLockedError, StoreUnavailableError
from app.store.sqlite import open_in_memory, open_sqlite, open_sqlite_beside, open_sqlite_for_reading

Transaction = Connection
"""What the functions of this package work in; other packages pass it on and never look inside."""
TURN_WITHIN_S = 20.0
"""How long a write waits for another of this process; only a disk that hangs takes longer, and then pages are sent from
memory."""


class Database:
    """An open database; `close` releases it for another process."""

    def __init__(self, backend: Backend, *, shares_connection: bool = False) -> None:
        self._backend = backend
        self._shares_connection = shares_connection
        # The threads of this process wait for each other here, in the database only for other programs: a machine
        # under heavy load would otherwise take its own slow writes for a lock that never ends.
        self._turn = threading.Lock()
        self._locked_at = -math.inf

    @property
    def instance(self) -> str:
        """The id of this opening of the database, which leases name as their owner."""
        return self._backend.instance.id

    @property
    def instance_name(self) -> str:
        """What people know this process by: its host and process id."""
        return self._backend.instance.name

    @property
    def product(self) -> str:
        """The product and its version, such as `PostgreSQL 15.6`."""
        return self._backend.product

    @property
    def is_shared(self) -> bool:
        """Whether other processes may write it too: what this one does then is decided by leases."""
        return self._backend.is_shared

    def living(self, connection: Connection) -> frozenset[str]:
        """The ids of the instances whose leases count."""
        return self._backend.living(connection)

    def put_aside(self) -> None:
        """Close it and rename its files; the next opening begins a new one."""
        self._backend.put_aside()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A write transaction: committed at the end, rolled back by an exception.

        Raises:
            StoreError: it could not be begun, written or committed. Nothing of it counts; but after a commit that
                failed to reach the disk its rows may be found later, so what is written again must not count twice.
        """
        self._backend.check_usable()
        with self._my_turn(), self._translated_errors(), self._backend.engine.connect() as connection:
            try:
                with connection.begin():
                    self._backend.check_writable(connection)
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
        self._backend.check_usable()
        with (
            self._my_turn() if self._shares_connection else nullcontext(),
            self._translated_errors(),
            self._backend.engine.connect().execution_options(**self._backend.read_options) as connection,
        ):
            yield connection

    def ping(self) -> None:
        """Make sure that it answers; blocks for as long as it hangs.

        Raises:
            StoreError: it cannot be read.
        """
        with self.read() as connection:
            connection.execute(text("SELECT 1"))

    def check(self) -> None:
        """Look through the whole database; it may take seconds.

        Raises:
            StoreError: it is damaged, or cannot be read.
        """
        self._backend.check_usable()
        with self._translated_errors():
            self._backend.check_integrity()

    @contextmanager
    def unreadable_is_damaged(self) -> Iterator[None]:
        """Take what was read and makes no sense for what it is: the database does not know what its values mean.

        Raises:
            StoreCorruptError: something could not be decoded.
        """
        try:
            yield
        except (ValueError, LookupError, TypeError, ArithmeticError) as error:
            raise self._backend.damaged(error) from error

    def close(self) -> None:
        """Close the connections and release the database."""
        self._backend.close()

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        since = time.monotonic()
        if not self._turn.acquire(timeout=TURN_WITHIN_S):
            raise StoreLockedError(f"the database is busy: another write has not ended within {TURN_WITHIN_S:g} s")
        try:
            self._check_locked(since)
            try:
                yield
            except StoreFencedError:
                # It has waited for no other: another replica has what it would have written.
                raise
            except StoreLockedError:
                # Not of one that gave up itself: each of those who wait would make all others give up too.
                self._locked_at = time.monotonic()
                raise
        finally:
            self._turn.release()

    def _check_locked(self, since: float) -> None:
        """Give up where the write before has waited for another program in vain since a time.

        Else the tasks of many receivers would wait for it one after the other.
        """
        if self._locked_at > since:
            raise StoreLockedError("the database is locked by another program")

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Turn the errors of the driver into those of `app.store.errors`."""
        try:
            yield
        except SQLAlchemyError as error:
            raise self._backend.translated(error) from error
        except UnicodeDecodeError as error:
            # SQLite quotes a damaged name in bytes that are no text.
            raise self._backend.damaged("a name in it is no text") from error
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"the database cannot be used: {error}") from error


def open_database(url: str, *, recover: bool = False) -> Database:
    """Open a database, making its tables if it is new.

    With *recover*, a damaged file is put aside, never deleted, and a new one is begun in its place.

    Raises:
        StoreError: it cannot be opened, is in use by another process, damaged, or of another version.
    """
    target = _target(url)
    if _is_postgres(target):
        return Database(postgres.open_postgres(target))
    if target.get_backend_name() != "sqlite":
        raise StoreUnavailableError(
            f"databases of kind {target.get_backend_name()!r} are not supported; write sqlite:///FILE "
            "or postgresql+psycopg://USER@HOST/NAME"
        )
    return Database(open_sqlite(target, recover=recover))


def open_database_for_reading(url: str) -> Database:
    """Open a database on which another process may work, to read it only.

    Raises:
        StoreError: it cannot be read, or is of another version.
    """
    target = _target(url)
    if _is_postgres(target):
        return Database(postgres.open_postgres_for_reading(target))
    return Database(open_sqlite_for_reading(target))


def open_database_beside(url: str) -> Database:
    """Open a database on which another process may work, for a few short writes that concern no evaluation.

    Raises:
        StoreError: it cannot be used, or is of another version.
    """
    target = _target(url)
    if _is_postgres(target):
        return Database(postgres.open_postgres_beside(target))
    return Database(open_sqlite_beside(target))


def check_driver(url: str) -> None:
    """Make sure that what the kind of a database needs is installed.

    Raises:
        StoreDriverError: it is not.
    """
    if _is_postgres(_target(url)):
        postgres.check_driver()


def inspect_server(url: str) -> str | None:
    """The product and version of the server of a database that can be written; None if it is a file.

    Raises:
        StoreError: the server cannot be reached, or its database cannot be written.
    """
    target = _target(url)
    return postgres.inspect_postgres(target) if _is_postgres(target) else None


def _target(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError as error:
        # The URL may hold a password: it is not quoted.
        raise StoreUnavailableError(
            "SLOBURN_DATABASE_URL cannot be read; write one such as sqlite:///data/sloburn.db"
        ) from error


def _is_postgres(target: URL) -> bool:
    return target.get_backend_name() == "postgresql"


def open_database_in_memory() -> Database:
    """A new database in memory, for what is lost with the process."""
    return Database(open_in_memory(), shares_connection=True)
