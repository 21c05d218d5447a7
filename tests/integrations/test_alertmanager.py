"""The receiver against real Alertmanagers: what reaches the pager."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from app.alerting import Notification, resolve
from app.delivery import FailureReason
from app.delivery.outcome import Deferred, Delivered, Failed, Outcome, Rejected
from app.http import IpAddress, Resolver
from app.http import resolve_host as resolve_name
from app.http.client import ClientOptions
from app.integrations import Alertmanager, AlertmanagerOptions, Reassertion
from testbed.process import closed_port
from testbed.servers import Server, Sink, alertmanager
from testbed.waiting import PATIENCE_S, reaches
from tests.support.fake_receivers import RecordingInstruments, SkewedClock
from tests.support.name_service import Rebinding
from tests.support.notifications import firing
from tests.support.scripted_server import Reply, Scripted

QUICK = Reassertion(group_wait=timedelta(0), margin=timedelta(seconds=1.5))
PAST = timedelta(minutes=10)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


@pytest.fixture
def server(sink: Sink) -> Iterator[Server]:
    with alertmanager(sink.url) as running:
        yield running


@asynccontextmanager
async def _receiver(
    urls: Sequence[str],
    *,
    instruments: RecordingInstruments | None = None,
    behind: timedelta = timedelta(0),
    timeout_s: float = 60.0,
    resolver: Resolver = resolve_name,
) -> AsyncIterator[Alertmanager]:
    options = AlertmanagerOptions(
        urls=tuple(urls),
        external_url="http://127.0.0.1:9720",
        outgoing=ClientOptions(deadline=timedelta(seconds=timeout_s), resolver=resolver),
        reassertion=QUICK,
    )
    receiver = Alertmanager(options, clock=SkewedClock(-behind), instruments=instruments or RecordingInstruments())
    try:
        yield receiver
    finally:
        await receiver.aclose()


def _now() -> datetime:
    return datetime.now(tz=UTC)


def _page(slo: str = "checkout-availability", **changes: object) -> Notification:
    return firing(slo, starts_at=_now() - PAST, **changes)


def _active(server: Server) -> dict[str, dict[str, object]]:
    alerts = httpx.get(f"{server.url}/api/v2/alerts", trust_env=False).json()
    return {alert["labels"]["slo"]: alert for alert in alerts}


async def _until_delivered(receiver: Alertmanager, notification: Notification) -> list[Outcome]:
    """What the loop does with a single entry: try, wait as told, try again."""
    outcomes: list[Outcome] = []
    async with asyncio.timeout(PATIENCE_S):
        while not outcomes or not isinstance(outcomes[-1], Delivered):
            outcomes += await receiver.deliver([notification], at=_now())
            await asyncio.sleep(0.2)
    return outcomes


def test_a_page_fires_and_resolves_at_the_pager(server: Server, sink: Sink) -> None:
    async def play() -> None:
        async with _receiver([server.url]) as receiver:
            page = _page()
            assert await receiver.deliver([page], at=_now()) == [Delivered()]
            await reaches(lambda: bool(sink.alerts_with("firing", slo=page.slo, severity="page", team="payments")))
            (alert,) = sink.alerts_with("firing", slo=page.slo)
            assert alert["annotations"]["summary"].startswith("checkout availability is burning")
            assert alert["generatorURL"] == "http://127.0.0.1:9720/incidents/5f2d"
            await _until_delivered(receiver, resolve(page, at=_now()))
            await reaches(lambda: bool(sink.alerts_with("resolved", slo=page.slo)))

    asyncio.run(play())


def test_an_end_that_comes_right_after_its_beginning_lets_that_be_told_first(server: Server, sink: Sink) -> None:
    """Both have waited while Alertmanager was away; of an end alone it would tell nobody."""

    async def play() -> None:
        async with _receiver([server.url]) as receiver:
            page = _page()
            assert await receiver.deliver([page], at=_now()) == [Delivered()]
            outcomes = await _until_delivered(receiver, resolve(page, at=_now()))
            assert isinstance(outcomes[0], Deferred)
            await reaches(lambda: bool(sink.alerts_with("resolved", slo=page.slo)))
            assert sink.alerts_with("firing", slo=page.slo)

    asyncio.run(play())


def test_a_firing_alert_lasts_four_resends_after_the_last_word(server: Server) -> None:
    async def play() -> None:
        async with _receiver([server.url]) as receiver:
            at = _now()
            await receiver.deliver([_page()], at=at)
            ends_at = datetime.fromisoformat(str(_active(server)["checkout-availability"]["endsAt"]))
            assert abs(ends_at - (at + timedelta(minutes=4))) < timedelta(seconds=1)

    asyncio.run(play())


def test_one_poisoned_alert_does_not_hold_up_its_batch(server: Server, sink: Sink) -> None:
    """An empty label name is a 400 for all 300 alerts; 299 arrive, and the offender is named."""
    notifications = [_page(f"slo-{number}") for number in range(300)]
    notifications[123] = replace(notifications[123], labels=(("", "x"),))

    async def play() -> None:
        async with _receiver([server.url]) as receiver:
            outcomes = await receiver.deliver(notifications, at=_now())
            assert [number for number, outcome in enumerate(outcomes) if outcome != Delivered()] == [123]
            assert isinstance(outcomes[123], Rejected)
            assert "400" in outcomes[123].detail
            await reaches(lambda: len(_active(server)) == 299)
            (peer,) = receiver.peers
            assert await peer.resend(notifications, at=_now())

    asyncio.run(play())
    assert sink.refused == []


def test_one_of_three_that_hangs_delays_nobody(sink: Sink) -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(alertmanager(sink.url)) for _ in range(3)]

        async def play() -> None:
            # Whoever waited for the one that hangs would wait for its whole deadline.
            async with _receiver([one.url for one in servers], timeout_s=300.0) as receiver:
                servers[1].pause()
                page = _page()
                for number in range(10):
                    told = _page(f"slo-{number}")
                    assert await receiver.deliver([told], at=_now()) == [Delivered()]
                servers[1].resume()
                hung = receiver.peers[1]
                await reaches(lambda: not hung.busy)
                assert await hung.resend([page], at=_now())
                await reaches(lambda: page.slo in _active(servers[1]))

        try:
            asyncio.run(play())
        finally:
            servers[1].resume()


def test_all_away_is_a_failure_that_is_tried_again() -> None:
    async def play() -> None:
        instruments = RecordingInstruments()
        urls = [f"http://127.0.0.1:{closed_port()}" for _ in range(2)]
        async with _receiver(urls, instruments=instruments) as receiver:
            (outcome,) = await receiver.deliver([_page()], at=_now())
            assert isinstance(outcome, Failed)
            assert outcome.reason is FailureReason.UNREACHABLE
            assert not await receiver.peers[0].resend([_page()], at=_now())
            assert instruments.failures == {FailureReason.UNREACHABLE: 3}

    asyncio.run(play())


def test_a_resolve_reaches_the_pager_though_alertmanager_was_killed(server: Server, sink: Sink) -> None:
    """Its notification log is lost with it, so that a resolve alone would notify nobody."""

    async def play() -> None:
        async with _receiver([server.url]) as receiver:
            page = _page()
            await receiver.deliver([page], at=_now())
            await reaches(lambda: bool(sink.alerts_with("firing", slo=page.slo)))
            server.kill()
            server.start()
            outcomes = await _until_delivered(receiver, resolve(page, at=_now()))
            assert isinstance(outcomes[0], Deferred)
            await reaches(lambda: bool(sink.alerts_with("resolved", slo=page.slo)))

    asyncio.run(play())


def test_a_resolve_reaches_the_pager_though_both_were_killed(server: Server, sink: Sink) -> None:
    """We remember nothing of what we sent: that Alertmanager is younger than the alert is enough to be careful."""

    async def play() -> None:
        page = replace(_page(), starts_at=_now())
        async with _receiver([server.url]) as before:
            await before.deliver([page], at=_now())
            await reaches(lambda: bool(sink.alerts_with("firing", slo=page.slo)))
        await asyncio.sleep(1.1)  # the start of Alertmanager is known to a second or so
        server.kill()
        server.start()
        async with _receiver([server.url]) as after:
            await _until_delivered(after, resolve(page, at=_now()))
            await reaches(lambda: bool(sink.alerts_with("resolved", slo=page.slo)))

    asyncio.run(play())


def test_a_repeated_end_does_not_page_anew_after_a_restart(server: Server, sink: Sink) -> None:
    async def play() -> None:
        end = resolve(_page(), at=_now() - timedelta(minutes=1))
        async with _receiver([server.url]) as receiver:
            assert await receiver.peers[0].resend([end], at=_now())
        await asyncio.sleep(2)
        assert sink.alerts_with("firing") == []

    asyncio.run(play())


def test_a_missed_resolve_is_told_by_repetition(sink: Sink) -> None:
    """One of two was away when the alert ended; it hears of the end when it is back."""
    with alertmanager(sink.url) as one, alertmanager(sink.url) as other:

        async def play() -> None:
            page = _page()
            async with _receiver([one.url, other.url]) as before:
                for peer in before.peers:
                    assert await peer.resend([page], at=_now())
            async with _receiver([one.url, other.url], timeout_s=1.0) as receiver:
                other.pause()
                end = resolve(page, at=_now())
                await _until_delivered(receiver, end)
            # Closed before the other goes on: what was under way for it is given up.
            other.resume()
            assert page.slo in _active(other)
            async with _receiver([one.url, other.url]) as after:
                assert await after.peers[1].resend([end], at=_now())
                await reaches(lambda: page.slo not in _active(other))

        try:
            asyncio.run(play())
        finally:
            other.resume()


def test_a_clock_that_is_behind_is_seen_and_pages_all_the_same(server: Server, sink: Sink) -> None:
    """An end that is already past is answered 200 and notifies nobody; ours is put into Alertmanager's time."""

    async def play() -> None:
        behind = timedelta(minutes=20)
        instruments = RecordingInstruments()
        async with _receiver([server.url], instruments=instruments, behind=behind) as receiver:
            page = replace(_page(), starts_at=_now() - behind - PAST)
            assert await receiver.deliver([page], at=_now() - behind) == [Delivered()]
            await reaches(lambda: bool(sink.alerts_with("firing", slo=page.slo)))
        (skew,) = instruments.skews.values()
        assert skew == pytest.approx(behind.total_seconds(), abs=60)

    asyncio.run(play())


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (429, FailureReason.RATE_LIMITED),
        (500, FailureReason.SERVER_ERROR),
        (401, FailureReason.UNAUTHORIZED),
        (404, FailureReason.REFUSED),
        (302, FailureReason.REFUSED),
    ],
)
def test_trouble_of_the_server_blames_no_alert(sink: Sink, status: int, reason: FailureReason) -> None:
    async def play() -> None:
        sink.status = status
        async with _receiver([sink.url]) as receiver:
            for outcome in await receiver.deliver([_page("a"), _page("b")], at=_now()):
                assert isinstance(outcome, Failed)
                assert outcome.reason is reason

    asyncio.run(play())


