"""Answers that are refused or broken off leave nothing behind, even before garbage is collected."""

import gc
import gzip
import tracemalloc

import pytest

from app.prometheus import PrometheusError, TooLargeError, UnsupportedResultError
from app.prometheus.large_answers import LargeAnswers
from testbed.fault_proxy import Fault, FaultProxy, Reply
from tests.prometheus.samples import END, a_client

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024
JSON = {"Content-Type": "application/json"}
GZIP = {**JSON, "Content-Encoding": "gzip"}
TEXT = b'{"status":"success","data":{"resultType":"string","result":[1,"%s"]}}' % (b"x" * (MIB - 100))
TIMES = 10


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Reply(body=b"x" * 2 * MIB, headers=JSON), TooLargeError),
        (Reply(body=gzip.compress(b"x" * 2 * MIB), headers=GZIP), TooLargeError),
        (Reply(body=TEXT, headers=JSON), UnsupportedResultError),
    ],
    ids=["too large", "unpacks too large", "not samples"],
)
async def test_errors_hold_no_bytes_of_the_answer(proxy: FaultProxy, fault: Fault, kind: type[PrometheusError]) -> None:
    proxy.fault = fault
    gc.disable()
    tracemalloc.start()
    try:
        async with a_client(proxy.url) as client:
            before = tracemalloc.get_traced_memory()[0]
            errors = []
            for _ in range(TIMES):
                with pytest.raises(kind) as caught:
                    await client.instant("1", END, deadline=60)
                errors.append(caught.value)
            grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
        gc.enable()
    assert len(errors) == TIMES
    assert grown < MIB


async def test_two_large_answers_at_once_and_small_ones_any_number() -> None:
    large = LargeAnswers(at_once=2)
    async with large.turn() as first, large.turn() as second, large.turn() as small:
        await first.has_read(5 * MIB)
        await second.has_read(5 * MIB)
        await small.has_read(MIB)
        assert large.full
    assert not large.full
