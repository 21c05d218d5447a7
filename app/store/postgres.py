"""PostgreSQL: the same tables, written by one process at a time.

A row of `instance` says which process works on the database and until when, by the clock of the database. Every write
transaction renews its own row first, which also makes writers wait for each other, as in SQLite. A process whose row
has expired and was deleted by another can write nothing any more.
"""

import importlib.util
import threading
import time
from contextlib import ExitStack

import structlog
from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from typing_extensions import override

from app.store import json_text
from app.store.backend import Backend
from app.store.database_clock import database_now_s
from app.store.errors import StoreCorruptError, StoreDriverError, StoreError, StoreLockedError, StoreUnavailableError
from app.store.instances import Instance, forget_dead_instances, instance
from app.store.migrate import check_revision, migrate

_log = structlog.get_logger(__name__)
LEASE_S = 15.0
"""How long after a crash another process waits; three heartbeats, so that one that is late loses nothing."""
_HEARTBEAT_S = 5.0
# While another instance has the lease: a second instance takes over within half a second of its end.
_LOOK_AGAIN_S = 0.5
# Connecting and waiting for locks take less than a slot: a lock is held only by a transaction of another instance. Only
# the first pruning of months of rows makes a statement long.
_CONNECT_WITHIN_S = 5
_LOCK_WITHIN_S = 5
_STATEMENT_WITHIN_S = 60
# Delivery, evaluation, the heartbeat and the readers of the API; 20 of PostgreSQL's default of 100.
_CONNECTIONS, _MORE_CONNECTIONS = 5, 15
# Names the lock that processes hold while they make tables or claim the database; it ends with their transaction.
_OPENING_LOCK = 0x510B0172
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_LOCK_NOT_AVAILABLE = "55P03"


class PostgresBackend(Backend):
    """A database of a PostgreSQL server."""

    def __init__(self, engine: Engine, instance: Instance) -> None:
        self.engine = engine
        self.instance = instance
        self.read_options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._closing = threading.Event()
        self._heartbeat = threading.Thread(target=self._renew, name="store-heartbeat", daemon=True)

    def start(self) -> None:
        """Keep the lease from expiring while nothing is written."""
        self._heartbeat.start()

    @override
    def check_usable(self) -> None:
        # Each transaction finds out by itself.
        return

    @override
    def check_writable(self, connection: Connection) -> None:
        _limit_waiting(connection)
        if not _renewed(connection, self.instance):
            raise StoreLockedError(
                "another sloburn has taken over the database, since this one did not renew its lease in time; "
                "restart this one after the other has stopped, or give it another SLOBURN_DATABASE_URL"
            )

    @override
    def check_integrity(self) -> None:
        # The server answers for its own files.
        return

    @override
    def living(self, connection: Connection) -> frozenset[str]:
        return frozenset(connection.execute(select(instance.c.id)).scalars())

    @override
    def put_aside(self) -> None:
        raise StoreUnavailableError(
            "--recover puts SQLite files aside; a database of PostgreSQL is restored from a backup, or dropped and "
            "created again"
        )

    @override
    def translated(self, error: SQLAlchemyError) -> StoreError:
        return _translated(error)

    @property
    @override
    def product(self) -> str:
        return product_of(self.engine)

    @override
    def damaged(self, why: object) -> StoreCorruptError:
        return StoreCorruptError(f"the database is damaged: {why}; restore a backup, or drop and create the database")

    @override
    def close(self) -> None:
        self._closing.set()
        # Never started where the database is only read.
        if self._heartbeat.ident is not None:
            self._heartbeat.join()
            self._give_back_lease()
        self.engine.dispose()

    def _give_back_lease(self) -> None:
        try:
            with self.engine.begin() as connection:
                _limit_waiting(connection)
                connection.execute(delete(instance).where(instance.c.id == self.instance.id))
        except SQLAlchemyError as error:
            _log.warning("the lease on the database could not be given back", error=str(self.translated(error)))

    def _renew(self) -> None:
        while not self._closing.wait(_HEARTBEAT_S):
            try:
                with self.engine.begin() as connection:
                    _limit_waiting(connection)
                    _renewed(connection, self.instance)
            except SQLAlchemyError as error:
                # What is written next says the same to everybody.
                _log.debug("the lease on the database was not renewed", error=str(self.translated(error)))


def check_driver() -> None:
    """Make sure that the driver is installed.

    Raises:
        StoreDriverError: it is not.
    """
    if importlib.util.find_spec("psycopg") is None:
        raise StoreDriverError(
            "SLOBURN_DATABASE_URL names a PostgreSQL database, which needs the extra postgres: "
            "in a clone of the repository, pip install '.[postgres]'"
        )


def inspect_postgres(target: URL) -> str:
    """The version of a server, once it is known that its database can be written; changes nothing.

    Raises:
        StoreError: it cannot be reached or written.
    """
    check_driver()
    engine = _engine(target)
    try:
        with engine.connect() as connection:
            is_read_only, may_create, user = connection.execute(
                text(
                    "SELECT current_setting('transaction_read_only') = 'on', "
                    "has_schema_privilege(current_schema(), 'CREATE'), current_user"
                )
            ).one()
            if is_read_only:
                raise StoreUnavailableError(
                    "the database cannot be written: its server is read-only, such as a standby; name the primary"
                )
            if not may_create:
                raise StoreUnavailableError(
                    f"the database cannot be written: {user} may not create tables; "
                    f"GRANT CREATE ON SCHEMA public TO {user}"
                )
            return product_of(engine)
    except SQLAlchemyError as error:
        raise _translated(error) from error
    finally:
        engine.dispose()


