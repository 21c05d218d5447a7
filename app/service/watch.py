"""Documents and receivers are reloaded once their files have changed.

Files are looked at every few seconds instead of being watched by the kernel, which says nothing of changes that other
machines make on a network disk, and of a mounted ConfigMap only that links in a hidden folder have changed (ADR-0059).
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Protocol

from app.clock import Clock
from app.documents import FilesState
from app.schedule import ScheduleInstruments, guarded

# Files that differ from one look to the next are still being written: so far apart are looks then, and so many of them.
_SETTLE_S = 1.0
_MOST_SETTLES = 30
# What keeps good files from being used, such as a full disk, passes.
_RETRY_AFTER = timedelta(minutes=1)


class ReloadedFiles(Protocol):
    """What was reloaded last, and reloading."""

    @property
    def loaded_files(self) -> FilesState:
        """The files at the last reload, whether it took effect or not."""

    @property
    def reload_failed(self) -> bool:
        """Whether the last reload did not take effect."""

    async def current_files(self) -> FilesState | None:
        """The files now; None if that cannot be known in time, as for a network disk that does not answer."""

    async def reload_changed(self) -> None:
        """Reload because files have changed, or to try again."""


class FilesWatch:
    """Looks at the files every so often, and reloads them when they have changed and are no longer written to."""

    def __init__(
        self,
        files: ReloadedFiles,
        *,
        every: timedelta,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._files = files
        self._every_s = every.total_seconds()
        self._clock = clock
        self._sleep = sleep
        self._retry_at = clock.monotonic() + _RETRY_AFTER.total_seconds()

    async def run(self, instruments: ScheduleInstruments) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self._sleep(self._every_s)
            await guarded("looking for changed files", self.look(), instruments=instruments)

    async def look(self) -> None:
        """Look once, and reload if there is reason to."""
        found = await self._files.current_files()
        if found is None or (found == self._files.loaded_files and not self._is_due()):
            return
        for _ in range(_MOST_SETTLES):
            await self._sleep(_SETTLE_S)
            before, found = found, await self._files.current_files()
            if found is None:
                return
            if found == before:
                break
        self._retry_at = self._clock.monotonic() + _RETRY_AFTER.total_seconds()
        await self._files.reload_changed()

    def _is_due(self) -> bool:
        return self._files.reload_failed and self._clock.monotonic() >= self._retry_at
