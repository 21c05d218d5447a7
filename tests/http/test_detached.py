"""Calls that hang cost nobody else a thread or time."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from app.http import DetachedCalls, TooManyCallsError


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Opens at the end, so that no thread outlives the test for long."""
    opened = threading.Event()
    yield opened
    opened.set()


def _hang(gate: threading.Event) -> str:
    gate.wait()
    return "late"


def test_a_call_has_a_deadline_and_takes_no_thread_of_the_executor(gate: threading.Event) -> None:
    calls = DetachedCalls(most=40)

    async def play() -> int:
        async def hang(number: int) -> None:
            with pytest.raises(TimeoutError):
                await calls.call(number, lambda: _hang(gate), within_s=0.05)

        await asyncio.gather(*(hang(number) for number in range(40)))
        return await asyncio.wait_for(asyncio.to_thread(lambda: 7), 60.0)

    assert asyncio.run(play()) == 7


def test_all_who_ask_for_one_key_wait_for_one_call(gate: threading.Event) -> None:
    calls, begun = DetachedCalls(), []

    def work() -> str:
        begun.append(1)
        return _hang(gate)

    async def play() -> list[str]:
        asking = [asyncio.create_task(calls.call("a", work, within_s=60.0)) for _ in range(5)]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*asking)

    assert asyncio.run(play()) == ["late"] * 5
    assert begun == [1]


def test_a_result_that_comes_too_late_serves_those_who_ask_again(gate: threading.Event) -> None:
    """A first name server that is down costs 5 s on every look-up, longer than any attempt waits."""
    calls = DetachedCalls()

    async def play() -> str:
        with pytest.raises(TimeoutError):
            await calls.call("a", lambda: _hang(gate), within_s=0.01)
        gate.set()
        return await calls.call("a", lambda: "anew", within_s=60.0)

    assert asyncio.run(play()) == "late"


def test_an_error_is_not_kept_either_if_its_caller_gives_up_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, given_up, failing = DetachedCalls(), threading.Event(), []

    class Lock:
        """The thread of the call gets it once the caller has given up."""

        lock = threading.Lock()

        def __enter__(self) -> None:
            if threading.current_thread() in failing:
                assert given_up.wait(60.0)
            self.lock.acquire()

        def __exit__(self, *_: object) -> None:
            self.lock.release()

    def fail() -> str:
        failing.append(threading.current_thread())
        raise ConnectionError

    monkeypatch.setattr(calls, "_lock", Lock())
    with pytest.raises(TimeoutError):
        calls.call_now("a", fail, within_s=0.01)
    given_up.set()
    failing[0].join(60.0)
    assert calls.call_now("a", lambda: "anew", within_s=60.0) == "anew"


def test_a_call_that_hung_for_long_gives_way_to_another_but_not_without_end(gate: threading.Event) -> None:
    calls = DetachedCalls(renew_after_s=0.0, most_of_key=2)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            calls.call_now("a", lambda: _hang(gate), within_s=0.01)
    with pytest.raises(TimeoutError):
        calls.call_now("a", lambda: "not begun", within_s=0.01)
    assert calls.call_now("b", lambda: "other keys go on", within_s=60.0) == "other keys go on"


def test_there_is_an_end_to_threads(gate: threading.Event) -> None:
    calls = DetachedCalls(most=2)
    for key in ("a", "b"):
        with pytest.raises(TimeoutError):
            calls.call_now(key, lambda: _hang(gate), within_s=0.01)
    with pytest.raises(TooManyCallsError):
        calls.call_now("c", lambda: "", within_s=1.0)


def test_what_a_call_raises_is_raised_and_not_kept() -> None:
    calls = DetachedCalls()
    with pytest.raises(ZeroDivisionError):
        calls.call_now("a", lambda: 1 / 0, within_s=60.0)
    assert calls.call_now("a", lambda: 1.0, within_s=60.0) == 1.0


def test_keys_that_hang_leave_room_for_the_first_call_of_others(gate: threading.Event) -> None:
    calls = DetachedCalls(most=6, most_with_repeats=3, renew_after_s=0.0)
    for key in ("a", "a", "b", "b", "c", "a"):
        with pytest.raises(TimeoutError):
            calls.call_now(key, lambda: _hang(gate), within_s=0.01)
    assert calls._running == {"a": 2, "b": 1, "c": 1}
    assert calls.call_now("d", lambda: "begun", within_s=60.0) == "begun"
