"""Queries that are asked at the same time about the same intervals, put into few requests."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from app.count_sources.ranges import Answer, Intervals
from app.prometheus import BadQueryError, Matrix, PrometheusError

# Those of one evaluation are asked within less; an evaluation does not notice so much.
_GATHERED_FOR_S = 0.01
_Ask = Callable[[Sequence[str], Intervals, float], Awaitable[list[Answer]]]


@dataclass(slots=True)
class _Waiting:
    """Queries about the same intervals, each with who waits for it; *until* is the latest deadline of them."""

    until: float
    answers: dict[str, asyncio.Future[Matrix]] = field(default_factory=dict)


class Batches:
    """Asks by *ask*, at most *most* queries in one request; a query that several ask is asked once.

    Where a request is refused it is asked again in halves, until it is known which query is at fault.
    """

    def __init__(self, ask: _Ask, *, most: int) -> None:
        self._ask = ask
        self._most = most
        self._waiting: dict[Intervals, _Waiting] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def one(self, query: str, intervals: Intervals, until: float) -> Matrix:
        """What comes of a query, by *until* in the time of the event loop.

        Raises:
            PrometheusError: it failed.
        """
        loop = asyncio.get_running_loop()
        waiting = self._waiting.get(intervals)
        if waiting is None:
            waiting = self._waiting[intervals] = _Waiting(until)
            task = loop.create_task(self._send(intervals))
            # The loop keeps tasks by weak references only.
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        waiting.until = max(waiting.until, until)
        answer = waiting.answers.get(query)
        if answer is None:
            answer = waiting.answers[query] = loop.create_future()
        # One that gives up does not take the answer from the others.
        return await asyncio.shield(answer)

    async def aclose(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, intervals: Intervals) -> None:
        await asyncio.sleep(_GATHERED_FOR_S)
        waiting = self._waiting.pop(intervals)
        queries = list(waiting.answers)
        pieces = [queries[first : first + self._most] for first in range(0, len(queries), self._most)]
        try:
            await asyncio.gather(*(self._piece(piece, intervals, waiting) for piece in pieces))
        finally:
            for answer in waiting.answers.values():
                if not answer.done():
                    answer.cancel()

    async def _piece(self, queries: Sequence[str], intervals: Intervals, waiting: _Waiting) -> None:
        try:
            found = await self._ask(queries, intervals, waiting.until)
        except BadQueryError as error:
            if len(queries) == 1:
                found = [error]
            else:
                half = len(queries) // 2
                pieces = (queries[:half], queries[half:])
                await asyncio.gather(*(self._piece(piece, intervals, waiting) for piece in pieces))
                return
        except PrometheusError as error:
            found = [error] * len(queries)
        for query, answer in zip(queries, found, strict=True):
            future = waiting.answers[query]
            if future.done():
                continue
            if isinstance(answer, PrometheusError):
                future.set_exception(answer)
                # Who asked may have given up: an exception that is never looked at would be logged.
                future.exception()
            else:
                future.set_result(answer)
