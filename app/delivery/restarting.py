"""Tasks that go on for as long as the service does, also after an error in them."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import structlog

_log = structlog.get_logger(__name__)


async def restarting(
    name: str, work: Callable[[], Awaitable[None]], *, stopping: asyncio.Event, pause: timedelta
) -> None:
    """Do *work* until it returns; after an error again, *pause* later, unless *stopping* is set by then."""
    while True:
        try:
            return await work()
        except Exception:  # noqa: BLE001  after any error pages must go on; logged with its traceback
            _log.exception("delivery task crashed; restarting", task=name)
            if await is_set_within(stopping, pause):
                return None


async def is_set_within(stopping: asyncio.Event, pause: timedelta) -> bool:
    """Wait for *stopping*, at most for *pause*; whether it is set."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), pause.total_seconds())
    return stopping.is_set()
