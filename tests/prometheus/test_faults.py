"""The client against a network and servers that misbehave."""

import asyncio
import gzip
import random
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import orjson
import pytest

from app.prometheus import (
    AccessDeniedError,
    BadAnswerError,
    CircuitOpenError,
    HttpStatusError,
    PartialPolicy,
    PrometheusError,
    RateLimitedError,
    TimedOutError,
    TooLargeError,
    UnreachableError,
)
from app.prometheus.breaker import Breaker
from testbed.fault_proxy import HTML, Delay, Drip, Edit, Fault, FaultProxy, Hang, Reply, Reset, Truncate
from testbed.waiting import PATIENCE_S, reaches
from tests.prometheus.samples import COUNT, END, PATIENT, QUICK, Recorder, a_client, a_client_with, seconds_since

pytestmark = pytest.mark.anyio

ONE = b'{"status":"success","data":{"resultType":"scalar","result":[1767225600,"1"]}}'
JSON = {"Content-Type": "application/json"}
GZIP = {**JSON, "Content-Encoding": "gzip"}
MIB = 1024 * 1024


def with_warning(body: bytes) -> bytes:
    return orjson.dumps({**orjson.loads(body), "warnings": ["store-2: connection refused"]})


PASSING: list[tuple[Fault, str]] = [
    (Reply(status=500), "http_status"),
    (Reply(status=503), "http_status"),
    (Reply(status=429), "rate_limited"),
    (HTML, "bad_answer"),
    (Truncate(after=40), "bad_answer"),
    (Truncate(after=40, honest=True), "bad_answer"),
    (Reply(body=b"{}", headers=JSON), "bad_answer"),
    (Reply(body=b"not gzip", headers=GZIP), "bad_answer"),
    (Reply(body=gzip.compress(ONE)[:-9], headers=GZIP), "bad_answer"),
    (Reply(body=ONE, headers={**JSON, "Content-Encoding": "br"}), "bad_answer"),
    (Reset(), "unreachable"),
    (Reset(delivered=True), "unreachable"),
    (Hang(), "timeout"),
    (Drip(bytes_per_second=40), "timeout"),
    (Edit(change=with_warning), "partial"),
]


@pytest.mark.parametrize(("fault", "outcome"), PASSING)
async def test_what_may_pass_is_asked_again_within_the_deadline(proxy: FaultProxy, fault: Fault, outcome: str) -> None:
    recorder = Recorder()
    proxy.script(fault, fault)
    limits = QUICK if outcome == "timeout" else PATIENT
    async with a_client(proxy.url, recorder=recorder, limits=limits) as client:
        assert (await client.instant("1", END, deadline=120)).values.tolist() == [1.0]
    assert recorder.outcomes == [outcome, outcome, "success"]


@pytest.mark.parametrize("fault", [fault for fault, _ in PASSING])
async def test_what_does_not_pass_ends_with_the_deadline(proxy: FaultProxy, fault: Fault) -> None:
    proxy.fault = fault
    async with a_client(proxy.url) as client:
        with pytest.raises(PrometheusError) as caught:
            await client.instant("1", END, deadline=0.8)
        assert caught.value.retryable
        proxy.fault = None
        assert (await client.instant("1", END, deadline=60)).values.tolist() == [1.0]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Reply(status=401), AccessDeniedError),
        (Reply(status=404), HttpStatusError),
        (Reply(status=302, headers={"Location": "https://user:secret@login.example/x?y"}), HttpStatusError),
        (Reply(body=b" " * 2 * MIB, headers=JSON), TooLargeError),
        (Reply(body=gzip.compress(b" " * 20 * MIB), headers=GZIP), TooLargeError),
    ],
)
async def test_what_cannot_pass_is_asked_once(proxy: FaultProxy, fault: Fault, kind: type[PrometheusError]) -> None:
    proxy.fault = fault
    async with a_client(proxy.url) as client:
        with pytest.raises(kind) as caught:
            await client.instant("1", END, deadline=60)
    assert len(proxy.seen) == 1
    assert "secret" not in str(caught.value)


async def test_a_compressed_answer_is_read(proxy: FaultProxy) -> None:
    proxy.fault = Reply(body=gzip.compress(ONE), headers=GZIP)
    async with a_client(proxy.url) as client:
        assert (await client.instant("1", END)).values.tolist() == [1.0]


