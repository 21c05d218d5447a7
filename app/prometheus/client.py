"""The client: requests in, matrices out; bounded in time, size and number of requests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from app.http import FollowedContext
from app.http.dates import clock_skew, retry_after
from app.prometheus.breaker import Breaker
from app.prometheus.connections import Connection, ConnectionPool, http_transport
from app.prometheus.credentials import Credentials
from app.prometheus.decode import PartialPolicy, decode_matrix, decode_names, success_envelope
from app.prometheus.errors import (
    BadAnswerError,
    BadQueryError,
    HttpStatusError,
    MisconfiguredError,
    PrometheusError,
    without_traceback,
)
from app.prometheus.http_config import HttpConfig
from app.prometheus.known_series import KnownSeries
from app.prometheus.large_answers import LARGE_AT_ONCE, LargeAnswers, Turn
from app.prometheus.matrix import Matrix
from app.prometheus.ports import PEER, SUCCESS, ClientInstruments, NoClientInstruments, WallClock
from app.prometheus.requests import (
    ApiRequest,
    instant_request,
    label_values_request,
    labels_request,
    range_request,
)
from app.prometheus.retries import retrying
from app.prometheus.send import ApiResponse, decompressed, send
from app.prometheus.server_info import RuntimeInfo, ServerBuild, build_info, metric_types, runtime_info
from app.prometheus.status_errors import error_of_status
from app.promql.selector_text import with_escaped_names

# Decoding a larger body would block the event loop for longer than handing it to a thread costs.
_DECODE_IN_THREAD = 1024 * 1024
_OK = 200
_METHOD_NOT_ALLOWED = 405
_MULTIPLE_CHOICES = 300

T = TypeVar("T")
Decode = Callable[[bytes, ApiResponse], T]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a client may take of time, memory and the server.

    Attributes:
        timeout: the longest that one attempt may take; also sent to the server as its own timeout.
        answer_bytes: the largest answer, as sent and as unpacked.
        at_once: requests under way; with more than 8, a Prometheus answers fewer in a second, and later.
        large_at_once: large answers in memory.
    """

    timeout: timedelta = timedelta(seconds=10)
    answer_bytes: int = 32 * 1024 * 1024
    at_once: int = 8
    large_at_once: int = LARGE_AT_ONCE


_DEFAULT = Limits()


