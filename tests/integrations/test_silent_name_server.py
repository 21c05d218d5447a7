"""A name server that never answers: every client gives up by its deadline, and nobody else waits (N13)."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

import pytest

from app.clock import SystemClock
from app.delivery.message_receiver import MessageReceiver
from app.delivery.message_refs import MemoryMessageRefs
from app.delivery.notifier import Notifier
from app.delivery.outcome import Failed, FailureReason, Outcome
from app.http.client import CheckedClient, ClientOptions
from app.http.secrets import FixedSecret
from app.integrations import Alertmanager, AlertmanagerOptions
from app.integrations.email.notifier import Mail, MailOptions
from app.integrations.heartbeat import Heartbeat
from app.integrations.pagerduty.notifier import PagerDuty, PagerDutyOptions
from app.integrations.slack.notifier import SlackWebhook
from app.integrations.webhook.notifier import Webhook, WebhookOptions
from app.prometheus import HttpConfig, PrometheusError, open_client
from tests.support.fake_receivers import RecordingInstruments, SkewedClock
from tests.support.notifications import firing
from tests.support.receiver_harness import WRITER, now

OPTIONS = ClientOptions(deadline=timedelta(seconds=0.3))
_SILENT_S = 180
MANY = 12
"""More than asyncio's executor has threads on two cores."""


@pytest.fixture(autouse=True)
def silence(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every look-up hangs until the end of the test."""
    gate = threading.Event()

    def hang(*_: object, **__: object) -> object:
        gate.wait(_SILENT_S)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield
    gate.set()


def _notifier(kind: str, number: int) -> Notifier:
    url = f"http://host{number}.silent.example/"
    outgoing = CheckedClient(OPTIONS)
    match kind:
        case "webhook":
            target = WebhookOptions(url=FixedSecret(url))
            return Webhook("hook", target, outgoing=outgoing, writer=WRITER, clock=SkewedClock())
        case "slack":
            return SlackWebhook(FixedSecret(url), outgoing=outgoing, writer=WRITER)
        case "pagerduty":
            return PagerDuty(PagerDutyOptions(routing_key=FixedSecret("k"), url=url), outgoing=outgoing, writer=WRITER)
        case _:
            options = MailOptions(sender="a@b.example", to=("c@d.example",), host=f"mail{number}.silent.example")
            return Mail(options, outgoing=OPTIONS, writer=WRITER, clock=SkewedClock())


async def _direct(kind: str, number: int) -> Outcome:
    receiver = MessageReceiver(
        "team", _notifier(kind, number), message_refs=MemoryMessageRefs(), instruments=RecordingInstruments()
    )
    try:
        return (await receiver.deliver([firing()], at=now()))[0]
    finally:
        await receiver.aclose()


async def _alertmanager(_: str, number: int) -> Outcome:
    options = AlertmanagerOptions(
        urls=(f"http://am{number}.silent.example:9093",), external_url="http://x", outgoing=OPTIONS
    )
    receiver = Alertmanager(options, clock=SkewedClock(), instruments=RecordingInstruments())
    try:
        return (await receiver.deliver([firing()], at=now()))[0]
    finally:
        await receiver.aclose()


async def _meanwhile(asking: list[asyncio.Task[Outcome]]) -> list[Outcome]:
    """The outcomes; a commit that begins while all of them hang does not wait for the name server."""
    await asyncio.sleep(0.05)
    await _commit()
    return await asyncio.gather(*asking)


async def _commit() -> None:
    await asyncio.wait_for(asyncio.to_thread(lambda: None), _SILENT_S / 2)


@pytest.mark.parametrize(
    ("kind", "attempt"),
    [
        ("webhook", _direct),
        ("slack", _direct),
        ("pagerduty", _direct),
        ("mail", _direct),
        ("alertmanager", _alertmanager),
    ],
)
def test_receivers_fail_by_their_deadline_and_leave_the_executor_alone(
    kind: str, attempt: Callable[[str, int], Awaitable[Outcome]]
) -> None:
    async def one(number: int) -> Outcome:
        return await attempt(kind, number)

    async def play() -> list[Outcome]:
        return await _meanwhile([asyncio.create_task(one(number)) for number in range(MANY)])

    outcomes = asyncio.run(play())
    assert len(outcomes) == MANY
    assert {outcome.reason for outcome in outcomes if isinstance(outcome, Failed)} == {FailureReason.TIMEOUT}


def test_the_heartbeat_fails_by_its_deadline() -> None:
    async def play() -> bool:
        url = FixedSecret("http://beat.silent.example/")
        heartbeat = Heartbeat(url, every=timedelta(seconds=1), outgoing=CheckedClient(OPTIONS), is_healthy=lambda: True)
        try:
            return await heartbeat.beat()
        finally:
            await heartbeat.aclose()

    assert asyncio.run(play()) is False


def test_prometheus_is_asked_in_no_thread_that_others_wait_in() -> None:
    async def play() -> None:
        config = HttpConfig(url="http://prometheus.silent.example:9090")
        async with open_client(config, clock=SystemClock()) as client:
            asking = [asyncio.create_task(client.instant("1", now(), deadline=0.3)) for _ in range(8)]
            await asyncio.sleep(0.05)
            await _commit()
            results = await asyncio.gather(*asking, return_exceptions=True)
        assert [isinstance(result, PrometheusError) for result in results] == [True] * 8

    asyncio.run(play())
