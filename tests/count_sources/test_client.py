"""The client of services that count in intervals: few requests, and no query that suffers for another one."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.count_sources import CountAccess, CountClient, datadog, newrelic, open_count_client
from app.count_sources.ranges import Intervals
from app.count_sources.service_limit import ServiceLimit
from app.prometheus import (
    AccessDeniedError,
    BadAnswerError,
    BadQueryError,
    HttpConfig,
    HttpStatusError,
    Limits,
    Matrix,
    PrometheusError,
    RateLimitedError,
    TimedOutError,
)
from app.slo import SourceKind
from tests.support.fake_count_services import (
    ACCOUNT,
    HEADERS,
    Events,
    FakeDatadog,
    FakeNewRelic,
)
from tests.support.scripted_server import Reply, Scripted

START = 1_700_000_100 // 900 * 900
MINUTE = timedelta(minutes=1)
GOOD = {
    SourceKind.DATADOG: "sum:requests{service:shop}.as_count()",
    SourceKind.NEWRELIC: "SELECT count(*) FROM requests WHERE service = 'shop'",
}
REFUSED = {
    SourceKind.DATADOG: "sum:requests{service:a b IN c}.as_count() + default_zero(sum:x{*}.as_count())",
    SourceKind.NEWRELIC: "SELECT sum(x) FROM requests",
}


def _run(
    kind: SourceKind, url: str, ask: Callable[[CountClient], Awaitable[object]], *, account: int = ACCOUNT
) -> list[Matrix | BaseException]:
    """What comes of asking."""

    async def opened() -> list[Matrix | BaseException]:
        http = HttpConfig(url=url, headers=HEADERS[kind])
        access = CountAccess(kind=kind, http=http, limits=Limits(timeout=timedelta(seconds=10)), account=account)
        async with open_count_client(access, background=False) as client:
            found: list[Matrix | BaseException] = await ask(client)  # type: ignore[assignment]
            return found

    return asyncio.run(opened())


def _asking(*queries: str, hours: int = 1) -> Callable[[CountClient], Awaitable[object]]:
    start, end = (datetime.fromtimestamp(at, UTC) for at in (START + 60, START + hours * 3_600))

    async def ask(client: CountClient) -> object:
        asked = (client.range(query, start, end, MINUTE, deadline=10.0) for query in queries)
        return await asyncio.gather(*asked, return_exceptions=True)

    return ask


def _fake(kind: SourceKind) -> FakeDatadog | FakeNewRelic:
    fake: FakeDatadog | FakeNewRelic = FakeDatadog() if kind is SourceKind.DATADOG else FakeNewRelic()
    fake.held.now = START + 90_000
    fake.held.events = [
        Events(name="requests", tags={"service": "shop"}, at=START + 600 * number + 1, many=number + 1)
        for number in range(6)
    ]
    return fake


BOTH = pytest.mark.parametrize("kind", list(GOOD))


@BOTH
def test_numbers_are_those_of_the_intervals_that_end_then(kind: SourceKind) -> None:
    with _fake(kind) as fake:
        (found,) = _run(kind, fake.url, _asking(GOOD[kind]))
    assert isinstance(found, Matrix)
    assert found.times.tolist() == [START + 600 * number + 60 for number in range(6)]
    assert found.values.tolist() == [1, 2, 3, 4, 5, 6]


@BOTH
def test_a_refused_query_is_the_only_one_that_fails(kind: SourceKind) -> None:
    """And equal queries are asked once."""
    with _fake(kind) as fake:
        *good, bad = _run(kind, fake.url, _asking(*[GOOD[kind]] * 5, REFUSED[kind]))
    assert all(isinstance(one, Matrix) and one.values.sum() == 21 for one in good)
    assert isinstance(bad, BadQueryError)
    assert fake.held.queries.count(fake.held.queries[0]) <= 2


@BOTH
def test_many_queries_and_long_ranges_are_few_requests(kind: SourceKind) -> None:
    """As many as the limits of each service let: 1,500 intervals of Datadog, 366 of New Relic."""
    text = GOOD[kind]
    queries = [text.replace("shop", f"shop{number}") for number in range(20)]
    with _fake(kind) as fake:
        found = _run(kind, fake.url, _asking(*queries))
        assert all(isinstance(one, Matrix) for one in found)
        assert len(fake.held.statuses) == (1 if kind is SourceKind.DATADOG else 2)
        _run(kind, fake.url, _asking(text, hours=24))
        assert len(fake.held.statuses) == (2 if kind is SourceKind.DATADOG else 2 + 4)


@pytest.mark.parametrize(
    ("kind", "status", "body", "error"),
    [
        (SourceKind.DATADOG, 401, b'{"errors":["Unauthorized"]}', AccessDeniedError),
        (SourceKind.DATADOG, 403, b'{"errors":["Forbidden"]}', AccessDeniedError),
        (SourceKind.DATADOG, 400, b'{"errors":["bad metric"]}', BadQueryError),
        (SourceKind.DATADOG, 200, b'{"errors":["bad metric"]}', BadQueryError),
        (
            SourceKind.DATADOG,
            200,
            b'{"data":{"attributes":{"times":[1000],"series":[],"values":[[1]]}}}',
            BadAnswerError,
        ),
        (SourceKind.DATADOG, 200, b"<html>", BadAnswerError),
        (SourceKind.NEWRELIC, 401, b'{"errors":[{"message":"Invalid API key"}]}', AccessDeniedError),
        (SourceKind.NEWRELIC, 200, b'{"errors":[{"message":"Access denied."}],"data":null}', AccessDeniedError),
        (SourceKind.NEWRELIC, 200, b'{"errors":[{"message":"NRQL timed out"}],"data":null}', TimedOutError),
        (SourceKind.NEWRELIC, 200, b'{"data":{}}', BadAnswerError),
        (SourceKind.NEWRELIC, 200, b"[]", BadAnswerError),
    ],
)
def test_errors_are_of_our_own_kinds(kind: SourceKind, status: int, body: bytes, error: type[PrometheusError]) -> None:
    """And say nothing of keys."""
    with Scripted(otherwise=Reply(status=status, body=body)) as server:
        (found,) = _run(kind, server.url, _asking(GOOD[kind]))
    assert isinstance(found, error)
    assert not any(key in str(found) for key in HEADERS[kind].values())


def test_keys_go_to_no_other_host() -> None:
    """Wherever an answer points."""
    with Scripted() as other, Scripted(otherwise=Reply(status=307, headers={"Location": other.url})) as server:
        (found,) = _run(SourceKind.DATADOG, server.url, _asking(GOOD[SourceKind.DATADOG]))
        assert isinstance(found, HttpStatusError)
        assert len(server.requests) == 1
        assert not other.requests


def test_an_odd_answer_to_one_query_is_none_to_the_others() -> None:
    """Such as that to NRQL that New Relic understands otherwise than we do: it is asked with those of other SLOs."""
    bucket = b'{"beginTimeSeconds": 0, "endTimeSeconds": 60, "events": 2}'
    body = b'{"data":{"actor":{"account":{"q0":{"results":[{"events":7}]},"q1":{"results":[' + bucket + b"]}}}}}"
    with Scripted(otherwise=Reply(body=body)) as server:
        odd, other = _run(SourceKind.NEWRELIC, server.url, _asking("SELECT count(*) FROM a", "SELECT count(*) FROM b"))
    assert isinstance(odd, BadAnswerError)
    assert isinstance(other, Matrix)
    assert other.values.tolist() == [2]


def test_a_server_in_trouble_is_asked_again() -> None:
    content = b'{"data":{"attributes":{"times":[],"series":[],"values":[]}}}'
    with Scripted(Reply(status=502), Reply(status=503), otherwise=Reply(body=content)) as server:
        (found,) = _run(SourceKind.DATADOG, server.url, _asking(GOOD[SourceKind.DATADOG]))
    assert isinstance(found, Matrix)
    assert len(server.requests) == 3


def test_a_limit_is_waited_for_as_long_as_the_service_says() -> None:
    """If that is within the deadline; else nothing is asked until then."""
    content = b'{"data":{"attributes":{"times":[],"series":[],"values":[]}}}'
    refused = Reply(status=429, headers={"X-RateLimit-Reset": "1"}, body=b"{}")
    with Scripted(refused, otherwise=Reply(body=content)) as server:
        (found,) = _run(SourceKind.DATADOG, server.url, _asking(GOOD[SourceKind.DATADOG]))
        assert isinstance(found, Matrix)
        assert server.requests[1].at - server.requests[0].at >= 1
    with Scripted(otherwise=Reply(status=429, headers={"Retry-After": "3600"}, body=b"{}")) as server:

        async def twice(client: CountClient) -> object:
            ask = _asking(GOOD[SourceKind.DATADOG])
            return [*await ask(client), *await ask(client)]  # type: ignore[misc]

        found_twice = _run(SourceKind.DATADOG, server.url, twice)
        assert all(isinstance(one, RateLimitedError) for one in found_twice)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (SourceKind.NEWRELIC, {"errors": ["unauthorized"]}),
        (SourceKind.NEWRELIC, {"errors": "unauthorized"}),
        (SourceKind.NEWRELIC, {"errors": [{"message": "m", "path": 1, "extensions": "e"}]}),
        (SourceKind.NEWRELIC, {"errors": {"message": "m"}}),
        (SourceKind.DATADOG, {"data": {"attributes": {"times": [1e999], "series": [], "values": []}}}),
        (SourceKind.DATADOG, {"errors": {"detail": 1}}),
    ],
)
def test_an_answer_of_something_in_between_is_an_error_of_the_source(kind: SourceKind, body: dict[str, Any]) -> None:
    """Not one of ours, which would end the evaluation of its SLOs with a traceback."""
    counts = {SourceKind.NEWRELIC: newrelic.counts_in_answer, SourceKind.DATADOG: datadog.counts_in_answer}[kind]
    with pytest.raises(PrometheusError):
        counts(body, ["q"], Intervals(first_end_s=60, last_end_s=60, every_s=60))


def test_a_limit_that_is_no_number_stops_nothing() -> None:
    limit = ServiceLimit()
    limit.note({"x-ratelimit-limit": "100", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "nan"}, 10.0)
    assert limit.pause_s(10.0, background=True) == 0.0
    assert limit.refused(None, {"x-ratelimit-reset": "nan"}, 10.0) == 30.0
    assert limit.pause_s(40.0, background=True) == 0.0
