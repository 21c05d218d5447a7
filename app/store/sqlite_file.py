"""The file of the database: claimed by one process, and watched, since it may be deleted or replaced in use."""

import fcntl
import os
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from app.store.errors import StoreError, StoreGoneError, StoreLockedError

_RESERVE_BYTES = 512 * 1024
"""Room for the two files that SQLite makes at every start, and for the first transactions."""
# Twice the reserve: with less, a start would not find the room that is kept for it.
_FULL_BELOW_BYTES = 1024 * 1024


class DatabaseFile:
    """A file that this process alone works on, until `release`."""

    def __init__(self, path: Path, claims: ExitStack, identity: tuple[int, int]) -> None:
        self.path = path
        self._claims = claims
        self._identity = identity
        self._has_journal = False
        self._has_reserve = False

    @property
    def _journal(self) -> Path:
        return self.path.with_name(f"{self.path.name}-wal")

    @property
    def _reserve(self) -> Path:
        return self.path.with_name(f"{self.path.name}.reserve")

    @property
    def is_disk_full(self) -> bool:
        """Whether there is hardly any space left beside the file."""
        return shutil.disk_usage(self.path.parent).free < _FULL_BELOW_BYTES

    def opened(self) -> None:
        """Note whether there is a write-ahead log: some file systems allow none, and SQLite does without."""
        self._has_journal = self._journal.exists()
        self._keep_reserve()

    def free_reserve(self) -> bool:
        """Give back the space that was kept for a start on a full disk, until `release`; whether there was any."""
        with suppress(OSError):
            self._reserve.unlink()
            self._has_reserve = True
            return True
        return False

    def _keep_reserve(self) -> None:
        """Keep some space: a service that is stopped while the disk is full could not start again."""
        self._has_reserve = True
        if self._reserve.exists():
            return
        try:
            # Not zeros, which take no space on file systems that compress.
            self._reserve.write_bytes(os.urandom(_RESERVE_BYTES))
        except OSError:
            self.free_reserve()

    def check(self) -> None:
        """Make sure that the file is still the one that was opened.

        Raises:
            StoreGoneError: it was deleted, or another is in its place. SQLite would go on writing to the one
                that is never found again, and open further connections to the other one.
        """
        try:
            found = self.path.stat()
        except OSError:
            raise StoreGoneError(
                f"the database file {self.path} was deleted while in use; put it back, or restart to begin a new one"
            ) from None
        if (found.st_dev, found.st_ino) != self._identity:
            raise StoreGoneError(
                f"the database file {self.path} was replaced while in use; restart to work on the new one"
            )

    def check_journal(self) -> None:
        """Make sure that the write-ahead log is there; to be called while a transaction is open.

        Raises:
            StoreGoneError: it was deleted, and with it, after a crash, what was committed lately.
        """
        if self._has_journal and not self._journal.exists():
            raise StoreGoneError(f"{self._journal} was deleted while in use; restart to begin a new one")

    def release(self) -> None:
        """Let another process have it; all connections must be closed."""
        if self._has_reserve:
            self._keep_reserve()
        self._claims.close()


def claim(path: Path) -> DatabaseFile:
    """Make sure that no other process works on the same file; the claim ends with the process, however it ends.

    Two files are locked: the database itself, which is the same by any name or link, and one beside
    it, which stays when the database is deleted or put aside.

    Raises:
        StoreError: another process has claimed it, the folder cannot be written, or it is a pipe.
    """
    # SQLite too writes beside the file that a link leads to.
    path = path.resolve()
    if path.is_fifo() or path.is_socket():
        # To open a pipe would wait for a process that writes into it.
        raise StoreError(f"{path} is not a regular file; give another with SLOBURN_DATABASE_URL")
    with ExitStack() as claims:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = claims.enter_context(path.with_name(f"{path.name}.lock").open("a", encoding="utf-8"))
            # To close this before SQLite's connections would end the locks that SQLite has on the same file.
            database = claims.enter_context(path.open("ab"))
        except OSError as error:
            raise StoreGoneError(
                f"the database folder {path.parent} cannot be written: {error.filename}: {error.strerror}; "
                "give another with SLOBURN_DATABASE_URL or make it writable"
            ) from error
        for file in (beside, database):
            _lock(file, path)
        # For people who look for the process; on a full disk there is no room for it.
        with suppress(OSError):
            beside.truncate(0)
            os.write(beside.fileno(), f"{os.getpid()}\n".encode())
        opened = os.fstat(database.fileno())
        return DatabaseFile(path, claims.pop_all(), (opened.st_dev, opened.st_ino))


def _lock(file: IO[str] | IO[bytes], path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StoreLockedError(
            f"another sloburn works on {path}; stop it, or give this one another SLOBURN_DATABASE_URL"
        ) from error
