"""An event loop whose time passes only while everything in it sleeps, however slow the machine is.

For code that waits for timers only. What waits for sockets or threads needs real time.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from typing_extensions import override

P = ParamSpec("P")
T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Instead of waiting for the next timer, it sets the clock to it."""

    now_s = 0.0

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # Without any timer nothing but a socket can end the wait.
        found = super().select(None if timeout is None else 0)
        if timeout and not found:
            self.now_s += timeout
        return found


def run_in_virtual_time(main: Coroutine[Any, Any, T]) -> T:
    """The result of *main*, whose loop begins at 0 s and is never late."""
    selector = _Selector()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now_s  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(main)


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make a test of a coroutine one that runs in virtual time."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_in_virtual_time(test(*args, **kwargs))

    return run
