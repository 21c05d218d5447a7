"""When slots are evaluated: APScheduler runs the job shortly after each, and no slot comes twice or out of order."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

import structlog
from apscheduler.job import Job
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from typing_extensions import override

from app.clock import Clock

_log = structlog.get_logger(__name__)
_EPOCH = datetime.fromtimestamp(0, UTC)
# A clock that is set is noticed within one of the shortest slots.
_LONGEST_SLEEP = timedelta(seconds=5)
# By so much a clock may be set back, and evaluation only waits until it has caught up.
_WAITED_FOR = timedelta(minutes=5)

Evaluate = Callable[[datetime], Awaitable[None]]
T = TypeVar("T")


async def _always() -> bool:
    return True


async def _never(_at: datetime) -> bool:
    return False


async def _all(slots: int, _at: datetime) -> int:
    return slots


class ScheduleInstruments(Protocol):
    """Counts what the schedule could not keep."""

    def missed(self, slots: int) -> None:
        """So many slots had no evaluation of their own."""

    def evaluation_failed(self, reason: str) -> None:
        """Something in an evaluation failed."""


async def guarded(what: str, work: Awaitable[T], *, instruments: ScheduleInstruments) -> T | None:
    """The result of an evaluation, or of work beside evaluations; None if it raises an error, which is counted."""
    try:
        return await work
    except Exception:  # noqa: BLE001  logged with its traceback
        # Any error is a bug; without evaluations after it no alert would ever fire, nor one that fires resolve.
        instruments.evaluation_failed("internal")
        _log.exception(f"{what} failed", event_name="work.failed")
        return None


class _JobStore(MemoryJobStore):  # type: ignore[misc]  # APScheduler has no types
    """Keeps the job due at its time although the clock is set.

    APScheduler sleeps until a time of the wall clock. Where that is set back meanwhile, it would sleep on for as long,
    so it looks at the clock every few seconds, and a job that was planned by the clock before is planned again.
    """

    @override
    def get_due_jobs(self, now: datetime) -> list[Job]:
        for job in self.get_all_jobs():
            planned_now = job.trigger.get_next_fire_time(None, now)
            if job.next_run_time > planned_now:
                job.next_run_time = planned_now
                self.update_job(job)
        due: list[Job] = super().get_due_jobs(now)
        return due

    @override
    def get_next_run_time(self) -> datetime | None:
        planned: datetime | None = super().get_next_run_time()
        return None if planned is None else min(planned, datetime.now(UTC) + _LONGEST_SLEEP)


class Schedule:
    """Calls *evaluate* for the newest slot, *offset* after its end; a slow evaluation never overlaps the next.

    Slots are multiples of *interval* since 1970, the same after a restart and on every replica. A slot that was slept
    through is not evaluated later: its events are counted by the next evaluation, and alerts step through the newest
    slot only. At the start, and after the clock jumped ahead, *confirms_clock_jump* says whether it really is that
    late; if not, no slot is evaluated. Where slots of the future were evaluated all the same, *goes_back* to a slot
    says whether evaluation goes on from there. *resumed_after* is the newest slot that a process before this one has
    evaluated. *missed_by_all* says how many of the slots before one, which this process has slept through, no other
    has evaluated either.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        *,
        interval: timedelta,
        offset: timedelta,
        clock: Clock,
        instruments: ScheduleInstruments,
        confirms_clock_jump: Callable[[], Awaitable[bool]] = _always,
        goes_back: Callable[[datetime], Awaitable[bool]] = _never,
        resumed_after: datetime | None = None,
        missed_by_all: Callable[[int, datetime], Awaitable[int]] = _all,
    ) -> None:
        self._evaluate = evaluate
        self._interval = interval
        self._offset = offset
        self._clock = clock
        self._instruments = instruments
        self._scheduler = AsyncIOScheduler(timezone=UTC, jobstores={"default": _JobStore()})
        self._idle = asyncio.Event()
        self._idle.set()
        self._confirms_clock_jump = confirms_clock_jump
        self._goes_back = goes_back
        self._resumed_after = resumed_after
        self._missed_by_all = missed_by_all
        self.last: datetime | None = None

    def start(self) -> None:
        """Begin to evaluate, at once and then after every slot."""
        self._scheduler.add_job(
            self.run,
            # Counted from 1970 and not from the start, so that the clock may be set back to before it.
            IntervalTrigger(seconds=self._interval.total_seconds(), start_date=_EPOCH + self._offset),
            max_instances=1,
            coalesce=True,
            # The default drops a job that is a second late without a word.
            misfire_grace_time=None,
            # In the past, and so due at once; what follows is counted from it, not from the moment of the start.
            next_run_time=self.newest(self._clock.now()) + self._offset,
        )
        self._scheduler.start()

    async def stop(self, patience_s: float) -> None:
        """Begin no further evaluation; one that is under way is cut short after *patience_s*."""
        if not self._scheduler.running:
            return
        self._scheduler.pause()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), patience_s)
        self._scheduler.shutdown(wait=False)

    def newest(self, now: datetime) -> datetime:
        """The newest slot whose time to be asked has come."""
        return _EPOCH + (now - self._offset - _EPOCH) // self._interval * self._interval

    @property
    def clock_went_backwards(self) -> bool:
        """Whether the clock was set back behind the newest slot that was evaluated, be it by a process before."""
        return self._ahead_of(self.newest(self._clock.now())) > self._interval

    async def run(self) -> None:
        """Evaluate the newest slot, unless it has been evaluated."""
        try:
            await self._evaluate_newest()
        except asyncio.CancelledError:
            # Also while Prometheus is asked for its clock: APScheduler would log that as a failure of the job.
            _log.warning("an evaluation was cut short; its events are counted after the next start")

    async def _evaluate_newest(self) -> None:
        at = self.newest(self._clock.now())
        if self._ahead_of(at) > max(_WAITED_FOR, self._interval) and await self._goes_back(at):
            _log.error("the clock was ahead, and slots of the future were evaluated; going on", slot=str(at))
            self.last = self._resumed_after = None
        if self.last is not None and at <= self.last:
            if self.clock_went_backwards:
                _log.error("the clock was set back; waiting until it has caught up", newest_slot=str(self.last))
            return
        missed = 0 if self.last is None else (at - self.last) // self._interval - 1
        if (missed or self.last is None) and not await self._confirms_clock_jump():
            _log.error("the clock has leapt ahead of Prometheus's; no slot is evaluated until they agree", slot=str(at))
            return
        if missed:
            missed = await self._missed_by_all(missed, at)
        if missed:
            self._instruments.missed(missed)
            _log.warning(
                "slots without an evaluation of their own; later ones count their events",
                slots=missed,
            )
        self.last = at
        self._idle.clear()
        try:
            # What an evaluation that failed did not count is counted by the next one.
            await guarded("an evaluation", self._evaluate(at), instruments=self._instruments)
        finally:
            self._idle.set()

    def _ahead_of(self, at: datetime) -> timedelta:
        """By how much the newest slot that was evaluated, be it by a process before, is later than another one."""
        evaluated = max(filter(None, (self.last, self._resumed_after)), default=at)
        return evaluated - at
