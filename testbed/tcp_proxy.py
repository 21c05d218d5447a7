"""A TCP proxy on loopback that can cut what passes through it, as a network does: for servers that speak no HTTP."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

_AT_ONCE = 65_536


class TcpProxy:
    """Passes connections on to a port of loopback; `cut` ends all of them and refuses new ones."""

    def __init__(self, port: int, *, host: str = "127.0.0.1") -> None:
        self._upstream = ("127.0.0.1", port)
        self._listening = socket.create_server((host, 0))
        self.port = int(self._listening.getsockname()[1])
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._is_cut = False
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closed only, it would accept one more: the thread waits in it.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        self._end_all()

    @contextmanager
    def cut(self) -> Iterator[None]:
        """No connection survives, and none is made, until the end of the block."""
        self._is_cut = True
        self._end_all()
        try:
            yield
        finally:
            self._is_cut = False

    def lead_to(self, port: int) -> None:
        """Pass new connections on to another port, and end those that there are."""
        self._upstream = ("127.0.0.1", port)
        self._end_all()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                if self._is_cut:
                    client.close()
                    continue
                try:
                    server = socket.create_connection(self._upstream)
                except OSError:
                    client.close()
                    continue
                with self._lock:
                    self._open |= {client, server}
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_AT_ONCE):
                target.sendall(data)
        self._end({source, target})

    def _end_all(self) -> None:
        with self._lock:
            every = set(self._open)
        self._end(every)

    def _end(self, some: set[socket.socket]) -> None:
        with self._lock:
            self._open -= some
        for one in some:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
