"""The client against real servers."""

import asyncio
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from app.prometheus import (
    BadQueryError,
    Breaker,
    ExecutionError,
    RuntimeInfo,
    ServerBuild,
    TimedOutError,
    UnreachableError,
)
from testbed.fault_proxy import FaultProxy
from testbed.openmetrics import make_visible
from testbed.process import Server, closed_port
from testbed.servers import prometheus, prometheus_binary, victoria_metrics
from tests.prometheus.samples import COUNT, END, START, STEP, Recorder, a_client, a_client_with, openmetrics

pytestmark = pytest.mark.anyio


async def test_a_range_selector_answers_every_raw_sample(server: Server) -> None:
    async with a_client(server.url) as client:
        matrix = await client.instant("shop_requests_total[3h]", END)
    assert [labels["code"] for labels in matrix.labels] == ["200", "500"]
    assert matrix.lengths.tolist() == [COUNT, COUNT]
    assert matrix.values.tolist() == [*(10.0 * n for n in range(COUNT)), *(1.0 * n for n in range(COUNT))]
    assert matrix.times.tolist() == [(START + STEP * n).timestamp() for n in range(COUNT)] * 2


async def test_an_instant_is_the_slot_to_the_millisecond(server: Server) -> None:
    async with a_client(server.url) as client:
        for n in (1, 7):
            on_time = await client.instant('shop_requests_total{code="500"}', START + STEP * n)
            early = await client.instant(
                'shop_requests_total{code="500"}', START + STEP * n - timedelta(milliseconds=1)
            )
            assert (on_time.values.tolist(), early.values.tolist()) == ([n], [n - 1])


async def test_a_range_query_answers_every_step_with_both_ends(server: Server) -> None:
    async with a_client(server.url) as client:
        matrix = await client.range('shop_requests_total{code="200"}', START, END, STEP)
    assert matrix.times.tolist() == [(START + STEP * n).timestamp() for n in range(COUNT)]
    assert matrix.values.tolist() == [10.0 * n for n in range(COUNT)]


async def test_what_does_not_exist_is_an_empty_answer(server: Server) -> None:
    async with a_client(server.url) as client:
        assert len(await client.instant("no_such_metric", END)) == 0


async def test_a_query_of_a_megabyte_is_answered(server: Server) -> None:
    """POST has no limit on the length of an address."""
    many = "|".join(f"code{n}" for n in range(120_000))
    async with a_client(server.url) as client:
        assert len(await client.instant(f'shop_requests_total{{code!~"{many}"}}', END, deadline=60)) == 2


async def test_a_query_that_does_not_parse_is_refused_once_with_its_text(server: Server) -> None:
    recorder = Recorder()
    async with a_client(server.url, recorder=recorder) as client:
        with pytest.raises(BadQueryError, match=r"parse error.*query: sum\("):
            await client.instant("sum(", END)
    assert recorder.outcomes == ["bad_query"]


async def test_a_query_that_cannot_be_carried_out_is_not_asked_again(server: Server) -> None:
    recorder = Recorder()
    async with a_client(server.url, recorder=recorder) as client:
        with pytest.raises(ExecutionError, match="many-to-many"):
            await client.instant("shop_requests_total + on(job) shop_requests_total", END)
    assert recorder.outcomes == ["execution"]


async def test_a_limit_on_samples_is_the_fault_of_that_query_alone(tmp_path: Path) -> None:
    with prometheus(tmp_path / "data", flags=["--query.max-samples=10"]) as small:
        async with a_client(small.url) as client:
            with pytest.raises(ExecutionError, match="too many samples"):
                await client.range("vector(1)", START, END, STEP)
            assert (await client.instant("vector(7)", END)).values.tolist() == [7.0]


@pytest.fixture
def version() -> str:
    shown = subprocess.run([prometheus_binary(), "--version"], check=True, capture_output=True, text=True)
    return shown.stdout + shown.stderr


