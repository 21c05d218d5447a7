"""Signs of life that end with the work (N12)."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import httpx

from app.http.secrets import FixedSecret
from app.integrations.alertmanager.api import AlertmanagerApi
from app.integrations.alertmanager.given_up import GivenUpAlert
from app.integrations.alertmanager.watchdog import Watchdog, WatchdogOptions
from app.integrations.heartbeat import Heartbeat
from app.store import StoreError
from testbed.process import closed_port
from testbed.servers import Server, alertmanager
from testbed.waiting import reaches
from tests.support.fake_receivers import RecordingInstruments, SkewedClock
from tests.support.receiver_harness import now, outgoing
from tests.support.scripted_server import Reply, Scripted


class Work:
    def __init__(self) -> None:
        self.done = True

    def __call__(self) -> bool:
        return self.done


def _heartbeat(url: str, is_healthy: Callable[[], bool]) -> Heartbeat:
    return Heartbeat(FixedSecret(url), every=timedelta(milliseconds=30), outgoing=outgoing(), is_healthy=is_healthy)


def test_a_heartbeat_stops_when_the_work_does_and_comes_back_with_it() -> None:
    work = Work()

    async def play(server: Scripted) -> None:
        heartbeat = _heartbeat(f"{server.url}/ping/canary", work)
        task = asyncio.create_task(heartbeat.run())
        await reaches(lambda: len(server.requests) >= 3)
        work.done = False
        silent = len(server.requests)
        await asyncio.sleep(0.5)
        # One may have been on its way.
        assert len(server.requests) <= silent + 1
        work.done = True
        await reaches(lambda: len(server.requests) > silent + 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await heartbeat.aclose()

    with Scripted() as server:
        asyncio.run(play(server))


def test_a_heartbeat_that_is_not_taken_is_tried_again_and_told_without_its_url() -> None:
    async def play(server: Scripted) -> None:
        heartbeat = _heartbeat(f"{server.url}/ping/canary", Work())
        assert not await heartbeat.beat()
        assert await heartbeat.beat()
        await heartbeat.aclose()
        away = _heartbeat(f"http://127.0.0.1:{closed_port()}/canary", Work())
        assert not await away.beat()
        await away.aclose()

    with Scripted(Reply(status=500, body=b"/ping/canary")) as server:
        asyncio.run(play(server))


def _watchdogs(server: Server) -> list[dict[str, object]]:
    alerts = httpx.get(f"{server.url}/api/v2/alerts", trust_env=False).json()
    return [alert for alert in alerts if alert["labels"]["alertname"] == "Watchdog"]


def test_what_was_given_up_is_an_alert_of_its_own() -> None:
    given_up: list[str] = []

    async def play(server: Server) -> None:
        api = AlertmanagerApi(server.url, clock=SkewedClock(), instruments=RecordingInstruments())
        alarm = GivenUpAlert(api, lambda _: given_up, external_url="http://slo", lifetime=timedelta(minutes=4))
        assert await alarm.resend([], at=now())
        given_up.extend(["chat", "chat", "mail"])
        assert await alarm.resend([], at=now())
        await alarm.aclose()

    with alertmanager("http://127.0.0.1:9/") as server:
        asyncio.run(play(server))
        alerts = httpx.get(f"{server.url}/api/v2/alerts", trust_env=False).json()
    said = {alert["labels"]["receiver"]: alert["annotations"]["description"] for alert in alerts}
    assert {receiver: text.partition(" ")[0] for receiver, text in said.items()} == {"chat": "2", "mail": "1"}


def test_what_was_given_up_stays_said_while_nobody_can_read_it() -> None:
    answers: list[list[str] | StoreError] = [["chat"], StoreError("no such file")]

    def given_up(_since: datetime) -> list[str]:
        answer = answers.pop(0)
        if isinstance(answer, StoreError):
            raise answer
        return answer

    async def play(server: Scripted) -> None:
        api = AlertmanagerApi(server.url, clock=SkewedClock(), instruments=RecordingInstruments())
        alarm = GivenUpAlert(api, given_up, external_url="http://slo", lifetime=timedelta(minutes=4))
        assert await alarm.resend([], at=now())
        assert await alarm.resend([], at=now())
        await alarm.aclose()

    with Scripted(Reply(status=200)) as server:
        asyncio.run(play(server))
        assert len(server.requests) == 2


def test_a_watchdog_ends_at_a_real_alertmanager_when_the_work_does() -> None:
    work = Work()
    options = WatchdogOptions(
        alertname="Watchdog", labels=(("team", "sre"),), external_url="http://slo", lifetime=timedelta(seconds=8)
    )

    async def play(server: Server) -> None:
        api = AlertmanagerApi(server.url, clock=SkewedClock(), instruments=RecordingInstruments())
        watchdog = Watchdog(api, options, is_healthy=work)
        alerts: list[dict[str, object]] = []
        # On a busy machine its lifetime may be over before it is seen.
        while not alerts:
            assert await watchdog.resend([], at=now())
            alerts = await asyncio.to_thread(_watchdogs, server)
        (alert,) = alerts
        assert alert["labels"] == {"alertname": "Watchdog", "service": "sloburn", "severity": "none", "team": "sre"}
        work.done = False
        assert await watchdog.resend([], at=now())
        await reaches(lambda: _watchdogs(server) == [])
        await watchdog.aclose()

    with alertmanager("http://127.0.0.1:9/") as server:
        asyncio.run(play(server))
