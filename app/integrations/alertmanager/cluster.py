"""The receiver `alertmanager`: all Alertmanagers of a cluster, of which one that accepts an alert is enough."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from typing_extensions import override

from app.alerting import Notification
from app.clock import Clock
from app.delivery.outcome import Deferred, Delivered, Outcome, best, failing_attempt
from app.delivery.ports import DeliveryInstruments, Receiver
from app.http.client import ClientOptions
from app.http.failures import AttemptError
from app.integrations.alertmanager.api import AlertmanagerApi
from app.integrations.alertmanager.payload import PayloadWriter
from app.integrations.alertmanager.peer import RECEIVER, AlertmanagerPeer
from app.integrations.alertmanager.refire import Reassertion, RefiringPeer
from app.wording.templates import Templates

# An alert survives three repetitions that are lost, and ends by itself four minutes after the last.
_LIFETIME_IN_RESENDS = 4
# All peers are busy with earlier requests, which end within their deadline.
_SOON = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertmanagerOptions:
    """Settings of one cluster.

    Attributes:
        urls: every Alertmanager of the cluster, never a load balancer before them.
        external_url: our address for people.
        interval: the time between two evaluations.
        resend_delay: the time between two repetitions of what fires.
        outgoing: how long one request may take, and where it may go.
        reassertion: how long a restarted Alertmanager needs to see what fires.
        name: what the cluster is called as a receiver.
        templates: the receiver's own texts.
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
        """How long an alert lasts in Alertmanager if it is not repeated."""
        return _LIFETIME_IN_RESENDS * max(self.interval, self.resend_delay)


class Alertmanager(Receiver):
    """Sends every change to all peers at once, and waits no longer than for the first that accepts it.

    A peer that was away is brought up to date by its own repetitions: every peer is a `Reasserter`.
    """

    def __init__(self, options: AlertmanagerOptions, *, clock: Clock, instruments: DeliveryInstruments) -> None:
        payload = PayloadWriter(
            external_url=options.external_url, lifetime=options.lifetime, templates=options.templates
        )
        apis = (
            AlertmanagerApi(url, clock=clock, instruments=instruments, outgoing=options.outgoing)
            for url in dict.fromkeys(options.urls)
        )
        plain = (AlertmanagerPeer(api, payload=payload, instruments=instruments, receiver=options.name) for api in apis)
        self._name = options.name
        self.peers = tuple(RefiringPeer(peer, options.reassertion) for peer in plain)
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
    async def deliver(self, notifications: Sequence[Notification], *, at: datetime) -> Sequence[Outcome]:
        pending = {self._start(peer, notifications, at) for peer in self.peers if not peer.busy}
        outcomes: list[Outcome] = [Deferred(until=at + _SOON)] * len(notifications)
        answers: list[list[Outcome]] = []
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            answers += [task.result() for task in done]
            outcomes = [best(by_peer) for by_peer in zip(*answers, strict=True)]
            if all(isinstance(outcome, Delivered) for outcome in outcomes):
                break
        return outcomes

    async def aclose(self) -> None:
        """Cancel requests under way and close all connections."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        for peer in self.peers:
            await peer.aclose()

    def _start(
        self, peer: RefiringPeer, notifications: Sequence[Notification], at: datetime
    ) -> asyncio.Task[list[Outcome]]:
        # The task is kept here, since one that nothing refers to may vanish while it runs.
        task = asyncio.create_task(self._deliver(peer, notifications, at))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _deliver(self, peer: RefiringPeer, notifications: Sequence[Notification], at: datetime) -> list[Outcome]:
        try:
            with failing_attempt("sending alerts failed unexpectedly", receiver=self._name, peer=peer.name):
                return await peer.deliver(notifications, at=at)
        except AttemptError as error:
            # Another peer may have accepted it, which is enough: what one peer raises is a failure of that peer.
            return peer.failed(error, len(notifications))
