"""When ticks happen: APScheduler wakes us shortly after each slot, and a slot is never ticked twice or out of order."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog
from apscheduler.job import Job
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from app.clock import Clock

_log = structlog.get_logger(__name__)
_EPOCH = datetime.fromtimestamp(0, UTC)
_LONGEST_SLEEP_S = 5.0

Tick = Callable[[datetime], Awaitable[None]]


async def _always() -> bool:
    return True


class ScheduleInstruments(Protocol):
    """Counts what the schedule could not keep."""

    def missed(self, slots: int) -> None:
        """So many slots had no tick of their own."""

    def evaluation_failed(self, reason: str) -> None:
        """Something in a tick failed."""


class Schedule:
    """Calls *tick* for the newest slot, *offset* after its end; a slow tick never overlaps the next.

    Slots are multiples of *interval* since 1970, the same after a restart and on every replica. A slot that was slept
    through is not ticked later: its events are counted by the next tick, and alerts step through the newest slot only.
    After the clock jumped ahead, *confirms_clock_jump* says whether it really is that late; if not, no slot is ticked.
    *resumed_after* is the newest slot that a process before this one has ticked.
    """

    def __init__(
        self,
        tick: Tick,
        *,
        interval: timedelta,
        offset: timedelta,
        clock: Clock,
        instruments: ScheduleInstruments,
        confirms_clock_jump: Callable[[], Awaitable[bool]] = _always,
        resumed_after: datetime | None = None,
    ) -> None:
        self._tick = tick
        self._interval = interval
        self._offset = offset
        self._clock = clock
        self._instruments = instruments
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._idle = asyncio.Event()
        self._idle.set()
        self._confirms_clock_jump = confirms_clock_jump
        self._following: asyncio.Task[None] | None = None
        self._resumed_after = resumed_after
        self.last: datetime | None = None

    def start(self) -> None:
        """Begin to tick, at once and then after every slot."""
        first = self.newest(self._clock.now()) + self._offset
        job = self._scheduler.add_job(
            self.run,
            IntervalTrigger(seconds=self._interval.total_seconds(), start_date=first),
            max_instances=1,
            coalesce=True,
            # The default drops a job that is a second late without a word.
            misfire_grace_time=None,
            # In the past, and so due at once; what follows is counted from it, not from the moment of the start.
            next_run_time=first,
        )
        self._scheduler.start()
        self._following = asyncio.create_task(self._follow_clock(job))

    async def stop(self, patience_s: float) -> None:
        """Begin no further tick; one that is under way is cut short after *patience_s*."""
        if not self._scheduler.running:
            return
        if self._following is not None:
            self._following.cancel()
        self._scheduler.pause()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), patience_s)
        self._scheduler.shutdown(wait=False)

    def newest(self, now: datetime) -> datetime:
        """The newest slot whose time to be asked has come."""
        return _EPOCH + (now - self._offset - _EPOCH) // self._interval * self._interval

    @property
    def clock_went_backwards(self) -> bool:
        """Whether the clock was set back behind the newest slot that was ticked, be it by a process before."""
        ticked = max(filter(None, (self.last, self._resumed_after)), default=None)
        return ticked is not None and ticked - self.newest(self._clock.now()) > self._interval

    async def run(self) -> None:
        """Tick the newest slot, unless it has been ticked."""
        at = self.newest(self._clock.now())
        if self.last is not None and at <= self.last:
            if self.clock_went_backwards:
                _log.error("the clock was set back; waiting until it has caught up", newest_slot=str(self.last))
            return
        missed = 0 if self.last is None else (at - self.last) // self._interval - 1
        if missed and not await self._confirms_clock_jump():
            _log.error("the clock has leapt ahead of Prometheus's; no slot is evaluated until they agree", slot=str(at))
            return
        if missed:
            self._instruments.missed(missed)
            _log.warning("slots without a tick of their own; their events are counted now", slots=missed)
        self.last = at
        self._idle.clear()
        try:
            await self._tick(at)
        except asyncio.CancelledError:
            _log.warning("a tick was cut short; its events are counted after the next start")
        except Exception:  # noqa: BLE001  counted, and logged with its traceback
            # The next slot is evaluated after any error; what this one did not count is counted then.
            self._instruments.evaluation_failed("internal")
            _log.exception("a tick failed")
        finally:
            self._idle.set()

    async def _follow_clock(self, job: Job) -> None:
        """The scheduler sleeps until a time of the wall clock; when that is set, it may come sooner or much later."""
        while True:
            await asyncio.sleep(min(self._interval.total_seconds(), _LONGEST_SLEEP_S))
            due = self.newest(self._clock.now()) + self._interval + self._offset
            if job.next_run_time > due:
                job.modify(next_run_time=due)
            self._scheduler.wakeup()
