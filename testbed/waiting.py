"""Waiting for what other threads, tasks and processes do: for a condition, with an end that only a hang reaches."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

PATIENCE_S: Final = 180.0
"""The end of every wait in seconds. On two cores with ten times the work they can do, a start has taken 50 s."""
_POLL_S: Final = 0.05


def wait_until(
    condition: Callable[[], object], what: Callable[[], object] | str = "the condition", *, takes_s: float = 0.0
) -> None:
    """Block until *condition* holds; *takes_s* is how long that takes by nature, on any machine.

    Raises:
        TimeoutError: it does not hold `PATIENCE_S` later; the message is *what* was waited for, or what that returns.
    """
    patience_s = takes_s + PATIENCE_S
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {patience_s:.0f} s: {what() if callable(what) else what}")
        time.sleep(_POLL_S)


async def reaches(condition: Callable[[], object]) -> None:
    """Wait in the event loop until *condition* holds.

    Raises:
        TimeoutError: it does not hold after `PATIENCE_S`.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE_S:.0f} s")
        await asyncio.sleep(0.02)
