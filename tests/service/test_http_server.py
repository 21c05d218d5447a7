"""Connections are bounded: in number, and in the time that clients may take."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from app.api.admission import Admission
from app.api.guard import Guard
from app.service.http_server import BoundedConfig, BoundedServer, ClosingCause, ConnectionLimits
from testbed.waiting import PATIENCE_S

LARGE = 8 * 1024 * 1024
HALF = b"GET / HTTP/1.1\r\nHost: x\r\nX-Half: "


async def _small(_request: Request) -> Response:
    return PlainTextResponse("small")


async def _address(request: Request) -> Response:
    return PlainTextResponse(request.client.host if request.client else "")


async def _large(_request: Request) -> Response:
    return PlainTextResponse(b"x" * LARGE)


async def _slow(_request: Request) -> Response:
    await asyncio.sleep(4)
    return PlainTextResponse("slow")


async def _endless(request: Request) -> Response:
    """As `/api/v1/stream`: it is silent for longer than an answer may take."""
    request.state.endless = True

    async def events() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"event\n"
            await asyncio.sleep(1.2)

    return StreamingResponse(events())


class Listening:
    """A bounded server in a thread, and raw connections to it."""

    def __init__(self, server: BoundedServer, config: BoundedConfig, address: tuple[str, int]) -> None:
        self.server = server
        self.closed = config.closed.counts
        self.address = address
        self._connections = ExitStack()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.address[1]}"

    def connect(self, sent: bytes = b"") -> socket.socket:
        connection = self._connections.enter_context(socket.create_connection(self.address, timeout=60))
        connection.sendall(sent)
        return connection

    def close(self) -> None:
        self._connections.close()


@contextmanager
def listening(limits: ConnectionLimits, **admission: Any) -> Iterator[Listening]:
    app = Starlette(
        routes=[
            Route("/", _small),
            Route("/address", _address),
            Route("/large", _large),
            Route("/slow", _slow),
            Route("/endless", _endless),
        ]
    )
    app.add_middleware(Admission, **admission)
    app.add_middleware(Guard)
    config = BoundedConfig(app, connection_limits=limits)
    server = BoundedServer(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        while not server.started:
            threading.Event().wait(0.01)
        found = Listening(server, config, listener.getsockname())
        try:
            yield found
        finally:
            found.close()
            server.stop()
            thread.join()


def _is_closed(connection: socket.socket) -> bool:
    """Whether the server ends the connection, waiting for it."""
    try:
        while connection.recv(1 << 20):
            pass
    except ConnectionResetError:
        return True
    return True


def test_answers_are_sent_without_delay() -> None:
    """The body of an answer does not wait until the client acknowledges its head, which takes 40 ms."""
    with listening(ConnectionLimits()) as server, httpx.Client(base_url=server.url, trust_env=False) as client:
        assert client.get("/").text == "small"
        connections = [one.transport.get_extra_info("socket") for one in server.server.server_state.connections]
        assert [one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for one in connections] == [1]


def test_idle_connections_make_room_for_those_that_ask() -> None:
    """However many are idle or half-sent, whoever sends a request is answered; the oldest idle ones go."""
    with listening(ConnectionLimits(connections=20)) as server:
        idle = [server.connect(HALF if number % 2 else b"") for number in range(60)]
        for _ in range(5):
            assert httpx.get(server.url, trust_env=False).text == "small"
        assert _is_closed(idle[0])
        assert server.closed[ClosingCause.CROWDED] >= 40
        assert len(server.server.server_state.connections) <= 21


def test_a_client_has_the_address_of_its_connection_whatever_it_sends() -> None:
    """What is limited for each client, and who may send an identity, goes by it."""
    forged = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    with listening(ConnectionLimits()) as server:
        assert httpx.get(f"{server.url}/address", headers=forged, trust_env=False).text == "127.0.0.1"


def test_a_client_that_closes_its_half_of_the_connection_is_answered() -> None:
    """As `nc` does, with which probes are written; all that it has asked for, and half a request is no request."""
    with listening(ConnectionLimits()) as server:
        for sent, answers in ((b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2, 2), (HALF, 0)):
            connection = server.connect(sent)
            connection.shutdown(socket.SHUT_WR)
            assert _received(connection).count(b"HTTP/1.1 200 OK") == answers


def test_a_body_of_two_lengths_is_refused_and_ends_the_connection() -> None:
    """Behind a proxy that goes by the other of the two, what follows would answer another client's request."""
    smuggled = b"0\r\n\r\nGET /large HTTP/1.1\r\nHost: x\r\n\r\n"
    both = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    with listening(ConnectionLimits()) as server:
        answer = _received(server.connect(both + smuggled))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 70_000, 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
