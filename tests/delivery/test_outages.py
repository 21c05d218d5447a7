"""Outages at full length, and at full width: an Alertmanager away for long (N1), everything firing at once (N11)."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import Context
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVarTuple

import httpx
import pytest
from typing_extensions import override

from app.alerting import Alert, Notification, resolve
from app.delivery import (
    Backoff,
    DeliveryLoop,
    FallbackMemory,
    FallbackMessageRefs,
    FallbackOutbox,
    StoredMessageRefs,
    StoredOutbox,
)
from app.delivery.message_receiver import MessageReceiver
from app.delivery.notifier import Notifier
from app.delivery.ports import Receiver
from app.http.client import ClientOptions
from app.http.secrets import FixedSecret
from app.integrations import Alertmanager, AlertmanagerOptions, Reassertion
from app.integrations.pagerduty.notifier import PagerDuty, PagerDutyOptions
from app.integrations.slack.notifier import SlackWebhook
from app.integrations.webhook.notifier import Webhook, WebhookOptions
from app.slo import AlertState
from app.store import Database, open_database
from app.store.alerts import save_alerts
from app.store.dead_letters import dead_letters
from app.store.outbox import enqueue, oldest_waiting
from testbed.servers import Server, Sink, alertmanager
from testbed.waiting import reaches
from tests.support.delivering import Delivering, resend_loop
from tests.support.fake_receivers import RecordingInstruments, SkewedClock
from tests.support.notifications import firing
from tests.support.receiver_harness import WRITER, outgoing
from tests.support.scripted_server import Reply, Scripted
from tests.support.soak import IS_SOAK

Ts = TypeVarTuple("Ts")
SCALE = 200.0
"""Times faster than in earnest: 20 minutes are 6 seconds, and a pause between attempts is at most 1.5."""
AWAY_S = 20 * 60 / SCALE
BACKOFF = Backoff(base=timedelta(seconds=1) / SCALE, cap=timedelta(minutes=5) / SCALE)
MANY = 5_000 if IS_SOAK else 300
"""5,000 in `make soak`."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path}/sloburn.db")
    yield opened
    opened.close()


def _now() -> datetime:
    return datetime.now(tz=UTC)


def _begins(database: Database, *notifications: Notification, receivers: Sequence[str]) -> None:
    """What a tick writes when alerts begin to fire."""
    alerts = [
        Alert(
            slo=notification.slo,
            severity=notification.severity,
            state=AlertState.FIRING,
            since=notification.starts_at,
            incident=notification.incident,
            announced=True,
        )
        for notification in notifications
    ]
    with database.begin() as tx:
        save_alerts(tx, alerts, {notification.key: notification for notification in notifications})
        enqueue(tx, notifications, receivers=receivers, at=_now())


def _ends(database: Database, *notifications: Notification, receivers: Sequence[str]) -> None:
    """What a tick writes when alerts are over."""
    with database.begin() as tx:
        save_alerts(
            tx, [Alert(slo=notification.slo, severity=notification.severity) for notification in notifications], {}
        )
        enqueue(
            tx, [resolve(notification, at=_now()) for notification in notifications], receivers=receivers, at=_now()
        )


def _alertmanager(server: Server) -> Alertmanager:
    options = AlertmanagerOptions(
        urls=(server.url,),
        external_url="http://127.0.0.1:9720",
        outgoing=ClientOptions(deadline=timedelta(seconds=60)),
        reassertion=Reassertion(group_wait=timedelta(0), margin=timedelta(seconds=3)),
    )
    return Alertmanager(options, clock=SkewedClock(), instruments=RecordingInstruments())


def _loop(database: Database, receivers: Sequence[Receiver], *, resend: timedelta = timedelta(minutes=1)) -> Delivering:
    peers = [(one.name, peer) for one in receivers if isinstance(one, Alertmanager) for peer in one.peers]
    draining = DeliveryLoop(
        # As in the service: a database that is busy for long is no reason to start anew.
        outbox=FallbackOutbox(StoredOutbox(database=database), memory=FallbackMemory()),
        receivers=receivers,
        clock=SkewedClock(),
        instruments=RecordingInstruments(),
        backoff=BACKOFF,
    )
    return Delivering(draining, resend_loop(database, peers, resend=resend))


