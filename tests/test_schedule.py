"""Slots are ticked once and in order, whatever the clock does and however long a tick takes."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from typing_extensions import override

from app.clock import SystemClock
from app.schedule import Schedule
from testbed.waiting import reaches
from tests.support.set_clock import SetClock

INTERVAL = timedelta(seconds=30)
OFFSET = timedelta(seconds=5)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class WrongClock(SystemClock):
    """The clock of this machine, *ahead* of the truth."""

    ahead = timedelta(0)

    @override
    def now(self) -> datetime:
        return super().now() + self.ahead


@dataclass
class Seen:
    """What was ticked, missed and failed."""

    ticks: list[datetime] = field(default_factory=list)
    slots_missed: int = 0
    failures: list[str] = field(default_factory=list)

    async def tick(self, at: datetime) -> None:
        self.ticks.append(at)

    def missed(self, slots: int) -> None:
        self.slots_missed += slots

    def evaluation_failed(self, reason: str) -> None:
        self.failures.append(reason)


def a_schedule(
    clock: SetClock, seen: Seen, *, confirmed_until: datetime | None = None, resumed_after: datetime | None = None
) -> Schedule:
    """A schedule whose clock Prometheus confirms, up to a time if there is one."""

    async def confirms_clock_jump() -> bool:
        return confirmed_until is None or clock.at < confirmed_until

    return Schedule(
        seen.tick,
        interval=INTERVAL,
        offset=OFFSET,
        clock=clock,
        instruments=seen,
        confirms_clock_jump=confirms_clock_jump,
        resumed_after=resumed_after,
    )


async def _run_at(schedule: Schedule, clock: SetClock, *seconds: float) -> None:
    for after in seconds:
        clock.at = NOON + timedelta(seconds=after)
        await schedule.run()


def test_a_slot_is_asked_for_after_its_offset() -> None:
    seen, clock = Seen(), SetClock(NOON)
    asyncio.run(_run_at(a_schedule(clock, seen), clock, 4, 5))
    assert seen.ticks == [NOON - INTERVAL, NOON]


def test_a_slot_is_ticked_once() -> None:
    seen, clock = Seen(), SetClock(NOON)
    asyncio.run(_run_at(a_schedule(clock, seen), clock, 5, 6, 34))
    assert seen.ticks == [NOON]


def test_slots_in_a_row_are_evaluated_without_asking_prometheus_for_the_time() -> None:
    seen, clock = Seen(), SetClock(NOON)
    asyncio.run(_run_at(a_schedule(clock, seen, confirmed_until=NOON + INTERVAL), clock, 5, 35, 65))
    assert len(seen.ticks) == 3


def test_slots_that_were_slept_through_are_counted_as_missed_and_not_ticked() -> None:
    seen, clock = Seen(), SetClock(NOON)
    asyncio.run(_run_at(a_schedule(clock, seen), clock, 5, 6 * 3600 + 5))
    assert seen.ticks == [NOON, NOON + timedelta(hours=6)]
    assert seen.slots_missed == 719


def test_a_clock_that_is_set_back_is_waited_for() -> None:
    seen, clock = Seen(), SetClock(NOON)
    schedule = a_schedule(clock, seen)

    asyncio.run(_run_at(schedule, clock, 5, -25))
    noticed = [schedule.clock_went_backwards]
    asyncio.run(_run_at(schedule, clock, -3600))
    noticed.append(schedule.clock_went_backwards)
    assert noticed == [False, True]
    asyncio.run(_run_at(schedule, clock, 20, 35))

    assert seen.ticks == [NOON, NOON + INTERVAL]
    assert not schedule.clock_went_backwards


def test_a_clock_that_was_set_back_before_a_restart_is_noticed() -> None:
    seen, clock = Seen(), SetClock(NOON)
    schedule = a_schedule(clock, seen, resumed_after=NOON + 2 * INTERVAL)
    asyncio.run(_run_at(schedule, clock, 5))
    assert schedule.clock_went_backwards
    asyncio.run(_run_at(schedule, clock, 35, 65))
    assert not schedule.clock_went_backwards


def test_a_leap_that_prometheus_did_not_make_is_not_followed() -> None:
    """Set two hours ahead by mistake and put right again: no slot of the future, and none is waited for afterwards."""
    seen, clock = Seen(), SetClock(NOON)

    schedule = a_schedule(clock, seen, confirmed_until=NOON + timedelta(hours=1))
    asyncio.run(_run_at(schedule, clock, 5, 2 * 3600 + 5, 2 * 3600 + 35, 65))
    assert seen.ticks == [NOON, NOON + 2 * INTERVAL]
    assert seen.slots_missed == 1
    assert not schedule.clock_went_backwards


def test_a_clock_that_is_ahead_at_the_start_is_not_followed() -> None:
    """A host that boots two days ahead and is corrected a minute later: Prometheus knows better."""
    seen, clock = Seen(), SetClock(NOON)

    schedule = a_schedule(clock, seen, confirmed_until=NOON + timedelta(days=1), resumed_after=NOON - INTERVAL)
    asyncio.run(_run_at(schedule, clock, 2 * 86_400 + 5, 2 * 86_400 + 35, 5, 35))
    assert seen.ticks == [NOON, NOON + INTERVAL]


@pytest.mark.parametrize("restarts", [False, True])
def test_evaluation_goes_on_where_slots_of_the_future_were_evaluated(restarts: bool) -> None:
    """Prometheus did not answer meanwhile, or was ahead as well; a few minutes are only waited for."""
    seen, clock = Seen(), SetClock(NOON)
    asked: list[datetime] = []

    async def goes_back(at: datetime) -> bool:
        asked.append(at)
        return True

    future = NOON + timedelta(days=2)
    schedule = Schedule(
        seen.tick,
        interval=INTERVAL,
        offset=OFFSET,
        clock=clock,
        instruments=seen,
        goes_back=goes_back,
        resumed_after=future if restarts else None,
    )
    asyncio.run(_run_at(schedule, clock, *([] if restarts else [2 * 86_400 + 5]), 5, 35, -100, 65))
    now = [NOON, NOON + INTERVAL, NOON + 2 * INTERVAL]
    assert seen.ticks == (now if restarts else [future, *now])
    assert asked == [NOON]
    assert not schedule.clock_went_backwards


@pytest.mark.parametrize(("ahead_s", "evaluated"), [(300, False), (330, True)])
def test_five_minutes_by_which_a_clock_was_ahead_are_waited_for(ahead_s: float, evaluated: bool) -> None:
    seen, clock = Seen(), SetClock(NOON)

    async def goes_back(_at: datetime) -> bool:
        return True

    schedule = Schedule(
        seen.tick,
        interval=INTERVAL,
        offset=OFFSET,
        clock=clock,
        instruments=seen,
        goes_back=goes_back,
    )
    asyncio.run(_run_at(schedule, clock, ahead_s + 5, 5))
    assert seen.ticks[1:] == ([NOON] if evaluated else [])


def test_a_clock_that_is_put_right_is_followed_at_once() -> None:
    """Ahead by an hour for a moment: the scheduler, which took it for the truth, does not sleep for that hour."""
    seen, clock = Seen(), WrongClock()

    async def confirms_clock_jump() -> bool:
        return not clock.ahead

    async def scenario() -> None:
        schedule = Schedule(
            seen.tick,
            interval=timedelta(seconds=1),
            offset=timedelta(0),
            clock=clock,
            instruments=seen,
            confirms_clock_jump=confirms_clock_jump,
        )
        schedule.start()
        await asyncio.sleep(0.1)
        (job,) = schedule._scheduler.get_jobs()
        clock.ahead = timedelta(hours=1)
        job.modify(next_run_time=clock.now())
        await asyncio.sleep(0.1)
        clock.ahead = timedelta(0)
        await reaches(lambda: len(seen.ticks) >= 3)
        await schedule.stop(patience_s=1.0)

    asyncio.run(scenario())
    assert seen.ticks == sorted(seen.ticks)
    assert seen.ticks[-1] <= datetime.now(tz=UTC)


def test_a_tick_that_fails_is_counted_and_the_next_one_comes() -> None:
    class Failing(Seen):
        @override
        async def tick(self, at: datetime) -> None:
            await super().tick(at)
            raise RuntimeError("broken")

    seen, clock = Failing(), SetClock(NOON)
    asyncio.run(_run_at(a_schedule(clock, seen), clock, 5, 35))

    assert seen.ticks == [NOON, NOON + INTERVAL]
    assert seen.failures == ["internal", "internal"]


def test_a_slow_tick_never_overlaps_the_next() -> None:
    """With slots of a second, a tick of two and a half seconds leaves out those it overran."""
    under_way = most = 0
    ticks: list[datetime] = []
    seen = Seen()

    async def slow(at: datetime) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        ticks.append(at)
        await asyncio.sleep(2.5)
        under_way -= 1

    async def scenario() -> None:
        schedule = Schedule(
            slow, interval=timedelta(seconds=1), offset=timedelta(0), clock=SystemClock(), instruments=seen
        )
        schedule.start()
        await reaches(lambda: len(ticks) >= 3)
        await schedule.stop(patience_s=5.0)

    asyncio.run(scenario())
    assert (most, under_way) == (1, 0)
    overran = [(later - earlier) // timedelta(seconds=1) - 1 for earlier, later in pairwise(ticks)]
    assert min(overran) >= 1
    assert seen.slots_missed == sum(overran)


def test_ticks_come_when_the_offset_is_over_whenever_the_service_was_started() -> None:
    """A start in the middle of a slot ticks at once, and delays none of the slots that follow.

    A busy machine delays some of them, but not each: were they counted from the start, all would be 0.7 s late.
    """
    clock = SystemClock()

    async def lateness_s() -> list[float]:
        late_s: list[float] = []

        async def note(at: datetime) -> None:
            late_s.append((clock.now() - at).total_seconds() - 0.2)

        schedule = Schedule(
            note, interval=timedelta(seconds=1), offset=timedelta(seconds=0.2), clock=clock, instruments=Seen()
        )
        await asyncio.sleep(1.9 - clock.now().timestamp() % 1)
        schedule.start()
        await reaches(lambda: min(late_s[1:], default=1.0) < 0.5)
        await schedule.stop(patience_s=5.0)
        return late_s

    # Where the start itself is delayed to the next slot, it is tried once more.
    assert any(asyncio.run(lateness_s())[0] > 0.6 for _ in range(20))


def test_a_stop_while_prometheus_is_asked_for_its_clock_is_no_failure_of_the_job() -> None:
    async def scenario() -> None:
        asked = asyncio.Event()

        async def hangs() -> bool:
            asked.set()
            return await asyncio.Future[bool]()

        schedule = Schedule(
            seen.tick,
            interval=INTERVAL,
            offset=OFFSET,
            clock=SetClock(NOON),
            instruments=seen,
            confirms_clock_jump=hangs,
        )
        job = asyncio.create_task(schedule.run())
        await asked.wait()
        job.cancel()
        await job

    seen = Seen()
    asyncio.run(scenario())
    assert seen.ticks == []
