"""One client for both services: ranges in, matrices out; bounded in time, size, and by the limits of the service."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
import orjson

from app.count_sources.batches import Batches
from app.count_sources.ranges import Answer, Intervals, series_of_pieces
from app.count_sources.service import CountService
from app.count_sources.service_limit import ServiceLimit
from app.http.dates import retry_after
from app.prometheus import (
    SUCCESS,
    AccessDeniedError,
    BadAnswerError,
    BadQueryError,
    Breaker,
    ClientInstruments,
    Connection,
    ConnectionPool,
    Credentials,
    HttpConfig,
    HttpStatusError,
    LargeAnswers,
    Limits,
    Matrix,
    PrometheusError,
    RateLimitedError,
    decompressed,
    retrying,
    send,
)

_OK, _BAD_REQUEST, _UNPROCESSABLE, _TOO_MANY, _SERVER_ERROR = 200, 400, 422, 429, 500
_DENIED = frozenset({401, 403})


class CountClient:
    """Asks one service for numbers of events; raises the errors of `app.prometheus`.

    Args:
        service: which, and its limits.
        config: where, with keys as headers.
        pool: connections; the caller that opened them closes them.
        instruments: counts requests.
        limits: of time and size.
        rate: what is known of the limit of the service, shared with its other clients.
        background: leave some of the limit to evaluations.
    """

    def __init__(
        self,
        service: CountService,
        config: HttpConfig,
        *,
        pool: ConnectionPool,
        instruments: ClientInstruments,
        limits: Limits,
        rate: ServiceLimit,
        background: bool,
    ) -> None:
        self.service = service
        self.rate = rate
        self._url = config.base_url + service.path
        self._credentials = Credentials(config)
        self._pool = pool
        self._instruments = instruments
        self._timeout = limits.timeout.total_seconds()
        self._largest = limits.answer_bytes
        self._large_answers = LargeAnswers(limits.large_at_once)
        self._background = background
        self._breaker = Breaker()
        self._batches = Batches(self._ask, most=service.most_queries)

    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:  # noqa: ARG002
        """Nothing can be asked for a moment.

        Raises:
            BadQueryError: always.
        """
        raise BadQueryError(f"{self.service.name} is asked for intervals only", query=expr)

    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        """The numbers of a query in the intervals of the length *step* of which the first ends at *start*."""
        until = asyncio.get_running_loop().time() + (self._timeout if deadline is None else deadline)
        asked = Intervals(
            first_end_s=round(start.timestamp()),
            last_end_s=round(end.timestamp()),
            every_s=round(step.total_seconds()),
        )
        pieces = asked.pieces(self.service.most_intervals)
        return series_of_pieces(await asyncio.gather(*(self._batches.one(expr, piece, until) for piece in pieces)))

    async def aclose(self) -> None:
        """Give up what is under way."""
        await self._batches.aclose()

    async def _ask(self, queries: Sequence[str], intervals: Intervals, until: float) -> list[Answer]:
        content = orjson.dumps(self.service.request(queries, intervals))
        now = asyncio.get_running_loop().time
        async with self._pool.one(until) as connection:
            retry = retrying(until - now())
            body: Mapping[str, Any] = await retry(self._attempt, connection, content, until)
        return self.service.answers(body, queries, intervals)

    async def _attempt(self, connection: Connection, content: bytes, until: float) -> Mapping[str, Any]:
        try:
            # Before the breaker: it takes any error of a limit for an answer, and here nothing is asked.
            self._check_limit(until)
            async with self._breaker.attempt(until):
                body = await self._answered(connection, content, until)
        except PrometheusError as error:
            self._instruments.requested(error.reason)
            raise
        self._instruments.requested(SUCCESS)
        return body

    def _check_limit(self, until: float) -> None:
        now_s = asyncio.get_running_loop().time()
        pause_s = self.rate.pause_s(now_s, background=self._background)
        if pause_s:
            problem = f"not asked for {pause_s:.0f} s: the limit of {self.service.name} is reached"
            raise RateLimitedError(problem, status=_TOO_MANY, retryable=pause_s < until - now_s, retry_after=pause_s)

    async def _answered(self, connection: Connection, content: bytes, until: float) -> Mapping[str, Any]:
        now_s = asyncio.get_running_loop().time
        request = await self._request(content)
        async with self._large_answers.turn() as turn:
            seconds = min(self._timeout, until - now_s())
            answer = await send(connection, request, self.service.path, seconds=seconds, limit=self._largest, turn=turn)
            self.rate.note(answer.headers, now_s())
            body = _decoded(decompressed(answer, limit=self._largest))
        if answer.status != _OK:
            raise self._status_error(answer.status, answer.headers, body)
        if body is None:
            error = BadAnswerError(f"the answer is not JSON; is {self._url} the address of {self.service.name}?")
            # Another answer would cost another request of the limit.
            error.retryable = False
            raise error
        return body

    async def _request(self, content: bytes) -> httpx.Request:
        headers = httpx.Headers(await self._credentials.headers())
        headers["Content-Type"] = "application/json"
        return httpx.Request("POST", self._url, headers=headers, content=content)

    def _status_error(self, status: int, headers: httpx.Headers, body: Mapping[str, Any] | None) -> PrometheusError:
        said = None if body is None else self.service.words(body)
        text = f"{self.service.name} answers {status}" + (f": {said}" if said else "")
        if status in (_BAD_REQUEST, _UNPROCESSABLE) and said is not None:
            return BadQueryError(f"{self.service.name} refuses the query: {said}")
        if status in _DENIED:
            return AccessDeniedError(f"{text}; look at the keys, what they may do, and the site", status=status)
        if status == _TOO_MANY:
            given = retry_after(headers.get("retry-after"), date=headers.get("date"))
            pause_s = self.rate.refused(given, headers, asyncio.get_running_loop().time())
            return RateLimitedError(text, status=status, retryable=pause_s < self._timeout, retry_after=pause_s)
        return HttpStatusError(text, status=status, retryable=status >= _SERVER_ERROR)


def _decoded(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
