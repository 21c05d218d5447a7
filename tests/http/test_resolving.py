"""Name servers that never answer, and names with several addresses."""

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator

import httpx
import pytest

from app.http import NameLookupTimeoutError, Resolver, ResolvingTransport, resolve_host
from tests.support.name_service import Rebinding
from tests.support.scripted_server import Scripted

LIMITS = httpx.Limits(max_connections=1)


@pytest.fixture
def silent_name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Look-ups hang until the end of the test."""
    gate = threading.Event()
    real = socket.getaddrinfo

    def hang(host: str, *arguments: object, **options: object) -> object:
        if str(host).endswith(".silent.example"):
            gate.wait(180)
        return real(host, *arguments, **options)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield gate
    gate.set()


def test_addresses_need_no_name_server(silent_name_server: threading.Event) -> None:
    assert not silent_name_server.is_set()
    assert asyncio.run(resolve_host("127.0.0.1", 80)) == (ipaddress.ip_address("127.0.0.1"),)
    assert asyncio.run(resolve_host("[::1]", 80)) == (ipaddress.ip_address("::1"),)
    assert ipaddress.ip_address("127.0.0.1") in asyncio.run(resolve_host("localhost", 80))


def test_a_name_server_that_never_answers_takes_no_thread_that_others_wait_in(
    silent_name_server: threading.Event,
) -> None:
    async def play() -> None:
        asking = [asyncio.create_task(resolve_host(f"host{number}.silent.example", 443)) for number in range(40)]
        await asyncio.sleep(0.05)
        # asyncio's own look-ups would have filled the executor by now.
        await asyncio.wait_for(asyncio.to_thread(lambda: None), 90)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        with pytest.raises(NameLookupTimeoutError, match=r"no name server answered for a\.silent\.example"):
            await resolve_host("a.silent.example", 443, within_s=0.05)

    asyncio.run(play())
    assert not silent_name_server.is_set()


def _get(url: str, resolver: Resolver, *, connect_s: float = 60.0) -> httpx.Response:
    async def play() -> httpx.Response:
        transport = ResolvingTransport(ssl.create_default_context(), limits=LIMITS, resolver=resolver)
        timeout = httpx.Timeout(60.0, connect=connect_s)
        async with httpx.AsyncClient(transport=transport, timeout=timeout, trust_env=False) as client:
            return await client.get(url)

    return asyncio.run(play())


def test_a_client_looks_names_up_by_the_resolver_and_tries_every_address() -> None:
    names = Rebinding("127.0.0.7,127.0.0.1")
    with Scripted() as server:
        assert _get(server.at("prometheus.example"), names).status_code == 200
        assert server.requests[0].headers["host"] == f"prometheus.example:{server.port}"
    assert names.asked == ["prometheus.example"]


def test_a_client_gives_a_name_server_no_longer_than_a_connection(silent_name_server: threading.Event) -> None:
    with pytest.raises(httpx.ConnectTimeout):
        _get("http://a.silent.example/", resolve_host, connect_s=0.2)
    assert not silent_name_server.is_set()
