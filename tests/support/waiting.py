"""Waiting for what other processes and tasks do."""

import asyncio
import time
from collections.abc import Callable


async def reaches(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    """Wait until *condition* holds; fail if it does not within *within_s* seconds."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.02)
