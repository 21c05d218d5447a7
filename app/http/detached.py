"""Calls that may never return, such as a name lookup or a read from a network disk, each with a deadline.

The threads of asyncio's default executor are few, and commits and deliveries wait in them: a call that hangs must not
take one. Nor may it keep the process from ending, as a thread of an executor would.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


class TooManyCallsError(OSError):
    """So many calls hang that another is not begun."""


@dataclass(slots=True, kw_only=True)
class _Call:
    """A call: *late* once somebody has given up waiting for it."""

    future: Future[Any]
    begun: float
    ended: float | None = None
    late: bool = False


class DetachedCalls:
    """Runs blocking calls in daemon threads of their own: one at a time for each key, which all who ask wait for.

    Args:
        most: threads at once; further calls fail with `TooManyCallsError`.
        most_with_repeats: threads at once above which no key gets a second one, so that keys that hang leave room for
            the first call of others.
        most_of_key: threads of one key at once.
        renew_after_s: a call that has hung for so long no longer answers for its key: another may fare better.
        kept_s: how long the result of a call that outlasted its deadline serves those who ask again.
    """

    def __init__(
        self,
        *,
        most: int = 512,
        most_with_repeats: int = 64,
        most_of_key: int = 3,
        renew_after_s: float = 30.0,
        kept_s: float = 30.0,
    ) -> None:
        self._most = most
        self._most_with_repeats = most_with_repeats
        self._most_of_key = most_of_key
        self._renew_after_s = renew_after_s
        self._kept_s = kept_s
        self._lock = threading.Lock()
        self._running: Counter[Hashable] = Counter()
        self._newest: dict[Hashable, _Call] = {}

    async def call(self, key: Hashable, work: Callable[[], T], *, within_s: float) -> T:
        """What *work* returns or raises.

        Raises:
            TimeoutError: it has not returned within *within_s* seconds; it goes on.
            TooManyCallsError: others hang.
        """
        future = self._start(key, work)
        loop = asyncio.get_running_loop()
        returned = loop.create_future()

        def wake() -> None:
            if not returned.done():
                returned.set_result(None)

        def tell(_: Future[T]) -> None:
            # The loop may be closed by the time that a call returns.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(wake)

        future.add_done_callback(tell)
        try:
            async with asyncio.timeout(within_s):
                await returned
        except TimeoutError:
            self._keep(key, future)
            raise
        return future.result()

    def call_now(self, key: Hashable, work: Callable[[], T], *, within_s: float) -> T:
        """As `call`, for threads that may wait."""
        future = self._start(key, work)
        try:
            return future.result(within_s)
        except TimeoutError:
            if future.done():
                raise
            self._keep(key, future)
            raise

    def _start(self, key: Hashable, work: Callable[[], T]) -> Future[T]:
        now = time.monotonic()
        with self._lock:
            newest, may_begin = self._newest.get(key), self._may_begin(key)
            if newest is not None and self._serves(newest, now, may_begin=may_begin):
                return newest.future
            if not may_begin:
                raise TooManyCallsError("too many earlier calls have not returned")
            call = self._newest[key] = _Call(future=Future(), begun=now)
            self._running[key] += 1
        try:
            threading.Thread(target=self._run, args=(key, call, work), name="detached", daemon=True).start()
        except RuntimeError as error:
            self._end(key, call, keep=False)
            call.future.set_exception(TooManyCallsError(str(error)))
        return call.future

    def _may_begin(self, key: Hashable) -> bool:
        running, total = self._running[key], self._running.total()
        if not running:
            return total < self._most
        return running < self._most_of_key and total < self._most_with_repeats

    def _serves(self, call: _Call, now: float, *, may_begin: bool) -> bool:
        """Whether another who asks waits for this call, or takes its result, instead of a call of their own."""
        if call.ended is None:
            return now - call.begun < self._renew_after_s or not may_begin
        return now - call.ended < self._kept_s

    def _keep(self, key: Hashable, future: Future[T]) -> None:
        with self._lock:
            newest = self._newest.get(key)
            if newest is not None and newest.future is future:
                newest.late = True

    def _run(self, key: Hashable, call: _Call, work: Callable[[], T]) -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  raised by the callers that wait, who would wait for ever
            self._end(key, call, keep=False)
            call.future.set_exception(error)
        else:
            self._end(key, call, keep=True)
            call.future.set_result(result)

    def _end(self, key: Hashable, call: _Call, *, keep: bool) -> None:
        """Note that a call has ended; an error is not to *keep*."""
        with self._lock:
            self._running[key] -= 1
            if not self._running[key]:
                del self._running[key]
            call.ended = time.monotonic()
            # A result that no caller waited for any more serves the next one, which would wait as long, and in vain.
            if self._newest.get(key) is call and not (keep and call.late):
                del self._newest[key]
