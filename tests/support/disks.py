"""Disks that a test can fill: real ones, as far as this machine allows."""

import os
import resource
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from typing_extensions import override

from testbed.process import Server

_ONE_PAGE = 4096


class Disk(ABC):
    """Where a server keeps its files; full, the kernel refuses to write."""

    @abstractmethod
    def fill(self, server: Server) -> None:
        """From now on nothing more can be written."""

    @abstractmethod
    def free(self, server: Server) -> None:
        """Let there be space again."""


class LimitedFiles(Disk):
    """Any disk: the server may write no file beyond its first page (`RLIMIT_FSIZE`), which needs no rights."""

    @override
    def fill(self, server: Server) -> None:
        self._limit(server, _ONE_PAGE)

    @override
    def free(self, server: Server) -> None:
        self._limit(server, None)

    def _limit(self, server: Server, size: int | None) -> None:
        _, most = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (most if size is None else size, most))


class SmallDisk(Disk):
    """A disk of a few megabytes in memory, filled to the last byte."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    @override
    def fill(self, server: Server) -> None:
        self.use_up()

    def use_up(self) -> None:
        """Leave no space at all."""
        # Unbuffered and ever smaller, so that not a byte is left.
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in (65536, 4096, 1):
                with suppress(OSError):
                    while ballast.write(os.urandom(size)) == size:
                        pass

    @override
    def free(self, server: Server) -> None:
        self._ballast.unlink()


def can_mount(folder: Path) -> bool:
    """Whether this machine lets us mount a disk of our own."""
    try:
        with small_disk(folder):
            return True
    except subprocess.CalledProcessError:
        return False


@contextmanager
def small_disk(folder: Path, *, megabytes: int = 4) -> Iterator[SmallDisk]:
    """A disk of its own at *folder*.

    Raises:
        CalledProcessError: we may not mount.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield SmallDisk(folder)
    finally:
        # Even if somebody still has a file open there, it is gone from the tree at once.
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)