async def test_the_server_is_asked_not_to_compress(proxy: FaultProxy) -> None:
    async with a_client(proxy.url) as client:
        await client.instant("1", END)
    assert proxy.seen[0].headers["accept-encoding"] == "identity"


async def test_a_server_that_refuses_post_is_asked_by_get_from_then_on(proxy: FaultProxy) -> None:
    proxy.script(Reply(status=405))
    recorder = Recorder()
    async with a_client(proxy.url, recorder=recorder) as client:
        for _ in range(2):
            assert (await client.instant('shop_requests_total{code="500"}', END)).values.tolist() == [COUNT - 1]
    assert [seen.method for seen in proxy.seen] == ["POST", "GET", "GET"]
    assert recorder.outcomes == ["success", "success"]


async def test_a_query_of_a_megabyte_is_answered(proxy: FaultProxy) -> None:
    """Hundreds of SLIs in one query are longer than any URL may be."""
    jobs = "|".join(f"service-{number:07}" for number in range(65_000))
    async with a_client(proxy.url) as client:
        found = await client.instant(f'shop_requests_total{{code="500",job=~"shop|{jobs}"}}', END, deadline=60)
    assert found.values.tolist() == [COUNT - 1]
    assert len(proxy.seen[0].body) > 1_000_000


async def test_a_url_that_is_too_long_is_said_and_not_asked_again(proxy: FaultProxy) -> None:
    """Behind a server that refuses POST, and a proxy that takes no long URLs."""
    proxy.script(Reply(status=405), Reply(status=414))
    async with a_client(proxy.url) as client:
        with pytest.raises(HttpStatusError, match="414") as caught:
            await client.instant("1", END, deadline=60)
        assert not caught.value.retryable
    assert [seen.method for seen in proxy.seen] == ["POST", "GET"]


async def test_retry_after_is_honoured(proxy: FaultProxy) -> None:
    proxy.script(Reply(status=429, headers={"Retry-After": "1"}))
    async with a_client(proxy.url) as client:
        start = asyncio.get_running_loop().time()
        await client.instant("1", END, deadline=60)
        assert seconds_since(start) >= 1.0


async def test_a_retry_after_beyond_the_deadline_is_not_waited_for(proxy: FaultProxy) -> None:
    proxy.fault = Reply(status=429, headers={"Retry-After": "6000"})
    async with a_client(proxy.url) as client:
        async with asyncio.timeout(PATIENCE_S):
            with pytest.raises(RateLimitedError) as caught:
                await client.instant("1", END, deadline=5 * PATIENCE_S)
    assert caught.value.retry_after == 6000.0
    assert len(proxy.seen) == 1


async def test_partial_data_is_taken_where_it_is_accepted_and_asked_for_again_elsewhere(proxy: FaultProxy) -> None:
    proxy.script(Edit(change=with_warning))
    async with a_client(proxy.url, partial=PartialPolicy.ACCEPT) as client:
        assert (await client.instant("1", END)).warnings == ("store-2: connection refused",)
    assert len(proxy.seen) == 1
    proxy.script(Edit(change=with_warning))
    async with a_client(proxy.url) as client:
        assert (await client.instant("1", END, deadline=60)).warnings == ()
    assert len(proxy.seen) == 3


@pytest.mark.usefixtures("asked_once")
async def test_html_is_said_to_be_the_wrong_address(proxy: FaultProxy) -> None:
    proxy.fault = HTML
    async with a_client(proxy.url) as client:
        with pytest.raises(
            BadAnswerError, match="text/html instead of JSON; is this the address of a Prometheus API"
        ) as caught:
            await client.instant("1", END, deadline=60)
    assert f"({proxy.url}/api/v1/query)" in str(caught.value)


async def test_a_wrong_path_is_named(proxy: FaultProxy) -> None:
    """Prometheus answers 404 without words of its own."""
    async with a_client(f"{proxy.url}/prometheus") as client:
        with pytest.raises(HttpStatusError, match=re.escape(f"is {proxy.url}/prometheus/api/v1/query the address")):
            await client.instant("1", END, deadline=60)


async def test_a_server_that_is_no_prometheus_is_named(proxy: FaultProxy) -> None:
    proxy.script(Reply(status=501))
    async with a_client(proxy.url) as client:
        with pytest.raises(HttpStatusError, match=re.escape(f"is {proxy.url}/api/v1/query the address")):
            await client.instant("1", END, deadline=60)


