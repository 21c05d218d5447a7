"""Signals that come during the start are neither lost nor raised twice."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from typing import cast

import pytest

from app.service.adapters.api_adapters import Documents
from app.service.http_server import BoundedServer
from app.service.run import _until_stopped
from app.service.signals import Signals, StopRequestedError

_HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@pytest.fixture
def signals() -> Iterator[Signals]:
    before = {number: signal.getsignal(number) for number in _HANDLED}
    found = Signals()
    found.install()
    yield found
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_start_is_broken_off_once(signals: Signals, number: signal.Signals) -> None:
    """The second signal must not break off what the first one has begun: closing the database."""
    assert isinstance(signals, Signals)
    with pytest.raises(StopRequestedError):
        signal.raise_signal(number)
    signal.raise_signal(number)


def test_serving_is_stopped_by_what_serves(signals: Signals) -> None:
    stopped: list[str] = []
    signals.stop_by(lambda: stopped.append("stop"))
    signal.raise_signal(signal.SIGTERM)
    assert stopped == ["stop"]


def test_a_reload_after_serving_does_nothing(signals: Signals) -> None:
    """The event loop is closed by then."""

    class Server:
        async def serve(self, sockets: list[socket.socket]) -> None:
            assert len(sockets) == 1

    with socket.socket() as listening:
        asyncio.run(_until_stopped(cast("BoundedServer", Server()), listening, cast("Documents", None), signals))
    signal.raise_signal(signal.SIGHUP)


def test_a_reload_during_the_start_is_done_later(signals: Signals) -> None:
    """The documents may have been read before the signal came."""
    reloads: list[str] = []
    signal.raise_signal(signal.SIGHUP)
    signals.reload_by(lambda: reloads.append("reload"))
    assert reloads == ["reload"]
    signal.raise_signal(signal.SIGHUP)
    assert reloads == ["reload"] * 2
