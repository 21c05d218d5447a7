"""What many ask for at once is done once."""

import asyncio

import pytest

from app.api.coalescing import Coalesced


class Work:
    """Counts its runs; each ends when a test says so."""

    def __init__(self) -> None:
        self.runs = 0
        self.end = asyncio.Event()

    async def __call__(self) -> int:
        self.runs += 1
        await self.end.wait()
        return self.runs


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_two_hundred_at_once_are_one_run() -> None:
    async def ask() -> tuple[list[int], int]:
        work = Work()
        once = Coalesced(work)
        work.end.set()
        return list(await asyncio.gather(*(once() for _ in range(200)))), work.runs

    assert asyncio.run(ask()) == ([1] * 200, 1)


def test_whoever_comes_during_a_run_gets_the_next_one() -> None:
    async def ask() -> tuple[int, list[int]]:
        work = Work()
        once = Coalesced(work)
        first = asyncio.create_task(once())
        await _settled()
        others = [asyncio.create_task(once()) for _ in range(200)]
        await _settled()
        work.end.set()
        return await first, list(await asyncio.gather(*others))

    assert asyncio.run(ask()) == (1, [2] * 200)


def test_a_failure_is_that_of_its_own_run() -> None:
    async def ask() -> str:
        async def fail() -> str:
            if not failed:
                failed.append(True)
                raise ValueError("broken")
            return "whole"

        failed: list[bool] = []
        once = Coalesced(fail)
        with pytest.raises(ValueError, match="broken"):
            await once()
        return await once()

    assert asyncio.run(ask()) == "whole"


def test_whoever_goes_away_leaves_the_run_to_the_others() -> None:
    async def ask() -> int:
        work = Work()
        once = Coalesced(work)
        gone, stays = asyncio.create_task(once()), asyncio.create_task(once())
        await _settled()
        gone.cancel()
        work.end.set()
        return await stays

    assert asyncio.run(ask()) == 1