async def test_the_server_tells_its_version_and_retention(server: Server, version: str) -> None:
    async with a_client(server.url) as client:
        build = await client.build_info()
        runtime = await client.runtime_info()
    assert build.version is not None
    assert build.version in version
    assert runtime.retention == timedelta(days=100)
    assert runtime.started_at is not None
    assert timedelta(0) < datetime.now(tz=UTC) - runtime.started_at < timedelta(hours=1)


async def test_each_answer_compares_the_clocks(server: Server) -> None:
    recorder = Recorder()
    async with a_client(server.url, recorder=recorder) as client:
        await client.instant("1", END)
        assert client.clock_skew == 0.0
    assert recorder.skews == [0.0]
    assert recorder.outcomes == ["success"]


async def test_connections_are_kept_open(proxy: FaultProxy) -> None:
    async with a_client(proxy.url) as client:
        for _ in range(5):
            await client.instant("1", END)
    assert proxy.connections == 1


async def test_nobody_listening_is_said_at_once_and_tried_again_until_its_breaker_opens() -> None:
    recorder = Recorder()
    port = closed_port()
    # After five attempts, which takes a second.
    async with a_client_with(Breaker(patience=0.0), f"http://127.0.0.1:{port}", recorder=recorder) as client:
        with pytest.raises(UnreachableError, match=rf"cannot reach http://127.0.0.1:{port}: .*refused"):
            await client.instant("1", END, deadline=60)
    assert recorder.outcomes[:2] == ["unreachable", "unreachable"]


@pytest.mark.usefixtures("asked_once")
async def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    async with a_client("http://prometheus.invalid:9090") as client:
        with pytest.raises(UnreachableError, match=r"prometheus\.invalid:9090: \w+"):
            await client.instant("1", END, deadline=60)


async def test_a_prometheus_that_hangs_costs_no_more_than_the_deadline_and_is_asked_again(tmp_path: Path) -> None:
    with prometheus(tmp_path / "data") as hung:
        async with a_client(hung.url) as client:
            assert (await client.instant("1", END)).values.tolist() == [1.0]
            hung.pause()
            asked = [client.instant("1", END, deadline=1) for _ in range(8)]
            ended = await asyncio.gather(*asked, return_exceptions=True)
            assert {type(error) for error in ended} == {TimedOutError}
            hung.resume()
            assert (await client.instant("1", END, deadline=60)).values.tolist() == [1.0]


async def test_a_restart_between_two_requests_is_not_noticed(tmp_path: Path) -> None:
    with prometheus(tmp_path / "data") as restarted:
        async with a_client(restarted.url) as client:
            await client.instant("1", END)
            await asyncio.to_thread(restarted.restart)
            assert (await client.instant("1", END, deadline=60)).values.tolist() == [1.0]


@pytest.fixture
def victoria(tmp_path: Path) -> Iterator[Server]:
    """A VictoriaMetrics that holds the same samples."""
    samples = [line.rpartition(" ") for line in openmetrics().splitlines() if not line.startswith("#")]
    text = "\n".join(f"{sample} {int(float(at) * 1000)}" for sample, _, at in samples)
    with victoria_metrics(tmp_path / "data") as server:
        httpx.post(f"{server.url}/api/v1/import/prometheus", content=text, trust_env=False).raise_for_status()
        make_visible(server)
        yield server


async def test_victoria_metrics_answers_the_same(victoria: Server) -> None:
    async with a_client(victoria.url) as client:
        raw = await client.instant("shop_requests_total[3h]", END)
        stepped = await client.range('shop_requests_total{code="200"}', START, END, STEP)
        with pytest.raises(BadQueryError, match="sum"):
            await client.instant("sum(", END)
        assert await client.runtime_info() == RuntimeInfo()
        assert isinstance(await client.build_info(), ServerBuild)
    found = dict(zip((labels["code"] for labels in raw.labels), raw.lengths.tolist(), strict=True))
    assert found == {"200": COUNT, "500": COUNT}
    assert sorted(raw.values.tolist()) == sorted([*(10.0 * n for n in range(COUNT)), *(1.0 * n for n in range(COUNT))])
    assert stepped.values.tolist() == [10.0 * n for n in range(COUNT)]
