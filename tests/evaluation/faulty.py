"""A day of services on a real Prometheus, and a proxy in front of it that can be made to fail."""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from typing_extensions import override

from app.alerting.lifecycle import NO_DATA_RULE
from app.clock import SystemClock
from app.evaluation import Source
from app.prometheus import HttpConfig, Matrix, PrometheusClient
from app.prometheus.breaker import Breaker
from app.prometheus.connections import ConnectionPool, http_transport
from app.slo import Slo, SloId
from app.store.alerts import recent_transitions
from testbed.fault_proxy import FaultProxy
from testbed.process import Server
from testbed.trace_kinds import Scene, generate
from testbed.traces import Trace, Traces
from tests.evaluation.running import Figures, Running, slos_of
from tests.support.soak import IS_SOAK

HOUR, DAY = 3600, 86_400
END = 1_790_000_100
"""Off the hour, on the grid of slots."""
START = END - 30 * HOUR
BEGIN = END - DAY
FAULT = END - 14 * HOUR
"""When the fault begins; it lasts five hours at most."""
INCIDENT = (FAULT - 2 * HOUR, FAULT + 7 * HOUR)
BURNING, WELL = SloId("checkout-requests"), SloId("search-requests")
EVERY_S = 300 if IS_SOAK else 1800
"""Where nothing happens, so many seconds are between two slots."""
_PATIENT_S = 30.0
COOL_DOWN_S = 0.1
KINDS = ("churn", "short-lived", "reset-in-outage", "histogram", "one-a-minute")


def services() -> Traces:
    """One service that burns before, during and after every fault, one that is well, and some of many kinds."""
    return Traces([_service("checkout", 0.1), _service("search", 3e-4), *generate(KINDS, start=START, end=END, seed=5)])


def _service(name: str, failing: float) -> Trace:
    trace = Trace(service=name, start=START, end=END)
    scene = Scene(trace, np.random.default_rng(8))
    errors = scene.errors(3e-4, ((INCIDENT[0] - START, INCIDENT[1] - START), failing))
    for number in range(2):
        scene.live(f"api-{number}:80", scene.steady(15), errors)
    return trace


@dataclass(slots=True)
class Reached(Source):
    """A server over HTTP, by the client of the service; counts what it was asked and what it answered.

    *longest_s* is the most that a query may take whose text has *about* in it, whatever is asked for.
    """

    client: PrometheusClient | None = None
    longest_s: float = _PATIENT_S
    about: str = ""
    questions: int = 0
    samples: int = 0
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def open(self, url: str) -> None:
        """Connect, in the loop that will ask."""
        self.client = await self._open.enter_async_context(_client(url))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._open.aclose()

    @override
    async def instant(self, expr: str, at: datetime, *, deadline: float | None = None) -> Matrix:
        return self._counted(await self._there.instant(expr, at, deadline=self._deadline(expr)))

    @override
    async def range(
        self, expr: str, start: datetime, end: datetime, step: timedelta, *, deadline: float | None = None
    ) -> Matrix:
        return self._counted(await self._there.range(expr, start, end, step, deadline=self._deadline(expr)))

    @property
    def _there(self) -> PrometheusClient:
        assert self.client is not None
        return self.client

    def _deadline(self, expr: str) -> float:
        return self.longest_s if self.about in expr else _PATIENT_S

    def _counted(self, matrix: Matrix) -> Matrix:
        self.questions += 1
        self.samples += len(matrix.values)
        return matrix


@asynccontextmanager
async def _client(url: str) -> AsyncIterator[PrometheusClient]:
    """A client whose circuit breaker rests for a moment only: the slots of a test follow each other at once."""
    config = HttpConfig(url=url)
    verify = config.ssl_context()
    pool = ConnectionPool(lambda: http_transport(verify), count=8)
    try:
        breaker = Breaker(patience=0.1, cool_down=COOL_DOWN_S)
        yield PrometheusClient(config, pool=pool, clock=SystemClock(), breaker=breaker)
    finally:
        await pool.aclose()


@dataclass(frozen=True, slots=True)
class Load:
    """What one tick asked for and got."""

    questions: int
    samples: int


@dataclass(slots=True)
class Watched:
    """A run through a proxy, with what each of its ticks asked for."""

    running: Running
    source: Reached
    loads: dict[int, Load] = field(default_factory=dict)

    def run(self, start: int, end: int, *, every: int) -> None:
        """Tick in (start, end], the last one at *end*."""
        for at in (*range(start + every, end, every), end):
            self.tick(at)

    def tick(self, at: int) -> None:
        """Tick one slot, and read a piece of history if some is missing."""
        questions, samples = self.source.questions, self.source.samples
        self.running.tick(at)
        self.loads[at] = Load(self.source.questions - questions, self.source.samples - samples)
        self.running.backfill(at)

    def said(self, slo: SloId) -> list[tuple[str, str]]:
        """What the alerts of an SLO have done, but for what they could not be judged by."""
        with self.running.database.read() as transaction:
            changes = recent_transitions(transaction, slos=[slo], limit=10_000)
        return [
            (change.severity.value, change.kind.value)
            for change in reversed(changes)
            if change.kind not in {"frozen", "unfrozen"} and change.tier != NO_DATA_RULE
        ]


@dataclass(frozen=True, slots=True)
class World:
    """The services on a real Prometheus, and what a run without any fault shows at the end.

    *until_fault* is the database of that run at the time when faults begin, *usual* what its ticks asked until then.
    """

    slos: tuple[Slo, ...]
    server: Server
    until_fault: Path
    usual: int
    figures: Figures
    said: dict[str, list[tuple[str, str]]]


@contextmanager
def watched(slos: tuple[Slo, ...], url: str, path: Path) -> Iterator[Watched]:
    """A run over a server at *url*, connected."""
    source = Reached()
    with Running(slos, source, path) as running:
        running.do(source.open(url))
        try:
            yield Watched(running, source)
        finally:
            running.do(source.aclose())


@contextmanager
def connected(slos: tuple[Slo, ...], url: str, path: Path) -> Iterator[Running]:
    """An evaluator over a server at *url*, by one client."""
    with watched(slos, url, path) as run:
        yield run.running


def build(server: Server, traces: Traces, folder: Path) -> World:
    """The run without any fault."""
    slos, path = slos_of(traces, folder / "slos"), folder / "until_fault.db"
    with watched(slos, server.url, path) as whole:
        whole.run(BEGIN, FAULT, every=EVERY_S)
    usual = max(load.questions for load in whole.loads.values())
    with watched(slos, server.url, Path(shutil.copy(path, folder / "whole.db"))) as whole:
        whole.run(FAULT, END, every=EVERY_S)
        assert not whole.running.instruments.failures
        said = {str(slo.id): whole.said(slo.id) for slo in slos}
        return World(slos, server, path, usual, whole.running.figures, said)


@contextmanager
def behind_a_proxy(world: World, folder: Path) -> Iterator[tuple[Watched, FaultProxy]]:
    """A run that goes on where faults begin, and whose questions pass through a proxy."""
    path = Path(shutil.copy(world.until_fault, folder / "faulty.db"))
    with FaultProxy(world.server.url) as proxy, watched(world.slos, proxy.url, path) as run:
        yield run, proxy
