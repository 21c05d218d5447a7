"""What readers at their worst cost evaluation: slots missed, seconds an evaluation takes, what supervisors wait."""

import asyncio
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.table import Table

from app.service.open_files import allow_open_files
from bench import harness
from testbed.stack import Stack, document, stack

OPEN_FILES = 1024
_HISTORY_S = 54_000
"""10,800 steps of five seconds, nearly the most that one answer may hold."""
_HALF = b"GET /api/v1/slos HTTP/1.1\r\nHost: x\r\nX-Half: "
_EVALUATIONS, _MISSED = "sloburn_evaluations_total", "sloburn_evaluations_missed_total"
_SECONDS, _MEMORY = "sloburn_evaluation_duration_seconds_sum", "process_resident_memory_bytes"


@dataclass(slots=True)
class Readers:
    """Clients that ask, read or wait until they are told to end; loopback only, and bounded in number."""

    service: Stack
    answers: Counter[str] = field(default_factory=Counter)
    _ended: bool = False

    def end(self) -> None:
        """Let every client end."""
        self._ended = True

    def reading(self) -> bool:
        """Whether clients go on."""
        return not self._ended

    async def asking(self, path: str, clients: int) -> None:
        """So many clients ask for the same, again and again."""
        await asyncio.gather(*(self._ask(path) for _ in range(clients)))

    async def reading_slowly(self, path: str, clients: int) -> None:
        """So many clients ask once, read 400 bytes a second, and begin anew when they are cut off."""
        await asyncio.gather(*(self._read_slowly(path) for _ in range(clients)))

    async def connecting(self, sent: bytes, clients: int) -> None:
        """So many connections stay open, each after these bytes, and are opened again when they are closed."""
        await asyncio.gather(*(self._connect(sent) for _ in range(clients)))

    async def _ask(self, path: str) -> None:
        async with httpx.AsyncClient(base_url=self.service.service.url, timeout=20, trust_env=False) as client:
            while self.reading():
                with suppress(httpx.TransportError):
                    self.answers[str((await client.get(path)).status_code)] += 1

    async def _read_slowly(self, path: str) -> None:
        while self.reading():
            with suppress(OSError):
                async with self._opened(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()) as reader:
                    while self.reading() and await reader.read(200):
                        await _pause(0.5)

    async def _connect(self, sent: bytes) -> None:
        while self.reading():
            with suppress(OSError):
                async with self._opened(sent) as reader:
                    while self.reading():
                        with suppress(TimeoutError):
                            async with asyncio.timeout(0.5):
                                if not await reader.read(200):
                                    break
            await asyncio.sleep(0.1)

    def _opened(self, sent: bytes) -> "_Opened":
        return _Opened(self.service.service.port, sent)


@dataclass(slots=True)
class _Opened:
    port: int
    sent: bytes
    _writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> asyncio.StreamReader:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1024)
        self._writer.write(self.sent)
        return reader

    async def __aexit__(self, *_error: object) -> None:
        if self._writer is not None:
            self._writer.transport.abort()


def run(*, slos: int, seconds: float) -> bool:
    """Measure each kind of readers for so many seconds; whether no slot was missed and every health check answered."""
    allow_open_files()
    table = Table("readers", "evaluations", "missed", "mean s", "health checks", "failed", "longest s", "MB", "answers")
    kept = True
    names = [f"slo-{number}" for number in range(slos)]
    with (
        tempfile.TemporaryDirectory(prefix="sloburn-bench-") as folder,
        stack(Path(folder), documents=[document("checkout", names=names)], open_files=OPEN_FILES) as running,
    ):
        harness.sleep(10, "the first evaluations")
        for name, reading in _kinds().items():
            with harness.step(name):
                row, good = _measured(running, reading, seconds)
            table.add_row(name, *row)
            kept &= good
    harness.show(table)
    return kept


def _kinds() -> Mapping[str, Callable[[Readers], Coroutine[Any, Any, None]]]:
    history = f"/api/v1/slos/checkout-slo-0/history?step=5s&from={int(time.time()) - _HISTORY_S}&to={int(time.time())}"
    slos, alerts = "/api/v1/slos?limit=1000", "/api/v1/alerts?limit=1000"
    return {
        "none": lambda _readers: _pause(0),
        "40 long histories": lambda readers: readers.asking(history, 40),
        "50 scrapes of /metrics": lambda readers: readers.asking("/metrics", 50),
        "20 lists, 20 alerts, 20 pages": lambda readers: _together(
            *(readers.asking(path, 20) for path in (slos, alerts, "/"))
        ),
        "100 slow readers of lists and metrics": lambda readers: _together(
            *(readers.reading_slowly(path, 50) for path in (slos, "/metrics"))
        ),
        "1,100 idle and 500 half-sent": lambda readers: _together(
            readers.connecting(b"", 1100), readers.connecting(_HALF, 500)
        ),
    }


def _measured(
    running: Stack, reading: Callable[[Readers], Coroutine[Any, Any, None]], seconds: float
) -> tuple[list[str], bool]:
    readers = Readers(running)
    before = _figures(running)
    with _health_checks(running.service.port) as checks, _in_background(readers, reading):
        time.sleep(seconds)
    after = _figures(running)
    evaluations, missed = (after[name] - before[name] for name in (_EVALUATIONS, _MISSED))
    mean = (after[_SECONDS] - before[_SECONDS]) / max(evaluations, 1)
    failed = sum(not good for good, _ in checks)
    row = [
        f"{evaluations:.0f}",
        f"{missed:.0f}",
        f"{mean:.2f}",
        str(len(checks)),
        str(failed),
        f"{max((took for _, took in checks), default=0.0):.2f}",
        f"{after[_MEMORY] / 1e6:.0f}",
        ", ".join(f"{count} x {status}" for status, count in sorted(readers.answers.items())),
    ]
    return row, not missed and not failed


@contextmanager
def _in_background(readers: Readers, reading: Callable[[Readers], Coroutine[Any, Any, None]]) -> Iterator[None]:
    thread = threading.Thread(target=lambda: asyncio.run(reading(readers)))
    thread.start()
    try:
        yield
    finally:
        readers.end()
        thread.join()


async def _together(*work: Coroutine[Any, Any, None]) -> None:
    await asyncio.gather(*work)


async def _pause(seconds: float) -> None:
    await asyncio.sleep(seconds)


@contextmanager
def _health_checks(port: int) -> Iterator[list[tuple[bool, float]]]:
    """Asks for `/-/healthy` once a second, each time over a connection of its own: whether it was 200, and seconds."""
    checks: list[tuple[bool, float]] = []
    ended = threading.Event()

    def check() -> None:
        while not ended.wait(1):
            began, answer = time.monotonic(), b""
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(b"GET /-/healthy HTTP/1.0\r\nHost: x\r\n\r\n")
                answer = connection.recv(64)
            checks.append((b" 200 " in answer, time.monotonic() - began))

    thread = threading.Thread(target=check)
    thread.start()
    try:
        yield checks
    finally:
        ended.set()
        thread.join()


def _figures(running: Stack) -> dict[str, float]:
    return {name: running.metric(name) or 0.0 for name in (_EVALUATIONS, _MISSED, _SECONDS, _MEMORY)}
