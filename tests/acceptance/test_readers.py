"""Readers at their worst: no slot is missed and no page is late, and supervisors are answered."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import httpx

from app.service.open_files import allow_open_files
from testbed.process import Server
from testbed.stack import Stack, stack
from testbed.timeline import Sight, page

CHECKOUT = "checkout-availability"
HALF = b"GET /api/v1/slos HTTP/1.1\r\nHost: x\r\nX-Half: "


@contextmanager
def connections(service: Server, sent: Sequence[bytes]) -> Iterator[None]:
    """One connection for each of these, opened again whenever the service closes it."""
    ended = threading.Event()

    def keep_open() -> None:
        opened: dict[int, socket.socket] = {}
        with ExitStack() as all_of_them:
            all_of_them.callback(_close, opened)
            while not ended.wait(0.5):
                for number, first in enumerate(sent):
                    with suppress(OSError):
                        if number in opened and _is_open(opened[number]):
                            continue
                        if number in opened:
                            opened.pop(number).close()
                        opened[number] = socket.create_connection(("127.0.0.1", service.port), timeout=0.2)
                        opened[number].sendall(first)
                        opened[number].settimeout(0)

    thread = threading.Thread(target=keep_open)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _close(opened: dict[int, socket.socket]) -> None:
    for connection in opened.values():
        connection.close()


def _is_open(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(4096))
    except BlockingIOError:
        return True
    except OSError:
        return False


def _slots(running: Stack) -> tuple[float, float]:
    """How many slots were missed, and how many evaluated."""
    missed, evaluated = (running.metric(f"sloburn_evaluations_{name}") for name in ("missed_total", "total"))
    return missed or 0.0, evaluated or 0.0


def _healthy(running: Stack) -> int:
    return httpx.get(f"{running.service.url}/-/healthy", timeout=60.0, trust_env=False).status_code


def _metric_or_none(running: Stack, series: str) -> float | None:
    with suppress(httpx.TransportError):
        return running.metric(series)
    return None


def test_a_page_goes_out_while_more_connections_are_open_than_files_may_be(tmp_path: Path) -> None:
    """1,100 that send nothing and 500 that send half a request, at 1,024 files: evaluation goes on."""
    allow_open_files()
    with stack(tmp_path, services=("checkout",), open_files=1024) as running:
        missed, evaluated = _slots(running)
        crowded = 'sloburn_http_connections_closed_total{cause="crowded"}'
        with connections(running.service, [b""] * 1100 + [HALF] * 500):
            # While more connections come, one that has sent nothing yet may be closed, also that of this question.
            running.wait_until(Sight("there are too many", lambda: (_metric_or_none(running, crowded) or 0.0) > 500))
            line = running.timeline
            line.at(0, lambda: running.shop.breaks("checkout"))
            line.want(1, page(CHECKOUT))
            line.run()
            assert [_healthy(running) for _ in range(10)] == [httpx.codes.OK] * 10
            now_missed, now_evaluated = _slots(running)
            # A busy machine may miss a slot; where connections kept the evaluation waiting, most were missed.
            assert now_missed - missed < now_evaluated - evaluated
            assert (running.metric("process_open_fds") or 0.0) < 700
        assert len(running.service.log.splitlines()) < 200
        assert "Traceback" not in running.service.log
        running.wait_until(Sight("connections end", lambda: (running.metric("process_open_fds") or 0.0) < 100))