def test_a_login_page_in_place_of_alertmanager_has_taken_nothing() -> None:
    """As of a proxy before it, with the status 200; nothing is unpacked, and no date in a header is an error."""
    page = {"Content-Type": "text/html", "Content-Encoding": "gzip", "Date": f"1-Jan-99 10:05:01 {'9' * 20}"}

    async def play(url: str) -> list[Outcome]:
        async with _receiver([url]) as receiver:
            return list(await receiver.deliver([_page()], at=_now()))

    with Scripted(otherwise=Reply(headers=page, body=b"not even gzip")) as server:
        (refused,) = asyncio.run(play(server.url))
    assert isinstance(refused, Failed)
    assert refused.reason is FailureReason.REFUSED
    assert {request.headers["accept-encoding"] for request in server.requests} == {"identity"}


def test_names_of_peers_hold_no_credentials() -> None:
    async def play() -> None:
        async with _receiver(["http://user:secret@alertmanager.example:9093/prefix/"]) as receiver:
            assert [peer.name for peer in receiver.peers] == ["alertmanager/alertmanager.example:9093"]

    asyncio.run(play())


def test_the_address_that_was_checked_is_the_one_that_is_used() -> None:
    """A name that stands for an Alertmanager now and for a metadata service later reaches the former only (S2)."""
    names = Rebinding("127.0.0.7,127.0.0.1", "127.0.0.1", "169.254.169.254")

    async def play(server: Scripted) -> list[Outcome]:
        async with _receiver([server.at("am.example")], resolver=names) as receiver:
            return [(await receiver.deliver([_page()], at=_now()))[0] for _ in range(2)]

    with Scripted(otherwise=Reply(body=b"{}")) as server:
        taken, refused = asyncio.run(play(server))
    assert taken == Delivered()
    assert isinstance(refused, Failed)
    assert refused.reason is FailureReason.REFUSED
    assert names.asked == ["am.example"] * 3
    assert [request.headers["host"] for request in server.requests] == [f"am.example:{server.port}"] * 2


