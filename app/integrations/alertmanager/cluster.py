"""The receiver `alertmanager`: all Alertmanagers of a cluster, of which one that takes an alert is enough."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from typing_extensions import override

from app.alerting import Notification
from app.clock import Clock
from app.delivery.outcome import Deferred, Delivered, Outcome, best
from app.delivery.ports import DeliveryInstruments, Receiver
from app.http.client import ClientOptions
from app.integrations.alertmanager.api import AlertmanagerApi
from app.integrations.alertmanager.payload import PayloadWriter
from app.integrations.alertmanager.peer import RECEIVER, AlertmanagerPeer, Reassertion
from app.wording.templates import Templates

_LIFETIME_IN_RESENDS = 4
_SOON = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerOptions:
    """What the receiver is told at start.

    Attributes:
        urls: every Alertmanager of the cluster, never a load balancer before them.
        external_url: where people reach us.
        interval: the time between two evaluations.
        resend_delay: the time between two repetitions of what fires.
        outgoing: how long one request may take, and where it may go.
        reassertion: how long a restarted Alertmanager needs to see what fires.
        name: what the cluster is called as a receiver.
        templates: the receiver's own words.
    """

    urls: tuple[str, ...]
    external_url: str
    interval: timedelta = timedelta(seconds=30)
    resend_delay: timedelta = timedelta(minutes=1)
    outgoing: ClientOptions = field(default_factory=ClientOptions)
    reassertion: Reassertion = field(default_factory=Reassertion)
    name: str = RECEIVER
    templates: Templates = field(default_factory=Templates)

    @property
    def lifetime(self) -> timedelta:
        """How long an alert lasts in Alertmanager if we fall silent."""
        return _LIFETIME_IN_RESENDS * max(self.interval, self.resend_delay)


class Alertmanager(Receiver):
    """Sends every change to all peers at once, and waits no longer than for the first that takes it.

    A peer that was away is brought up to date by its own repetitions: every peer is a `Reasserter`.
    """

    def __init__(self, options: AlertmanagerOptions, *, clock: Clock, instruments: DeliveryInstruments) -> None:
        wire = PayloadWriter(external_url=options.external_url, lifetime=options.lifetime, templates=options.templates)
        self._name = options.name
        self.peers = tuple(
            AlertmanagerPeer(
                AlertmanagerApi(url, clock=clock, instruments=instruments, outgoing=options.outgoing),
                wire=wire,
                reassertion=options.reassertion,
                instruments=instruments,
                receiver=options.name,
            )
            for url in dict.fromkeys(options.urls)
        )
        self._under_way: set[asyncio.Task[list[Outcome]]] = set()

    @property
    @override
    def name(self) -> str:
        return self._name

    @property
    @override
    def tracks_alerts(self) -> bool:
        return True

    @override
    async def deliver(self, notices: Sequence[Notification], *, at: datetime) -> Sequence[Outcome]:
        pending = {self._start(peer, notices, at) for peer in self.peers if not peer.busy}
        outcomes: list[Outcome] = [Deferred(until=at + _SOON)] * len(notices)
        answers: list[list[Outcome]] = []
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            answers += [task.result() for task in done]
            outcomes = [best(by_peer) for by_peer in zip(*answers, strict=True)]
            if all(isinstance(outcome, Delivered) for outcome in outcomes):
                break
        return outcomes

    async def aclose(self) -> None:
        """Give up what is under way and close all connections."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        for peer in self.peers:
            await peer.aclose()

    def _start(
        self, peer: AlertmanagerPeer, notices: Sequence[Notification], at: datetime
    ) -> asyncio.Task[list[Outcome]]:
        # The task is kept here, since one that nobody refers to may vanish while it runs.
        task = asyncio.create_task(peer.deliver(notices, at=at))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task
