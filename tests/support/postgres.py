"""A real PostgreSQL on a free loopback port, for tests: quick and not durable.

It refuses to run as root, so that root starts it as another user. `POSTGRES` in the environment chooses another binary.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from typing_extensions import override

from app.store import open_database
from testbed.process import NotReadyError, Server, free_port
from testbed.waiting import PATIENCE_S

_USERS = ("postgres", "nobody")
_STARTS = 4
"""Attempts at a start, each on another port: between choosing a port and listening on it, another may take it."""
_SETTINGS = (
    # Tests kill servers and processes, never the machine.
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "jit=off",
    "shared_buffers=16MB",
    "max_connections=60",
    "unix_socket_directories=",
    "listen_addresses=127.0.0.1",
)
_TEMPLATE = "migrated"


@dataclass(slots=True, kw_only=True)
class Postgres(Server):
    """A PostgreSQL server; `new_database` is quick, since its tables are copied."""

    _numbers: Iterator[int] = field(default_factory=count)

    def new_database(self) -> str:
        """The URL of a database of its own, with all tables and nothing in them."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return self.database_url(name)

    def empty_database(self) -> str:
        """The URL of a database of its own without tables."""
        name = f"test_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.database_url(name)

    def database_url(self, name: str) -> str:
        """The URL of a database as the settings have it."""
        return f"postgresql+psycopg://sloburn@127.0.0.1:{self.port}/{name}"

    def execute(self, statement: str, *, database: str = "postgres") -> None:
        """Run a statement outside of a transaction."""
        import psycopg  # noqa: PLC0415  each worker of pytest would import it

        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def value_of(self, query: str, *, database: str = "postgres") -> object:
        """The first value of the first row that a query gives; None without rows."""
        import psycopg  # noqa: PLC0415  each worker of pytest would import it

        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
        return None if row is None else row[0]

    @override
    def wait_ready(self, timeout: float = PATIENCE_S) -> None:
        wait_for_postgres(self, "127.0.0.1", timeout)

    @override
    def pause(self) -> None:
        """Let the server hang: also its processes, of which each leads a group of its own."""
        # `super()` does not work in dataclasses with slots.
        Server.pause(self)
        self._signal_children(signal.SIGSTOP)

    @override
    def resume(self) -> None:
        self._signal_children(signal.SIGCONT)
        Server.resume(self)

    def _signal_children(self, number: signal.Signals) -> None:
        for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(child), number)

    @override
    def stop(self, timeout: float = 15.0) -> int | None:
        if self.running:
            self.resume()
            # SIGTERM would wait for all clients.
            self._signal(signal.SIGINT)
            deadline = time.monotonic() + timeout
            while self.exit_code is None and time.monotonic() < deadline:
                time.sleep(0.02)
        self.kill()
        return self.exit_code

    def dsn(self, database: str) -> str:
        """How a driver, or a program of PostgreSQL, finds a database."""
        return f"host=127.0.0.1 port={self.port} user=sloburn dbname={database} connect_timeout=60"


def wait_for_postgres(server: Server, host: str, timeout: float = PATIENCE_S) -> None:
    """Wait until something that speaks PostgreSQL's protocol lets its user in.

    Raises:
        NotReadyError: it ended, or *timeout* seconds have passed.
    """
    import psycopg  # noqa: PLC0415  each worker of pytest would import it

    dsn = f"host={host} port={server.port} user=sloburn dbname=postgres connect_timeout=60"
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if not server.running:
            raise NotReadyError(f"{server.name} ended with {server.exit_code}:\n{server.log[-3000:]}")
        try:
            psycopg.connect(dsn).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise NotReadyError(f"{server.name} was not ready after {timeout} s:\n{server.log[-3000:]}")


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server with one user, `sloburn`, who needs no password."""
    folder = Path(tempfile.mkdtemp(prefix="sloburn-postgres-"))
    try:
        data = data_folder(folder)
        make_cluster(data)
        with started(data) as server:
            make_template(server)
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_cluster(data: Path) -> None:
    """Fill a folder with a cluster of one user, `sloburn`."""
    command = [*as_another_user(), program("initdb"), "-D", str(data), "-U", "sloburn", "-A", "trust"]
    subprocess.run([*command, "-E", "UTF8", "--no-locale", "-N"], check=True, capture_output=True, cwd=data.parent)


def make_template(server: Postgres) -> None:
    """Make the database that `Postgres.new_database` copies."""
    server.execute(f"CREATE DATABASE {_TEMPLATE}")
    open_database(server.database_url(_TEMPLATE)).close()


def started(data: Path, settings: Sequence[str] = ()) -> Postgres:
    """A server over a folder of data, with *settings* beside those of all tests.

    Raises:
        NotReadyError: it does not start.
    """
    for attempt in range(_STARTS):
        port = free_port()
        given = [part for setting in (*_SETTINGS, *settings) for part in ("-c", setting)]
        server = Postgres(
            name="postgres",
            command=[*as_another_user(), program("postgres"), "-D", str(data), "-p", str(port), *given],
            port=port,
            log_path=data.parent / f"{data.name}.log",
            cwd=data.parent,
        )
        try:
            server.start()
        except NotReadyError:
            if attempt == _STARTS - 1:
                raise
        else:
            return server
    raise AssertionError("unreachable")


def unprivileged_user() -> pwd.struct_passwd | None:
    """The user that servers run as where this is root; None if this is not root."""
    if os.getuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(known[name] for name in _USERS if name in known)


def data_folder(folder: Path) -> Path:
    """A folder for the data of a server in another one, of the user that servers run as."""
    data, user = folder / "data", unprivileged_user()
    data.mkdir(mode=0o700)
    if user is not None:
        folder.chmod(0o755)
        os.chown(data, user.pw_uid, user.pw_gid)
    return data


def as_another_user() -> Sequence[str]:
    """What a command begins with to run as an unprivileged user, if this is root."""
    user = unprivileged_user()
    return (
        () if user is None else ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--")
    )


def program(name: str) -> str:
    """A program of PostgreSQL; Debian keeps those of the server in a folder for each version."""
    chosen = os.environ.get("POSTGRES")
    if chosen:
        return str(Path(chosen).with_name(name))
    newest = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    found = str(newest[-1]) if newest else shutil.which(name)
    if found is None:
        raise NotReadyError(f"{name} is missing: apt-get install postgresql, or set POSTGRES to a server's path")
    return found
