"""A writer over the shop's evaluations, moved by hand: no time passes but what a test lets pass."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from typing_extensions import override

from app.evaluation import ExposedPast
from app.http.client import CheckedClient
from app.http.client_options import ClientOptions
from app.remote_write import RemoteWriteOptions
from app.remote_write.client import WriteClient
from app.remote_write.writer import EvaluatedSlot, RemoteWriteInstruments, RemoteWriter
from app.slo import SloId
from app.store import StoreError
from tests.evaluation.running import INTERVAL_S, Running
from tests.support.set_clock import SetClock


@dataclass(slots=True)
class NotedWrites(RemoteWriteInstruments):
    """Instruments that remember."""

    counts: Counter[str] = field(default_factory=Counter)
    pending: int = 0

    @override
    def remote_write_sent(self, receiver: str, samples: int, at: datetime) -> None:
        self.counts["sent"] += samples

    @override
    def remote_write_dropped(self, receiver: str, samples: int) -> None:
        self.counts["dropped"] += samples

    @override
    def remote_write_failed(self, receiver: str) -> None:
        self.counts["failed"] += 1

    @override
    def remote_write_pending(self, receiver: str, parts: int) -> None:
        self.pending = parts


class Writing:
    """One writer; `restart` begins another one on the same database.

    Attributes:
        asked: of which SLOs the writer wanted the past, each time.
        store_problem: what keeps their past from being read.
    """

    def __init__(self, one: Running, options: RemoteWriteOptions) -> None:
        self.one = one
        self.options = options
        self.clock = SetClock(datetime.fromtimestamp(1_750_000_000, UTC))
        self.instruments = NotedWrites()
        self.asked: list[frozenset[SloId]] = []
        self.store_problem: StoreError | None = None
        self.writer = self._open()

    def restart(self) -> None:
        """As after a stop in an orderly way."""
        self.one.do(self.writer.aclose())
        self.writer = self._open()

    def crash(self, at: float, *, requests: int) -> None:
        """Evaluate a slot, send so many requests, and stop before any progress is written; another process begins."""
        self.one.tick(at)
        self.writer._saved_at = self.clock.monotonic() + 3600.0
        self.writer.evaluation_ended(self._slot(at))
        self.one.do(self._sent(requests))
        self.one.do(self.writer._client.aclose())
        self.one.restart()
        self.writer = self._open()

    def evaluate(self, *slots: float) -> None:
        """Evaluate slots; after each, send all that can be sent now."""
        for at in slots:
            self.one.tick(at)
            self.send(at)

    def evaluate_all(self, start: float, end: float) -> None:
        """Evaluate the slots in (start, end]."""
        self.evaluate(*range(int(start) + INTERVAL_S, int(end) + 1, INTERVAL_S))

    def send(self, at: float) -> None:
        """Send all that can be sent after the evaluation of a slot."""
        self.writer.evaluation_ended(self._slot(at))
        self.one.do(self._drained())

    def wait(self, span: timedelta) -> None:
        """Let time pass."""
        self.clock.at += span

    def close(self) -> None:
        """End the writer."""
        self.one.do(self.writer.aclose())

    def _open(self) -> RemoteWriter:
        http = CheckedClient(ClientOptions(http=self.options.http))
        return RemoteWriter(
            self.options,
            WriteClient(self.options.url, http),
            database=self.one.database,
            clock=self.clock,
            instruments=self.instruments,
        )

    def _slot(self, at: float) -> EvaluatedSlot:
        evaluator = self.one.evaluator

        async def pasts_of(slo_ids: Collection[SloId]) -> Mapping[SloId, ExposedPast]:
            self.asked.append(frozenset(slo_ids))
            if self.store_problem is not None:
                raise self.store_problem
            pasts = {slo_id: evaluator.exposed_past(slo_id) for slo_id in slo_ids}
            return {slo_id: past for slo_id, past in pasts.items() if past is not None}

        return EvaluatedSlot(
            at=datetime.fromtimestamp(at, UTC),
            snapshots=self.one.board.snapshots,
            changes=self.one.recent_changes.newest(datetime.fromtimestamp(at, UTC)),
            members=evaluator.member_histories(),
            pasts_of=pasts_of,
        )

    async def _sent(self, requests: int) -> None:
        for _ in range(requests):
            await self.writer._send_next()

    async def _drained(self) -> None:
        while await self.writer._send_next():
            # Progress is written as soon as it may be.
            self.clock.at += timedelta(seconds=10)