def test_what_is_not_http_is_a_problem_too(sent: bytes, status: int) -> None:
    with listening(ConnectionLimits()) as server:
        answer = _received(server.connect(sent))
    head, _, body = answer.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-type: application/problem+json" in head.lower()
    document = json.loads(body)
    assert (document["status"], document["type"]) == (status, "about:blank")
    assert document["detail"]


def _received(connection: socket.socket) -> bytes:
    """Everything until the server ends the connection."""
    pieces = []
    with suppress(ConnectionResetError):
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
    return b"".join(pieces)


def test_half_a_request_is_given_up() -> None:
    with listening(ConnectionLimits(request_s=0.5)) as server:
        head, body = (
            server.connect(HALF),
            server.connect(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"),
        )
        silent = server.connect()
        for connection in (head, body, silent):
            assert _is_closed(connection)
        assert server.closed[ClosingCause.SLOW] == 3


def test_a_body_that_nobody_reads_ends_too() -> None:
    """It drips on after the answer; that keeps no connection open."""
    with listening(ConnectionLimits(request_s=0.5)) as server:
        connection = server.connect(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n")
        with suppress(ConnectionError):
            while not server.closed[ClosingCause.SLOW]:
                connection.sendall(b"x")
                threading.Event().wait(0.05)
        assert server.closed[ClosingCause.SLOW] == 1


def test_an_answer_that_is_not_taken_in_is_given_up() -> None:
    with listening(ConnectionLimits(answer_s=0.5)) as server:
        connection = server.connect(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        while not server.closed[ClosingCause.SLOW]:
            threading.Event().wait(0.05)
        received = 0
        with ExitStack() as ignored:
            ignored.callback(connection.close)
            try:
                while data := connection.recv(1 << 20):
                    received += len(data)
            except ConnectionResetError:
                pass
        assert received < LARGE


def test_a_client_that_does_not_read_makes_room_for_one_that_does() -> None:
    """Of 10,000 SLOs one page of metrics is most of what may wait: a scraper would be refused for half a minute."""
    limits = ConnectionLimits(answer_s=3600)
    with listening(limits, most_unsent=LARGE + 1, read_within_s=0.0, room_within_s=PATIENCE_S) as server:
        slow = server.connect(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        assert slow.recv(12) == b"HTTP/1.1 200"
        answer = httpx.get(f"{server.url}/large", trust_env=False, timeout=PATIENCE_S)
        assert (answer.status_code, len(answer.content)) == (200, LARGE)
        assert server.closed == {ClosingCause.SLOW: 1}


def test_an_answer_that_does_not_end_goes_on_for_a_client_that_takes_it_in() -> None:
    with listening(ConnectionLimits(answer_s=0.5)) as server:
        assert httpx.get(f"{server.url}/endless", trust_env=False, timeout=60).text == "event\n" * 3
        assert not server.closed


def test_a_whole_request_may_take_the_application_as_long_as_it_needs() -> None:
    with listening(ConnectionLimits(request_s=3.0)) as server:
        assert httpx.get(f"{server.url}/slow", trust_env=False, timeout=60).text == "slow"
        assert len(httpx.get(f"{server.url}/large", trust_env=False, timeout=60).content) == LARGE
        assert not server.closed


def test_odd_requests_harm_nobody() -> None:
    """Old versions, upgrades, pipelined requests and heads of any size: an answer or an end, and others are served."""
    with listening(ConnectionLimits()) as server:
        upgrade = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        for sent, wanted in (
            (b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.1 200"),
            (upgrade, b"HTTP/1.1 200"),
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 20, b"HTTP/1.1 200"),
            (b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n", b"HTTP/1.1 400"),
            (b"\x16\x03\x01\x02\x00nonsense\r\n\r\n", b"HTTP/1.1 400"),
        ):
            assert server.connect(sent).recv(12) == wanted
        assert httpx.get(server.url, trust_env=False).text == "small"


def test_at_least_half_of_the_files_are_left_to_others() -> None:
    assert [ConnectionLimits.within(files).connections for files in (65_536, 1024, 256, 64)] == [512, 448, 64, 16]