def test_a_user_and_a_password_in_the_url_are_given_to_alertmanager() -> None:
    async def play(server: Scripted) -> None:
        async with _receiver([server.url.replace("//", "//me:word@")]) as receiver:
            assert await receiver.deliver([_page()], at=_now()) == [Delivered()]

    with Scripted(otherwise=Reply(body=b"{}")) as server:
        asyncio.run(play(server))
    assert {request.headers["authorization"] for request in server.requests} == {"Basic bWU6d29yZA=="}
    assert "@" not in server.requests[0].headers["host"]


def test_whatever_one_peer_raises_counts_for_it_alone() -> None:
    instruments = RecordingInstruments()

    async def names(host: str, port: int) -> Sequence[IpAddress]:
        if host == "broken.example":
            raise RuntimeError("a bug")
        return await resolve_name("127.0.0.1", port)

    async def play(url: str) -> list[Outcome]:
        urls = ["http://broken.example:9093", url]
        async with _receiver(urls, instruments=instruments, resolver=names) as receiver:
            return list(await receiver.deliver([firing()], at=_now()))

    with Scripted() as server:
        assert asyncio.run(play(server.at("good.example"))) == [Delivered()]
    assert instruments.failures == {FailureReason.INTERNAL: 1}


def test_an_alert_that_cannot_be_written_holds_up_no_other() -> None:
    """Half a surrogate pair is no JSON; nothing that is read holds one, and if one did it would cost its alert only."""
    instruments = RecordingInstruments()
    broken = firing("broken", labels=(("team", "\ud800"),))

    async def play(url: str) -> list[Outcome]:
        async with _receiver([url], instruments=instruments) as receiver:
            return list(await receiver.deliver([broken, firing("good")], at=_now()))

    with Scripted() as server:
        spoilt, good = asyncio.run(play(server.url))
        assert [alert["labels"]["slo"] for alert in server.requests[-1].json] == ["good"]
    assert isinstance(spoilt, Failed)
    assert spoilt.reason is FailureReason.INTERNAL
    assert good == Delivered()


