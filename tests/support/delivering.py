"""The delivery loop and the repetitions to Alertmanagers, run together as the service does."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.alerting import Routing
from app.delivery import DeliveryLoop
from app.integrations import ActiveAlerts, Reasserter, ResendLoop, ResendTiming, StoredAlertsToRepeat
from app.store import Database
from tests.support.fake_receivers import SkewedClock


@dataclass(frozen=True, slots=True)
class Delivering:
    """Both loops, from `run` to `stop`."""

    draining: DeliveryLoop
    resending: ResendLoop

    async def run(self) -> None:
        await asyncio.gather(self.draining.run(), self.resending.run())

    def wake(self) -> None:
        self.draining.wake()

    def stop(self) -> None:
        self.draining.stop()
        self.resending.stop()


def resend_loop(
    database: Database,
    reasserters: Sequence[tuple[str, Reasserter]],
    *,
    resend: timedelta = timedelta(minutes=1),
) -> ResendLoop:
    """Repetitions of the stored alerts, each of which is routed to every reasserter."""
    routing = Routing(always=tuple(name for name, _ in reasserters))
    return ResendLoop(
        ActiveAlerts(StoredAlertsToRepeat(database=database, routing=routing)),
        reasserters,
        clock=SkewedClock(),
        timing=ResendTiming(resend=resend),
    )
