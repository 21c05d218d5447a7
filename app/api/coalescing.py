"""Work that many ask for at once is done once for all of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Coalesced(Generic[T]):
    """Runs *work* for all who wait for it, one run at a time; the methods belong to one event loop.

    Every caller gets the result of a run that began after its call. So however many ask, at most two runs are due:
    the one under way, and one for everybody who came since.
    """

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self._work = work
        self._running: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """The result of a run that begins from now on."""
        if self._next is None:
            self._next = asyncio.create_task(self._run(after=self._running))
        # A caller that disconnects does not cancel the run that others wait for.
        return await asyncio.shield(self._next)

    async def _run(self, *, after: asyncio.Task[T] | None) -> T:
        if after is not None:
            # Its failure has been raised where it was waited for.
            await asyncio.wait([after])
        self._running, self._next = self._next, None
        return await self._work()
