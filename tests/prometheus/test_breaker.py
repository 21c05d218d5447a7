"""When the breaker opens and closes, in virtual time: how long a busy machine takes for a step does not matter."""

import asyncio

import pytest

from app.prometheus import BadQueryError, CircuitOpenError, TimedOutError, UnreachableError
from app.prometheus.breaker import Breaker
from tests.support.virtual_time import in_virtual_time, run_in_virtual_time

AWAY = UnreachableError("away")


def soon(seconds: float = 30) -> float:
    return asyncio.get_running_loop().time() + seconds


async def fail(breaker: Breaker, error: Exception = AWAY) -> None:
    with pytest.raises(type(error)):
        async with breaker.attempt(soon()):
            raise error


@in_virtual_time
async def test_it_opens_after_consecutive_failures_and_fails_fast() -> None:
    breaker = Breaker(failures=3, patience=0, cool_down=60)
    for error in (AWAY, TimedOutError("late"), AWAY):
        assert not breaker.is_open
        await fail(breaker, error)
    assert breaker.is_open
    with pytest.raises(CircuitOpenError, match=r"^away$"):
        async with breaker.attempt(soon()):
            pytest.fail("tried all the same")


@in_virtual_time
async def test_any_answer_in_between_starts_the_count_anew() -> None:
    breaker = Breaker(failures=2, patience=0, cool_down=60)
    for _ in range(3):
        await fail(breaker)
        await fail(breaker, BadQueryError("an answer all the same"))
    await fail(breaker)
    async with breaker.attempt(soon()):
        pass
    await fail(breaker)
    assert not breaker.is_open


@in_virtual_time
async def test_failures_within_a_moment_do_not_open_it() -> None:
    breaker = Breaker(failures=1, patience=60, cool_down=60)
    for _ in range(20):
        await fail(breaker)
    assert not breaker.is_open


@pytest.mark.parametrize(
    ("failing_s", "opens"),
    [
        ((0.0, 0.4, 0.8, 1.2, 1.6), False),
        ((0.0, 0.7, 1.4, 2.1), False),
        ((0.0, 0.5, 1.0, 1.5, 2.0), True),
    ],
)
def test_five_failures_in_two_seconds_open_it_and_four_seconds_later_it_probes(
    failing_s: tuple[float, ...], opens: bool
) -> None:
    async def play() -> None:
        breaker, begin_s = Breaker(), asyncio.get_running_loop().time()
        for at_s in failing_s:
            assert not breaker.is_open
            await asyncio.sleep(max(begin_s + at_s - asyncio.get_running_loop().time(), 0))
            await fail(breaker)
        assert breaker.is_open is opens
        if opens:
            await asyncio.sleep(3.9)
            with pytest.raises(CircuitOpenError):
                async with breaker.attempt(soon()):
                    pytest.fail("tried all the same")
            await asyncio.sleep(0.2)
            async with breaker.attempt(soon()):
                pass
            assert not breaker.is_open

    run_in_virtual_time(play())


@in_virtual_time
async def test_one_probe_decides_for_all_who_wait() -> None:
    breaker = Breaker(failures=1, patience=0, cool_down=0)
    await fail(breaker)
    under_way = 0
    most = 0

    async def probe() -> None:
        nonlocal under_way, most
        async with breaker.attempt(soon()):
            under_way += 1
            most = max(most, under_way if breaker.is_open else 0)
            await asyncio.sleep(0.05)
            under_way -= 1

    await asyncio.gather(*(probe() for _ in range(5)))
    assert most == 1
    assert not breaker.is_open


@in_virtual_time
async def test_a_probe_that_fails_sends_the_others_home() -> None:
    breaker = Breaker(failures=1, patience=0, cool_down=2.0)
    await fail(breaker)
    await asyncio.sleep(2.1)

    async def probe() -> None:
        async with breaker.attempt(soon()):
            await asyncio.sleep(0.01)
            raise AWAY

    ended = await asyncio.gather(*(probe() for _ in range(5)), return_exceptions=True)
    assert [type(error) for error in ended] == [UnreachableError, *[CircuitOpenError] * 4]


@in_virtual_time
async def test_a_cancelled_probe_leaves_room_for_the_next() -> None:
    breaker = Breaker(failures=1, patience=0, cool_down=0)
    await fail(breaker)

    async def hang() -> None:
        async with breaker.attempt(soon()):
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with breaker.attempt(soon()):
        pass
    assert not breaker.is_open


@in_virtual_time
async def test_nobody_waits_for_a_probe_beyond_the_deadline() -> None:
    breaker = Breaker(failures=1, patience=0, cool_down=0)
    await fail(breaker)

    async def hang() -> None:
        async with breaker.attempt(soon()):
            await asyncio.Event().wait()

    probe = asyncio.create_task(hang())
    await asyncio.sleep(0)
    with pytest.raises(CircuitOpenError, match=r"^away$"):
        async with breaker.attempt(soon(0.05)):
            pytest.fail("did not wait")
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
