"""PostgreSQL: the same tables, written by several processes.

A row of `instance` says which processes work on the database and until when, by the clock of the database: what one has
claimed in the outbox is free again once its row has expired. Who evaluates what, and does what is done once for all, is
decided by the leases of `app.store.shards`.
"""

import threading
from contextlib import ExitStack

import structlog
from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    delete,
    func,
    select,
    text,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from typing_extensions import override

from app.extras import is_installed
from app.store import json_text
from app.store.backend import Backend
from app.store.database_clock import database_now_s
from app.store.errors import (
    StoreCorruptError,
    StoreDriverError,
    StoreError,
    StoreLockedError,
    StoreUnavailableError,
    StoreUnreachableError,
)
from app.store.instances import Instance, forget_dead_instances, instance, renew_instance
from app.store.migrate import REVISION, check_revision, migrate

_log = structlog.get_logger(__name__)
LEASE_S = 15.0
"""How long after a crash what a process has claimed waits; three heartbeats, so that one that is late loses nothing."""
# Three fit into a lease, and an idle service hardly asks its database.
_HEARTBEAT_S = 5.0
# Connecting and waiting for locks take less than a slot: a lock is held only by a transaction of another instance. Only
# the first pruning of months of rows makes a statement long.
_CONNECT_WITHIN_S = 5
_LOCK_WITHIN_S = 5
_STATEMENT_WITHIN_S = 60
# A process that freezes or loses its machine in the middle of a transaction would keep its locks for as long as the
# server believes in the connection, which may be hours; no transaction computes for so long between two statements.
_IDLE_WITHIN_S = 10
# Delivery, evaluation, the heartbeat and the readers of the API; 20 of PostgreSQL's default of 100.
_CONNECTIONS, _MORE_CONNECTIONS = 5, 15
# Names the lock that processes hold while they make tables; it ends with their transaction.
_OPENING_LOCK = 0x510B0172
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_LOCK_NOT_AVAILABLE = "55P03"
_MAY_NOT = "42501"


class PostgresBackend(Backend):
    """A database of a PostgreSQL server."""

    is_shared = True

    def __init__(self, engine: Engine, instance: Instance) -> None:
        self.engine = engine
        self.instance = instance
        self.read_options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._closing = threading.Event()
        self._heartbeat = threading.Thread(target=self._renew, name="store-heartbeat", daemon=True)

    def start(self) -> None:
        """Note that this process works on the database, and again and again from now on."""
        with self.engine.begin() as connection:
            _limit_waiting(connection)
            forget_dead_instances(connection)
            self._note_alive(connection)
        self._heartbeat.start()

    def _note_alive(self, connection: Connection) -> None:
        # One that was frozen, and forgotten by the others, is there again.
        renew_instance(connection, self.instance, lease_s=LEASE_S, revision=REVISION)

    @override
    def check_usable(self) -> None:
        # Each transaction finds out by itself.
        return

    @override
    def check_writable(self, connection: Connection) -> None:
        if self._heartbeat.ident is None:
            raise StoreUnavailableError("the database was opened to be read")
        _limit_waiting(connection)

    @override
    def check_integrity(self) -> None:
        # The server answers for its own files.
        return

    @override
    def living(self, connection: Connection) -> frozenset[str]:
        now_s = database_now_s(connection)
        # A replica that dies is known sooner by its evaluations; one that stops has ended them, and still delivers.
        evaluates = instance.c.evaluates_until_s.is_(None) | (instance.c.evaluates_until_s > now_s)
        return frozenset(
            connection.execute(select(instance.c.id).where(evaluates & (instance.c.expires_at_s > now_s))).scalars()
        )

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
            self._leave()
        self.engine.dispose()

    def _leave(self) -> None:
        try:
            with self.engine.begin() as connection:
                _limit_waiting(connection)
                connection.execute(delete(instance).where(instance.c.id == self.instance.id))
        except SQLAlchemyError as error:
            _log.warning("the row of this process was not deleted", error=str(self.translated(error)))

    def _renew(self) -> None:
        while not self._closing.wait(_HEARTBEAT_S):
            try:
                with self.engine.begin() as connection:
                    _limit_waiting(connection)
                    self._note_alive(connection)
            except SQLAlchemyError as error:
                # What is written next says the same to everybody.
                _log.debug("the row of this process was not renewed", error=str(self.translated(error)))


def check_driver() -> None:
    """Make sure that the driver is installed.

    Raises:
        StoreDriverError: it is not.
    """
    if not is_installed("psycopg"):
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
        StoreError: it cannot be opened, or is of another version.
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
            backend.start()
        except SQLAlchemyError as error:
            raise _translated(error) from error
        unless_opened.pop_all()
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
    return _open_beside(target, _BesidePostgres)


def open_postgres_for_reading(target: URL) -> PostgresBackend:
    """Open a database that another process may work on, and change nothing.

    Raises:
        StoreError: it cannot be read, or is of another version.
    """
    return _open_beside(target, PostgresBackend)


def _open_beside(target: URL, kind: type[PostgresBackend]) -> PostgresBackend:
    check_driver()
    engine = _engine(target)
    backend = kind(engine, Instance())
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
            # Of a database in SQL_ASCII, as a cluster made in the locale C has, texts would come as bytes.
            "client_encoding": "utf8",
            # Poolers such as PgBouncer hand each transaction to another session, which knows no statement of before.
            "prepare_threshold": None,
            # A server that is cut off is noticed well before the lease ends: by what is sent and not acknowledged, and
            # where an answer is waited for by probes, which the kernel sends after two hours by default.
            "tcp_user_timeout": 10_000,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
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
        if getattr(error.orig, "sqlstate", None) == _MAY_NOT:
            return StoreUnavailableError(
                f"the database cannot be used: {first}; its user needs to own it, or CREATE on its schema"
            )
        # libpq gives no code where it gets no connection.
        is_connected = not isinstance(error, OperationalError) or getattr(error.orig, "sqlstate", None) is not None
        kind = StoreUnavailableError if is_connected else StoreUnreachableError
        return kind(f"the database cannot be used: {first}")
    if isinstance(error, PoolTimeoutError):
        return StoreUnavailableError("the database cannot be used: all connections to it are busy")
    return StoreUnavailableError(f"the database cannot be used: {error}")


def _limit_waiting(connection: Connection) -> None:
    connection.execute(
        text(
            f"SET LOCAL lock_timeout = '{_LOCK_WITHIN_S}s'; SET LOCAL statement_timeout = '{_STATEMENT_WITHIN_S}s'; "
            f"SET LOCAL idle_in_transaction_session_timeout = '{_IDLE_WITHIN_S}s'"
        )
    )


def _lock_opening(connection: Connection) -> None:
    _limit_waiting(connection)
    connection.execute(select(func.pg_advisory_xact_lock(_OPENING_LOCK)))