def test_twenty_minutes_without_alertmanager_lose_and_reorder_nothing(database: Database) -> None:
    """Alerts that end, begin, or do both while it is away, and one that goes on: everybody's whole story is told."""
    with Sink() as sink, alertmanager(sink.url) as server:
        early = _now() - timedelta(minutes=10)
        ends, goes_on, begins, passes = (
            firing(name, starts_at=early) for name in ("ends", "goes-on", "begins", "passes")
        )

        async def play() -> None:
            receiver = _alertmanager(server)
            loop = _loop(database, [receiver], resend=timedelta(minutes=1) / SCALE)
            task = asyncio.create_task(loop.run())
            told = {"receivers": [receiver.name]}
            _begins(database, ends, goes_on, **told)
            loop.wake()
            await reaches(lambda: {alert["labels"]["slo"] for alert in sink.alerts} == {"ends", "goes-on"})
            server.kill()
            for write, notification in ((_ends, ends), (_begins, begins), (_begins, passes), (_ends, passes)):
                await asyncio.sleep(AWAY_S / 5)
                write(database, notification, **told)
                loop.wake()
            await asyncio.sleep(AWAY_S / 5)
            await asyncio.to_thread(server.start)
            for name in ("ends", "passes"):
                await reaches(lambda name=name: bool(sink.alerts_with("resolved", slo=name)))  # type: ignore[misc]
            await reaches(lambda: bool(sink.alerts_with("firing", slo="begins")))
            await asyncio.sleep(2.0)
            loop.stop()
            await task
            await receiver.aclose()

        asyncio.run(play())
    stories = {name: _story(sink, name) for name in ("ends", "goes-on", "begins", "passes")}
    assert stories == {
        "ends": ["firing", "resolved"],
        "goes-on": ["firing"],
        "begins": ["firing"],
        "passes": ["firing", "resolved"],
    }
    with database.read() as tx:
        assert oldest_waiting(tx) is None
        assert dead_letters(tx) == ()


def _story(sink: Sink, slo: str) -> list[str]:
    """What the pager has read of an alert, repetitions left out."""
    statuses = [alert["status"] for alert in sink.alerts if alert["labels"]["slo"] == slo]
    return [status for number, status in enumerate(statuses) if number == 0 or statuses[number - 1] != status]


@pytest.mark.soak
def test_thousands_that_fire_at_once_are_one_message_each_and_keep_nobody_waiting(database: Database) -> None:
    """Alertmanager gets every alert; people get one message, and another when it is over."""
    many = [firing(f"slo-{number}", service=f"service-{number % 50}") for number in range(MANY)]
    with (
        Sink() as sink,
        alertmanager(sink.url, group_by=("service",), group_interval="5m") as server,
        Scripted(otherwise=Reply(status=202)) as oncall,
        Scripted(otherwise=Reply(body=b"ok")) as chat,
        Scripted() as hook,
    ):

        async def play() -> None:
            direct = _direct(database, oncall, chat, hook)
            cluster = _alertmanager(server)
            names = [cluster.name, *(one.name for one in direct)]
            loop = _loop(database, [cluster, *direct])
            task = asyncio.create_task(loop.run())
            await asyncio.to_thread(_begins, database, *many, receivers=names)
            loop.wake()
            await reaches(lambda: bool(oncall.requests and chat.requests and hook.requests))
            while await asyncio.to_thread(_active, server) < MANY:  # noqa: ASYNC110  another process does not set events
                await asyncio.sleep(0.2)
            await asyncio.to_thread(_ends, database, *many, receivers=names)
            loop.wake()
            await reaches(lambda: all(len(one.requests) == 2 for one in (oncall, chat, hook)))
            loop.stop()
            await task
            await cluster.aclose()
            await asyncio.gather(*(one.aclose() for one in direct))

        loop = _TimedLoop()
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(play())
        turns_s = loop.turns_s
    assert max(turns_s) < sum(turns_s) / 2, "nobody else had their turn while everything was delivered"
    assert [body["event_action"] for body in oncall.bodies] == ["trigger", "resolve"]
    assert [len(body["alerts"]) for body in hook.bodies] == [MANY, MANY]
    assert f"{MANY:,} alerts of 50 services are firing" in chat.bodies[0]["text"]
    assert f"{MANY:,} alerts of 50 services are resolved" in chat.bodies[1]["text"]


class _TimedLoop(asyncio.SelectorEventLoop):
    """An event loop that knows the CPU of each turn that a task had: the same however busy the machine is."""

    def __init__(self) -> None:
        super().__init__()
        self.turns_s: list[float] = []

    @override
    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        def timed() -> None:
            began_s = time.thread_time()
            callback(*args)
            self.turns_s.append(time.thread_time() - began_s)

        return super().call_soon(timed, context=context)


def _active(server: Server) -> int:
    return len(httpx.get(f"{server.url}/api/v2/alerts", timeout=60, trust_env=False).json())


def _direct(database: Database, oncall: Scripted, chat: Scripted, hook: Scripted) -> list[MessageReceiver]:
    notifiers: dict[str, Notifier] = {
        "oncall": PagerDuty(
            PagerDutyOptions(routing_key=FixedSecret("key"), url=oncall.url), outgoing=outgoing(), writer=WRITER
        ),
        "chat": SlackWebhook(FixedSecret(chat.url), outgoing=outgoing(), writer=WRITER),
        "hook": Webhook(
            "hook",
            WebhookOptions(url=FixedSecret(hook.url)),
            outgoing=outgoing(),
            writer=WRITER,
            clock=SkewedClock(),
        ),
    }
    messages = FallbackMessageRefs(stored=StoredMessageRefs(database=database))
    return [
        MessageReceiver(name, notifier, message_refs=messages, instruments=RecordingInstruments())
        for name, notifier in notifiers.items()
    ]
