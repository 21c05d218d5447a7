"""Known samples, recorded instruments and ready-made clients for the tests of this room."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from typing_extensions import override

from app.clock import SystemClock
from app.prometheus import ClientInstruments, HttpConfig, Limits, PartialPolicy, PrometheusClient, open_client
from app.prometheus.breaker import Breaker
from app.prometheus.connections import ConnectionPool, http_transport

START = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=30)
COUNT = 241
END = START + STEP * (COUNT - 1)
PATIENT = Limits(timeout=timedelta(seconds=60), answer_bytes=1024 * 1024)
QUICK = Limits(timeout=timedelta(seconds=3), answer_bytes=1024 * 1024)


def openmetrics() -> str:
    """Two hours of ``shop_requests_total`` for two codes: sample n is 10 n and n, every 30 s."""
    lines = ["# TYPE shop_requests counter"]
    for code, each in (("200", 10), ("500", 1)):
        for n in range(COUNT):
            at = (START + STEP * n).timestamp()
            lines.append(f'shop_requests_total{{job="shop",code="{code}"}} {n * each} {at:.3f}')
    return "\n".join([*lines, "# EOF", ""])


class Recorder(ClientInstruments):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.skews: list[float] = []
        self.peers: list[str] = []
        self.invalid = 0

    @override
    def requested(self, outcome: str) -> None:
        self.outcomes.append(outcome)

    @override
    def clock_skew(self, peer: str, seconds: float) -> None:
        self.skews.append(seconds)
        self.peers.append(peer)

    @override
    def invalid_samples(self, count: int) -> None:
        self.invalid += count


@asynccontextmanager
async def a_client(
    url: str,
    *,
    recorder: Recorder | None = None,
    limits: Limits = PATIENT,
    partial: PartialPolicy = PartialPolicy.REJECT,
) -> AsyncIterator[PrometheusClient]:
    """A client with a small limit on the size of answers."""
    async with open_client(
        HttpConfig(url=url), clock=SystemClock(), instruments=recorder, limits=limits, partial=partial
    ) as client:
        yield client


@asynccontextmanager
async def a_client_with(
    breaker: Breaker, url: str, *, recorder: Recorder | None = None
) -> AsyncIterator[PrometheusClient]:
    """A client with a circuit breaker of the test's own."""
    config = HttpConfig(url=url)
    verify = config.ssl_context()
    pool = ConnectionPool(lambda: http_transport(verify), count=8)
    try:
        yield PrometheusClient(
            config, pool=pool, clock=SystemClock(), instruments=recorder, limits=PATIENT, breaker=breaker
        )
    finally:
        await pool.aclose()


def seconds_since(start: float) -> float:
    """Seconds of the event loop's time since *start*."""
    return asyncio.get_running_loop().time() - start
