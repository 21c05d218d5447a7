"""One set of receivers at work, from its beginning until another takes its place or the service stops."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from app.alerting import Notice
from app.delivery import DegradableDeliveries, DeliveryConfig, DeliveryLoop, Receivers


class Delivering:
    """The delivery loop of a configuration and what lives with it; its methods belong into one event loop."""

    def __init__(
        self, config: DeliveryConfig, receivers: Receivers, deliveries: DegradableDeliveries, loop: DeliveryLoop
    ) -> None:
        self.config = config
        self._receivers = receivers
        self._deliveries = deliveries
        self._loop = loop
        self._running: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to deliver."""
        self._running = asyncio.create_task(self._loop.run())
        if self._receivers.heartbeat is not None:
            self._beating = asyncio.create_task(self._receivers.heartbeat.run())

    def wake(self) -> None:
        """Say that there is something to deliver."""
        self._loop.wake()

    def ticked(self, unwritten: Sequence[Notice], *, at: datetime) -> None:
        """Say that a tick has ended, and what it and those before could not write."""
        self._deliveries.hold(unwritten, at=at)
        self._loop.wake()

    @property
    def clock_skews(self) -> Mapping[str, float]:
        """Seconds that the clock of each Alertmanager is ahead of ours."""
        return self._receivers.clock_skews

    async def stop(self, within_s: float) -> None:
        """Finish what is under way, at most for some seconds, and close all connections."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        if self._running is not None:
            self._loop.stop()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._running, within_s)
        await self._receivers.aclose()
