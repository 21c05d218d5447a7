"""One set of receivers at work, from its beginning until another takes its place or the service stops."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

import structlog

from app.alerting import Notification
from app.delivery import (
    DeliveryLoop,
    DeliveryTiming,
    FailureReason,
    FallbackMemory,
    FallbackMessageRefs,
    FallbackOutbox,
    MemoryMessageRefs,
    StoredMessageRefs,
    StoredOutbox,
)
from app.delivery.message_receiver import MessageReceiver
from app.delivery.outcome import Outcome, Rejected
from app.delivery.report_messages import ReportMessage
from app.delivery.restarting import restarting
from app.integrations import (
    ActiveAlerts,
    DeliveryConfig,
    IsHealthy,
    NotifierContext,
    Receivers,
    ResendLoop,
    SilenceReader,
    StoredAlertsToRepeat,
    final_notifications,
    open_receivers,
    send_final,
)
from app.service.components import Components
from app.store import Database, StoreError
from app.store.dead_letters import given_up_since

_log = structlog.get_logger(__name__)


class DeliveryRuntime:
    """The delivery loop of a configuration and what lives with it; its methods belong into one event loop."""

    def __init__(
        self,
        config: DeliveryConfig,
        receivers: Receivers,
        stored: StoredOutbox,
        components: Components,
        *,
        memory: FallbackMemory,
    ) -> None:
        self.config = config
        self._receivers = receivers
        self._stored = stored
        self._stored_alerts = StoredAlertsToRepeat(
            database=stored.database, routing=config.routing, service_lease=components.service_lease
        )
        self._active = ActiveAlerts(self._stored_alerts)
        self._outbox = FallbackOutbox(stored, memory=memory)
        self._clock = components.clock
        self._loop = DeliveryLoop(
            outbox=self._outbox,
            receivers=receivers.receivers,
            clock=components.clock,
            instruments=components.instruments,
            completed=components.board.completed,
        )
        self._resending = ResendLoop(self._active, receivers.reasserters, clock=components.clock)
        self._silences = SilenceReader(
            receivers.clusters,
            active=lambda: components.board.current.by_key,
            publish=components.board.set_silences,
            clock=components.clock,
        )
        self._running: tuple[asyncio.Task[None], ...] = ()
        self._beside: tuple[asyncio.Task[None], ...] = ()

    def start(self) -> None:
        """Begin to deliver."""
        self._running = (asyncio.create_task(self._loop.run()), asyncio.create_task(self._resending.run()))
        beside = {"silences": self._silences.run}
        if self._receivers.heartbeat is not None:
            beside["heartbeat"] = self._receivers.heartbeat.run
        self._beside = tuple(
            asyncio.create_task(restarting(name, run, stopping=asyncio.Event(), pause=DeliveryTiming().recovery))
            for name, run in beside.items()
        )

    async def send_report(self, receiver: str, message: ReportMessage) -> Outcome:
        """Try once to send a report to a receiver."""
        for one in self._receivers.receivers:
            if one.name == receiver and isinstance(one, MessageReceiver):
                return await one.send_report(message)
        return Rejected(detail="the receiver takes no reports, or is no longer configured")

    async def take_over(self) -> None:
        """See to what a process has left that is no more."""
        self._loop.forget_reach()
        await asyncio.to_thread(self._stored.release, at=self._clock.now())
        await self.forward_unknown_receivers()

    async def forward_unknown_receivers(self) -> None:
        """See to what waits for receivers that are no longer configured."""
        gone = await asyncio.to_thread(self._stored.forward_unknown_receivers, self.config.names, at=self._clock.now())
        for receiver, others in gone:
            _log.error(
                "a notification waited for a receiver that is no longer configured", receiver=receiver, notified=others
            )
        if gone:
            self._loop.wake()

    @property
    def unanswered_for(self) -> timedelta:
        """How long no receiver has answered any attempt."""
        return self._loop.unanswered_for

    def wake(self) -> None:
        """Look now for what other processes have put into the outbox."""
        self._loop.wake()

    async def evaluation_ended(self, unwritten: Sequence[Notification], *, at: datetime) -> None:
        """Say that an evaluation has ended, and what it and those before could not write."""
        self._active.hold(unwritten)
        # Also where there is nothing to hold: it waits for what compares memory with the database.
        await asyncio.to_thread(self._outbox.hold, unwritten, at=at)
        if not unwritten and self._stored.service_lease.is_mine:
            await asyncio.to_thread(self._outbox.copy_pages)
        self._loop.evaluated()

    @property
    def clock_skews(self) -> Mapping[str, float]:
        """Seconds that the clock of each Alertmanager is ahead of ours."""
        return self._receivers.clock_skews

    async def final_notifications(self, successor: "DeliveryRuntime") -> Mapping[str, Sequence[Notification]]:
        """By receiver, the ends of alerts that fire there and that the *successor* does not send to it any more."""
        try:
            return await asyncio.to_thread(
                final_notifications,
                self.config,
                self._stored_alerts,
                successor.config,
                successor._stored_alerts,  # noqa: SLF001  of the same class
                receivers=self._receivers.receivers,
                at=self._clock.now(),
            )
        except StoreError as error:
            _log.error("alerts stay open at receivers that are no longer configured", error=str(error))
            return {}

    async def retire(self, final: Mapping[str, Sequence[Notification]], within_s: float) -> None:
        """Stop, and send the *final* notifications before the connections are closed; each at most for some seconds."""
        # First, so that nothing that it still sends comes after the end of its alert.
        await self._stop_loop(within_s)
        sending = [
            asyncio.create_task(send_final(receiver, final[receiver.name], clock=self._clock))
            for receiver in self._receivers.receivers
            if receiver.name in final
        ]
        if sending:
            _, late = await asyncio.wait(sending, timeout=within_s)
            for task in late:
                task.cancel()
            for error in await asyncio.gather(*sending, return_exceptions=True):
                if error is not None:
                    _log.error(
                        "a receiver that is no longer configured was not notified that its alerts are resolved",
                        error=repr(error),
                    )
        await self._close()

    async def stop(self, within_s: float) -> None:
        """Finish what is under way, at most for some seconds, and close all connections."""
        await self._stop_loop(within_s)
        await self._close()

    async def _close(self) -> None:
        await self._receivers.aclose()

    async def _stop_loop(self, within_s: float) -> None:
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        if self._running:
            self._loop.stop()
            self._resending.stop()
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*self._running), within_s)
        self._outbox.abandon()


def open_delivery_runtime(
    config: DeliveryConfig, components: Components, *, is_healthy: IsHealthy, memory: FallbackMemory
) -> DeliveryRuntime:
    """The receivers of a configuration, ready to be started; *is_healthy* says whether slots are evaluated and kept.

    The *memory* is that of the process, which the receivers of before may still use.
    """
    context = NotifierContext(
        external_url=components.settings.public_url,
        interval=components.settings.evaluation_interval,
        clock=components.clock,
        instruments=components.instruments,
        message_refs=FallbackMessageRefs(
            stored=StoredMessageRefs(database=components.database), memory=MemoryMessageRefs(database=memory.database)
        ),
        given_up=partial(_given_up, components.database),
    )
    receivers = open_receivers(config, context, is_healthy=is_healthy)
    components.instruments.know_receivers(config.names, tuple(FailureReason))
    stored = StoredOutbox(database=components.database, routing=config.routing, service_lease=components.service_lease)
    return DeliveryRuntime(config, receivers, stored, components, memory=memory)


def _given_up(database: Database, since: datetime) -> Sequence[str]:
    """The receiver of every notification that was given up since a time."""
    with database.read() as tx:
        return given_up_since(tx, since)