async def test_at_most_eight_requests_are_under_way(proxy: FaultProxy) -> None:
    proxy.fault = Delay(seconds=0.5)
    async with a_client(proxy.url) as client:
        await asyncio.gather(*(client.instant("1", END, deadline=60) for _ in range(30)))
    assert proxy.most_at_once == 8


async def test_waiting_for_a_turn_counts_towards_the_deadline(proxy: FaultProxy) -> None:
    proxy.fault = Hang()
    async with a_client(proxy.url) as client:
        busy = [asyncio.create_task(client.instant("1", END, deadline=PATIENCE_S)) for _ in range(8)]
        await reaches(lambda: len(proxy.seen) == 8)
        with pytest.raises(TimedOutError, match="no turn"):
            await client.instant("1", END, deadline=0.1)
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)


async def test_a_cancelled_request_leaves_its_place_to_others(proxy: FaultProxy) -> None:
    proxy.fault = Hang()
    async with a_client(proxy.url) as client:
        hung = [asyncio.create_task(client.instant("1", END, deadline=PATIENCE_S)) for _ in range(20)]
        await reaches(lambda: len(proxy.seen) == 8)
        for task in hung:
            task.cancel()
        await asyncio.gather(*hung, return_exceptions=True)
        proxy.fault = None
        answers = await asyncio.gather(*(client.instant("1", END, deadline=60) for _ in range(20)))
    assert [answer.values.tolist() for answer in answers] == [[1.0]] * 20


@pytest.mark.parametrize("fault", [Hang(), Reply(body=ONE, headers=JSON)])
async def test_requests_that_are_broken_off_anywhere_leave_every_connection_usable(
    proxy: FaultProxy, fault: Fault
) -> None:
    """Also while they connect: a server that hung for hours is asked again once it is back."""
    dice = random.Random(1)
    async with a_client_with(Breaker(failures=10**9), proxy.url) as client:
        proxy.fault = fault
        for _ in range(200):
            with suppress(TimedOutError):
                await client.instant("1", END, deadline=dice.uniform(0, 0.006))
        proxy.fault = None
        answers = await asyncio.gather(*(client.instant("1", END, deadline=120) for _ in range(16)))
    assert [answer.values.tolist() for answer in answers] == [[1.0]] * 16


async def test_the_server_is_told_how_long_it_may_take(proxy: FaultProxy) -> None:
    async with a_client(proxy.url) as client:
        await client.instant("1", END, deadline=50)
    told = proxy.seen[0].body.partition(b"timeout=")[2]
    assert 10_000 < int(told.removesuffix(b"ms")) <= 50_000


@pytest.mark.parametrize("hours", [-2, 2])
async def test_a_wrong_clock_of_the_server_is_noticed(proxy: FaultProxy, hours: int) -> None:
    date = format_datetime(datetime.now(tz=UTC) + timedelta(hours=hours), usegmt=True)
    proxy.fault = Reply(body=ONE, headers={**JSON, "Date": date})
    recorder = Recorder()
    async with a_client(proxy.url, recorder=recorder) as client:
        await client.instant("1", END)
        assert client.clock_skew == pytest.approx(hours * 3600, abs=60)
    assert recorder.skews == [client.clock_skew]


async def test_while_the_server_is_away_calls_fail_at_once_until_it_is_back(proxy: FaultProxy) -> None:
    """Which of them asks again is decided in `test_breaker.py`, in virtual time."""
    async with a_client_with(Breaker(failures=3, patience=0.1, cool_down=3600), proxy.url) as client:
        with proxy.down():
            with pytest.raises(UnreachableError):
                await client.instant("1", END, deadline=60)
            for _ in range(20):
                with pytest.raises(CircuitOpenError):
                    await client.instant("1", END, deadline=60)
    async with a_client_with(Breaker(failures=3, patience=0.1, cool_down=0.05), proxy.url) as client:
        with proxy.down(), pytest.raises(UnreachableError):
            # Each attempt is a probe: they go on until the deadline.
            await client.instant("1", END, deadline=5)
        await asyncio.sleep(0.1)
        answers = await asyncio.gather(*(client.instant("1", END, deadline=60) for _ in range(8)))
    assert [answer.values.tolist() for answer in answers] == [[1.0]] * 8
