"""One receiver of remote write: the live figures first, then the past, one request after another.

Everything that takes time happens in a thread of its own, and nothing waits for it: evaluations leave a note of the
newest slot. Nothing is queued in memory either: what could not be sent is in the ledger, and is sent from there.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol, TypeVar

import structlog

from app.changes import Change
from app.clock import Clock
from app.evaluation import ExposedPast, MemberHistory
from app.http.backoff import Backoff
from app.metrics.change_samples import change_samples
from app.metrics.slo_samples import SloSample, slo_samples
from app.past_metrics import Recorded, read_recorded
from app.remote_write.client import WriteClient, WriteOutcome, WriteResult
from app.remote_write.options import RemoteWriteOptions, RemoteWriteStatus
from app.remote_write.parts import PartsToSend
from app.remote_write.requests import (
    WriteRequest,
    halved_request,
    joint_request,
    live_requests,
    past_requests,
    probe_request,
    unsent_since_s,
)
from app.slo import SloId, format_duration
from app.status import Snapshot
from app.store import Database, StoreError
from app.store.remote_write import RemoteWritePart
from app.tracing import trace_span

_log = structlog.get_logger(__name__)
# An evaluation that failed or was slow is no gap: Prometheus, too, shows a value for five minutes.
_GAP_S = 300.0
# How often a receiver that refuses old samples is asked again, and how often progress is written.
_PROBE_AGAIN_S = 600.0
_SAVED_EVERY_S = 2.0
_SAVED_WITHIN_S = 1.0
# How long samples that were refused are a problem that is shown; the metric counts them for good.
_REFUSED_SHOWN_S = 3600.0
_FEWEST_SAMPLES = 100
# Of all time, for encoding live figures: it takes the interpreter from the evaluations. Thousands of SLOs are then sent
# less often than they are evaluated.
_ENCODING_SHARE = 0.1
# After each request of the past, as long as it took to encode.
_PAUSE_BY_ENCODING = 1.0
# Gaps that are looked at for one request: those of an outage of some minutes.
_GAPS_AT_ONCE = 300
# How often a request is halved although all of it is refused: what is refused may lie in the middle.
_HALVED_IN_VAIN = 2
T = TypeVar("T")


class RemoteWriteInstruments(Protocol):
    """Counts what is sent."""

    def remote_write_sent(self, receiver: str, samples: int, at: datetime) -> None:
        """A receiver has stored samples."""

    def remote_write_dropped(self, receiver: str, samples: int) -> None:
        """A receiver has refused samples, which are not sent again."""

    def remote_write_failed(self, receiver: str) -> None:
        """A request has failed, and is sent again."""

    def remote_write_pending(self, receiver: str, parts: int) -> None:
        """So many parts of the past are still to be sent: one for each SLO, and one for each gap of an SLO."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedSlot:
    """What an evaluation leaves for those who send it on.

    *pasts_of* is for its event loop only; it raises a StoreError where the past is in a database that cannot be read.
    """

    at: datetime
    snapshots: Sequence[Snapshot]
    changes: Sequence[Change]
    members: Mapping[SloId, MemberHistory]
    pasts_of: Callable[[Collection[SloId]], Awaitable[Mapping[SloId, ExposedPast]]]


