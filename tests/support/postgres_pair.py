"""Two PostgreSQL clusters, of which one is a standby of the other and takes its place: streaming replication.

It is synchronous while both are there, so that a failover loses nothing that was committed.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from testbed.waiting import wait_until
from tests.support.disks import Disk, LimitedFiles, can_mount, small_disk
from tests.support.postgres import (
    Postgres,
    as_another_user,
    data_folder,
    make_cluster,
    make_template,
    program,
    started,
)

# A commit is on the standby before it is answered; and few files of the log, so that a small disk is enough.
_SETTINGS = (
    "synchronous_commit=on",
    "max_wal_size=64MB",
    "min_wal_size=32MB",
    "wal_keep_size=64MB",
    # A standby that has lost its primary looks again after so long.
    "wal_retrieve_retry_interval=500ms",
)
_DISK_MB = 400


@dataclass(slots=True, kw_only=True)
class PostgresPair:
    """A *primary* and what it takes to replace it; *disks* are those that the clusters are on, the primary's first."""

    primary: Postgres
    folders: list[Path]
    disks: list[Disk]
    _servers: list[Postgres] = field(default_factory=list)

    def revive(self) -> None:
        """Start the primary again if it has ended, as its supervisor would."""
        if not self.primary.running:
            self.primary.start()

    def fail_over(self) -> Postgres:
        """Kill the primary and let a standby take its place, which is given back; `attach` makes another standby."""
        standby = self._standby()
        self.primary.kill()
        standby.execute("SELECT pg_promote()")
        wait_until(lambda: standby.value_of("SELECT pg_is_in_recovery()") is False, lambda: standby.log[-3000:])
        # Else commits wait for the server that is gone.
        _wait_for_standby(standby, "")
        self.folders.reverse()
        self.disks.reverse()
        self.primary = standby
        return standby

    def attach(self) -> None:
        """Copy the primary to where the other cluster was, and follow it there."""
        folder = self.folders[1]
        shutil.rmtree(folder / "data", ignore_errors=True)
        data = data_folder(folder)
        copy = [*as_another_user(), program("pg_basebackup"), "-D", str(data), "-R", "-c", "fast", "-X", "stream"]
        subprocess.run(
            [*copy, "-h", "127.0.0.1", "-p", str(self.primary.port), "-U", "sloburn"],
            check=True,
            capture_output=True,
            cwd=folder,
        )
        self._servers.append(started(data, _SETTINGS))
        _wait_for_standby(self.primary, "*")
        in_step = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
        wait_until(lambda: self.primary.value_of(in_step) == 1, lambda: self.primary.log[-3000:])

    def stop(self) -> None:
        """End both."""
        for server in self._servers:
            server.kill()
        self.primary.kill()

    def _standby(self) -> Postgres:
        return self._servers.pop()


def _wait_for_standby(server: Postgres, names: str) -> None:
    """Let commits wait for these standbys, * for any."""
    server.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
    server.execute("SELECT pg_reload_conf()")
    shown = "SHOW synchronous_standby_names"
    wait_until(lambda: server.value_of(shown) == names, lambda: server.log[-3000:])


@contextmanager
def postgres_pair() -> Iterator[PostgresPair]:
    """A primary and its standby, each on a disk of its own that can be filled where this machine lets us mount."""
    with ExitStack() as stack:
        folders, disks = [], list[Disk]()
        for name in ("one", "other"):
            # Away from the folder of the test, which the user that servers run as cannot enter.
            place = Path(stack.enter_context(TemporaryDirectory(prefix=f"sloburn-postgres-{name}-")))
            is_own = can_mount(place)
            disks.append(stack.enter_context(small_disk(place, megabytes=_DISK_MB)) if is_own else LimitedFiles())
            folders.append(place)
        data = data_folder(folders[0])
        make_cluster(data)
        pair = PostgresPair(primary=started(data, _SETTINGS), folders=folders, disks=disks)
        stack.callback(pair.stop)
        make_template(pair.primary)
        pair.attach()
        yield pair
