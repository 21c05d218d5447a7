"""TLS contexts that follow their files: certificates are often replaced every few hours, without a reload."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from app.http.detached import DetachedCalls
from app.http.secret_files import READ_S, START_S

_log = structlog.get_logger(__name__)
# Old certificates are valid for a while after they were replaced, and files may be on a disk that hangs.
LOOK_EVERY_S = 10.0
_reads = DetachedCalls()

Stamps = tuple[tuple[int, int, int], ...]


class FollowedContext:
    """The TLS context that *make* builds of *files*; built again when they have changed and can be used.

    *make* raises OSError where they cannot be used: the context of the files as they were stays in use then.
    """

    def __init__(self, make: Callable[[], ssl.SSLContext], files: Sequence[Path]) -> None:
        self._make = make
        self._files = tuple(files)
        self._look_at = 0.0
        # Before they are read: what changes in between is seen as a change.
        self._stamps = _reads.call_now(self, self._found, within_s=START_S) if self._files else ()
        self._failed: Stamps | None = None
        self._is_unreadable = False
        self.context = make()
        """The context as of the last look."""

    async def current(self) -> ssl.SSLContext:
        """The context to connect with now."""
        now = asyncio.get_running_loop().time()
        if self._files and now >= self._look_at:
            self._look_at = now + LOOK_EVERY_S
            try:
                await _reads.call(self, self._look, within_s=READ_S)
                self._is_unreadable = False
            except OSError as error:
                # As while they are being replaced, one after the other; a lasting failure is logged once.
                if not self._is_unreadable:
                    said = str(error) or "timed out"
                    _log.warning("TLS files cannot be read; those read before are used", error=said)
                self._is_unreadable = True
        return self.context

    def _look(self) -> None:
        stamps = self._found()
        if stamps in (self._stamps, self._failed):
            return
        # A file that stays unusable is said once.
        self._failed = stamps
        self.context = self._make()
        self._stamps, self._failed = stamps, None
        _log.info("TLS files were read again", files=[str(file) for file in self._files])

    def _found(self) -> Stamps:
        found = (file.stat() for file in self._files)
        return tuple((stat.st_ino, stat.st_size, stat.st_mtime_ns) for stat in found)