def product_of(engine: Engine) -> str:
    """The server's product and version, known once there was a connection."""
    version = engine.dialect.server_version_info or ()
    return f"PostgreSQL {'.'.join(map(str, version))}".rstrip()


def open_postgres(target: URL) -> PostgresBackend:
    """Open a database of a PostgreSQL server, making its tables if there are none.

    Raises:
        StoreError: it cannot be opened, another process works on it, or it is of another version.
    """
    check_driver()
    engine = _engine(target)
    backend = PostgresBackend(engine, Instance())
    with ExitStack() as unless_opened:
        unless_opened.callback(engine.dispose)
        try:
            with engine.begin() as connection:
                _lock_opening(connection)
                migrate(connection, how_to_start_anew="drop and create it, or name another in SLOBURN_DATABASE_URL")
            _claim(backend)
        except SQLAlchemyError as error:
            raise _translated(error) from error
        unless_opened.pop_all()
    backend.start()
    return backend


class _BesidePostgres(PostgresBackend):
    """A database on which another process works: it has no lease, which only those need who evaluate."""

    @override
    def check_writable(self, connection: Connection) -> None:
        _limit_waiting(connection)


def open_postgres_beside(target: URL) -> PostgresBackend:
    """Open a database that another process may work on, for reading and for a few short writes, without a lease.

    Raises:
        StoreError: it cannot be read, or is of another version.
    """
    check_driver()
    engine = _engine(target)
    backend = _BesidePostgres(engine, Instance())
    with ExitStack() as unless_opened:
        unless_opened.callback(engine.dispose)
        try:
            with engine.connect().execution_options(**backend.read_options) as connection:
                check_revision(connection)
        except SQLAlchemyError as error:
            raise _translated(error) from error
        unless_opened.pop_all()
    return backend


def open_postgres_for_reading(target: URL) -> PostgresBackend:
    """Open a database that another process may work on, and change nothing.

    Raises:
        StoreError: it cannot be read, or is of another version.
    """
    check_driver()
    engine = _engine(target)
    backend = PostgresBackend(engine, Instance())
    with ExitStack() as unless_opened:
        unless_opened.callback(engine.dispose)
        try:
            with engine.connect().execution_options(**backend.read_options) as connection:
                check_revision(connection)
        except SQLAlchemyError as error:
            raise _translated(error) from error
        unless_opened.pop_all()
    return backend


def _engine(target: URL) -> Engine:
    return create_engine(
        target.set(drivername="postgresql+psycopg"),
        connect_args={
            "connect_timeout": _CONNECT_WITHIN_S,
            "application_name": "sloburn",
            # Poolers such as PgBouncer hand each transaction to another session, which knows no statement of before.
            "prepare_threshold": None,
            # A server that is cut off is noticed well before the lease ends.
            "tcp_user_timeout": 10_000,
        },
        pool_size=_CONNECTIONS,
        max_overflow=_MORE_CONNECTIONS,
        pool_timeout=_LOCK_WITHIN_S,
        pool_pre_ping=True,
        json_serializer=json_text.serialize,
        json_deserializer=json_text.deserialize,
    )


def _translated(error: SQLAlchemyError) -> StoreError:
    if isinstance(error, DBAPIError):
        if getattr(error.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
            return StoreLockedError("the database is locked by another program")
        # Server messages have a second line that points into the statement.
        first = next(iter(str(error.orig).splitlines()), type(error.orig).__name__)
        return StoreUnavailableError(f"the database cannot be used: {first}")
    if isinstance(error, PoolTimeoutError):
        return StoreUnavailableError("the database cannot be used: all connections to it are busy")
    return StoreUnavailableError(f"the database cannot be used: {error}")


def _claim(backend: PostgresBackend) -> None:
    """Note that this process works on the database; wait for the lease of one that has ended without giving it back.

    Raises:
        StoreLockedError: another process goes on renewing its lease.
    """
    deadline, first_seen = time.monotonic() + LEASE_S + _LOOK_AGAIN_S, None
    while True:
        with backend.engine.begin() as connection:
            _lock_opening(connection)
            forget_dead_instances(connection)
            other = connection.execute(select(instance)).first()
            if other is None:
                mine = {"id": backend.instance.id, "name": backend.instance.name}
                until_s = database_now_s(connection) + LEASE_S
                connection.execute(insert(instance).values(**mine, expires_at_s=until_s))
                return
        if first_seen is None:
            first_seen = other
            _log.info("waiting for another sloburn to leave the database", instance=other.name)
        if other != first_seen or time.monotonic() > deadline:
            raise StoreLockedError(
                f"another sloburn ({other.name}) works on the database; stop it, or give this one another "
                "SLOBURN_DATABASE_URL"
            )
        time.sleep(_LOOK_AGAIN_S)


def _renewed(connection: Connection, mine: Instance) -> bool:
    renewal = update(instance).where(instance.c.id == mine.id).values(expires_at_s=database_now_s(connection) + LEASE_S)
    return connection.execute(renewal).rowcount == 1


def _limit_waiting(connection: Connection) -> None:
    connection.execute(
        text(f"SET LOCAL lock_timeout = '{_LOCK_WITHIN_S}s'; SET LOCAL statement_timeout = '{_STATEMENT_WITHIN_S}s'")
    )


def _lock_opening(connection: Connection) -> None:
    _limit_waiting(connection)
    connection.execute(select(func.pg_advisory_xact_lock(_OPENING_LOCK)))
