"""An HTTP proxy on loopback that hurts what passes through it: late, broken, refused, dripping, or never.

It runs in a thread of its own, so that any test can use it:

    with FaultProxy(prometheus.url) as proxy:
        proxy.fault = Delay(seconds=2)              # from now on, until set to None
        proxy.script(Reply(status=503), Reset())    # the next two requests; then `fault` again
        proxy.only = lambda seen: b"shop" in seen.body  # `fault` hurts these requests only
        with proxy.down(): ...                      # connections are refused
"""

import asyncio
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from testbed.waiting import PATIENCE_S

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}
_LINGER_OFF = struct.pack("ii", 1, 0)
_DRIP_PAUSE_S = 0.05

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """The whole answer, late."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hang:
    """The request is read and nothing is ever answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """The connection is reset (RST) before the answer; *delivered* if the upstream got the request all the same."""

    delivered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate:
    """The connection closes after so many bytes of the body; *honest* if the length announced is the short one."""

    after: int
    honest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Drip:
    """The answer comes at so many bytes a second."""

    bytes_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Another answer, without asking the upstream."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """The upstream's answer with its body changed."""

    change: Callable[[bytes], bytes]


Fault = Delay | Hang | Reset | Truncate | Drip | Reply | Edit

HTML = Reply(headers={"Content-Type": "text/html; charset=utf-8"}, body=b"<html><body>Please log in</body></html>")
"""What a login page in front of a server answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request that reached the proxy, with lower-case header names."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


class FaultProxy:
    """Forwards to *upstream* (a base URL), except for `fault` and the faults of `script`.

    Keeps the requests it has `seen`, the `most_at_once` that were under way, how many `connections` were opened, and
    how many `bytes_answered` the upstream gave.
    """

    def __init__(self, upstream: str = "http://127.0.0.1:9") -> None:
        self.upstream = upstream
        self.fault: Fault | None = None
        self.only: Callable[[Seen], bool] = lambda _seen: True
        self.bytes_answered = 0
        self.seen: list[Seen] = []
        self.most_at_once = 0
        self.connections = 0
        self._at_once = 0
        self._script: deque[Fault | None] = deque()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._stop_listening())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """The base URL of the proxy; it stays the same while it is down."""
        return f"http://127.0.0.1:{self._port}"

    def script(self, *faults: Fault | None) -> None:
        """Give each of the next requests one of *faults*, None for none."""
        self._script.extend(faults)

    @contextmanager
    def down(self) -> Iterator[None]:
        """Meanwhile connections are refused, and those that were open are closed."""
        self._run(self._stop_listening())
        try:
            yield
        finally:
            self._run(self._listen())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self.connections += 1
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    seen = await _read_request(reader)
                    self.seen.append(seen)
                    fault = self._script.popleft() if self._script else self._fault_of(seen)
                    if not await self._respond(seen, fault, writer):
                        return
        finally:
            writer.close()

    def _fault_of(self, seen: Seen) -> Fault | None:
        return self.fault if self.only(seen) else None

    async def _respond(self, seen: Seen, fault: Fault | None, writer: asyncio.StreamWriter) -> bool:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._answer(seen, fault, writer)
        finally:
            self._at_once -= 1

    async def _answer(self, seen: Seen, fault: Fault | None, writer: asyncio.StreamWriter) -> bool:
        """Answer the request with the fault; whether the connection goes on."""
        if isinstance(fault, Hang):
            await asyncio.Event().wait()
        if isinstance(fault, Reset):
            if fault.delivered:
                await self._forward(seen)
            _reset(writer)
            return False
        answer = await self._altered(seen, fault)
        match fault:
            case Truncate():
                return await _truncated(writer, answer, fault)
            case Drip():
                return await _dripped(writer, answer, fault)
            case _:
                return await _write(writer, answer, seen)

    async def _altered(self, seen: Seen, fault: Fault | None) -> _Answer:
        if isinstance(fault, Reply):
            return _Answer(status=fault.status, headers=fault.headers, body=fault.body)
        if isinstance(fault, Delay):
            await asyncio.sleep(fault.seconds)
        answer = await self._forward(seen)
        return replace(answer, body=fault.change(answer.body)) if isinstance(fault, Edit) else answer

    async def _forward(self, seen: Seen) -> _Answer:
        headers = {name: value for name, value in seen.headers.items() if name not in _HOP_BY_HOP}
        # Loading all certificates of the world takes longer than the request.
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as client:  # noqa: S501  plain HTTP
            request = client.build_request(seen.method, self.upstream + seen.target, headers=headers, content=seen.body)
            try:
                response = await client.send(request, stream=True)
                body = b"".join([chunk async for chunk in response.aiter_raw()])
                await response.aclose()
            except httpx.TransportError:
                return _Answer(status=502, headers={"Content-Type": "text/plain"}, body=b"no upstream")
        self.bytes_answered += len(body)
        kept = {name: value for name, value in response.headers.items() if name not in _HOP_BY_HOP}
        return _Answer(status=response.status_code, headers=kept, body=body)


async def _read_request(reader: asyncio.StreamReader) -> Seen:
    start, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    method, target, _ = start.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(method=method, target=target, headers=headers, body=body)


async def _write(writer: asyncio.StreamWriter, answer: _Answer, seen: Seen) -> bool:
    writer.write(_head(answer, len(answer.body)))
    if seen.method != "HEAD":
        writer.write(answer.body)
    await writer.drain()
    return True


async def _truncated(writer: asyncio.StreamWriter, answer: _Answer, fault: Truncate) -> bool:
    body = answer.body[: fault.after]
    writer.write(_head(answer, len(body) if fault.honest else len(answer.body)) + body)
    await writer.drain()
    return fault.honest


async def _dripped(writer: asyncio.StreamWriter, answer: _Answer, fault: Drip) -> bool:
    text = _head(answer, len(answer.body)) + answer.body
    size = max(1, int(fault.bytes_per_second * _DRIP_PAUSE_S))
    for at in range(0, len(text), size):
        writer.write(text[at : at + size])
        await writer.drain()
        await asyncio.sleep(size / fault.bytes_per_second)
    return True


def _head(answer: _Answer, length: int) -> bytes:
    phrase = HTTPStatus(answer.status).phrase if answer.status in set(HTTPStatus) else "Unknown"
    headers = {**answer.headers, "Content-Length": str(length)}
    lines = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _reset(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_OFF)
    writer.transport.abort()