class PrometheusClient:
    """Asks one Prometheus, or a compatible server (Mimir, Thanos, VictoriaMetrics).

    Every method takes *deadline*, the seconds that it may take with waiting and retries (default: the timeout of one
    attempt), and raises a `PrometheusError`.

    Args:
        config: where, and how to log in.
        pool: connections; the caller that opened them closes them.
        clock: to compare with the server's.
        instruments: counts requests.
        limits: of time and size; its *at_once* is the size of *pool*.
        partial: what becomes of answers that say that data is missing.
        breaker: when to stop asking.
        known_series: label sets that are shared with another client of the server.
        peer: whose clock it is, for *instruments*.
    """

    def __init__(
        self,
        config: HttpConfig,
        *,
        pool: ConnectionPool,
        clock: WallClock,
        instruments: ClientInstruments | None = None,
        limits: Limits = _DEFAULT,
        partial: PartialPolicy = PartialPolicy.REJECT,
        breaker: Breaker | None = None,
        known_series: KnownSeries | None = None,
        peer: str = PEER,
    ) -> None:
        self._base_url = config.base_url
        self._credentials = Credentials(config)
        self._pool = pool
        self._clock = clock
        self._peer = peer
        self._instruments = instruments or NoClientInstruments()
        self._timeout = limits.timeout.total_seconds()
        self._partial = partial
        self._largest = limits.answer_bytes
        self._large_answers = LargeAnswers(limits.large_at_once)
        self.known_series = known_series or KnownSeries()
        self._breaker = breaker or Breaker()
        self._post = True
        self._escapes_names = False
        self._skew = 0.0

    @property
    def clock_skew(self) -> float:
        """Seconds that the server's clock is ahead of ours for sure, by its newest answer; negative if behind."""
        return self._skew

    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        """The expression at one moment; a range selector such as ``up[30s]`` answers raw samples."""
        return await self._evaluated(expr, lambda text: instant_request(text, at, self._partial), deadline)

    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        """The expression at every *step* from *start* to *end*, both included.

        Raises:
            ValueError: there would be more than 11,000 points, which Prometheus refuses.
        """
        return await self._evaluated(expr, lambda text: range_request(text, start, end, step, self._partial), deadline)

    async def runtime_info(self, *, deadline: float | None = None) -> RuntimeInfo:
        """How long the server keeps samples; fields are None where it does not say, as with VictoriaMetrics."""
        return runtime_info(await self._status("runtimeinfo", deadline))

    async def build_info(self, *, deadline: float | None = None) -> ServerBuild:
        """The server's version; None where it does not say."""
        return build_info(await self._status("buildinfo", deadline))

    async def metric_types(self, metric: str, *, deadline: float | None = None) -> frozenset[str]:
        """The types that targets give a metric, such as ``counter``; none where the server does not know."""
        api_request = ApiRequest(path="/api/v1/metadata", params={"metric": metric})
        return metric_types(metric, await self._about(api_request, deadline))

    async def label_names(
        self, selector: str, start: datetime, end: datetime, *, deadline: float | None = None
    ) -> tuple[str, ...]:
        """The names of the labels that series of a selector have had between two times."""
        selector = with_escaped_names(selector) if self._escapes_names else selector
        return await self._ask(labels_request(selector, start, end, self._partial), self._decode_names, deadline)

    async def label_values(
        self, label: str, selector: str | None, start: datetime, end: datetime, *, deadline: float | None = None
    ) -> tuple[str, ...]:
        """The values that a label has had between two times, of the series of a selector or of all."""
        selector = with_escaped_names(selector) if self._escapes_names and selector is not None else selector
        request = label_values_request(label, selector, start, end, self._partial)
        return await self._ask(request, self._decode_names, deadline)

    def _decode_names(self, body: bytes, answer: ApiResponse) -> tuple[str, ...]:
        return decode_names(body, content_type=answer.content_type, partial=self._partial)

    async def _status(self, page: str, deadline: float | None) -> dict[str, object]:
        return await self._about(ApiRequest(path=f"/api/v1/status/{page}", params={}), deadline)

    async def _about(self, api_request: ApiRequest, deadline: float | None) -> dict[str, object]:
        """What the server says of itself; nothing where it does not have that page."""
        try:
            return await self._ask(api_request, _decode_status, deadline)
        except (HttpStatusError, BadQueryError) as error:
            if error.retryable or error.reason not in {HttpStatusError.reason, BadQueryError.reason}:
                raise
            return {}

    async def _evaluated(self, expr: str, request: Callable[[str], ApiRequest], deadline: float | None) -> Matrix:
        """The answer to an expression; with names as MetricsQL has them where the server knows none in quotes."""
        if self._escapes_names:
            return await self._ask(request(with_escaped_names(expr)), self._matrix_of(expr), deadline)
        try:
            return await self._ask(request(expr), self._matrix_of(expr), deadline)
        except BadQueryError as error:
            # Names in quotes came with Prometheus 3: asking again tells whether they were rejected, or the query.
            escaped = with_escaped_names(expr) if '"' in expr else expr
            if escaped == expr:
                raise
            rejected = error
        try:
            matrix = await self._ask(request(escaped), self._matrix_of(expr), deadline)
        except BadQueryError:
            raise rejected from None
        self._escapes_names = True
        return matrix

    def _matrix_of(self, expr: str) -> Decode[Matrix]:
        def decode(body: bytes, answer: ApiResponse) -> Matrix:
            matrix = decode_matrix(
                body, content_type=answer.content_type, partial=self._partial, query=expr, known=self.known_series
            )
            if matrix.invalid:
                self._instruments.invalid_samples(matrix.invalid)
            return matrix

        return decode

    async def _ask(self, api_request: ApiRequest, decode: Decode[T], deadline: float | None) -> T:
        loop = asyncio.get_running_loop()
        until = loop.time() + (self._timeout if deadline is None else deadline)
        async with self._pool.one(until) as connection:
            return await retrying(until - loop.time())(self._attempt, connection, api_request, decode, until)

    async def _attempt(self, connection: Connection, api_request: ApiRequest, decode: Decode[T], until: float) -> T:
        try:
            found = await self._found(connection, api_request, decode, until)
        except PrometheusError as error:
            self._instruments.requested(error.reason)
            raise without_traceback(error) from None
        self._instruments.requested(SUCCESS)
        return found

    async def _found(self, connection: Connection, api_request: ApiRequest, decode: Decode[T], until: float) -> T:
        async with self._large_answers.turn() as turn:
            async with self._breaker.attempt(until):
                answer = await self._answer(connection, api_request, until, turn)
            return await self._decoded(answer, api_request, decode)

    async def _answer(self, connection: Connection, api_request: ApiRequest, until: float, turn: Turn) -> ApiResponse:
        headers = await self._credentials.headers()
        timeout = min(self._timeout, until - asyncio.get_running_loop().time())
        sent = self._clock.now()
        request = self._request(api_request, headers, timeout)
        await self._credentials.authorize(request)
        answer = await send(connection, request, api_request.path, seconds=timeout, limit=self._largest, turn=turn)
        if answer.status == _METHOD_NOT_ALLOWED and request.method == "POST":
            # Some servers and proxies allow GET only; remembered, or every request would be made twice.
            self._post = False
            return await self._answer(connection, api_request, until, turn)
        self._compare_clocks(answer, sent)
        return answer

    def _request(self, api_request: ApiRequest, headers: httpx.Headers, timeout: float) -> httpx.Request:
        url = self._base_url + api_request.path
        form = api_request.form(timeout=timeout)
        try:
            if not self._post or api_request.expr is None:
                return httpx.Request("GET", f"{url}?{form}", headers=headers)
            request = httpx.Request("POST", url, headers=headers, content=form.encode())
        except (httpx.InvalidURL, ValueError):
            raise MisconfiguredError("cannot build a request: the address of Prometheus is not a URL") from None
        request.headers["Content-Type"] = "application/x-www-form-urlencoded"
        return request

    async def _decoded(self, answer: ApiResponse, api_request: ApiRequest, decode: Decode[T]) -> T:
        url = self._base_url + api_request.path

        def work() -> T:
            body = decompressed(answer, limit=self._largest)
            if answer.status != _OK:
                raise _status_error(answer, body, api_request, url)
            try:
                return decode(body, answer)
            except BadAnswerError as error:
                # Often another server, or a page to log in at: the address is what has to be looked at.
                raise BadAnswerError(f"{error} ({url})") from None

        # A compressed body may be many times as large.
        large = len(answer.body) > _DECODE_IN_THREAD or "content-encoding" in answer.headers
        return await asyncio.to_thread(work) if large else work()

    def _compare_clocks(self, answer: ApiResponse, sent: datetime) -> None:
        skew = clock_skew(answer.headers.get("date"), sent=sent, received=self._clock.now())
        if skew is not None:
            self._skew = skew
            self._instruments.clock_skew(self._peer, skew)


