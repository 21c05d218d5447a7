"""What servers other than Prometheus answer where something is wrong, as their documentation and source have it.

Written down by hand, not recorded: none of these servers can be had here.
"""

import pytest

from app.clock import SystemClock
from app.prometheus import (
    AccessDeniedError,
    ExecutionError,
    HttpConfig,
    PrometheusError,
    RateLimitedError,
    open_client,
)
from tests.prometheus.samples import END
from tests.support.scripted_server import Reply, Scripted

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
VECTOR = '"data":{"resultType":"vector","result":[]}'


@pytest.mark.parametrize(
    ("status", "body", "headers", "error"),
    [
        (401, "no org id\n", {"Content-Type": "text/plain"}, AccessDeniedError),
        (
            422,
            '{"status":"error","errorType":"execution","error":"exceeded the maximum number of series (limit: 9)"}',
            JSON,
            ExecutionError,
        ),
        (
            429,
            '{"status":"error","errorType":"too_many_requests","error":"too many outstanding requests"}',
            {**JSON, "Retry-After": "60"},
            RateLimitedError,
        ),
        (403, '{"message":"Missing Authentication Token"}', JSON, AccessDeniedError),
        (403, '{"message":"The security token included in the request is expired"}', JSON, AccessDeniedError),
        (401, '{"error":{"code":"Unauthorized","message":"Authentication failed"}}', JSON, AccessDeniedError),
    ],
    ids=["mimir-no-tenant", "mimir-limit", "mimir-busy", "amazon-unsigned", "amazon-expired", "azure-no-token"],
)
async def test_refusals_are_told_apart(
    status: int, body: str, headers: dict[str, str], error: type[PrometheusError]
) -> None:
    """What has too much is asked for in smaller pieces, what lacks a login never is."""
    reply = Reply(status=status, body=body.encode(), headers=headers)
    with Scripted(otherwise=reply) as server:
        async with open_client(HttpConfig(url=server.url), clock=SystemClock()) as client:
            with pytest.raises(error):
                await client.instant("up", END, deadline=60)


@pytest.mark.parametrize(
    "body",
    [
        f'{{"status":"success",{VECTOR},"warnings":["fetch series for {{replica: a}}: rpc error"]}}',
        f'{{"status":"success","isPartial":true,{VECTOR}}}',
    ],
    ids=["thanos-store-away", "vmstorage-away"],
)
async def test_partial_answers_are_no_answers(body: str) -> None:
    """They were not to be given: `partial_response=false` and `deny_partial_response=1` were asked for."""
    whole = Reply(body=f'{{"status":"success",{VECTOR}}}'.encode(), headers=JSON)
    with Scripted(Reply(body=body.encode(), headers=JSON), otherwise=whole) as server:
        async with open_client(HttpConfig(url=server.url), clock=SystemClock()) as client:
            assert (await client.instant("up", END, deadline=60)).warnings == ()
        assert len(server.requests) == 2
        request = server.requests[0]
    assert b"partial_response=false" in request.body
    assert b"deny_partial_response=1" in request.body
