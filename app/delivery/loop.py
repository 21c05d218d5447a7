"""The delivery loop: drains the outbox to every receiver, each at its own pace.

Every receiver has a task of its own, so that one which is dead delays no other.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from app.alerting import Notification
from app.clock import Clock
from app.delivery.endings import DeferUntil, Done, EntryResult, GiveUp, RetryAt, ending
from app.delivery.outcome import Failed, Outcome, Rejected, failing_attempt
from app.delivery.ports import DeliveryInstruments, Outbox, Receiver
from app.delivery.reach import Reach
from app.delivery.restarting import restarting
from app.http.backoff import Backoff
from app.http.failures import AttemptError
from app.store.outbox import OutboxEntry
from app.tracing import trace_span

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTiming:
    """How often the loop acts without being woken.

    Attributes:
        idle: the longest sleep of a receiver without work.
        recovery: the pause after an unexpected error.
        sleep: a time between two passes after which they wait for an evaluation.
        evaluation: the longest wait for it.
    """

    idle: timedelta = timedelta(seconds=30)
    recovery: timedelta = timedelta(seconds=5)
    sleep: timedelta = timedelta(minutes=5)
    evaluation: timedelta = timedelta(minutes=1)


_DEFAULT_TIMING = DeliveryTiming()
_DEFAULT_BACKOFF = Backoff()


class DeliveryLoop:
    """Runs in the event loop; what blocks goes to worker threads.

    Args:
        outbox: where entries wait.
        receivers: get every change.
        clock: says what time it is.
        instruments: the health of delivery.
        timing: how often things happen.
        backoff: how failures are spaced.
        completed: adds to a notification what has become known since it was stored.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        receivers: Sequence[Receiver],
        clock: Clock,
        instruments: DeliveryInstruments,
        timing: DeliveryTiming = _DEFAULT_TIMING,
        backoff: Backoff = _DEFAULT_BACKOFF,
        completed: Callable[[Notification], Notification] = lambda notification: notification,
    ) -> None:
        self._outbox = outbox
        self._receivers = tuple(receivers)
        self._clock = clock
        self._instruments = instruments
        self._timing = timing
        self._backoff = backoff
        self._completed = completed
        self._uniform = random.SystemRandom().uniform
        self._woken = {receiver.name: asyncio.Event() for receiver in self._receivers}
        self._stopping = asyncio.Event()
        self._evaluated = asyncio.Event()
        # By receiver, when it was last seen that the machine is awake.
        self._awake_at: dict[str, datetime] = {}
        self._reach = Reach()

    @property
    def unanswered_for(self) -> timedelta:
        """As `Reach.unanswered_for`."""
        return self._reach.unanswered_for

    def forget_reach(self) -> None:
        """Forget which receivers were reached: another process has delivered since."""
        self._reach = Reach()

    def evaluated(self) -> None:
        """Note that an evaluation has ended, and look for new entries; call it in the event loop."""
        self._awake_at = dict.fromkeys(self._woken, self._clock.now())
        self._evaluated.set()
        self.wake()

    def wake(self) -> None:
        """Look for new entries now; call it in the event loop."""
        for woken in self._woken.values():
            woken.set()

    def stop(self) -> None:
        """Let `run` end after one more attempt for everything that is due."""
        self._stopping.set()
        self._evaluated.set()
        self.wake()

    async def run(self) -> None:
        """Deliver until `stop` is called."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stopping.wait())
            for receiver in self._receivers:
                drain = partial(self._drain, receiver)
                tasks.create_task(
                    restarting(receiver.name, drain, stopping=self._stopping, pause=self._timing.recovery)
                )

    async def _drain(self, receiver: Receiver) -> None:
        woken = self._woken[receiver.name]
        while True:
            woken.clear()
            # Before the pass: entries that were written while it ran, before `stop`, get an attempt of their own.
            last = self._stopping.is_set()
            while await self._deliver_due(receiver):
                pass
            if last:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), (await self._sleep(receiver)).total_seconds())

    async def _deliver_due(self, receiver: Receiver) -> bool:
        """One pass; whether some entry was delivered, so that the next of its alert may be due."""
        await self._rest_after_sleep(receiver)
        at = self._clock.now()
        entries = await asyncio.to_thread(self._outbox.claim, receiver.name, at=at)
        if not entries:
            await self._report_age(at)
            return False
        # The traces of the evaluations that decided what is sent: often minutes ago, before a restart, or several.
        causes = tuple(dict.fromkeys(entry.traceparent for entry in entries if entry.traceparent is not None))
        with trace_span(
            "sloburn.deliver",
            {"sloburn.receiver": receiver.name, "sloburn.notifications": len(entries)},
            links=causes,
        ) as span:
            outcomes = await self._attempt(receiver, entries, at)
            self._reach.note(receiver.name, outcomes, began_at=at, at=self._clock.now())
            endings = self._endings(entries, outcomes, self._clock.now())
            await asyncio.to_thread(self._outbox.settle, endings, at=self._clock.now())
            for entry in entries:
                self._report(receiver, entry, endings[entry.id])
            failed = next((outcome for outcome in outcomes if isinstance(outcome, Failed | Rejected)), None)
            if failed is not None:
                span.fail(failed.reason.value if isinstance(failed, Failed) else "rejected")
        await self._report_age(at)
        if any(isinstance(one, GiveUp) for one in endings.values()):
            # A notification that was given up may now be due for the fallback of its receiver.
            self.wake()
        return any(isinstance(one, Done | GiveUp) for one in endings.values())

    async def _rest_after_sleep(self, receiver: Receiver) -> None:
        """If the machine was asleep since the last pass, wait for an evaluation: it sees what still fires."""
        at = self._clock.now()
        before, self._awake_at[receiver.name] = self._awake_at.get(receiver.name, at), at
        if at - before > self._timing.sleep and not self._stopping.is_set():
            self._evaluated.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._evaluated.wait(), self._timing.evaluation.total_seconds())

    async def _attempt(self, receiver: Receiver, entries: Sequence[OutboxEntry], at: datetime) -> Sequence[Outcome]:
        try:
            with failing_attempt("delivery failed unexpectedly", receiver=receiver.name):
                return await receiver.deliver([self._completed(entry.notification) for entry in entries], at=at)
        except AttemptError as error:
            # Counted like any failure, or the entries would never be given up.
            self._instruments.failed(receiver.name, error.failed.reason)
            return [error.failed] * len(entries)

    def _endings(
        self, entries: Sequence[OutboxEntry], outcomes: Sequence[Outcome], at: datetime
    ) -> dict[int, EntryResult]:
        # One jitter for all: a digest that failed must be due as a whole again, or its alerts would be sent one by one.
        share = self._uniform(0.0, 1.0)
        return {
            entry.id: ending(
                outcome,
                attempts=entry.attempts,
                failing_since=entry.failing_since,
                at=at,
                backoff=self._backoff,
                uniform=lambda low, high: low + share * (high - low),
            )
            for entry, outcome in zip(entries, outcomes, strict=True)
        }

    def _report(self, receiver: Receiver, entry: OutboxEntry, became: EntryResult) -> None:
        log = _log.bind(receiver=receiver.name, alert=entry.notification.key, status=entry.notification.status.value)
        match became:
            case Done():
                self._instruments.notified(receiver.name)
                if entry.notification.unaccepted_by:
                    self._instruments.fallback_notified(entry.notification.unaccepted_by)
                log.info("notified")
            case GiveUp(reason=reason, error=error):
                self._instruments.failed(receiver.name, reason)
                log.error("notification given up", reason=reason.value, error=error)
            case RetryAt(due_at=due_at, error=error):
                log.warning("notification failed", retry_at=due_at.isoformat(), error=error)
            case DeferUntil(due_at=due_at):
                log.info("notification held", until=due_at.isoformat())

    async def _sleep(self, receiver: Receiver) -> timedelta:
        due_at = await asyncio.to_thread(self._outbox.next_due, receiver.name)
        if due_at is None:
            return self._timing.idle
        return min(max(due_at - self._clock.now(), timedelta(0)), self._timing.idle)

    async def _report_age(self, at: datetime) -> None:
        oldest = await asyncio.to_thread(self._outbox.oldest_waiting)
        self._instruments.outbox_oldest_age(0.0 if oldest is None else max((at - oldest).total_seconds(), 0.0))
