"""Few large answers are in memory at once: each takes ten times its size while it is decoded."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

# Two answers of the default limit of 32 MiB take some 600 MiB while they are decoded; a third would wait anyway, since
# decoding holds the interpreter. Answers below 4 MiB are the rule and never wait.
_LARGE_BYTES = 4 * 1024 * 1024
LARGE_AT_ONCE = 2


class Turn:
    """The right to read one answer further than it is small."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._taken = False

    async def has_read(self, size: int) -> None:
        """Wait for a place once an answer of *size* bytes so far is large; the server waits meanwhile."""
        if size > _LARGE_BYTES and not self._taken:
            await self._places.acquire()
            self._taken = True

    def end(self) -> None:
        """Give the place to the next one."""
        if self._taken:
            self._places.release()
        self._taken = False


class LargeAnswers:
    """The places for large answers."""

    def __init__(self, at_once: int = LARGE_AT_ONCE) -> None:
        self._places = asyncio.Semaphore(at_once)

    @property
    def full(self) -> bool:
        """Whether the next large answer has to wait."""
        return self._places.locked()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """A turn that lasts until its answer is decoded or given up."""
        turn = Turn(self._places)
        try:
            yield turn
        finally:
            turn.end()