def _decode_status(body: bytes, answer: ApiResponse) -> dict[str, object]:
    data = success_envelope(body, answer.content_type).get("data")
    return data if isinstance(data, dict) else {}


def _status_error(answer: ApiResponse, body: bytes, api_request: ApiRequest, url: str) -> PrometheusError:
    headers = answer.headers
    return error_of_status(
        answer.status,
        body,
        query=api_request.expr,
        retry_after=retry_after(headers.get("retry-after"), date=headers.get("date")),
        location=_without_credentials(headers.get("location")),
        url=url,
    )


def _without_credentials(location: str | None) -> str | None:
    # A redirect may have a user and a password in its address, and this text is logged.
    if location is None:
        return None
    parts = urlsplit(location)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.netloc else parts.path


@asynccontextmanager
async def open_client(
    config: HttpConfig,
    *,
    clock: WallClock,
    instruments: ClientInstruments | None = None,
    limits: Limits = _DEFAULT,
    partial: PartialPolicy = PartialPolicy.REJECT,
    beside: PrometheusClient | None = None,
    peer: str = PEER,
) -> AsyncIterator[PrometheusClient]:
    """A client with connections of its own, which close at the end; it connects when it is first asked.

    *beside* is another client of the same server: slow answers and failures of one do not concern the other, and what
    they know of series is in memory once.

    Raises:
        MisconfiguredError: a certificate or key cannot be read, or a header cannot be sent.
    """
    async with open_pool(config, count=limits.at_once, server="Prometheus") as pool:
        yield PrometheusClient(
            config,
            pool=pool,
            clock=clock,
            instruments=instruments,
            limits=limits,
            partial=partial,
            known_series=None if beside is None else beside.known_series,
            peer=peer,
        )


@asynccontextmanager
async def open_pool(config: HttpConfig, *, count: int, server: str) -> AsyncIterator[ConnectionPool]:
    """Connections to a *server*, at most *count* at once, which close at the end.

    Raises:
        MisconfiguredError: a certificate or key cannot be read.
    """
    try:
        tls = FollowedContext(config.ssl_context, config.tls_files)
    except OSError as error:
        raise MisconfiguredError(f"cannot use the TLS files for {server}: {error.strerror or error}") from None
    pool = ConnectionPool(lambda: http_transport(tls.context), count=count, tls=tls)
    try:
        yield pool
    finally:
        await pool.aclose()