class RemoteWriter:
    """Sends to one receiver while `run` runs; all methods belong into one event loop, *status* to any thread."""

    def __init__(
        self,
        options: RemoteWriteOptions,
        client: WriteClient,
        *,
        database: Database,
        clock: Clock,
        instruments: RemoteWriteInstruments,
    ) -> None:
        self._options = options
        self._client = client
        self._database = database
        self._clock = clock
        self._instruments = instruments
        self._parts = PartsToSend(options.key)
        self._newest: EvaluatedSlot | None = None
        self._noted: EvaluatedSlot | None = None
        self._firsts: frozenset[SloId] = frozenset()
        self._evaluated = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="remote-write")
        self._backoff = Backoff(base=options.queue.min_backoff, cap=options.queue.max_backoff)
        self._failures = 0
        self._encoded_s = 0.0
        self._not_before = self._saved_at = self._refused_at = self._live_not_before = 0.0
        self._probe_again_at: float | None = 0.0
        self._most_samples = options.queue.max_samples_per_send
        self._cut: tuple[RemoteWritePart, Iterator[WriteRequest]] | None = None
        # None once live figures were sent after the last gap.
        self._slots_since_gap: int | None = None
        self._loaded = False
        self._sent = self._dropped = 0
        self._unavailable: str | None = None
        self._refused: str | None = None
        self._too_old: str | None = None
        # Read by other threads, and so never changed.
        self.status = self._current_status()

    def _current_status(self) -> RemoteWriteStatus:
        live_s = self._parts.live_s
        return RemoteWriteStatus(
            receiver=self._options.name,
            live_until=None if live_s is None else datetime.fromtimestamp(live_s, UTC),
            slos=self._parts.known,
            parts_pending=self._parts.pending,
            samples_sent=self._sent,
            samples_dropped=self._dropped,
            problem=self._unavailable or self._too_old or self._refused_lately,
        )

    @property
    def _refused_lately(self) -> str | None:
        return self._refused if self._clock.monotonic() - self._refused_at < _REFUSED_SHOWN_S else None

    def evaluation_ended(self, slot: EvaluatedSlot) -> None:
        """Take note of the newest evaluation."""
        self._newest = slot
        if self._slots_since_gap is not None:
            self._slots_since_gap += 1
        self._evaluated.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._evaluated.wait()
            self._evaluated.clear()
            try:
                while await self._send_next():
                    # Evaluations share the interpreter with what encodes thousands of months.
                    await asyncio.sleep(self._encoded_s * _PAUSE_BY_ENCODING)
                    self._encoded_s = 0.0
            finally:
                self.status = self._current_status()

    async def aclose(self) -> None:
        """Note the progress, and close the connections."""
        # A database that is locked must not keep the service from stopping: what was sent is sent again then.
        with suppress(StoreError, TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(self._parts.save, self._database), _SAVED_WITHIN_S)
        self._thread.shutdown(wait=False, cancel_futures=True)
        await self._client.aclose()

    async def _send_next(self) -> bool:
        """Send what is most urgent; whether there is more to send now."""
        newest = self._newest
        if newest is None or self._clock.monotonic() < self._not_before or not await self._is_loaded():
            return False
        if self._options.history and self._noted is not newest:
            self._parts.note_members(newest.members, newest.at.timestamp())
            self._firsts = frozenset(_first_of_services(newest.snapshots))
            self._noted = newest
        try:
            more = await self._send_live(newest) if self._options.live else None
            if more is None:
                more = await self._send_part(newest, self._parts.next_history(), probed=True)
        except StoreError as error:
            # What another replica evaluates is read from the database; it is tried again after the next evaluation.
            self._warn_of_database(error)
            more = False
        await self._save()
        self._instruments.remote_write_pending(self._options.name, self._parts.pending)
        self.status = self._current_status()
        return more

    async def _is_loaded(self) -> bool:
        try:
            if not self._loaded:
                await self._in_thread(partial(self._parts.load, self._database))
                self._loaded = True
        except StoreError as error:
            self._warn_of_database(error)
        return self._loaded

    def _warn_of_database(self, error: StoreError) -> None:
        _log.warning("remote write waits for the database", receiver=self._options.name, error=str(error))

    async def _send_live(self, newest: EvaluatedSlot) -> bool | None:
        """Send the live figures; whether there is more to send now, None if they were sent before."""
        at_s, live_s = newest.at.timestamp(), self._parts.live_s
        is_behind = self._slots_since_gap is not None and self._slots_since_gap > 1 and not self._parts.has_gaps
        if live_s is not None and at_s > live_s and (is_behind or at_s - live_s > _GAP_S):
            # A receiver without an out-of-order window takes the older ones only before the newer ones.
            self._parts.note_gap(at_s)
            self._slots_since_gap = 0
        gaps = self._parts.next_gaps(_GAPS_AT_ONCE)
        if gaps:
            return await self._send_gaps(newest, gaps)
        is_early = self._clock.monotonic() < self._live_not_before
        # An earlier slot than the last one: the clock was ahead, and evaluations go on from where it is right.
        if live_s is not None and (at_s == live_s or is_early):
            return None
        samples = _live_samples(newest)
        requests = live_requests(samples, newest.at, self._options.labels, most_samples=self._most_samples)
        encoding_s = 0.0
        while True:
            began = self._clock.monotonic()
            request = await self._in_thread(partial(next, requests, None))
            encoding_s += self._clock.monotonic() - began
            if request is None:
                break
            if not await self._send(request):
                return False
        self._parts.note_live(at_s)
        self._slots_since_gap = None
        self._live_not_before = self._clock.monotonic() + encoding_s / _ENCODING_SHARE
        return True

    async def _send_gaps(self, newest: EvaluatedSlot, gaps: Sequence[RemoteWritePart]) -> bool:
        """Send as many gaps as fit into one request, or the next piece of the first; whether there is more to send."""
        pasts = await newest.pasts_of({part.slo for part in gaps})
        known = [(pasts[part.slo], part) for part in gaps if part.slo in pasts]
        request, fitting = await self._in_thread(partial(self._joint_request, known))
        if known and not fitting:
            return await self._send_part(newest, known[0][1], probed=False)
        if request is not None and not await self._send(request):
            return False
        for part in (*fitting, *(part for part in gaps if part.slo not in pasts)):
            self._parts.note_sent(part, part.until_s)
        return True

    def _joint_request(
        self, pasts: Sequence[tuple[ExposedPast, RemoteWritePart]]
    ) -> tuple[WriteRequest | None, list[RemoteWritePart]]:
        recorded = ((exposed, part, self._recorded(exposed, part)) for exposed, part in pasts)
        return joint_request(recorded, self._options, most_samples=self._most_samples)

    async def _send_part(self, newest: EvaluatedSlot, part: RemoteWritePart | None, *, probed: bool) -> bool:
        """Send the next request of a part of the past; whether there is more to send now."""
        if part is None or (probed and not await self._accepts_old_samples(newest.at)):
            return False
        request = await self._next_request(newest, part)
        if request is None:
            self._parts.note_sent(part, part.until_s)
            return True
        if not await self._send(request):
            return False
        if self._cut is not None:
            self._cut = self._parts.note_sent(part, request.until_s), self._cut[1]
        return True

    async def _next_request(self, newest: EvaluatedSlot, part: RemoteWritePart) -> WriteRequest | None:
        if self._cut is None or self._cut[0] != part:
            exposed = (await newest.pasts_of([part.slo])).get(part.slo)
            if exposed is None:
                return None
            self._cut = part, await self._in_thread(partial(self._requests, exposed, part))
        request: WriteRequest | None = await self._in_thread(partial(next, self._cut[1], None))
        if request is None:
            self._cut = None
        return request

    def _requests(self, exposed: ExposedPast, part: RemoteWritePart) -> Iterator[WriteRequest]:
        recorded = self._recorded(exposed, part)
        return past_requests(exposed, part, self._options, recorded=recorded, most_samples=self._most_samples)

    def _recorded(self, exposed: ExposedPast, part: RemoteWritePart) -> Recorded:
        since_s = unsent_since_s(part, self._options)
        # Those of a service are one set of series, which belongs to no revision of an SLI.
        changes_of = exposed.past.slo.service if part.slo in self._firsts and part.revision == 1 else None
        try:
            return read_recorded(self._database, part.slo, start_s=since_s, end_s=part.until_s, changes_of=changes_of)
        except StoreError:
            # Budgets are computed instead, from the same counts; whether alerts fired is not known.
            return Recorded()

    async def _accepts_old_samples(self, at: datetime) -> bool:
        """Whether the receiver has taken a sample as old as the history, after a newer one of the same series."""
        if self._probe_again_at is None:
            return True
        if self._clock.monotonic() < self._probe_again_at:
            return False
        at_s = at.timestamp()
        for probe_s in (at_s, at_s - self._options.history.total_seconds()):
            request = await self._in_thread(partial(probe_request, probe_s, self._options.labels))
            result = await self._ask(request)
            if result.outcome is WriteOutcome.UNAVAILABLE:
                self._failed(result)
                return False
            if result.outcome is not WriteOutcome.STORED:
                self._probe_again_at = self._clock.monotonic() + _PROBE_AGAIN_S
                self._note_too_old(result)
                return False
            self._succeeded(request)
        self._probe_again_at = self._too_old = None
        return True

    async def _send(self, request: WriteRequest) -> bool:
        """Send a request; whether it is done with, stored or refused."""
        result = await self._ask(request)
        match result.outcome:
            case WriteOutcome.STORED:
                self._succeeded(request)
            case WriteOutcome.TOO_LARGE if self._most_samples > _FEWEST_SAMPLES:
                # Smaller ones from now on; what this one had is sent again.
                self._most_samples = max(_FEWEST_SAMPLES, self._most_samples // 2)
                self._cut = None
                self._evaluated.set()
                return False
            case WriteOutcome.UNAVAILABLE:
                self._failed(result)
                return False
            case _:
                return await self._send_halves(request, result)
        return True

    async def _ask(self, request: WriteRequest) -> WriteResult:
        """Send a request once, as a trace of its own."""
        receiver, samples = self._options.name, request.samples
        with trace_span("sloburn.remote_write", {"sloburn.receiver": receiver, "sloburn.samples": samples}) as span:
            result = await self._client.send(request.body)
            if result.outcome is not WriteOutcome.STORED:
                span.fail(result.outcome)
        return result

    async def _send_halves(self, request: WriteRequest, refused: WriteResult, in_vain: int = 0) -> bool:
        """Send a request that was refused in two, since one sample is enough to have all of it refused.

        What is refused again is halved further, unless all was *in_vain*; whether it is done with.
        """
        results = []
        parts = await self._in_thread(partial(halved_request, request)) if in_vain < _HALVED_IN_VAIN else ()
        for half in parts:
            result = await self._ask(half)
            if result.outcome is WriteOutcome.UNAVAILABLE:
                self._failed(result)
                return False
            if result.outcome is WriteOutcome.STORED:
                self._succeeded(half)
            results.append(result)
        if not parts:
            self._drop(request, refused)
        is_stored = [result.outcome is WriteOutcome.STORED for result in results]
        for half, result, stored in zip(parts, results, is_stored, strict=True):
            if not stored and not await self._send_halves(half, result, 0 if any(is_stored) else in_vain + 1):
                return False
        return True

    def _succeeded(self, request: WriteRequest) -> None:
        if self._unavailable is not None:
            _log.info("remote write works again", receiver=self._options.name)
        self._unavailable, self._failures = None, 0
        self._sent += request.samples
        self._instruments.remote_write_sent(self._options.name, request.samples, self._clock.now())

    def _failed(self, result: WriteResult) -> None:
        self._failures += 1
        # What was cut has been used up: it is cut again.
        self._cut = None
        wait = self._backoff.delay(self._failures, random.uniform)
        if result.wait is not None:
            wait = max(wait, result.wait)
        self._not_before = self._clock.monotonic() + wait.total_seconds()
        asyncio.get_running_loop().call_later(wait.total_seconds(), self._evaluated.set)
        if self._unavailable is None:
            _log.warning("remote write fails and is tried again", receiver=self._options.name, error=result.detail)
        self._unavailable = f"it fails, and is tried again: {result.detail}"
        self._instruments.remote_write_failed(self._options.name)

    def _drop(self, request: WriteRequest, result: WriteResult) -> None:
        self._dropped += request.samples
        self._instruments.remote_write_dropped(self._options.name, request.samples)
        if self._refused_lately is None:
            _log.error(
                "remote write: samples are refused and dropped",
                receiver=self._options.name,
                samples=request.samples,
                error=result.detail,
            )
        self._refused_at = self._clock.monotonic()
        self._refused = f"{self._dropped:,} samples were refused and dropped, the last ones with: {result.detail}"

    def _note_too_old(self, result: WriteResult) -> None:
        span = format_duration(self._options.history)
        if self._too_old is None:
            _log.error("remote write: old samples are refused", receiver=self._options.name, error=result.detail)
        self._too_old = (
            f"history is not sent, since a sample of {span} ago is refused ({result.detail}); give the receiver an "
            "out-of-order window that is longer (Prometheus: storage.tsdb.out_of_order_time_window), or shorten history"
        )

    async def _save(self) -> None:
        now = self._clock.monotonic()
        if now - self._saved_at < _SAVED_EVERY_S:
            return
        self._saved_at = now
        try:
            await self._in_thread(partial(self._parts.save, self._database))
        except StoreError as error:
            _log.warning("the progress of remote write is written later", error=str(error))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        began = self._clock.monotonic()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._encoded_s += self._clock.monotonic() - began


def _live_samples(newest: EvaluatedSlot) -> Iterator[SloSample]:
    yield from slo_samples(newest.snapshots)
    yield from change_samples(newest.changes, {snapshot.slo.service for snapshot in newest.snapshots})


def _first_of_services(snapshots: Sequence[Snapshot]) -> Iterable[SloId]:
    """One SLO of each service, which brings the changes of the service with its past."""
    firsts: dict[str, SloId] = {}
    for snapshot in snapshots:
        service = snapshot.slo.service
        firsts[service] = min(firsts.get(service, snapshot.id), snapshot.id)
    return firsts.values()
