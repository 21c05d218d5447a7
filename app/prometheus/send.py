"""One request and its answer over a transport: bounded in time and in size."""

import asyncio
import zlib
from dataclasses import dataclass

import httpx

from app.prometheus.connections import Connection
from app.prometheus.errors import BadAnswerError, TooLargeError, UnreachableError, excerpt
from app.prometheus.large_answers import Turn
from app.prometheus.translate import translated_errors
from app.tracing import trace_child

# The offset that lets zlib expect the header of gzip instead of its own.
_GZIP = 16 + zlib.MAX_WBITS
_MIB = 1024 * 1024
_OK = 200
# A host that drops packets must not use up the whole deadline of an attempt; an unanswered SYN is repeated after 1 s.
_CONNECT_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiResponse:
    """An answer as it came: its body may still be compressed."""

    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def content_type(self) -> str:
        """The header of that name, empty if absent."""
        return str(self.headers.get("content-type", ""))


async def send(
    connection: Connection, request: httpx.Request, path: str, *, seconds: float, limit: int, turn: Turn
) -> ApiResponse:
    """Send the request and read the whole answer, as a span of the trace.

    Args:
        connection: used exclusively until the answer is read.
        request: what to send.
        path: the part of its path that is no secret, for the trace.
        seconds: how long all of it may take.
        limit: bytes of the body above which reading stops.
        turn: waited for once the body proves large.

    Raises:
        PrometheusError: it failed on the way; any status is an answer.
    """
    # Not the whole path: a proxy may have a key in it. Nor the query, which has values of labels.
    attributes = {"http.request.method": request.method, "server.address": request.url.host, "url.template": path}
    with trace_child(f"{request.method} {path}", attributes, client=True) as span:
        answer = await _answered(connection, request, seconds=seconds, limit=limit, turn=turn)
        span.add({"http.response.status_code": answer.status, "http.response.body.size": len(answer.body)})
        if answer.status != _OK:
            span.fail(str(answer.status))
    return answer


async def _answered(
    connection: Connection, request: httpx.Request, *, seconds: float, limit: int, turn: Turn
) -> ApiResponse:
    address = f"{request.url.scheme}://{request.url.netloc.decode()}"
    request.extensions["timeout"] = {"connect": min(_CONNECT_S, seconds)}
    with translated_errors(address):
        async with asyncio.timeout(seconds):
            try:
                response = await _begin(connection, request, address)
                try:
                    body = await _read(response, limit, turn)
                finally:
                    await response.aclose()
            except asyncio.CancelledError:
                await connection.renew()
                raise
    return ApiResponse(status=response.status_code, headers=response.headers, body=body)


async def _begin(connection: Connection, request: httpx.Request, address: str) -> httpx.Response:
    try:
        return await connection.handle_async_request(request)
    except httpx.RemoteProtocolError as error:
        # A connection that was kept open and then closed by a restart looks like this.
        raise UnreachableError(f"no answer from {address}: {excerpt(str(error))}") from None


async def _read(response: httpx.Response, limit: int, turn: Turn) -> bytes:
    chunks = []
    size = 0
    async for chunk in response.stream:  # type: ignore[union-attr]  # an async transport gives an async stream
        size += len(chunk)
        if size > limit:
            raise TooLargeError(f"the answer is larger than {limit // _MIB} MiB; ask for less at once")
        await turn.has_read(size)
        chunks.append(chunk)
    return b"".join(chunks)


def decompressed(answer: ApiResponse, *, limit: int) -> bytes:
    """The body without its compression; a proxy may compress though we ask for plain text.

    Raises:
        TooLargeError: it grows above *limit* bytes.
        BadAnswerError: it is broken, or packed in a way we did not ask for.
    """
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding in {"", "identity"}:
        return answer.body
    if encoding not in {"gzip", "x-gzip"}:
        raise BadAnswerError(f"the answer is compressed with {encoding!r:.40}, which was not asked for")
    unpack = zlib.decompressobj(_GZIP)
    try:
        body = unpack.decompress(answer.body, limit + 1)
    except zlib.error as error:
        raise BadAnswerError(f"the compressed answer is broken: {error}") from None
    if len(body) > limit:
        raise TooLargeError(f"the answer unpacks to more than {limit // _MIB} MiB")
    if not unpack.eof:
        raise BadAnswerError("the compressed answer ends too early")
    return body