def _posted(server: Scripted) -> list[str]:
    """What was posted, in order: an alert fires if it ends in the future."""
    alerts = [alert for request in server.requests if request.body for alert in request.json]
    return ["firing" if datetime.fromisoformat(alert["endsAt"]) > _now() else "resolved" for alert in alerts]


def test_an_alert_that_is_fired_again_and_resolved_by_a_repetition_is_not_fired_for_the_outbox_too() -> None:
    """Both resolve it at a restarted Alertmanager; whichever comes second must not page once more."""
    younger = Reply(body=b'{"uptime": "2026-01-02T00:00:00Z"}')
    end = resolve(firing(), at=firing().starts_at + timedelta(minutes=5))

    async def play(url: str) -> list[Outcome]:
        options = AlertmanagerOptions(
            urls=(url,),
            external_url="http://slo",
            reassertion=Reassertion(group_wait=timedelta(0), margin=timedelta(0)),
        )
        receiver = Alertmanager(options, clock=SkewedClock(), instruments=RecordingInstruments())
        try:
            (first,) = await receiver.deliver([end], at=_now())
            assert await receiver.peers[0].resend([end], at=_now())
            (second,) = await receiver.deliver([end], at=_now())
            # Read from the store before the alert was resolved, and sent after it.
            assert await receiver.peers[0].resend([firing()], at=_now())
        finally:
            await receiver.aclose()
        return [first, second]

    with Scripted(otherwise=younger) as server:
        first, second = asyncio.run(play(server.url))
        assert _posted(server) == ["firing", "resolved", "resolved"]
    assert isinstance(first, Deferred)
    assert second == Delivered()


def test_an_end_does_not_wait_for_a_time_that_the_clock_showed_while_it_was_ahead() -> None:
    """An end that was fired again by a clock six hours ahead waits half a minute from when that is set back."""
    end = resolve(firing(), at=firing().starts_at + timedelta(minutes=5))
    half_a_minute = Reassertion(group_wait=timedelta(0), margin=timedelta(seconds=30))

    async def play(url: str) -> list[Outcome]:
        options = AlertmanagerOptions(urls=(url,), external_url="http://slo", reassertion=half_a_minute)
        receiver = Alertmanager(options, clock=SkewedClock(), instruments=RecordingInstruments())
        try:
            return [
                (await receiver.deliver([end], at=_now() + ahead))[0]
                for ahead in (timedelta(hours=6), timedelta(hours=6), timedelta(0))
            ]
        finally:
            await receiver.aclose()

    with Scripted(otherwise=Reply(body=b'{"uptime": "2026-01-02T00:00:00Z"}')) as server:
        fired_again, waits, resolved = asyncio.run(play(server.url))
    assert isinstance(fired_again, Deferred)
    assert isinstance(waits, Deferred)
    assert resolved == Delivered()
