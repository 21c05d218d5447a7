"""A real PgBouncer in transaction mode: each transaction may have another session of the server."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from testbed.process import NotReadyError, Server, free_port
from tests.support.postgres import unprivileged_user, wait_for_postgres

# Fewer than the connections of a replica, so that sessions really change.
_POOL = 4


class PgBouncer(Server):
    """A pooler; `url` is of no use, since it speaks no HTTP."""


@contextmanager
def pgbouncer(
    folder: Path, *, server: tuple[str, int], listen: str = "127.0.0.1", prefix: Sequence[str] = ()
) -> Iterator[PgBouncer]:
    """A pooler before a *server*, which may be away; its command begins with *prefix*."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        raise NotReadyError("pgbouncer is missing: run 'apt-get install pgbouncer' as root")
    folder.mkdir(parents=True)
    # Where another user runs it, it reads its files there.
    folder.chmod(0o755)
    users, config, port = folder / "users", folder / "pgbouncer.ini", free_port()
    users.write_text('"sloburn" ""\n')
    config.write_text(
        "[databases]\n"
        f"* = host={server[0]} port={server[1]}\n"
        "[pgbouncer]\n"
        f"listen_addr = {listen}\n"
        f"listen_port = {port}\n"
        "unix_socket_dir =\n"
        "auth_type = trust\n"
        f"auth_file = {users}\n"
        "pool_mode = transaction\n"
        f"default_pool_size = {_POOL}\n"
        # Defaults of 15 s: a failover would be seen late.
        "server_login_retry = 1\n"
        "server_connect_timeout = 3\n"
    )
    user = unprivileged_user()
    command = [*prefix, program, *(() if user is None else ("-u", user.pw_name)), str(config)]
    with PgBouncer(
        name="pgbouncer",
        command=command,
        port=port,
        log_path=folder / "pgbouncer.log",
        env={**os.environ},
        cwd=folder,
    ) as pooler:
        pooler.launch()
        wait_for_postgres(pooler, listen)
        yield pooler
